"""``moonsense consumer``: process chunks, and see to those that could not be."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moonsense.cli.options import Json, parse_time
from moonsense.cli.output import Column, note, show_json_value, show_table

if TYPE_CHECKING:
    from moonsense.consumer import Checkpoints, ConsumerStatus, DeadLetter

app = typer.Typer(
    no_args_is_help=True,
    help="Process the chunks of a project's sessions, and see to those that could not be processed.",
)

Location = Annotated[
    str,
    typer.Option(
        "--checkpoints",
        "-c",
        envvar="MOONSENSE_CHECKPOINTS",
        metavar="PLACE",
        help="Where it is kept what is done: a SQLite file, a file *.jsonl, or postgresql://…",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Option("--name", help="Which consumer of these checkpoints.")]
Chunks = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CHUNK]...", help="The ids of chunks.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All chunks that were given up.")]


@app.command()
def run(
    handler: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:HANDLER",
            help="The function to call, as handler(session, chunk, bundles).",
            show_default=False,
        ),
    ],
    *,
    checkpoints: Location,
    start: Annotated[
        str,
        typer.Option(
            help="Where to begin at the first run: beginning, now, or a time such as 2026-03-01.",
            show_default=False,
        ),
    ],
    name: Name = "default",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", help="Only sessions with this label; several: any of them."),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", "-p", help="Only sessions of this platform; several: any of them."),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Sessions at the same time.")] = 4,
    tries: Annotated[int, typer.Option(min=1, help="How often a chunk is tried before it is given up.")] = 5,
    poll: Annotated[float, typer.Option(help="Seconds between two looks for new data.")] = 10.0,
    lease: Annotated[
        float, typer.Option(help="Seconds until another process takes over from one that stands still.")
    ] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Process what is there, and end.")] = False,
) -> None:
    """Call a function for every chunk of every session, until Ctrl-C or SIGTERM.

    What is under way then is finished first; a second Ctrl-C abandons it. The
    module is looked for in the current folder, too. How far it is is logged.
    """
    from moonsense.client import Client
    from moonsense.consumer import Consumer
    from moonsense.consumer import open_checkpoints as open_

    function = _function(handler)
    if not logging.getLogger().handlers:  # not with --debug, which has set it up
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
        logging.getLogger("moonsense.consumer").setLevel(logging.INFO)
    with Client() as client, open_(checkpoints) as store:
        consumer = Consumer(
            client,
            checkpoints=store,
            start=_start(start),
            name=name,
            labels=label,
            platforms=platform,
            parallel=parallel,
            tries=tries,
            poll=poll,
            lease=lease,
        )
        result = consumer.run(function, once=once)
    note(f"{result.done} chunks done, {result.failed} tries failed, {result.dead} chunks given up")


@app.command()
def status(
    *,
    checkpoints: Location,
    name: Annotated[str | None, typer.Option("--name", help="Only this consumer.")] = None,
    trace: Annotated[bool, typer.Option("--traceback", help="Show the tracebacks, too.")] = False,
    json: Json = False,
) -> None:
    """Show how far consumers are, and the chunks that were given up. Times are UTC."""
    from moonsense.consumer import open_checkpoints as open_

    with open_(checkpoints, readonly=True) as store:
        consumers, letters = store.status(name), store.dead_letters(name)
    if json:
        show_json_value([_as_json(status, letters) for status in consumers])
        return
    if not consumers:
        note("no consumer was run on these checkpoints yet")
        return
    show_table(
        [
            Column("CONSUMER", whole=True),
            Column("START", rank=3),
            Column("SESSIONS", right=True, rank=2),
            Column("WAITING", right=True, rank=1),
            Column("WORKING", right=True, rank=1),
            Column("DONE", right=True),
            Column("BEHIND", right=True),
            Column("FOR", right=True),
            Column("DEAD", right=True),
        ],
        [
            (
                status.name,
                _begun(status),
                str(status.sessions),
                str(status.waiting),
                str(status.working),
                str(status.processed),
                str(status.lag_chunks),
                f"{status.lag_seconds:.0f} s",
                str(status.dead),
            )
            for status in consumers
        ],
    )
    if letters:
        typer.echo()
        _show_letters(letters)
    if trace:
        for letter in letters:
            typer.echo(f"\n{letter.chunk_id}\n{letter.traceback.rstrip()}")
    elif letters:
        note("moonsense consumer retry tries them anew, skip leaves them out; --traceback shows more")


@app.command()
def retry(
    chunks: Chunks = None, *, every: All = False, checkpoints: Location, name: Name = "default"
) -> None:
    """Have chunks that were given up tried anew. The consumer takes them up when it runs."""
    _move(chunks, checkpoints, every=every, move=lambda store, ids: store.retry(name, ids))


@app.command()
def skip(chunks: Chunks = None, *, every: All = False, checkpoints: Location, name: Name = "default") -> None:
    """Leave chunks out for good: those that were given up, or that fail and hold their session up."""
    _move(chunks, checkpoints, every=every, move=lambda store, ids: store.skip(name, ids))


def _move(
    chunks: list[str] | None,
    checkpoints: str,
    *,
    every: bool,
    move: Callable[[Checkpoints, list[str] | None], list[str]],
) -> None:
    from moonsense.consumer import open_checkpoints as open_
    from moonsense.errors import CheckpointError

    if bool(chunks) == every:
        raise typer.BadParameter("name chunks, or say --all")
    with open_(checkpoints, create=False) as store:
        moved = move(store, chunks or None)
    for chunk_id in moved:
        typer.echo(chunk_id)
    if missing := sorted(set(chunks or ()).difference(moved)):
        raise CheckpointError(
            f"not among the chunks that failed: {', '.join(missing)} (moonsense consumer status shows those)"
        )
    note(f"{len(moved)} chunks")


def _function(spec: str) -> Callable[..., Any]:
    """The function that ``module:name`` names."""
    module_name, _, path = spec.partition(":")
    if not module_name or not path:
        raise typer.BadParameter(f"{spec!r} is not MODULE:HANDLER, such as steps:count")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 (a text)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise  # the module is there, and imports what is not
        raise typer.BadParameter(f"there is no module {module_name!r} here or installed") from None
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise typer.BadParameter(f"{module_name} has no function {path!r}")
    function: Callable[..., Any] = found
    return function


def _start(text: str) -> str | datetime:
    if text in ("beginning", "now"):
        return text
    if parse_time(text) != (moment := parse_time(text)):
        raise typer.BadParameter(f"{text!r} is another time at every start; write one such as 2026-03-01")
    return moment


def _begun(status: ConsumerStatus) -> str:
    if status.begun_at is None:
        return status.start
    moment = f"{status.begun_at:%Y-%m-%d %H:%M:%S}"
    return f"now, at {moment}" if status.start == "now" else moment


def _show_letters(letters: list[DeadLetter]) -> None:
    show_table(
        [
            Column("DEAD CHUNK", whole=True),
            Column("SESSION", whole=True, rank=2),
            Column("FAILED", rank=1),
            Column("TRIES", right=True, rank=1),
            Column("ERROR"),
        ],
        [
            (
                letter.chunk_id,
                letter.session_id,
                f"{letter.failed_at:%Y-%m-%d %H:%M:%S}",
                str(letter.attempts),
                letter.error,
            )
            for letter in letters
        ],
    )


def _as_json(status: ConsumerStatus, letters: list[DeadLetter]) -> dict[str, Any]:
    mine = [asdict(letter) for letter in letters if letter.consumer == status.name]
    return {**asdict(status), "dead_letters": mine}
