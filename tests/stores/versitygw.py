"""versitygw: an S3 gateway before a directory, the second S3 server that a sink is held to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from overt_sinks.stores.target import Keys
from tests.stores.install import go_program
from tests.stores.serving import serving

MODULE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
ROOT = Keys(access="ROOTROOTROOT", secret="root-secret-of-a-test")


def program() -> Path:
    """Return the program, installed once."""
    return go_program(MODULE, VERSION)


@contextmanager
def versitygw(folder: Path) -> Iterator[str]:
    """Serve buckets under ``folder``; versions are kept where a bucket has them switched on."""
    # They must be there before it starts; it makes none of them.
    data, iam, sidecar, old = (folder / name for name in ("data", "iam", "sidecar", "old"))
    for path in (data, iam, sidecar, old):
        path.mkdir(parents=True)

    def command(port: int) -> list[str | Path]:
        return [
            program(), "--access", ROOT.access, "--secret", ROOT.secret,
            "--port", f"127.0.0.1:{port}", "--iam-dir", iam, "--quiet",
            "posix", "--sidecar", sidecar, "--versioning-dir", old, data,
        ]  # fmt: skip

    with serving(command, folder) as url:
        yield url


def s3(url: str, keys: Keys = ROOT) -> Any:
    """Return a boto3 client; what the room's code does not do, tests do with it."""
    return boto3.session.Session().client(
        "s3", endpoint_url=url, aws_access_key_id=keys.access, aws_secret_access_key=keys.secret,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )  # fmt: skip
