"""The endpoint's home directory: who it is and where its files lie. Mode 0700, files 0600.

identity.json    device, person, group, bootstrap, authority, root key     (enrolment)
signing.key      Ed25519 seed, hex: capture alone reads it
tag.secret       hex: what single-device tags in beacons are made for
transport.key, transport.pem, broker-ca.pem, authority-ca.pem              ship's TLS
spool.db         sealed records      control.db   signed beacons, policies, key sets
will.db          capture's memory: the person's will, highest beacon
opted-out        exists: the person opted out; nothing is captured
capture.sock     what `overtd status` and its like speak to
last_run.json    the account of the last run
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overt_producer.identity import Identity
from overt_schemas.errors import Permanent

if TYPE_CHECKING:
    from overt_schemas.signing import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What enrolment gave; nothing secret."""

    device: str
    person: str
    group: str
    bootstrap: str
    authority: str
    root_key: str

    @property
    def device_id(self) -> bytes:
        """The 16 bytes."""
        return bytes.fromhex(self.device)

    @property
    def root_public(self) -> bytes:
        """The offline root's public key, pinned at enrolment."""
        return bytes.fromhex(self.root_key)


class Home:
    """Paths and identity of one endpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str) -> Path:
        """Return the path of a file of that name."""
        return self.path / name

    @property
    def spool(self) -> Path:
        """The spool."""
        return self.path / "spool.db"

    @property
    def control(self) -> Path:
        """What ship heard from the fleet."""
        return self.path / "control.db"

    @property
    def opted_out(self) -> Path:
        """The marker of an opt-out."""
        return self.path / "opted-out"

    def enrolled(self) -> Enrolled:
        """Return who this endpoint is.

        Raises:
            Permanent: it was never enrolled, or the file is broken.
        """
        try:
            return Enrolled(**json.loads(self.file("identity.json").read_text("utf-8")))
        except FileNotFoundError as exc:
            raise Permanent(
                f"{self.path} is not enrolled: run `overtd enrol --home {self.path}` first",
                reason="not_enrolled",
            ) from exc
        except (ValueError, TypeError) as exc:
            raise Permanent(
                f"{self.file('identity.json')} is broken: enrol again", reason="identity"
            ) from exc

    def signer(self) -> "SigningKey":
        """Return capture's signing key."""
        from overt_schemas.signing import SigningKey, device_key_id  # dear, and most ask for less

        seed = bytes.fromhex(self._secret("signing.key"))
        return SigningKey(device_key_id(self.enrolled().device_id), seed)

    def identity(self) -> Identity:
        """Return whom beacons speak to."""
        secret = bytes.fromhex(self._secret("tag.secret"))
        return Identity(group=self.enrolled().group, tag_secret=secret)

    def _secret(self, name: str) -> str:
        try:
            return self.file(name).read_text("ascii").strip()
        except OSError as exc:
            raise Permanent(
                f"{self.file(name)} cannot be read: enrol again", reason="identity"
            ) from exc

    def write_enrolled(self, enrolled: Enrolled) -> None:
        """Write the identity; last of all, so that half an enrolment is none."""
        self.write("identity.json", json.dumps(asdict(enrolled), indent=1) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of mode 0600, whole or not at all."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as out:  # mkstemp makes it 0600
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(self.file(name))
