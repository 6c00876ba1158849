"""The life of stored parts for the canary: hot, warm, cold, old versions, a half-done upload.

Real servers, the real commands as processes; every place where content could have ended up is left
as it lies on a disk, or is fetched from the store version by version.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
from confluent_kafka import Producer

from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_schemas import client
from overt_schemas.topics import PART
from overt_sinks import container
from overt_sinks.index import Index
from tests.conformance import postgres
from tests.sinks.rewritten import rewritten
from tests.sinks.storm.hands import PROGRAM

COLD_DAY, WARM_DAY, HOT_DAY = "2026-11-10", "2026-11-20", "2026-11-25"
_PEOPLE = 2
_BUCKETS = ("hot", "warm", "cold")
_TIERS = {"after_s": 0, "grace_s": 0, "late_bytes": 0, "late_s": 0, "min_hot_age_s": 0}
_CUT_OFF = """
import boto3, os, signal, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1",
                  aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3])
name = "person=-/half.avro"
upload = s3.create_multipart_upload(Bucket="warm", Key=name)
s3.upload_part(Bucket="warm", Key=name, PartNumber=1, UploadId=upload["UploadId"],
               Body=sys.stdin.buffer.read())
os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Life:
    """One life; what its commands said lies in ``said``, what was fetched in ``fetched``.

    Attributes:
        person: whom the commands name.
        days: the framed parts of ``COLD_DAY``, ``WARM_DAY`` and ``HOT_DAY``.
        env: of every command, on top of ours.
    """

    running: Running
    folder: Path
    person: str
    days: Mapping[str, Sequence[bytes]]
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.said, self.fetched = self.folder / "said", self.folder / "fetched"
        self.index, self.warehouse = self.folder / "index", self.folder / "warehouse"
        for folder in (self.said, self.fetched, self.index):
            folder.mkdir(parents=True, mode=0o700)
        self.index_url = f"sqlite:///{self.index / 'index.db'}"
        # Open to the end: who closes a database last folds its log into the file.
        self.kept = Index(self.index_url)
        self.kept.create()

    def live(self) -> None:
        """Store, move, erase, publish and look at it, by every command that there is."""
        for bucket in _BUCKETS:
            self.s3().put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        self.sink(COLD_DAY)
        self.command("mover", "move")
        assert until(self.is_cold, 30, 0.2)  # a second after it was packed
        self.sink(WARM_DAY)
        self.command("mover", "move")
        self.sink(HOT_DAY)
        self.command("verifier", "tiers")
        self.command(
            "eraser", "hold", "add", "--person", self.person, "--ticket", "T-1", json=False
        )
        self.command("verifier", "hold", "list")
        self.command("verifier", "publish", "--warehouse", f"file://{self.warehouse}")
        for name in ("verify", "gaps"):
            self.command("verifier", name)
        self.command("verifier", "reconcile", codes=(0, 3))  # what the next mover would delete
        self.version_again()
        self.cut_off()
        self.command("verifier", "sweep", codes=(0, 4))
        self.fetch()

    def sink(self, day: str) -> None:
        """Put a day's parts on the topic and have them sunk."""
        producer = Producer(client.producer(self.running.admin()))
        for value in self.days[day]:
            producer.produce(PART, value, b"device", partition=0)
        assert producer.flush(30) == 0
        config = self.config("sink")
        argv = [PROGRAM, "run", "--config", str(config)]
        goal = self.indexed() + len(self.days[day])
        with self._said("run").open("wb") as out:
            sink = subprocess.Popen(argv, stdout=out, stderr=out, env=self._env())
            try:
                level = until(lambda: self.indexed() >= goal or sink.poll() is not None, 60, 0.1)
                assert level, "the sink is not done"
                sink.send_signal(signal.SIGTERM)
                assert sink.wait(20) == 0, self._said("run").read_text()[-500:]
            finally:
                sink.kill()

    def indexed(self) -> int:
        """Return how many records the index has ever had."""
        return sum(link.records for link in self.kept.links())

    def command(
        self,
        who: str,
        *words: str,
        codes: tuple[int, ...] = (0,),
        tiers: Mapping[str, Any] = MappingProxyType({}),
        json: bool = True,
    ) -> None:
        """Run a command with JSON for output and keep all it says."""
        changes = {"tiers": {**_TIERS, "cold_after_s": 0, **tiers}}
        argv = [PROGRAM, *words, "--config", str(self.config(who, changes))]
        argv += ["-o", "json"] if json else []
        done = subprocess.run(
            argv, check=False, capture_output=True, timeout=120, env=self._env()
        )  # fmt: skip
        path = self._said(words[0])
        path.with_suffix(".out").write_bytes(done.stdout)
        path.with_suffix(".err").write_bytes(done.stderr)
        assert done.returncode in codes, (words, done.returncode, done.stderr[-400:])

    def is_cold(self) -> bool:
        """Have a mover pass, and say whether everybody's first day stands in cold."""
        self.command("mover", "move", tiers={"cold_after_s": 1})
        return len(self.s3().list_objects_v2(Bucket="cold").get("Contents", [])) == _PEOPLE

    def version_again(self) -> None:
        """Put something else over an object of each tier: the old version stays behind it."""
        for bucket in _BUCKETS:
            found = self.s3().list_objects_v2(Bucket=bucket).get("Contents", [])
            name = next(o["Key"] for o in found if not o["Key"].startswith("probe/"))
            self.s3().put_object(Bucket=bucket, Key=name, Body=b"another")

    def cut_off(self) -> None:
        """Begin a multipart upload of an object's bytes, in a process that is killed over it."""
        access, secret = self._root()
        argv = [sys.executable, "-c", _CUT_OFF, self.running.store_url, access, secret]
        done = subprocess.run(argv, input=self.objects("hot")[0], check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        assert self.s3().list_multipart_uploads(Bucket="warm")["Uploads"]

    def objects(self, bucket: str) -> list[bytes]:
        """Return every version of every object of a bucket."""
        versions = self.s3().list_object_versions(Bucket=bucket).get("Versions", [])
        return [
            self.s3()
            .get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"]
            .read()
            for one in versions
            if not one["Key"].startswith("probe/") and one["Size"] > 100
        ]

    def fetch(self) -> None:
        """Put every version of every tier into files of their own."""
        for bucket in _BUCKETS:
            folder = self.fetched / bucket
            folder.mkdir()
            for number, data in enumerate(self.objects(bucket)):
                (folder / f"{number}.avro").write_bytes(data)

    def index_in_postgres(self) -> Path:
        """Index what stands in hot once more, in a real PostgreSQL; return its data folder."""
        server = postgres.server()
        index = Index(server.url(server.database()))
        index.create()
        for path in sorted((self.fetched / "hot").iterdir()):
            index.insert(container.adopt(path.read_bytes()), 1)
        index.close()
        with server.connect() as db:
            db.execute("CHECKPOINT")
        return server.folder

    def config(self, who: str, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
        """Return settings of this life's own index."""
        own = self.folder / f"{who}-{len(list(self.folder.iterdir()))}"
        mine = {"index": {"url": self.index_url}}
        return rewritten(self.running.settings(who), own, {**mine, **(changes or {})})

    def s3(self) -> Any:
        """Return a client of the store as its root."""
        access, secret = self._root()
        return boto3.client(
            "s3", endpoint_url=self.running.store_url, region_name="us-east-1",
            aws_access_key_id=access, aws_secret_access_key=secret,
        )  # fmt: skip

    def _root(self) -> tuple[str, str]:
        folder = self.running.layout.principal("store-root")
        return (folder / "s3.access").read_text(), (folder / "s3.secret").read_text()

    def _said(self, name: str) -> Path:
        return self.said / f"{name}-{len(list(self.said.iterdir()))}.log"

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.env}
