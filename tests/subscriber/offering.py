"""An authority in memory that offers ranges at a store of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from overt_schemas.errors import OvertError
from overt_subscriber import ranges as offers
from overt_subscriber.bulk import LEAST_BYTES
from overt_subscriber.ranges import Offer
from overt_subscriber.runs import Page, Run
from tests.subscriber.range_server import Server

SIZE = LEAST_BYTES + 100
SECRET = "X-Amz-Signature=secret-of-a-url"


def run(number: int, size: int = SIZE) -> Run:
    return Run(
        run=f"r{number}", kind="part", device=b"d", boot=b"b", activity=0, stream=0, segment=number,
        first_batch=number, last_batch=number, records=1, bytes=size,
    )  # fmt: skip


def content(number: int, size: int = SIZE) -> bytes:
    return bytes([number + 1]) * size


@dataclass
class Twin:
    """An authority that offers ranges at a store; ``joined`` runs share one."""

    server: Server
    joined: int = 1
    valid_s: int = 60
    refusal: OvertError | None = None
    spoil: Callable[[dict[str, Any]], Any] = lambda answer: answer
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    known: dict[str, bytes] = field(default_factory=dict)

    def segments(self, grant: str, after: str, limit: int) -> Page:
        self.asked.append(("list", []))
        return Page(runs=(), next="", more=False)

    def read(self, grant: str, runs: Sequence[Run]) -> bytes:
        self.asked.append(("read", [one.run for one in runs]))
        return b"".join(content(one.first_batch, one.bytes) for one in runs)

    def ranges(self, grant: str, runs: Sequence[Run]) -> Offer:
        self.asked.append(("ranges", [one.run for one in runs]))
        if self.refusal is not None:
            raise self.refusal
        return offers.offer(self.spoil(self.answer(runs)), runs)

    def answer(self, runs: Sequence[Run]) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        for at in range(0, len(runs), self.joined):
            some = runs[at : at + self.joined]
            path = f"/hot/o{at}"
            data = b"".join(content(one.first_batch, one.bytes) for one in some)
            self.server.objects[path] = b"before" + data + b"behind"
            url = f"{self.server.url}{path}?{SECRET}"
            wanted = {"Range": f"bytes=6-{5 + len(data)}"}
            rows.append({"run": some[0].run, "url": url, "headers": wanted})
            rows += [{"run": one.run} for one in some[1:]]
        return {"ranges": rows, "valid_s": self.valid_s}


def whole(runs: Sequence[Run]) -> bytes:
    return b"".join(content(one.first_batch, one.bytes) for one in runs)
