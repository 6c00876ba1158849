"""What capture signs besides content: receipts, presence, the ends of boots. Pure."""

from overt_producer.desk import Reply
from overt_producer.pipeline import Now
from overt_producer.presence.notice import Notice
from overt_producer.spool.store import Boot
from overt_schemas import codec
from overt_schemas.ids import new_name
from overt_schemas.records import BootEnd, Consent, Policy, Presence
from overt_schemas.signing import SigningKey

CONTENTS = ("keys you press there", "pointer moves, clicks and scrolls there",
            "pictures of those windows; everything else is painted grey")  # fmt: skip
CHOICES = ("pause: overtd pause", "go on: overtd resume",
           "stop for good and withdraw: overtd opt-out")  # fmt: skip


def notice_of(policy: Policy, name: str) -> Notice:
    """Return what a person is told about a policy, from the policy itself.

    The first line of the policy's text says who asks; the others say what becomes of the data.
    """
    who, *later = policy.notice.splitlines() or [policy.group]
    here = f"On this computer at most {policy.spool_age_h} hours."
    return Notice(
        controller=who, applications=policy.apps, contents=CONTENTS,
        purposes=policy.purposes, kept=" ".join([here, *later]),
        choices=CHOICES, policy=name[:16],
    )  # fmt: skip


def receipt(
    device: bytes, person: str, policy: Policy, name: str, notice: Notice, reply: Reply
) -> Consent:
    """Return the receipt of an answer."""
    return Consent(
        consent=new_name("c"), device=device, person=person, policy=name,
        purposes=policy.purposes, notice_hash=notice.digest(), shown_ms=reply.shown_ms,
        decided_ms=reply.decided_ms, decision=reply.decision, method=reply.method,
    )  # fmt: skip


def boot_end(device: bytes, boot: Boot, next_boot: bytes, now: Now, signer: SigningKey) -> bytes:
    """Return the framed, signed end of an earlier boot."""
    record = BootEnd(
        device=device, boot=boot.boot, next_boot=next_boot, input_batches=boot.input_batches,
        frame_batches=boot.frame_batches, at_us=now.wall_us, clean=boot.is_clean,
        person=boot.person,
    )  # fmt: skip
    return codec.encode(signer.sign_record(record))


def signed(record: Consent | Presence, signer: SigningKey) -> bytes:
    """Return a framed, signed statement."""
    return codec.encode(signer.sign_record(record))
