"""Opens what a spool holds, as a processor would."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from overt_producer.home import Home
from overt_schemas import codec, columns
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import header as clear
from overt_schemas.ids import Stream
from overt_schemas.records import Frame, FrameBatch, InputBatch, PeriodHeader, SealedBatch
from tests.producer.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One batch, verified."""

    head: clear.ClearHeader
    period: PeriodHeader
    record: InputBatch | FrameBatch
    hash: bytes


def rows(spool: Path, kind: str = "batch") -> list[bytes]:
    db = sqlite3.connect(spool)
    try:
        found = db.execute("SELECT record FROM records WHERE kind = ? ORDER BY id", (kind,))
        return [bytes(value) for (value,) in found.fetchall()]
    finally:
        db.close()


def opened(fleet: Fleet, home: Home) -> list[Opened]:
    """Return all batches of a spool in order; signatures, tags and chains hold."""
    public = home.signer().public_bytes()
    chain: dict[tuple[bytes, Stream], bytes] = {}
    numbers: Counter[tuple[bytes, Stream]] = Counter()
    out: list[Opened] = []
    for value in rows(home.spool):
        sealed = codec.decode(value, SealedBatch)
        period = envelope.verify_period(sealed, public)
        head = clear.unpack(sealed.header)
        lane = (head.boot, head.stream)
        assert head.previous == chain.get(lane, clear.FIRST)
        assert head.batch == numbers[lane]
        plain = envelope.open_batch(sealed, envelope.content_key(sealed, fleet.processor))
        record: InputBatch | FrameBatch = (
            codec.unpack(InputBatch, plain)
            if head.stream is Stream.INPUT
            else codec.unpack(FrameBatch, plain)
        )
        chain[lane] = envelope.hash_of(sealed)
        numbers[lane] += 1
        out.append(Opened(head=head, period=period, record=record, hash=chain[lane]))
    return out


def inputs(batches: list[Opened]) -> list[InputBatch]:
    return [b.record for b in batches if isinstance(b.record, InputBatch)]


def frames(batches: list[Opened]) -> list[FrameBatch]:
    return [b.record for b in batches if isinstance(b.record, FrameBatch)]


def typed(batches: list[InputBatch]) -> str:
    """Return the printable keys that went down."""
    text = ""
    for batch in batches:
        view = columns.read(batch)
        for kind, keysym in zip(view.kind, view.keysym, strict=True):
            if kind == columns.Kind.KEY_DOWN and 0x20 <= keysym < 0x7F:
                text += chr(keysym)
    return text


def rasters(batches: list[FrameBatch]) -> Iterator[tuple[Frame, bytes]]:
    """Give each frame with its pixels; chunks are joined and hashes checked."""
    pieces: list[Frame] = []
    for batch in batches:
        for frame in batch.frames:
            pieces.append(frame)
            if len(pieces) < frame.chunks:
                continue
            data = b"".join(piece.data for piece in pieces)
            pixels = zstandard.ZstdDecompressor().decompress(data)
            assert len(pixels) == frame.width * frame.height * 4
            import numpy as np

            assert columns.frame_hash(np.frombuffer(pixels, np.uint8)) == frame.hash
            yield pieces[0], pixels
            pieces = []
    assert not pieces
