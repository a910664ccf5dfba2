"""``moonsense export``: sessions as datasets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moonsense.cli.options import Json, parse_day_or_time, platform_option
from moonsense.cli.output import complain, note, show_json_value
from moonsense.cli.progress import SessionBar, ended_by_sigterm

if TYPE_CHECKING:
    from moonsense.export import ExportReport


class Format(StrEnum):
    """What is written."""

    PARQUET = "parquet"
    ARROW = "arrow"
    CSV = "csv"
    MCAP = "mcap"


class Engine(StrEnum):
    """What does the work beside this process."""

    PROCESSES = "processes"
    DASK = "dask"


def export(
    sessions: Annotated[
        list[str] | None,
        typer.Argument(metavar="SESSION", help="Ids of sessions; all without any.", show_default=False),
    ] = None,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DIR_OR_URL",
            help="A folder, or an object store: s3://bucket/prefix, gs://, az://.",
        ),
    ],
    format: Annotated[Format, typer.Option("--format", "-f", help="What to write.")] = Format.PARQUET,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="A folder of downloaded sessions. Without it: the cloud.",
            show_default=False,
        ),
    ] = None,
    sensor: Annotated[
        list[str] | None,
        typer.Option("--sensor", "-s", metavar="NAME", help="Only this table; again for several."),
    ] = None,
    since: Annotated[
        date | None,
        typer.Option(parser=parse_day_or_time, metavar="TIME", help="Of a cloud: created then or later."),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(parser=parse_day_or_time, metavar="TIME", help="Of a cloud: created then or before."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", "-l", metavar="LABEL", help="Of a cloud: only with this label; again for several."
        ),
    ] = None,
    platform: Annotated[
        list[str] | None,
        platform_option("Of a cloud: only of iOS, ANDROID or WEB."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="About so many rows a part. Without it: 1,000,000.", show_default=False
        ),
    ] = None,
    executor: Annotated[
        Engine | None,
        typer.Option(help="What does the work. Without it: this process.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of processes: how many. Without it: as processors.", show_default=False
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of dask: where its scheduler is, tcp://host:8786.", show_default=False
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary; only what failed.")
    ] = False,
    json: Json = False,
) -> None:
    """Write sessions as a dataset, and later those that came or grew since.

    Tables lie as sensor=<name>/date=<day>/, which DuckDB, polars, pandas and
    Spark read as they are; MCAP is a file a session, for Foxglove. The same
    command goes on where it was interrupted. Exits with 1 when a session could
    not be exported.
    """
    if (executor is Engine.DASK) != (scheduler is not None):
        raise typer.BadParameter("--executor dask and --scheduler ADDRESS go together")
    if workers is not None and executor is not Engine.PROCESSES:
        raise typer.BadParameter("--workers goes with --executor processes")
    filters: dict[str, Any] = {
        "labels": label or None,
        "platforms": platform or None,
        "since": _moment(since, end=False),
        "until": _moment(until, end=True),
    }
    filters = {name: value for name, value in filters.items() if value is not None}
    if filters and (folder is not None or sessions):
        given = " and ".join(f"--{name.removesuffix('s')}" for name in filters)
        beside = "--from" if folder is not None else "sessions that are named"
        raise typer.BadParameter(f"{given} chooses among a cloud's sessions and does not go with {beside}")
    from moonsense.export import ROWS
    from moonsense.export import export as run

    with (
        ended_by_sigterm(),
        _source(folder) as source,
        _executor(executor, workers, scheduler) as pool,
        SessionBar("exporting", quiet=quiet) as bar,
    ):
        try:
            report = run(
                source,
                to,
                format=format.value,
                sensors=sensor or None,
                sessions=sessions or None,
                rows=rows or ROWS,
                executor=pool,
                on_progress=bar.show,
                **filters,
            )
        except KeyboardInterrupt:
            note("interrupted; the same command goes on from here")
            raise
    if json:
        show_json_value(report.as_dict())
    elif not quiet:
        _say(report, to.partition("?")[0])
    for session_id, error in report.failures.items():
        complain("error", f"{session_id}: {' '.join(str(error).split())}")
    if report.failures:
        complain("try", "again: what is exported is not exported twice")
        raise typer.Exit(1)


def _say(report: ExportReport, to: str) -> None:
    note(
        f"{to}: exported {report.sessions:,} session{'' if report.sessions == 1 else 's'},"
        f" {report.rows:,} rows, {report.files:,} files, {report.size / 1e6:,.1f} MB"
        f" in {report.seconds:,.1f} s"
    )
    if report.unchanged:
        note(f"{report.unchanged:,} already there")
    if report.gone:
        note(f"{len(report.gone):,} no more in the source")


def _moment(value: date | None, *, end: bool) -> Any:
    """A day's first or last moment; a time as it is."""
    from datetime import UTC, datetime, time

    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time.max if end else time.min, UTC)


@contextlib.contextmanager
def _source(folder: Path | None) -> Iterator[Any]:
    if folder is not None:
        yield folder
        return
    from moonsense.client import Client

    with Client() as client:
        yield client


@contextlib.contextmanager
def _executor(kind: Engine | None, workers: int | None, scheduler: str | None) -> Iterator[Executor | None]:
    if kind is None:
        yield None
    elif kind is Engine.PROCESSES:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        # Not by fork: threads of libraries run here already.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow) as pool:
            yield pool
    else:
        from moonsense.errors import ConfigurationError, MissingExtraError

        try:
            from distributed import Client as Dask
        except ImportError:
            raise MissingExtraError("--executor dask", "dask") from None
        try:
            dask = Dask(scheduler, timeout="10s")  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"no scheduler of Dask answers at {scheduler}: {error}") from None
        with dask, dask.get_executor() as pool:  # type: ignore[no-untyped-call]
            yield pool


def _follow() -> None:
    """Make a process of the pool end when this one does, and not before.

    Ctrl-C reaches all processes of a terminal: this one hears it and ends the
    others. And one whose parent was killed would wait for work for ever.
    """
    import multiprocessing
    import os
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, name="moonsense-follow", daemon=True).start()
