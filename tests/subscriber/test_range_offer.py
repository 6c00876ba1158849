"""An offer of ranges is taken only if it is exactly what was asked for, over a private way."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from overt_schemas.errors import Malformed
from overt_subscriber.bulk import Bulk
from overt_subscriber.settings import Ranges
from tests.subscriber.offering import SIZE, Twin, run, whole
from tests.subscriber.range_server import serving


def changed(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    def change(answer: dict[str, Any]) -> Any:
        answer["ranges"][3].update(fields)
        return answer

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        changed(run="other"),
        changed(url="http://store.example/hot/o3?X-Amz-Signature=secret-of-a-url"),
        changed(url="ftp://127.0.0.1/o?X-Amz-Signature=secret-of-a-url"),
        changed(url="https://user@store.example/o?X-Amz-Signature=secret-of-a-url"),
        changed(url="https://[bad/o?X-Amz-Signature=secret-of-a-url"),
        changed(url=7),
        changed(headers={"Range": "bytes=6-9"}),
        changed(headers={"Range": f"bytes=6-{5 + SIZE}", "Cookie": "a"}),
        changed(headers={"Range": f"bytes=6-{5 + SIZE},0-1"}),
        changed(headers={}),
        lambda answer: {**answer, "ranges": answer["ranges"][:-1]},
        lambda answer: {**answer, "ranges": answer["ranges"][::-1]},
        lambda answer: {**answer, "valid_s": "soon"},
        lambda answer: {"ranges": None},
        lambda answer: {"ranges": [{"run": row["run"]} for row in answer["ranges"]], "valid_s": 9},
    ],
    ids=[
        "other-run", "in-the-clear", "ftp", "user", "no-host", "no-text", "shorter", "cookie",
        "list", "no-range", "one-less", "reversed", "no-number", "no-list", "no-url",
    ],
)  # fmt: skip
def test_an_offer_that_is_not_exactly_what_was_asked_for_is_not_taken(
    spoil: Callable[[dict[str, Any]], Any],
) -> None:
    runs = [run(number) for number in range(8)]

    with serving() as server:
        twin = Twin(server, spoil=spoil)
        with Bulk(twin, Ranges(at_least_bytes=SIZE)) as bulk:
            assert bulk.read("g-1", runs) == whole(runs)
        with pytest.raises(Malformed) as caught:
            twin.ranges("g-1", runs)

    assert server.seen == []
    assert "secret" not in "".join(traceback.format_exception(caught.value))
