"""From raw bytes to an opened batch: framing, header, signature, tag, size, schema, in that order.

Nothing is believed before the check that makes it believable: the device's signature comes before
the period header is used, the tag before a length inside is read, the length before anything is
inflated, the inflated size before Avro is decoded.
"""

from collections import OrderedDict
from collections.abc import Container, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_processors.core.outcome import Raw, Unknown
from overt_schemas import codec, hpke
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import batch as seal
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import padding
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.ids import Stream
from overt_schemas.records import (
    FrameBatch,
    InputBatch,
    PeriodHeader,
    SealedBatch,
    Signed,
    Tombstone,
)
from overt_schemas.signing import SigningKey
from overt_schemas.topics import FRAME, INPUT

# A part or a dead letter adds a few hundred bytes, and must still fit the topics' 1 MiB.
RAW_LIMIT = 1_000_000
# 10 minutes of 8,000 devices; a miss costs 130 us, an entry 4 KB.
_PERIODS_LIMIT = 8192
# A header names ids and hashes, some 250 bytes; thousands are remembered, from whoever may seal.
_PERIOD_BYTES = 1024
_STREAMS = {INPUT: Stream.INPUT, FRAME: Stream.FRAME}
Record = SealedBatch | Tombstone | Signed
_ON_INPUT: tuple[type[Record], ...] = (SealedBatch, Tombstone, Signed)
_ON_FRAME: tuple[type[Record], ...] = (SealedBatch, Tombstone)
_SCHEMAS = {Stream.INPUT: ID_OF["InputBatch"], Stream.FRAME: ID_OF["FrameBatch"]}
# What the session app takes: one a second would need 35,000 years.
_BATCHES = range(2**40)
# 2020 to 2100: outside them calendars overflow, and nobody honest has such a clock.
_TIMES_US = range(1_577_836_800_000_000, 4_102_444_800_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The processors' keys: private ones by epoch, and the one that signs parts."""

    epochs: Mapping[str, hpke.PrivateKey]
    signer: SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPeriod:
    """A period header that its device signed, and the content key it wraps."""

    header: PeriodHeader
    key: AESGCM


class Periods:
    """Periods opened before, so that signature and wrap are worked once a period, not a batch.

    The signing key is part of what is looked up: a device whose key changed is verified anew.
    """

    def __init__(self, limit: int = _PERIODS_LIMIT) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[bytes, bytes, bytes, bytes], OpenedPeriod] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def open(self, record: SealedBatch, signing_key: bytes, keys: Keys) -> OpenedPeriod:
        """Return the record's period, verified under ``signing_key`` and unwrapped.

        Raises:
            Malformed: a header longer than what it names.
            Untrusted: not signed by this device, or a wrap that is not for the key it names.
            Unknown: wrapped to an epoch key that is not at hand.
        """
        name = (signing_key, record.period_signature, record.period, record.wrap)
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known
        if len(record.period) > _PERIOD_BYTES:
            raise Malformed("period header is longer than its fields can be", reason="period")
        header = seal.verify_period(record, signing_key)
        private = keys.epochs.get(header.processor_key)
        if private is None:
            raise Unknown("wrapped to an epoch key that is not at hand", reason="unknown_epoch")
        opened = OpenedPeriod(header=header, key=seal.content_key(record, private))
        self._known[name] = opened
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return opened

    def epochs(self) -> set[str]:
        """Return the epoch keys that what is remembered was opened with."""
        return {opened.header.processor_key for opened in self._known.values()}

    def keep(self, epochs: Container[str]) -> None:
        """Forget the content keys of all epochs but these: what is over opens nothing."""
        gone = [n for n, o in self._known.items() if o.header.processor_key not in epochs]
        for name in gone:
            del self._known[name]

    def clear(self) -> None:
        """Forget all content keys."""
        self._known.clear()


def decode(raw: Raw) -> Record:
    """Return the record in a raw value, if its schema has a place on that topic.

    Raises:
        Malformed
    """
    if raw.value is None:
        raise Malformed("a null has no place on a raw topic", reason="empty")
    if len(raw.value) > RAW_LIMIT:
        raise Malformed("record is over the size that a part may have", reason="size")
    match _STREAMS[raw.topic]:
        case Stream.INPUT:
            return codec.decode(raw.value, *_ON_INPUT)
        case Stream.FRAME:
            return codec.decode(raw.value, *_ON_FRAME)


def read_header(raw: Raw, record: SealedBatch | Tombstone) -> clear.ClearHeader:
    """Return the clear header, if it belongs on that topic, under that key, with that schema."""
    head = clear.unpack(record.header)
    if head.stream is not _STREAMS[raw.topic]:
        raise Malformed("batch of another topic's stream", reason="stream")
    if head.schema != _SCHEMAS[head.stream]:
        raise Malformed("schema of another stream", reason="schema_not_allowed")
    if head.batch not in _BATCHES:
        raise Malformed("a batch number that no boot reaches", reason="header")
    if raw.key != head.device:
        raise Malformed("record's key is not the device in its header", reason="key")
    return head


def check_period(head: clear.ClearHeader, period: PeriodHeader) -> None:
    """Return nothing when a period that was verified before is the one of this header."""
    if (period.device, period.boot, period.period) != (head.device, head.boot, head.period):
        raise Untrusted("clear header and period header name different periods", reason="period")
    in_range(period.started_us)


def open_batch(
    record: SealedBatch, head: clear.ClearHeader, key: AESGCM
) -> tuple[bytes, InputBatch | FrameBatch]:
    """Return the padded plaintext as it was sealed, and the batch in it.

    Raises:
        Untrusted: the tag does not verify (``tag``).
        Malformed: sealed right and still broken inside.
    """
    if len(record.iv) != seal.IV_BYTES:
        raise Malformed("nonce has the wrong length", reason="header")
    try:
        padded = key.decrypt(record.iv, record.ciphertext, record.header)
    except InvalidTag as exc:
        raise Untrusted("batch does not open under its period's key", reason="tag") from exc
    plain = padding.unpack(padded)
    if head.stream is Stream.INPUT:
        return padded, codec.unpack(InputBatch, plain)
    return padded, codec.unpack(FrameBatch, plain)


def in_range(time_us: int) -> int:
    """Return a time that calendars can hold."""
    if time_us not in _TIMES_US:
        raise Malformed("a time outside 2020 to 2100", reason="time")
    return time_us
