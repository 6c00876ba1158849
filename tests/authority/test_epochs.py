"""Which keys exist when: always one in force, the next one before it is needed, old ones kept."""

from hypothesis import given
from hypothesis import strategies as st

from overt_authority.keys.epochs import DAY_MS, LEAD_MS, WAIT_MS, due, published
from overt_authority.keys.people import weeks_due
from overt_schemas import topics
from overt_schemas.records import KeyCert
from overt_schemas.signing import AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN, ROOT, Keyring

DAY = 20_000 * DAY_MS
TIMES = st.lists(st.integers(0, 40 * DAY_MS), min_size=1, max_size=12)


def certs_after(times: list[int]) -> list[KeyCert]:
    certs: list[KeyCert] = []
    for time in times:
        certs += [
            KeyCert(
                key_id=f"{key.role}-{key.not_before_ms}", role=key.role, public=b"",
                not_before_ms=key.not_before_ms, not_after_ms=key.not_after_ms,
            )
            for key in due(certs, DAY + time)
        ]  # fmt: skip
    return certs


@given(TIMES)
def test_after_a_rotation_every_role_has_a_key_in_force(times: list[int]) -> None:
    ring = Keyring(root=ROOT.encode(), certs={c.key_id: c for c in certs_after(sorted(times))})

    for role in (AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN):
        newest = ring.newest(role, DAY + max(times))
        assert newest.not_before_ms <= DAY + max(times) < newest.not_after_ms


@given(TIMES)
def test_rotating_again_at_the_same_time_makes_nothing(times: list[int]) -> None:
    certs = certs_after(sorted(times))

    assert due(certs, DAY + max(times)) == []


def test_the_next_days_keys_are_out_before_any_lease_of_today_ends() -> None:
    certs = certs_after([0])

    assert due(certs, DAY + DAY_MS - LEAD_MS - 1) == []
    coming = due(certs, DAY + DAY_MS - LEAD_MS)
    assert {(key.role, key.not_before_ms) for key in coming} == {
        (PROCESSOR_SEAL, DAY + DAY_MS), (PROCESSOR_SIGN, DAY + DAY_MS),
    }  # fmt: skip


def test_a_days_private_key_lives_for_the_retention_sum_and_a_day() -> None:
    raw = topics.CATALOGUE[topics.INPUT].retention_ms or 0
    dead = topics.CATALOGUE[topics.DEADLETTER].retention_ms or 0
    (seal,) = [key for key in due([], DAY) if key.role == PROCESSOR_SEAL]

    life = seal.private_until_ms - seal.not_before_ms

    assert life == DAY_MS + 72 * 3_600_000 + raw + dead == 14 * DAY_MS


def test_a_key_set_keeps_old_keys_as_long_as_something_may_wait() -> None:
    certs = [cert for cert in certs_after([0]) if cert.role == PROCESSOR_SEAL]
    end = certs[0].not_after_ms + WAIT_MS

    assert published(certs, end - 1) == tuple(certs)
    assert published(certs, end) == ()


def test_this_week_and_the_next_have_keys() -> None:
    now = 1_795_568_400_000  # Wednesday, 25 November 2026

    assert weeks_due([], now) == ["2026-W48", "2026-W49"]
    assert weeks_due(["2026-W48"], now) == ["2026-W49"]
    assert weeks_due(["2026-W48", "2026-W49"], now) == []
    assert weeks_due([], now + 5 * 7 * DAY_MS) == ["2026-W53", "2027-W01"]
