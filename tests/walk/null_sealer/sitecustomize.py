"""The null sealer: a test double, in no wheel, that leaves every seal open.

Python imports this file at start when its folder is on PYTHONPATH. Everything else stays real, so
the canary scanner has to find the canary in spool, log and objects; only then do its 0 hits on the
real product count. The processes of the product run with an environment of their own, so this can
only ever be switched on by a test that starts them itself.
"""


class OpenSeal:
    """What AESGCM is to the contract, without the encryption; the tag is zeros."""

    def __init__(self, key: bytes) -> None:
        self._tag = bytes(16)

    def encrypt(self, _nonce: bytes, data: bytes, _aad: bytes | None) -> bytes:
        """Return the plaintext and an empty tag."""
        return data + self._tag

    def decrypt(self, _nonce: bytes, data: bytes, _aad: bytes | None) -> bytes:
        """Return what stands there."""
        return data[:-16]


def _open_every_seal() -> None:
    from overt_schemas.envelope import batch, part

    for module in (batch, part):
        vars(module)["AESGCM"] = OpenSeal


_open_every_seal()
