"""Whether a store holds the bearer of a presigned GET to its range: tried for real, not believed.

Some servers check a signature and then answer whatever ``Range`` came, or none of them. So before
a URL is given to anybody, one is made for the first bytes of an object (a container's header:
nobody's content), used as it is meant, and then in every way that could bring more. An item that
could not be tried has not passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from overt_authority.grants.presign import Presigned, Presigner
from overt_schemas.errors import Transient

FIRST, SIZE = 4, 64  # of a container's header: behind its magic, within its schema
LEAST_BYTES = 1024  # an object in which every range that is tried exists
VALID_S = 60
_REFUSED = frozenset({400, 401, 403})
_SOON = httpx.Timeout(5.0)
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse:
    """A request that the store must refuse; ``item`` names it."""

    item: str
    url: str = field(repr=False)
    headers: Headers
    method: str = "GET"


def misuses(signer: Presigner, tier: str, names: Sequence[str], now_ms: int) -> list[Misuse]:
    """Return every way to get more out of a URL than it was made for. Pure.

    ``names``: one or two objects of the tier that are there.
    """
    good = signer.get(tier, names[0], FIRST, SIZE, VALID_S, now_ms)
    old = signer.get(tier, names[0], FIRST, SIZE, VALID_S, now_ms - (VALID_S + 5) * 1000)
    asked = good.headers["Range"]
    other = names[1] if len(names) > 1 else f"{names[0]}.other"
    # A store that takes it is to delete nobody's bytes.
    nothing = signer.get(tier, f"{names[0]}.none", FIRST, SIZE, VALID_S, now_ms)
    elsewhere = signer.get(tier, other, FIRST, SIZE, VALID_S, now_ms).url.partition("?")[0]
    query = good.url.partition("?")[2]

    def with_range(item: str, *values: str) -> Misuse:
        return Misuse(item=item, url=good.url, headers=[("Range", value) for value in values])

    return [
        with_range("no_range"),
        with_range("other_range", f"bytes={FIRST + 100}-{FIRST + SIZE + 99}"),
        with_range("wider_range", f"bytes=0-{FIRST + SIZE}"),
        with_range("narrower_range", f"bytes={FIRST}-{FIRST + 7}"),
        with_range("open_range", f"bytes={FIRST}-"),
        with_range("two_ranges", asked, "bytes=0-500"),
        with_range("list_of_ranges", f"{asked},100-500"),
        Misuse(
            item="unsigned_range", headers=[],
            url=good.url.replace("host%3Brange", "host"),
        ),
        Misuse(item="other_object", url=f"{elsewhere}?{query}", headers=[("Range", asked)]),
        Misuse(item="longer_life", headers=[("Range", asked)],
               url=good.url.replace(f"Expires={VALID_S}&", f"Expires={100 * VALID_S}&")),
        Misuse(item="expired", url=old.url, headers=[("Range", asked)]),
        Misuse(item="head", url=good.url, headers=[("Range", asked)], method="HEAD"),
        Misuse(item="delete", url=nothing.url, headers=[("Range", asked)], method="DELETE"),
    ]  # fmt: skip


def failed_item(
    signer: Presigner, tier: str, names: Sequence[str], expected: bytes, now_ms: int
) -> str | None:
    """Return the first item that a tier's store does not pass, or None. Blocks for some requests.

    Raises:
        Transient: it does not answer, or stumbles: nothing is known.
    """
    good = signer.get(tier, names[0], FIRST, SIZE, VALID_S, now_ms)
    with httpx.Client(timeout=_SOON, trust_env=False, follow_redirects=False) as http:
        if not _brings(http, good, expected):
            return "exact_range"
        for misuse in misuses(signer, tier, names, now_ms):
            status, _ = _ask(http, misuse.method, misuse.url, misuse.headers)
            if status not in _REFUSED:
                return misuse.item
    return None


def _brings(http: httpx.Client, good: Presigned, expected: bytes) -> bool:
    status, body = _ask(http, "GET", good.url, list(good.headers.items()))
    return status == httpx.codes.PARTIAL_CONTENT and body == expected


def _ask(http: httpx.Client, method: str, url: str, headers: Headers) -> tuple[int, bytes]:
    try:
        with http.stream(method, url, headers=list(headers)) as answer:
            body = bytearray()
            for piece in answer.iter_raw():
                body += piece
                if len(body) > LEAST_BYTES:
                    break  # far too much: the rest would only be more of it
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        # Not chained: its message may hold the URL.
        raise Transient("the store does not answer", reason="store") from None
    if status >= 500 or status in (408, 429):
        raise Transient("the store stumbles", reason="store")
    return status, bytes(body)
