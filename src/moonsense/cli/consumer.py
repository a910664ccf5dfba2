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

from moonsense.cli.options import Json, Platforms, is_ago, parse_time
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
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Which consumer of these checkpoints.")]
Chunks = Annotated[
    list[str] | None,
    typer.Argument(metavar="CHUNK", help="The ids of chunks; or --all.", show_default=False),
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
            metavar="WHEN",
            help="Where to begin at the first run: beginning, now, or a time such as 2026-03-01.",
            show_default=False,
        ),
    ],
    name: Name = "default",
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", "-l", metavar="NAME", help="Only with this label; again for several: any of them."
        ),
    ] = None,
    platform: Platforms = None,
    parallel: Annotated[int, typer.Option(min=1, metavar="N", help="Sessions at the same time.")] = 4,
    tries: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often a chunk is tried before it is given up.")
    ] = 5,
    poll: Annotated[
        float, typer.Option(min=0.01, metavar="SECONDS", help="Between two looks for new data.")
    ] = 10.0,
    lease: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="Until another process takes over from one that stands still."
        ),
    ] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Process what is there, and end.")] = False,
) -> None:
    """Call a function for every chunk of every session, until Ctrl-C or SIGTERM.

    What is under way then is finished first; a second Ctrl-C abandons it.

    The module is looked for in the current folder, too. A fourth parameter of
    the function, named transaction, gets the connection in whose transaction
    it is remembered that the chunk is done.

    How far it is is logged every minute.
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
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only this consumer.")] = None,
    trace: Annotated[bool, typer.Option("--traceback", help="Show the tracebacks, too.")] = False,
    json: Json = False,
) -> None:
    """Show how far consumers are, and the chunks that were given up. Times are UTC.

    DONE counts chunks, and BEHIND those that are known and not done: the oldest
    has waited FOR so long. DEAD are those that were given up. Of the SESSIONS
    that were found, some are WAITING to be looked at, and WORKING are looked at
    now.
    """
    from moonsense.consumer import open_checkpoints as open_

    with open_(checkpoints, readonly=True) as store:
        if name is not None:
            _known(store, name)
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
            typer.echo(f"\n{letter.chunk_id} of session {letter.session_id}\n{letter.traceback.rstrip()}")
    elif letters:
        note("moonsense consumer retry has them tried anew, skip leaves them out; --traceback shows more")


@app.command()
def retry(
    chunks: Chunks = None, *, every: All = False, checkpoints: Location, name: Name = "default"
) -> None:
    """Have chunks that were given up tried anew, as often as any. The consumer takes them up when it runs.

    Named ones that are still being tried are tried at once, and their tries
    counted anew.
    """
    _move(
        chunks,
        checkpoints,
        name,
        lambda store, ids: store.retry(name, ids),
        every=every,
        done="to be tried anew",
    )


@app.command()
def skip(chunks: Chunks = None, *, every: All = False, checkpoints: Location, name: Name = "default") -> None:
    """Leave chunks out for good: those that were given up, or that fail and hold their session up."""
    _move(chunks, checkpoints, name, lambda store, ids: store.skip(name, ids), every=every, done="left out")


def _move(
    chunks: list[str] | None,
    checkpoints: str,
    name: str,
    move: Callable[[Checkpoints, list[str] | None], list[str]],
    *,
    every: bool,
    done: str,
) -> None:
    from moonsense.consumer import open_checkpoints as open_
    from moonsense.errors import CheckpointError

    if bool(chunks) == every:
        raise typer.BadParameter("name chunks, or say --all")
    with open_(checkpoints, create=False) as store:
        _known(store, name)
        moved = move(store, chunks or None)
    for chunk_id in moved:
        typer.echo(chunk_id)
    if missing := sorted(set(chunks or ()).difference(moved)):
        raise CheckpointError(
            f"not among the chunks that failed: {', '.join(missing)} (moonsense consumer status shows those)"
        )
    note(f"{len(moved)} {done}" if moved else "there is no chunk that was given up")


def _known(store: Checkpoints, name: str) -> None:
    """Raises CheckpointError for a consumer that there is none of."""
    from moonsense.errors import CheckpointError

    names = [status.name for status in store.status()]
    if name not in names:
        raise CheckpointError(
            f"no consumer {name!r} was run on these checkpoints; moonsense consumer status shows which were"
            + (f": {', '.join(names)}" if names else "")
        )


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
    if is_ago(text):
        raise typer.BadParameter(f"{text!r} is another time at every start; write one such as 2026-03-01")
    return parse_time(text)


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
