"""One lock: what is committed is what is resolved, what is pinned is what is locked."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))?")


def committed() -> dict[tuple[str, str], set[str]]:
    """Return the hashes in overt.lock by name and version."""
    found: dict[tuple[str, str], set[str]] = {}
    hashes: set[str] = set()
    for line in (ROOT / "overt.lock").read_text().splitlines():
        if match := ENTRY.match(line):
            hashes = found.setdefault((match["name"], match["version"]), set())
        hashes.update(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return found


def resolved() -> dict[tuple[str, str], set[str]]:
    """Return the hashes uv resolved on this machine, by name and version; none for our rooms."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return {
        (p["name"], p["version"]): {
            file["hash"] for file in [*p.get("wheels", []), *([p["sdist"]] if "sdist" in p else [])]
        }
        for p in lock["package"]
        if "registry" in p["source"]
    }


def test_every_resolved_package_has_the_committed_version_and_hashes() -> None:
    lock = committed()

    for package, hashes in resolved().items():
        assert hashes == lock.get(package), f"{package} is not the one in overt.lock"


def test_every_locked_version_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = {pin.split(" ")[0] for pin in project["tool"]["uv"]["constraint-dependencies"]}

    assert pins == {f"{name}=={version}" for name, version in committed() if name != "evdev"}


@pytest.mark.parametrize("name", ["overt.lock", "pyproject.toml"])
def test_no_address_stands_in_the_lock(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()
