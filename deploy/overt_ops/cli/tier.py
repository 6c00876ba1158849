"""``stream-ops tier``: where what is stored stands, what moves when, and how it goes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from overt_ops.cli.keeping import keep
from overt_ops.cli.options import Config, Output, State
from overt_ops.keeping import tier_view
from overt_ops.keeping.process import ERASER, MOVER, VERIFIER
from overt_schemas.errors import Permanent

app = typer.Typer(
    no_args_is_help=True,
    help="The tiers: hot (as it came), warm (an object a person and day), cold (as warm, for less)."
    "\n\n"
    "Ages and retention are declared in deploy/topology/tiers.yaml; `tier lifecycle` shows what "
    "follows from them. Moving opens nothing and loses nothing. `erase-day` and `expire` delete "
    "for good, in every tier and version; nothing but a hold keeps them from it.",
)
holds = typer.Typer(
    no_args_is_help=True,
    help="Legal holds: nothing of a held person expires, is erased or deleted. It may be moved.",
)
app.add_typer(holds, name="hold")

PersonOption = Annotated[str, typer.Option("--person", help="A pseudonym (p-…).")]
DayOption = Annotated[str, typer.Option("--day", help="YYYY-MM-DD.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it, without being asked.")]


@app.command("list")
def list_(state: State = None, config: Config = None, output: Output = "table") -> None:
    """Show what each tier holds, by class."""
    _keep(["tiers"], VERIFIER, tier_view.tiers, state, config, output)


@app.command()
def show(
    tier: Annotated[str, typer.Argument(help="hot, warm or cold.")],
    state: State = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Show one tier by day and class. Hot objects are of no one day: they hold what came."""
    if tier not in ("hot", "warm", "cold"):
        raise Permanent(f"no tier called {tier[:20]!r}: hot, warm or cold", reason="usage")
    _keep(["tiers", "--tier", tier], VERIFIER, tier_view.days, state, config, output)


@app.command()
def lifecycle(state: State = None, config: Config = None, output: Output = "table") -> None:
    """Show what is packed, moved on and expires next, and from when on. Changes nothing."""
    _keep(["lifecycle"], VERIFIER, tier_view.lifecycle, state, config, output)


@app.command()
def move(
    state: State = None,
    config: Config = None,
    watch: Annotated[bool, typer.Option("--watch", help="A pass a minute, until ctrl-c.")] = False,
    output: Output = "table",
) -> None:
    """Pack finished days into warm, move on to cold what is due, let go of what was moved.

    One pass, as `mover`, which holds no key. Each copy is read back and compared before the index
    points at it, and what stood in hot stays readable for the grace. Interrupted or killed
    anywhere, the next pass goes on; two at once are safe. Exit 3: a copy was not what it must
    be, and nothing of it was switched or deleted.
    """
    words = ["move", *(["--watch"] if watch else [])]
    keep(words, MOVER, tier_view.moved, state=state, config=config, output=output)


@app.command()
def restore(
    state: State = None,
    config: Config = None,
    object_: Annotated[str, typer.Option("--object", help="One cold object, by name.")] = "",
    person: PersonOption = "",
    day: DayOption = "",
    output: Output = "table",
) -> None:
    """Bring cold objects back to warm: one, or those of a person's day.

    The cold copy goes at the next `tier expire`, after the grace. An archived storage class has to
    be asked for at the store first; then this says so.
    """
    words = ["restore"]
    for option, value in (("--object", object_), ("--person", person), ("--day", day)):
        words += [option, value] if value else []
    keep(words, MOVER, tier_view.moved, state=state, config=config, output=output)


@app.command()
def expire(
    state: State = None, config: Config = None, yes: Yes = False, output: Output = "table"
) -> None:
    """Show what its retention is over for; with --yes, delete it. That cannot be undone.

    Whole objects of a day and class, in every version, as `eraser`. Whom a hold names is left. The
    ledger keeps that the offsets expired: `sink verify` stays clean.
    """
    words = ["retention", "run" if yes else "plan"]
    view = tier_view.expired if yes else tier_view.expiring
    keep(
        words, ERASER if yes else VERIFIER, view, state=state, config=config, output=output,
        tells=yes,
    )  # fmt: skip


@app.command("erase-day")
def erase_day(
    person: Annotated[str, typer.Argument(help="A pseudonym (p-…).")],
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD, as the endpoint had it.")],
    state: State = None,
    config: Config = None,
    yes: Yes = False,
    output: Output = "table",
) -> None:
    """Erase one person's day from every tier and version. This cannot be undone.

    As `eraser`, which holds no key. In hot its records become zeros in place, so that everybody
    else's bytes stay where they are; in warm and cold its objects go. It touches neither Kafka
    (parts expire there after 7 days) nor keys. Interrupted, repeat it: it goes on. A person on
    hold is refused (exit 4). What arrives for that day meanwhile is left (exit 5): stop it first.
    """
    _be_sure(f"erase everything of {day} of this person, in every tier, for good?", yes)
    words = ["erase-day", "--person", person, "--day", day]
    keep(words, ERASER, tier_view.erased, state=state, config=config, output=output)


@holds.command("add")
def hold_add(
    person: Annotated[str, typer.Argument(help="A pseudonym (p-…).")],
    ticket: Annotated[str, typer.Option("--ticket", help="The order behind it, by its number.")],
    state: State = None,
    config: Config = None,
) -> None:
    """Place a hold: nothing of that person expires or can be erased until it is lifted."""
    words = ["hold", "add", "--person", person, "--ticket", ticket]
    keep(words, ERASER, None, state=state, config=config, tells=False)


@holds.command("remove")
def hold_remove(
    person: Annotated[str, typer.Argument(help="A pseudonym (p-…).")],
    state: State = None,
    config: Config = None,
) -> None:
    """Lift a hold: retention and erasure take up again what they had to leave."""
    words = ["hold", "remove", "--person", person]
    keep(words, ERASER, None, state=state, config=config, tells=False)


@holds.command("list")
def hold_list(state: State = None, config: Config = None, output: Output = "table") -> None:
    """Show who is on hold, since when, and by which order."""
    _keep(["hold", "list"], VERIFIER, tier_view.holds, state, config, output)


def _keep(
    words: list[str], identity: str, view: tier_view.View, state: Path | None,
    config: Path | None, output: str,
) -> None:  # fmt: skip
    keep(words, identity, view, state=state, config=config, output=output, tells=False)


def _be_sure(question: str, yes: bool) -> None:
    """Return if it is meant: asked on a terminal, said with --yes anywhere else."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Permanent("nothing was erased: say --yes, since nobody can be asked", reason="usage")
    if not typer.confirm(question):
        raise Permanent("nothing was erased: the answer was no", reason="declined")
