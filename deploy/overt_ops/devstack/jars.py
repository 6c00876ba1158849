"""Apache Kafka's jars: fetched once by our own lock, refused on any difference.

The lock (``kafka-4.4.0.lock``) is data: a line per jar with its path in a Maven repository, its
SHA-256 and its size. Which repository they come from is the user's business: jgo's settings
(``jgo.conf``) name a mirror, otherwise jgo's own default holds, so no host stands in our code.
Certificates are checked against the system's store, so a company's mirror works.

Fetched files get a fixed modification time, because the JDK's AOT cache is bound to it.
"""

import configparser
import hashlib
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from overt_ops.devstack.progress import Progress
from overt_schemas.errors import OvertError, Permanent, Transient

KAFKA_LOCK = Path(__file__).with_name("kafka-4.4.0.lock")
# More than a mirror's usual limit of connections a client gains nothing.
_THREADS = 8
_TIMEOUT_S = 60
_CHUNK = 1 << 16
# Any fixed moment will do: 2026-01-01 UTC.
_MTIME = 1_767_225_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One line of the lock."""

    path: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name, which is unique within a lock."""
        return self.path.rsplit("/", 1)[-1]


def read_lock(path: Path = KAFKA_LOCK) -> tuple[Jar, ...]:
    """Return the jars of a lock file, in its order (which is the class path's order)."""
    jars = []
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            where, sha256, size = line.split()
            jars.append(Jar(path=where, sha256=sha256, size=int(size)))
    return tuple(jars)


def repositories() -> tuple[str, ...]:
    """Return repository bases in the order to try: the user's from jgo.conf, then jgo's default."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    try:
        configured: dict[str, str] = GlobalSettings.load().repositories
    except (configparser.Error, UnicodeDecodeError) as exc:
        raise Permanent(
            f"jgo.conf cannot be read ({type(exc).__name__}): mend or remove ~/.config/jgo.conf",
            reason="jgo_conf",
        ) from exc
    defaults: dict[str, str] = MavenContext().remote_repos
    # A user who names a repository "central" replaces jgo's.
    rest = [base for name, base in defaults.items() if name not in configured]
    return tuple(base.rstrip("/") for base in [*configured.values(), *rest])


def trusted() -> ssl.SSLContext:
    """Return a client context that trusts what the operating system trusts."""
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def is_present(jar: Jar, folder: Path) -> bool:
    """Whether the very file is there; all 45 MB hash in a twentieth of a second."""
    try:
        return hashlib.sha256((folder / jar.name).read_bytes()).hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def fetch(
    jars: Sequence[Jar],
    folder: Path,
    progress: Progress,
    *,
    bases: Callable[[], Sequence[str]] = repositories,
) -> tuple[Path, ...]:
    """Return the paths of all ``jars`` in ``folder``, fetching what is missing.

    Raises:
        Permanent: a repository served something else than the lock says (nothing of it is kept).
        Transient: no repository served a jar.
    """
    missing = [jar for jar in jars if not is_present(jar, folder)]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_all(missing, folder, tuple(bases()), _Meter(progress, missing))
    return tuple(folder / jar.name for jar in jars)


class _Meter:
    """Adds up what all threads have received."""

    def __init__(self, progress: Progress, jars: Sequence[Jar]) -> None:
        self._progress = progress
        self._total = sum(jar.size for jar in jars)
        self._done = 0
        self._lock = threading.Lock()

    def add(self, size_bytes: int) -> None:
        with self._lock:
            self._done += size_bytes
            self._progress.download(min(self._done, self._total), self._total)


def _fetch_all(jars: Sequence[Jar], folder: Path, bases: tuple[str, ...], meter: _Meter) -> None:
    context = trusted()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="jar") as pool:
        futures = [pool.submit(_fetch_one, jar, folder, bases, context, meter) for jar in jars]
        try:
            for future in futures:
                future.result()
        except OvertError:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(
    jar: Jar, folder: Path, bases: tuple[str, ...], context: ssl.SSLContext, meter: _Meter
) -> None:
    failure: Exception | None = None
    for base in bases:
        try:
            _download(f"{base}/{jar.path}", jar, folder, context, meter)
        except OSError as exc:
            failure = exc
            if isinstance(exc, urllib.error.HTTPError):
                exc.close()  # it holds the connection
        else:
            return
    raise Transient(
        f"cannot fetch {jar.name} ({failure}): check the network, "
        "or name a Maven mirror under [repositories] in ~/.config/jgo.conf",
        reason="jar_unavailable",
    ) from failure


def _download(url: str, jar: Jar, folder: Path, context: ssl.SSLContext, meter: _Meter) -> None:
    draft = folder / f".{jar.name}.{os.getpid()}.{threading.get_ident()}"
    digest, size = hashlib.sha256(), 0
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_S, context=context) as reply,  # noqa: S310
            draft.open("wb") as file,
        ):
            # One byte past the locked size is proof enough: never fill a disk for a stranger.
            while size <= jar.size and (chunk := reply.read(_CHUNK)):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                meter.add(len(chunk))
        if size != jar.size or digest.hexdigest() != jar.sha256:
            raise Permanent(
                f"{jar.name} differs from the lock (size {size}, {jar.size} expected; "
                "or another sha256): it was removed; check the Maven mirror in jgo.conf",
                reason="jar_mismatch",
            )
        os.utime(draft, (_MTIME, _MTIME))
        draft.replace(folder / jar.name)
    finally:
        draft.unlink(missing_ok=True)
