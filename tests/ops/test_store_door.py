"""Who applies the topology asks the store that it was told of, whatever the environment says."""

from pathlib import Path

import pytest

from overt_ops.topology import connection, store
from tests.authority.loose_store import Loose, serving


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "ALL_PROXY"])
def test_what_the_roots_identity_signs_goes_to_the_store_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for file in ("access", "secret"):
        (tmp_path / file).write_text(file)
    with (
        serving(Loose(objects={}, status=200)) as elsewhere,
        serving(Loose(objects={}, status=200)) as ours,
    ):
        monkeypatch.setenv(name, elsewhere.url)
        door = connection.Store(
            url=ours.url, access_key_file=tmp_path / "access",
            secret_key_file=tmp_path / "secret", identities=tmp_path / "none",
        )  # fmt: skip

        found = store.existing(door, ("hot",))
        store.create(door, "warm")

        assert (found, ours.asked, elsewhere.asked) == (frozenset({"hot"}), 2, 0)
