"""What stands where no part can: marks, signed by a processor over the evidence it saw.

``TombstoneMark``: a batch dropped on purpose. ``BootEndMark``: a boot ended, its tail was killed.
``WithheldMark``: a genuine batch that a processor set aside as a dead letter, since the registries
forbade it at its event time. ``NoticeMark``: raw records expired unread between two raw offsets.
Headers are deterministic CBOR like a part's; the evidence is the device's own signed record, so a
reader can verify it again.
"""

from dataclasses import dataclass

from overt_schemas.envelope.part import VERSION, dump, load
from overt_schemas.errors import Malformed
from overt_schemas.records import Marker
from overt_schemas.signing import Domain, SigningKey, verify

TOMBSTONE = "tombstone"
BOOT_END = "boot_end"
NOTICE = "notice"
WITHHELD = "withheld"
# Why a batch that its device sealed, and whose tag verified, may still not become a part.
WITHHELD_REASONS = frozenset({
    "after_pause", "outside_lease", "no_consent", "wrong_person", "policy",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneMark:
    """The batch that is missing on purpose, and why. Evidence: the framed Tombstone."""

    kind: str = TOMBSTONE
    version: int = VERSION
    person: str
    device: bytes
    boot: bytes
    stream: int
    batch: int
    segment: int
    day: str
    reason: str
    raw: bytes
    previous: bytes
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEndMark:
    """How far a boot had spooled. Evidence: the framed Signed BootEnd."""

    kind: str = BOOT_END
    version: int = VERSION
    person: str
    device: bytes
    boot: bytes
    input_batches: int
    frame_batches: int
    day: str
    clean: bool
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldMark:
    """The batch that was set aside, and why. No evidence: the record is in the dead letters.

    It loses to content: a dead letter that is redriven becomes a part.
    """

    kind: str = WITHHELD
    version: int = VERSION
    person: str
    device: bytes
    boot: bytes
    stream: int
    batch: int
    segment: int
    day: str
    reason: str
    raw: bytes
    previous: bytes
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMark:
    """Raw records [from_offset, to_offset) of a partition expired unread."""

    kind: str = NOTICE
    version: int = VERSION
    topic: str
    topic_id: str
    partition: int
    from_offset: int
    to_offset: int
    day: str


Mark = TombstoneMark | BootEndMark | WithheldMark | NoticeMark
_KINDS: dict[
    str, type[TombstoneMark] | type[BootEndMark] | type[WithheldMark] | type[NoticeMark]
] = {
    TOMBSTONE: TombstoneMark, BOOT_END: BootEndMark, WITHHELD: WithheldMark, NOTICE: NoticeMark,
}  # fmt: skip


def seal_mark(mark: Mark, evidence: bytes, signer: SigningKey) -> Marker:
    """Return the mark with the processor's signature over it and its evidence."""
    header = dump(mark)
    signature = signer.sign(Domain.MARK, header, evidence)
    return Marker(header=header, evidence=evidence, signature=signature, processor=signer.key_id)


def read_mark(marker: Marker) -> Mark:
    """Return the mark without verifying it (a sink needs only to place it)."""
    for kind in _KINDS.values():
        try:
            mark = load(kind, marker.header)
        except Malformed:
            continue
        if _KINDS.get(mark.kind) is kind:
            return mark
    raise Malformed("mark of an unknown kind", reason="mark")


def verify_mark(marker: Marker, processor_public: bytes) -> Mark:
    """Return a mark that this processor signed."""
    verify(processor_public, marker.signature, Domain.MARK, marker.header, marker.evidence)
    return read_mark(marker)
