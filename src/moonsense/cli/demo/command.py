"""The ``moonsense demo`` command."""

from __future__ import annotations

import contextlib
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moonsense.cli.options import Json
from moonsense.cli.output import note, show_json_value
from moonsense.cli.progress import Step, ended_by_sigterm

if TYPE_CHECKING:
    from moonsense.cli.demo.run import Recorded
    from moonsense.cli.demo.sources import Source
    from moonsense.cloud.embed import EmbeddedCloud

_SEAL_SECONDS = 0.5
"""Chunks are made this long after the last bundle: people watch, and nobody records for hours."""


def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Replay the recordings in this folder, <day>/[<group>/]<session>/, and do not simulate.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            file_okay=False,
            help="Keep the cloud's data in this folder. Without it: a temporary one.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave the cloud running until Ctrl-C, and print the environment to export."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed simulates other sessions.")] = 1,
    json: Json = False,
) -> None:
    """Record sessions into a cloud of your own, read every bundle back, and compare.

    Starts a cloud on a free port, records three walking phones, two
    people and a bot at a checkout form over HTTP, waits until chunks are
    persisted, lists the sessions, reads every bundle back, and checks
    item by item that what came back equals what went in: exit code 1 if
    it does not.
    """
    with contextlib.ExitStack() as closing:
        closing.enter_context(ended_by_sigterm())
        sources = _sources(data, seed)
        cloud = closing.enter_context(_cloud(data_dir))
        tell = _say_nothing if json else typer.echo
        tell(f"cloud      {cloud.url}, its data in {cloud.data_dir}")
        recorded = _run(cloud, sources, tell)
        equal = not any(one.differences for one in recorded)
        _show(cloud, recorded, keep=keep, json=json)
        if keep:
            _stay(cloud)
    if not equal:
        raise typer.Exit(1)


def _sources(data: Path | None, seed: int) -> list[Source]:
    from moonsense.cli.demo.sources import recordings, simulated

    return simulated(seed) if data is None else recordings(data)


def _cloud(data_dir: Path | None) -> EmbeddedCloud:
    from moonsense.cloud.embed import EmbeddedCloud

    return EmbeddedCloud(data_dir, seal_age_seconds=_SEAL_SECONDS)


def _run(cloud: EmbeddedCloud, sources: list[Source], tell: Callable[[str], None]) -> list[Recorded]:
    """The steps, each told with its time when it is done."""
    from moonsense.cli.demo.run import read_back, record, wait_for_chunks
    from moonsense.client import Client

    def client(token: str) -> Client:
        return Client(token, cloud.root_domain, "http", "")

    with Step("recording", len(sources)) as step, client(cloud.public_token) as device:
        recorded = record(device, sources, step.done)
    bundles = sum(one.bundles for one in recorded)
    items = sum(one.items.total() for one in recorded)
    size = f"{len(recorded)} sessions, {bundles:,} bundles, {items:,} items"
    tell(f"recorded   {size} over HTTP in {step.seconds:.1f} s")

    with client(cloud.secret_token) as reader:
        with Step("waiting for chunks", 1) as step:
            chunks = wait_for_chunks(reader, recorded)
        tell(f"persisted  {chunks:,} chunks, {step.seconds:.1f} s later")
        with Step("reading back", len(recorded)) as step:
            read_back(reader, recorded, step.done)
        tell(f"read back  {bundles:,} bundles and compared them in {step.seconds:.1f} s\n")
    return recorded


def _show(cloud: EmbeddedCloud, recorded: list[Recorded], *, keep: bool, json: bool) -> None:
    from moonsense.cli.demo.report import show_sessions, show_verdict, summary

    if json:
        about: dict[str, Any] = {"url": cloud.url, "data_dir": str(cloud.data_dir)}
        if keep:
            about["environment"] = cloud.environment
        show_json_value({**summary(recorded), "cloud": about})
        return
    show_sessions(recorded)
    typer.echo()
    show_verdict(recorded)
    if keep:
        typer.echo("\nThe cloud stays until Ctrl-C. In another terminal:\n")
        for name, value in cloud.environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")


def _stay(cloud: EmbeddedCloud) -> None:
    """Wait for Ctrl-C, which is how this is meant to end."""
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    note(f"\nstopping {cloud.url}")


def _say_nothing(_text: str) -> None:
    """With --json stdout has the document only."""
