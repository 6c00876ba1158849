"""Keys: asked for by segment, checked against the segment's commitment, kept in memory only.

The authority logs before it answers, so a key is asked for only when its first batch is next to be
handed on. Ciphers are kept for as many segments as ``KEPT``; nothing is written anywhere.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas import codec
from overt_schemas.envelope import padding, part
from overt_schemas.errors import Malformed, OvertError, Permanent
from overt_schemas.ids import Stream
from overt_schemas.records import FrameBatch, InputBatch
from overt_subscriber.authority import Released, Wrapped
from overt_subscriber.intake import Sealed

KEPT = 512
ASKED = 64  # segments a call: a header, a wrap and base64 are 3 KB
UNASKED = "unanswered"


class Releaser(Protocol):
    """Who hands out data keys; ``authority.Authority`` is one."""

    def release(self, grant: str, purpose: str, segments: Sequence[Wrapped]) -> dict[str, Released]:
        """Return the data key of each segment by its name (hex), or why there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A batch in clear."""

    sealed: Sealed
    batch: InputBatch | FrameBatch = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A batch that stays shut: its key was refused (``refused``), or it is not what it says."""

    sealed: Sealed
    reason: str
    refused: bool


class Opener:
    """Opens parts under one grant and purpose."""

    def __init__(self, releaser: Releaser, grant: str, purpose: str, *, kept: int = KEPT) -> None:
        self._releaser, self._grant, self._purpose = releaser, grant, purpose
        self._kept = kept
        self._known: OrderedDict[bytes, AESGCM | Closed] = OrderedDict()
        self.segments = 0

    def open_all(self, parts: Sequence[Sealed]) -> Iterable[Opened | Closed]:
        """Yield each part opened or closed, in order; may block on the authority.

        Raises:
            Refused: the authority refuses the whole call (no grant, expired, not approved).
        """
        at = 0
        while at < len(parts):
            stretch = self._stretch(parts, at)
            self._ask(stretch)
            yield from (self._open(sealed) for sealed in stretch)
            at += len(stretch)

    def _stretch(self, parts: Sequence[Sealed], at: int) -> Sequence[Sealed]:
        """Return as many parts as one call's segments cover."""
        names: set[bytes] = set()
        for end in range(at, len(parts)):
            names.add(parts[end].header.segment)
            if len(names) > min(ASKED, self._kept):
                return parts[at:end]
        return parts[at:]

    def _ask(self, parts: Sequence[Sealed]) -> None:
        first: dict[bytes, Sealed] = {}
        for sealed in parts:
            name = sealed.header.segment
            if name in self._known:
                self._known.move_to_end(name)
            else:
                first.setdefault(name, sealed)
        if not first:
            return
        question = [
            Wrapped(header=s.part.segment, wrap=s.part.wrap, person_key=s.part.person_key)
            for s in first.values()
        ]
        answers = self._releaser.release(self._grant, self._purpose, question)
        for name, sealed in first.items():
            answer = answers.get(name.hex(), Released(refused=UNASKED))
            self._known[name] = _cipher(sealed, answer)
            self.segments += not answer.refused
        while len(self._known) > self._kept:
            self._known.popitem(last=False)

    def _open(self, sealed: Sealed) -> Opened | Closed:
        cipher = self._known[sealed.header.segment]
        if isinstance(cipher, Closed):
            return Closed(sealed=sealed, reason=cipher.reason, refused=cipher.refused)
        try:
            return Opened(sealed=sealed, batch=_batch(sealed, cipher))
        except Permanent as exc:
            return Closed(sealed=sealed, reason=exc.reason, refused=False)


def _cipher(sealed: Sealed, answer: Released) -> AESGCM | Closed:
    if answer.refused:
        return Closed(sealed=sealed, reason=answer.refused, refused=True)
    try:
        return part.data_key(sealed.segment, answer.key)
    except OvertError as exc:
        return Closed(sealed=sealed, reason=exc.reason, refused=False)


def _batch(sealed: Sealed, cipher: AESGCM) -> InputBatch | FrameBatch:
    plain = padding.unpack(part.open_part(sealed.part, cipher))
    batch: InputBatch | FrameBatch
    if sealed.key.stream is Stream.INPUT:
        batch = codec.unpack(InputBatch, plain)
    else:
        batch = codec.unpack(FrameBatch, plain)
    head = sealed.header
    inside, outside = (batch.activity, batch.first, batch.final), sealed.segment.activity
    if inside != (outside, head.first, head.final):
        raise Malformed("batch says other than its headers", reason="header")
    return batch
