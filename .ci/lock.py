"""Write `overt.lock` (every version and hash, no host) and pin it in `pyproject.toml`.

uv's own lock file spells out the address of the registry it was made with, which differs from
mirror to mirror and does not belong in the tree. So the committed lock is the exported list of
names, versions and hashes; `uv.lock` is made from it on each machine in a second, and a test
(`tests/ops/test_lock.py`) compares the two, hash by hash. Run as `just lock`.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^constraint-dependencies = \[.*?^\]\n", re.M | re.S)


def export() -> str:
    """Return the whole workspace's pins with hashes, as uv resolves them here and now."""
    flags = "--all-packages --all-groups --all-extras --no-emit-workspace --no-header --no-annotate"
    out = subprocess.run(
        ["uv", "export", "-q", *flags.split(), "--format", "requirements.txt"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return out.stdout


def pins(lock: str) -> list[str]:
    """Return `name==version ; marker` for each entry; evdev is overridden away, so not pinned."""
    lines = [line.rstrip(" \\") for line in lock.splitlines() if line and not line.startswith(" ")]
    return [line for line in lines if not line.startswith("evdev==")]


def main() -> None:
    """`lock.py` rewrites both files; `lock.py --check` fails where they differ from here."""
    lock = export()
    if "--check" in sys.argv:
        if lock != (ROOT / "overt.lock").read_text():
            sys.exit("overt.lock differs from what uv resolved here: run `just lock` and review")
        return
    (ROOT / "overt.lock").write_text(lock)
    project = ROOT / "pyproject.toml"
    body = "".join(f'    "{pin.replace(chr(34), chr(39))}",\n' for pin in pins(lock))
    block = f"constraint-dependencies = [\n{body}]\n"
    project.write_text(BLOCK.sub(lambda _: block, project.read_text()))


if __name__ == "__main__":
    main()
