"""A database of PostgreSQL with the roles of roles.sql and one login for each."""

import secrets
from pathlib import Path

import overt_sinks.index
from overt_sinks.index import Index
from tests.conformance.postgres import Server
from tests.sinks.index.rows import stored

ROLES = Path(overt_sinks.index.__file__).with_name("roles.sql").read_text()
PEOPLE = ("sink", "authority", "mover", "eraser", "holder", "verifier")


class Guarded:
    """A database with the roles applied, twice, and one login for each."""

    def __init__(self, running: Server, *, has_rows: bool = True) -> None:
        self.name, self._server, self._word = running.database(), running, secrets.token_hex(8)
        owner = Index(running.url(self.name))
        owner.create()
        if has_rows:
            owner.insert(stored(0, 4), 1000)
        owner.close()
        with running.connect(self.name) as db:
            for _ in range(2):
                db.execute(ROLES.encode())
            for who in PEOPLE:
                login, word = f"{self.name}_{who}", self._word
                db.execute(
                    f"CREATE ROLE {login} LOGIN PASSWORD '{word}' IN ROLE overt_{who}".encode()
                )

    def url(self, who: str) -> str:
        return self._server.url(self.name, f"{self.name}_{who}", self._word)
