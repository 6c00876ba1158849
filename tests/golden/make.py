"""Write golden bytes. Only adds: a file that stands is never written again.

`fingerprints.json` gains the schemas it does not know and fails where a known one differs.
`sealed-v<N>.json` holds one of everything that is sealed or signed, with the keys that open it. Run
`python tests/golden/make.py N` with the next number when a format gains a version, and commit the
new file. What was sealed once must open for ever, so none is ever taken away.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from overt_schemas import catalogue, codec, hpke, records
from overt_schemas.envelope import batch, header, marks, padding, part
from overt_schemas.ids import Stream
from overt_schemas.signing import SigningKey, beacon_tag, device_key_id
from overt_schemas.testing import empty_input

HERE = Path(__file__).parent


def secret(label: str, size: int = 32) -> bytes:
    """Return fixed bytes, so that a maker of the next version starts from the same keys."""
    return hashlib.shake_256(b"overt golden " + label.encode()).digest(size)


DEVICE, BOOT = secret("device", 16), secret("boot", 16)
PERSON, DAY = "p-0123456789abcdef", "2026-11-25"


def fingerprints() -> None:
    """Add the schemas that are not pinned yet."""
    path = HERE / "fingerprints.json"
    pinned = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for number, name in catalogue.IDS.items():
        own = catalogue.schema_by_id(number)
        entry = {"id": own.id, "sha256": own.fingerprint}
        if pinned.setdefault(name, entry) != entry:
            sys.exit(f"{name} is released and differs: add a new schema with a new id instead")
    path.write_text(json.dumps(dict(sorted(pinned.items())), indent=1) + "\n", "utf-8")


def sealed() -> dict[str, Any]:
    """Return one of everything, as hex."""
    signer = SigningKey(device_key_id(DEVICE), secret("device key"))
    processor = SigningKey("sign-golden", secret("processor key"))
    epoch = hpke.PrivateKey.from_bytes(secret("epoch", hpke.PRIVATE_BYTES))
    person = hpke.PrivateKey.from_bytes(secret("person", hpke.PRIVATE_BYTES))
    content, data, iv = secret("content"), secret("data"), secret("iv", 12)

    period = batch.open_period(
        records.PeriodHeader(
            version=1, device=DEVICE, boot=BOOT, person=PERSON, period=7, started_us=1_764_000_000,
            policy="a" * 64, consent="c-0123456789abcdef", processor_key="seal-golden",
        ),
        epoch.public_bytes(), signer, content,
    )  # fmt: skip
    head = header.ClearHeader(
        stream=Stream.INPUT, device=DEVICE, boot=BOOT, previous=secret("previous"), batch=41,
        segment=3, period=7, beacon=99, schema=catalogue.ID_OF["InputBatch"],
    )  # fmt: skip
    inside = empty_input(
        activity=2, start_us=1_764_000_000_000_000, first_seq=11, seq=b"", dt=b"\x01\0\0\0",
        kind=b"\x04", x=b"\x10\0", y=b"\x20\0", code=b"\x26\0", state=b"\0\0",
        keysym=b"\x61\0\0\0", flags=b"\0", layout=b"\0",
        contexts=(records.Context(t_us=1, app="editor", title=""),),
        gaps=(records.Gap(reason="policy", from_us=1, to_us=2, count=3),),
    )  # fmt: skip
    plain = codec.pack(inside)
    padded = padding.pack(plain)
    raw = batch.seal_batch(period, head, plain, signer, iv)
    tombstone = batch.drop(raw.tombstone, "forget", signer)
    end = signer.sign_record(
        records.BootEnd(
            device=DEVICE, boot=BOOT, next_boot=secret("next", 16), input_batches=42,
            frame_batches=40, at_us=1_764_000_100_000_000, clean=False, person=PERSON,
        )
    )  # fmt: skip

    segment = part.open_segment(
        part.SegmentHeader(
            person=PERSON, device=DEVICE, boot=BOOT, activity=2, stream=Stream.INPUT, segment=3,
            day=DAY, policy="a" * 64, consent="c-0123456789abcdef", purposes=("training",),
            processor=processor.key_id, data_key=secret("data key id", 16),
            commitment=part.commitment(data),
        ),
        data, person.public_bytes(), "golden/2026-W48",
    )  # fmt: skip
    part_header = part.PartHeader(
        segment=segment.info, batch=41, raw=raw.hash, previous=secret("previous"), partition=1,
        offset=1234, schema=catalogue.ID_OF["InputBatch"], first=False, final=False,
        flags=("thinned",),
    )  # fmt: skip
    tombstone_mark = marks.TombstoneMark(
        person=PERSON, device=DEVICE, boot=BOOT, stream=Stream.INPUT, batch=41, segment=3, day=DAY,
        reason="forget", raw=raw.hash, previous=secret("previous"), partition=1, offset=1235,
    )  # fmt: skip
    boot_mark = marks.BootEndMark(
        person=PERSON, device=DEVICE, boot=BOOT, input_batches=42, frame_batches=40, day=DAY,
        clean=False, partition=1, offset=1236,
    )  # fmt: skip
    withheld = marks.WithheldMark(
        person=PERSON, device=DEVICE, boot=BOOT, stream=Stream.INPUT, batch=41, segment=3, day=DAY,
        reason="after_pause", raw=raw.hash, previous=secret("previous"), partition=1, offset=1235,
    )  # fmt: skip
    notice = marks.NoticeMark(
        topic="overt.input.v1", topic_id="golden", partition=1, from_offset=5, to_offset=9, day=DAY
    )
    evidence = {
        "tombstone": codec.encode(tombstone),
        "boot_end": codec.encode(end),
        "notice": b"",
    } | {"withheld": b""}
    marked = {
        "tombstone": tombstone_mark, "boot_end": boot_mark, "notice": notice, "withheld": withheld,
    }  # fmt: skip
    framed = {
        "batch": raw.record, "tombstone": tombstone, "boot_end": end,
        "part": part.seal_part(segment, part_header, padded, processor, iv),
    }  # fmt: skip
    framed |= {
        f"mark_{k}": marks.seal_mark(mark, evidence[k], processor) for k, mark in marked.items()
    }
    framed |= {f"signed_{type(r).__name__}": authority().sign_record(r) for r in signed_records()}
    keys = {
        "device_seed": signer.seed(), "processor_seed": processor.seed(),
        "authority_seed": authority().seed(), "epoch_private": epoch.to_bytes(),
        "person_private": person.to_bytes(), "content_key": content, "data_key": data, "iv": iv,
    }  # fmt: skip
    return {
        "keys": {k: v.hex() for k, v in keys.items()},
        "plain": plain.hex(),
        "padded": padded.hex(),
        "framed": {k: codec.encode(v).hex() for k, v in framed.items()},
        "batch_hash": raw.hash.hex(),
        "segment_info": segment.info.hex(),
        "beacon_tag": {
            "secret": secret("tag").hex(),
            "number": 99,
            "tag": beacon_tag(secret("tag"), 99).hex(),
        },
    }


def authority() -> SigningKey:
    """Return the key of the golden registries."""
    return SigningKey("authority-golden", secret("authority key"))


def signed_records() -> list[Any]:
    """Return one of each record that travels in Signed, but BootEnd."""
    spans = (records.SealSpan(person=PERSON, from_ms=1, to_ms=0),)
    consents = records.ConsentSpan(
        consent="c-0123456789abcdef", device=DEVICE, policy="a" * 64, purposes=("training",),
        from_ms=1, to_ms=0,
    )  # fmt: skip
    cert = records.KeyCert(
        key_id="authority-golden", role="authority", public=authority().public_bytes(),
        not_before_ms=0, not_after_ms=10**15,
    )  # fmt: skip
    return [
        records.KeySet(version=1, certs=(cert,)),
        records.Policy(
            group="golden", version=1, notice="What is captured.", purposes=("training",),
            apps=("editor",), keep_titles=False, synthetic=True, idle_gap_s=60, segment_s=60,
            segment_bytes=8_388_608, period_s=600, frame_interval_ms=500, hold_back_ms=3500,
            spool_age_h=72, spool_bytes=2**30, move_tolerance_px=1, frame_floor_ms=1000,
            scene_percent=20,
        ),
        records.Overlay(
            overlay="o-1", version=1, kind="pause", scope="golden", active=True, issued_ms=1
        ),
        records.Beacon(
            number=99, issued_ms=1, valid_until_ms=2, paused_groups=("golden",),
            tags=(secret("a tag", 16),),
            policies=(records.PolicyRef(group="golden", policy="a" * 64),),
        ),
        records.Device(
            device=DEVICE, group="golden", version=1, state="active", signing_key=secret("public"),
            spans=spans, pauses=(records.PauseSpan(from_ms=1, to_ms=2),),
        ),
        records.Person(
            person=PERSON, version=1, state="active",
            keys=(records.PersonKey(key_id="k", week="2026-W48", public=b"public"),),
            consents=(consents,),
        ),
        records.Grant(
            grant="g-0123456789abcdef", version=1, subscriber="golden", purpose="training",
            cohort=(PERSON,), streams=(0, 1), not_before_ms=1, not_after_ms=2,
            approvers=("one", "two"), state="approved",
        ),
        records.Consent(
            consent="c-0123456789abcdef", device=DEVICE, person=PERSON, policy="a" * 64,
            purposes=("training",), notice_hash="b" * 64, shown_ms=1, decided_ms=2,
            decision="agreed", method="simulated",
        ),
        records.Presence(
            device=DEVICE, boot=BOOT, number=1, at_ms=2, capturing=True, beacon=99,
            input_batches=3, frame_batches=4, stopped_ms=0, reason=b"",
        ),
    ]  # fmt: skip


def main() -> None:
    """Add what is missing."""
    fingerprints()
    for number in sys.argv[1:]:
        path = HERE / f"sealed-v{int(number)}.json"
        if path.exists():
            sys.exit(f"{path.name} stands and is never written again: take the next number")
        path.write_text(json.dumps(sealed(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
