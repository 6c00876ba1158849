"""The signed head: what the authority says its log is. Pure.

Signed is ``overt log head v1``, the size (8 bytes, big-endian) and the root, in the domain of
records: a record's first part is 4 bytes long, so neither can be taken for the other.
"""

from dataclasses import dataclass

from overt_authority.log.merkle import Frontier
from overt_schemas.signing import Domain, SigningKey, verify

_LABEL = b"overt log head v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Size and root, and who says so."""

    size: int
    root: bytes
    signature: bytes
    key_id: str


def sign(frontier: Frontier, signer: SigningKey) -> Head:
    """Return the head of a tree, signed."""
    root = frontier.root()
    signature = signer.sign(Domain.RECORD, _LABEL, frontier.size.to_bytes(8, "big"), root)
    return Head(size=frontier.size, root=root, signature=signature, key_id=signer.key_id)


def check(head: Head, public: bytes) -> None:
    """Return if that key signed the head, else raise ``Untrusted``."""
    size = head.size.to_bytes(8, "big")
    verify(public, head.signature, Domain.RECORD, _LABEL, size, head.root)
