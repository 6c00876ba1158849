"""Epoch keys over weeks: handed out while something may wait for them, then gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from overt_authority.database import Database
from overt_authority.keys.epochs import DAY_MS, LEAD_MS, WAIT_MS
from overt_authority.keys.processors import EPOCH_KEYS, EpochKeys
from overt_authority.keys.root import FileRoot
from overt_schemas import codec
from overt_schemas.records import KeySet, Signed
from overt_schemas.signing import PROCESSOR_SEAL, ROOT, SigningKey, open_record
from overt_schemas.testing import FakeClock

NOON = DAY_MS // 2
DAYS = (DAY_MS + WAIT_MS) // DAY_MS


@dataclass
class Vault:
    """Epoch keys in real SQL under a root of files, and a clock."""

    database: Database
    clock: FakeClock
    root_key: SigningKey
    keys: EpochKeys

    def pass_ms(self, ms: int) -> None:
        self.clock.advance(ms / 1000)

    def handed_out(self) -> list[int]:
        """Return the days of the keys that a processor gets now."""
        return [key.not_before_ms // DAY_MS for key in self.keys.handout().epochs]

    def named(self) -> list[int]:
        """Return the days of the processors' keys in the newest key set."""
        signed = codec.decode(self.keys.keyset(), Signed)
        certs = open_record(signed, self.root_key.public_bytes(), KeySet).certs
        return [c.not_before_ms // DAY_MS for c in certs if c.role == PROCESSOR_SEAL]

    def stored(self) -> list[bytes]:
        """Return every wrap of a processors' key that is in the database."""
        query = sa.select(EPOCH_KEYS.c.wrapped).where(
            EPOCH_KEYS.c.role == PROCESSOR_SEAL, EPOCH_KEYS.c.wrapped.is_not(None)
        )
        with self.database.read() as db:
            return list(db.execute(query).scalars())

    @property
    def today(self) -> int:
        return self.clock.wall_us() // 1000 // DAY_MS


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    clock = FakeClock(wall=(20_000 * DAY_MS + NOON) * 1000)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.open()
    root_key = SigningKey.generate(ROOT)
    (tmp_path / "roots").mkdir(mode=0o700)
    keys = EpochKeys(database, FileRoot(tmp_path / "roots", clock), root_key, clock)
    yield Vault(database=database, clock=clock, root_key=root_key, keys=keys)
    database.close()


def test_over_weeks_a_processor_has_the_key_of_every_day_that_may_still_be_waited_for(
    vault: Vault,
) -> None:
    for _ in range(DAYS + 5):
        vault.keys.rotate()
        handed, first = vault.handed_out(), 20_000
        reach = max(first, vault.today - DAYS + 1)
        assert handed == list(range(reach, vault.today + 1))
        assert vault.named() == handed
        assert len(vault.stored()) == len(handed)
        vault.pass_ms(DAY_MS)


def test_a_key_whose_life_is_over_is_refused_before_anybody_came_to_destroy_it(
    vault: Vault,
) -> None:
    vault.keys.rotate()
    vault.pass_ms(DAY_MS - NOON - LEAD_MS)
    vault.keys.rotate()
    first, second = vault.handed_out()
    vault.pass_ms(LEAD_MS + WAIT_MS - 1)
    last = vault.handed_out()
    vault.keys.rotate()
    on_disk = vault.stored()

    vault.pass_ms(1)
    over = vault.handed_out()
    vault.keys.rotate()

    assert (first, second) == (20_000, 20_001)
    assert last == [first, second]
    assert first not in over
    assert on_disk[0] not in vault.stored()
    assert first not in vault.named()


def test_what_was_destroyed_is_on_no_page_of_the_database(vault: Vault, tmp_path: Path) -> None:
    vault.keys.rotate()
    (wrapped,) = vault.stored()
    vault.pass_ms(DAY_MS + WAIT_MS)
    vault.keys.rotate()
    vault.database.close()

    files = [p.read_bytes() for p in tmp_path.glob("a.db*")]

    assert files
    assert not any(wrapped in data for data in files)
