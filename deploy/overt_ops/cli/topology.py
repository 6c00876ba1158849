"""``stream-ops topology``: topics, principals, access, buckets and key policies as code."""

import json
from pathlib import Path
from typing import Annotated

import typer

from overt_ops.cli.options import Output, State
from overt_ops.devstack import Stack, default_state

app = typer.Typer(no_args_is_help=True, help="Topics and access as code (deploy/topology).")

Folder = Annotated[
    Path | None, typer.Option("--topology", help="Folder of the YAML files; default the tree's.")
]


@app.command()
def apply(
    state: State = None,
    topology: Folder = None,
    init_group: Annotated[
        list[str] | None,
        typer.Option(help="Let this group start at the first record kept; repeatable."),
    ] = None,
) -> None:
    """Make the live systems what the files declare, and print each change."""
    running = Stack.find(state or default_state())
    done = running.apply(topology, frozenset(init_group or ()))
    for change in done.changes:
        typer.echo(str(change))
    for note in done.notes:
        typer.echo(f"note: {note}")
    if not done.changes:
        typer.echo("nothing to change")


@app.command()
def show(topology: Folder = None, output: Output = "table") -> None:
    """Print what the files declare, and say what is wrong with them."""
    from overt_ops.topology import files

    declared = files.load(topology)
    if output == "json":
        document = {
            "topics": {
                t.name: {"partitions": t.partitions, **t.config} for t in declared.topics.values()
            },
            "access": [str(binding) for binding in sorted(declared.access)],
            "groups": declared.groups,
            "users": declared.users,
            "classes": declared.classes,
        }
        typer.echo(json.dumps(document))
        return
    for topic in declared.topics.values():
        keep = topic.config.get("retention.ms")
        kept = f"{int(keep) // 3_600_000} h" if keep else "compacted"
        typer.echo(f"{topic.name:24}{topic.partitions:3} partitions  {kept}")
    for binding in sorted(declared.access):
        typer.echo(str(binding))
