"""Where the declared topology lies, and how it is read."""

from pathlib import Path

import yaml

import overt_ops
from overt_ops.topology.model import FILES, Topology, parse
from overt_schemas.errors import Permanent


def default_folder() -> Path:
    """Return ``deploy/topology`` beside the package: the source tree's own."""
    return Path(overt_ops.__file__).resolve().parent.parent / "topology"


def load(folder: Path | None = None) -> Topology:
    """Return the topology declared in ``folder``.

    Raises:
        Permanent: a file is missing or says something that cannot be.
    """
    place = folder or default_folder()
    documents = {}
    for name in FILES:
        path = place / f"{name}.yaml"
        if not path.is_file():
            raise Permanent(
                f"no {path.name} in {place}: name the folder with --topology DIR",
                reason="topology",
            )
        try:
            documents[name] = yaml.safe_load(path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            line = " ".join(str(exc).split())
            raise Permanent(f"{path} is not YAML: {line}", reason="topology") from exc
    return parse(documents)
