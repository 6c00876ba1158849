"""The person's commands when no capture runs: they hold all the same, at once, without network."""

import sqlite3
from collections.abc import Callable
from functools import partial

from overt_producer import consent, readings
from overt_producer.capture_lock import Lock
from overt_producer.home import Home
from overt_producer.spool.schema import connect
from overt_producer.spool.store import Spool, account
from overt_producer.statements import signed
from overt_producer.will_store import WillStore, statement_of
from overt_schemas.errors import Refused


def status(home: Home) -> dict[str, object]:
    """Return the account as it lies on disk."""
    enrolled = home.enrolled()
    will, highest = _read(home)
    db: sqlite3.Connection = connect(home.spool)
    try:
        sums = account(db)
    finally:
        db.close()
    return {
        "capturing": False, "why_not": "not_running", "person": enrolled.person,
        "beacon": highest, "consent": will.state, "paused": will.is_paused, **sums,
    }  # fmt: skip


def pause(home: Home, *, is_paused: bool) -> dict[str, object]:
    """Remember a pause, or its end, for the next start."""
    with Lock(home):
        store = _store(home)
        will = store.will()
        store.save_will(consent.paused(will) if is_paused else consent.resumed(will))
        store.close()
    return status(home)


def withdraw(home: Home, *, is_opt_out: bool) -> dict[str, object]:
    """Take consent back; an opt-out also turns all content that waits into tombstones."""
    if is_opt_out:
        home.write("opted-out", f"{readings.now().wall_ms}\n")
    with Lock(home):
        now, signer = readings.now(), home.signer()
        store, spool = _store(home), Spool(home.spool)
        act = consent.opted_out if is_opt_out else consent.withdrawn
        after = act(store.will(), now.wall_ms)
        store.save_will(after)
        for earlier in after.owed:
            spool.say("consent", b"", signed(earlier, signer), now.wall_ms)
        store.save_will(consent.told(after))
        # Compared with what was stated, not with what was wanted: a call before may have been cut
        # short between the two.
        if after.receipt is not None and statement_of(after.receipt) != store.stated():
            spool.say("consent", b"", signed(after.receipt, signer), now.wall_ms)
            store.save_stated(after.receipt)
        if is_opt_out:
            spool.drop_opted_out(signer, now.wall_ms)
            spool.checkpoint(is_emptied=True)
        spool.close()
        store.close()
    return status(home)


def ask(home: Home) -> dict[str, object]:
    """Refuse: only a running capture knows the policy in force."""
    raise Refused(
        f"start `overtd capture --home {home.path}` first: it asks on your screen",
        reason="not_running",
    )


def _store(home: Home) -> WillStore:
    return WillStore(home.file("will.db"), home.signer(), home.enrolled().person)


def _read(home: Home) -> tuple[consent.Will, int]:
    store = _store(home)
    try:
        will = store.will()
        if home.opted_out.exists():
            will = consent.opted_out(will, 0)
        return will, store.highest()[0]
    finally:
        store.close()


ACTS: dict[str, Callable[[Home], dict[str, object]]] = {
    "status": status,
    "pause": partial(pause, is_paused=True),
    "resume": partial(pause, is_paused=False),
    "opt-out": partial(withdraw, is_opt_out=True),
    "withdraw": partial(withdraw, is_opt_out=False),
    "ask": ask,
}
