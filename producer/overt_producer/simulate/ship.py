"""`simulate ship`: N real shippers in one process, a thread each. Kill it as you like."""

import threading
from pathlib import Path

from overt_producer.home import Home
from overt_producer.ship import Ship
from overt_producer.simulate.capture import homes_in
from overt_producer.spool.reader import Outgoing
from overt_producer.stopping import Stop
from overt_schemas.errors import OvertError, Permanent

LOOK_S = 0.2


def run(folder: Path, stop: Stop, *, until_empty: bool = False) -> dict[str, object]:
    """Ship for every home below ``folder`` until a signal.

    Args:
        folder: holds the homes.
        stop: the signal.
        until_empty: end by itself once no spool holds anything.
    """
    homes = homes_in(folder)
    if not homes:
        raise Permanent(f"{folder} holds no enrolled home: run `simulate enrol` first",
                        reason="homes")  # fmt: skip
    ships = [Ship(home) for home in homes]
    failures: list[OvertError] = []

    def work(ship: Ship) -> None:
        try:
            ship.run(stop.event)
        except OvertError as exc:
            failures.append(exc)
            stop.event.set()

    threads = [
        threading.Thread(target=work, args=(ship,), name=f"ship-{i}")
        for i, ship in enumerate(ships)
    ]
    for thread in threads:
        thread.start()
    while not stop.event.wait(LOOK_S):
        if until_empty and all(_is_empty(home) for home in homes):
            stop.event.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return {
        "devices": len(homes),
        "published_rows": sum(ship.published for ship in ships),
        "each": [{"device": home.path.name, **_account(home)} for home in homes],
    }


def _account(home: Home) -> dict[str, object]:
    outgoing = Outgoing(home.spool)
    try:
        return outgoing.account()
    finally:
        outgoing.close()


def _is_empty(home: Home) -> bool:
    pending = _account(home)["pending"]
    return isinstance(pending, dict) and not any(pending.values())
