"""What stands elsewhere in an object that is not the one in the index proves nothing."""

import pytest

from overt_sinks.audit.mending import Do
from tests.sinks.audit.kept import WARM, Kept, signed
from tests.sinks.audit.test_mend import hide
from tests.sinks.audit.test_reconcile import forget_hot, planned, steps
from tests.sinks.made import WHERE


def _change(kept: Kept, name: str, tier: str) -> None:
    """Change a sealed byte, and let the object say the right hash of what it is now."""
    data = bytearray(kept.read(name, tier))
    data[-20] ^= 1
    kept.put(name, signed(bytes(data)), tier)


@pytest.mark.parametrize("is_changed", [False, True])
def test_the_good_original_is_not_deleted_for_another_copy(kept: Kept, is_changed: bool) -> None:
    data = kept.read(WHERE.object(10))
    target = kept.move(10)
    forget_hot(kept, 10)
    kept.put(WHERE.object(10), data)
    if is_changed:
        _change(kept, target, "warm")

    assert ((Do.DELETE, "hot") in steps(planned(kept))) is not is_changed


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_stray_copy_is_kept_while_what_stands_is_another(kept: Kept, is_changed: bool) -> None:
    target = kept.move(10)
    kept.put(WARM, kept.read(target, "warm"), "warm")
    if is_changed:
        _change(kept, target, "warm")

    assert ((Do.DELETE, "warm") in steps(planned(kept))) is not is_changed


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_was_moved_away_is_kept_while_its_copy_is_another(
    kept: Kept, is_changed: bool
) -> None:
    target = kept.move(10, keep_runs=False)
    if is_changed:
        _change(kept, target, "warm")

    assert ((Do.DELETE, "hot") in steps(planned(kept))) is not is_changed


@pytest.mark.parametrize("is_changed", [False, True])
def test_an_old_version_and_old_rows_stay_while_the_copy_is_another(
    kept: Kept, is_changed: bool
) -> None:
    kept.move(0)
    target = kept.move(10)
    forget_hot(kept, 10)
    hide(kept, "hot", WHERE.object(10))
    if is_changed:
        _change(kept, target, "warm")

    found = {do for do, _ in steps(planned(kept))}

    assert (Do.PURGE in found) is not is_changed
    assert (Do.RELEASE in found) is not is_changed
