"""A fleet of one's own: root, authority, processors and enrolled homes, without a network."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from overt_producer.control.board import BEACON, KEYSET, POLICY, Board
from overt_producer.home import Enrolled, Home
from overt_producer.sources.script import EDITOR
from overt_schemas import codec, hpke
from overt_schemas.ids import new_id, new_name
from overt_schemas.records import Beacon, KeyCert, KeySet, Policy, PolicyRef, Signed
from overt_schemas.signing import (
    AUTHORITY,
    PROCESSOR_SEAL,
    ROOT,
    SigningKey,
    device_key_id,
    policy_hash,
)

FOREVER_MS = 1 << 50
POLICY_OF_TESTS = Policy(
    group="sim", version=1, notice="The tests", purposes=("training",), apps=(EDITOR.app,),
    keep_titles=True, synthetic=True, idle_gap_s=5, segment_s=2, segment_bytes=8_388_608,
    period_s=60, frame_interval_ms=200, hold_back_ms=300, spool_age_h=72, spool_bytes=1 << 30,
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Keys of everybody and the records they sign."""

    root: SigningKey = field(default_factory=lambda: SigningKey.generate(ROOT))
    authority: SigningKey = field(default_factory=lambda: SigningKey.generate("authority-1"))
    processor: hpke.PrivateKey = field(default_factory=hpke.PrivateKey.generate)
    policy: Policy = POLICY_OF_TESTS
    number: int = 0

    def keyset(self, version: int = 1) -> Signed:
        """Return the key set, signed by the root."""
        life = {"not_before_ms": 0, "not_after_ms": FOREVER_MS}
        certs = (
            KeyCert(
                key_id=self.authority.key_id, role=AUTHORITY,
                public=self.authority.public_bytes(), **life,
            ),
            KeyCert(
                key_id="seal-1", role=PROCESSOR_SEAL, public=self.processor.public_bytes(), **life
            ),
        )  # fmt: skip
        return self.root.sign_record(KeySet(version=version, certs=certs))

    def signed_policy(self) -> Signed:
        """Return the policy, signed."""
        return self.authority.sign_record(self.policy)

    def beacon(self, now_ms: int, valid_s: float = 60.0, **changes: object) -> Beacon:
        """Return the next beacon."""
        self.number += 1
        plain = Beacon(
            number=self.number, issued_ms=now_ms, valid_until_ms=now_ms + round(valid_s * 1000),
            paused_groups=(), tags=(),
            policies=(
                PolicyRef(group=self.policy.group, policy=policy_hash(self.signed_policy())),
            ),
        )  # fmt: skip
        return replace(plain, **changes)  # type: ignore[arg-type]

    def enrol(self, path: Path) -> Home:
        """Return an enrolled home that knows the keys and the policy, and no beacon yet."""
        home = Home(path)
        device = new_id()
        home.write("signing.key", SigningKey.generate(device_key_id(device)).seed().hex())
        home.write("tag.secret", new_id().hex())
        home.write_enrolled(
            Enrolled(
                device=device.hex(), person=new_name("p"), group=self.policy.group,
                bootstrap="nowhere:1", authority="https://nowhere",
                root_key=self.root.public_bytes().hex(),
            )
        )  # fmt: skip
        board = Board(home.control)
        board.pin(KEYSET, 1, "keyset", codec.encode(self.keyset()))
        board.pin(POLICY, self.policy.version, self.policy.group,
                  codec.encode(self.signed_policy()))  # fmt: skip
        board.close()
        return home

    def send(self, home: Home, beacon: Beacon) -> None:
        """Pin a beacon as ship would."""
        board = Board(home.control)
        board.pin(BEACON, beacon.number, "", codec.encode(self.authority.sign_record(beacon)))
        board.close()
