"""Make the jar lock anew: resolve the coordinates with jgo, download, hash, print.

Run by a developer when Kafka's version changes::

    python -m overt_ops.devstack.relock org.apache.kafka:kafka_2.13:4.4.0 ... > kafka-4.4.0.lock
"""

import hashlib
import sys
from pathlib import Path

_COORDINATES = ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36")


def _resolve(coordinates: tuple[str, ...]) -> dict[str, Path]:
    import truststore

    truststore.inject_into_ssl()
    from jgo.config import GlobalSettings
    from jgo.maven import Dependency, MavenContext, PythonResolver

    settings = GlobalSettings.load()
    context = MavenContext(
        resolver=PythonResolver(),
        remote_repos={**MavenContext().remote_repos, **settings.repositories},
    )
    wanted = []
    for coordinate in coordinates:
        group, name, version = coordinate.split(":")
        component = context.project(group, name).at_version(version)
        wanted.append(Dependency(artifact=component.artifact(), scope="compile"))
    _, found = context.resolver.resolve(wanted)
    jars = {}
    for dependency in [*wanted, *found]:
        if dependency.scope in ("compile", "runtime"):
            artifact = dependency.artifact
            folder = f"{artifact.groupId.replace('.', '/')}/{artifact.artifactId}"
            jars[f"{folder}/{artifact.version}/{artifact.filename}"] = Path(artifact.resolve())
    return jars


def main() -> None:
    """Print the lock for the coordinates on the command line, else for today's Kafka."""
    coordinates = tuple(sys.argv[1:]) or _COORDINATES
    sys.stdout.write(
        f"# {' and '.join(coordinates)} with all they need at run time.\n"
        "# path in a Maven repository, sha256, size. "
        "Made anew by `python -m overt_ops.devstack.relock`.\n"
    )
    for path, file in sorted(_resolve(coordinates).items()):
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        sys.stdout.write(f"{path} {digest} {len(content)}\n")


if __name__ == "__main__":
    main()
