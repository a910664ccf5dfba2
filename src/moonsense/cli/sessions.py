"""``moonsense sessions``: list, show, read, download, label and delete them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moonsense.cli.options import SHOWN, Json, Limit, Platforms, SessionId, parse_time
from moonsense.cli.output import (
    Column,
    note,
    show_json,
    show_json_lines,
    show_json_list,
    show_json_value,
    show_table,
)
from moonsense.cli.summary import BundleSummary, show_summary
from moonsense.display.words import labels_text, session_facts, session_row, totals

if TYPE_CHECKING:
    from moonsense.models.data_plane_v2_sdk_pb2 import Session

_NOT_SOUND = 7
"""The exit code of what is not what it should be, as for errors of data."""

app = typer.Typer(no_args_is_help=True, help="List, show, read, download, label and delete sessions.")


@app.command("list")
def list_sessions(
    *,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", "-l", metavar="LABEL", help="Only with this label; again for any of several."
        ),
    ] = None,
    platform: Platforms = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="Created then or later: a date, a time, or 2h, 7d ago."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="Created then or before.")
    ] = None,
    journey: Annotated[str | None, typer.Option(help="Only of this journey.", metavar="ID")] = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List sessions, newest first. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_sessions(
            labels=label or None,
            platforms=platform or None,
            journey_id=journey,
            since=since,
            until=until,
        )
        if json:
            show_json_list(islice(found, limit))
            return
        shown = list(islice(found, limit or SHOWN))
        more = limit is None and len(shown) == SHOWN and next(iter(found), None) is not None
    if not shown:
        note("no sessions")
        return
    _show_sessions(shown)
    if more:
        note(f"the newest {SHOWN}; --limit shows more, --json all")


def _show_sessions(found: Iterable[Session]) -> None:
    columns = [
        Column("SESSION", whole=True),
        Column("CREATED", rank=3),
        Column("PLATFORM"),
        Column("LABELS"),
        Column("BUNDLES", right=True),
        Column("ITEMS", right=True, rank=4),
        Column("DURATION", right=True, rank=2),
        Column("JOURNEY", whole=True, rank=5),
    ]

    show_table(columns, map(session_row, found))


@app.command()
def show(
    session: SessionId,
    *,
    full: Annotated[bool, typer.Option("--full", help="With --json: counters with their buckets.")] = False,
    json: Json = False,
) -> None:
    """Show one session: its device, labels and counters."""
    from moonsense.client import Client

    with Client() as client:
        found = client.describe_session(session, minimal=not full)
    if json:
        show_json(found)
        return
    items = ((name, f"{count:,}") for name, count in totals(found)[1].items())
    rows = [*session_facts(found), *items]
    show_table([Column(""), Column("")], [row for row in rows if row[1]])


@app.command()
def read(
    session: SessionId,
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Every bundle as a line of JSON (NDJSON) on stdout.")
    ] = False,
) -> None:
    """Read every bundle of a session: a summary, or with --json the bundles themselves."""
    from moonsense.client import Client

    with Client() as client:
        bundles = client.read_session(session)
        if json:
            show_json_lines(bundles)
            return
        summary = BundleSummary()
        summary.add_all(bundles)
    show_summary(summary)


@app.command()
def check(session: SessionId, *, json: Json = False) -> None:
    """Read all of a session and say what is missing or wrong: gaps, repeats, digests, counters.

    Exits with 7 when something is.
    """
    from dataclasses import asdict

    from moonsense.client import Client

    with Client() as client:
        report = client.check_session(session)
    if json:
        show_json_value(
            asdict(report)
            | {"repeats": {str(index): times for index, times in report.repeats.items()}, "ok": report.ok}
        )
    else:
        found = [
            ("missing", ", ".join(_range_text(*gap) for gap in report.gaps)),
            ("there again", ", ".join(f"{index:,}" for index in report.repeats)),
            ("out of order", f"{report.out_of_order:,}" if report.out_of_order else ""),
            ("without an index", f"{report.unnumbered:,}" if report.unnumbered else ""),
            *(
                (f"counter {name}", f"{told:,} told, {counted:,} counted")
                for name, (told, counted) in report.counters.items()
            ),
            *(("problem", problem) for problem in report.problems),
        ]
        rows = [
            ("bundles", f"{report.bundles:,}"),
            ("indices", _range_text(report.first_index or 0, report.last_index or 0)),
            ("marked as ended", "yes" if report.finished else "no"),
            ("chunks", f"{report.chunks:,}, {report.chunks_verified:,} compared with a digest"),
            *(row for row in found if row[1]),
            ("result", "sound" if report.ok else "not sound"),
        ]
        show_table([Column(""), Column("")], rows)
    if not report.ok:
        raise typer.Exit(_NOT_SOUND)


def _range_text(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


@app.command()
def download(
    session: SessionId,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write. Without it: SESSION.json here."
        ),
    ] = None,
) -> None:
    """Write a session's bundles to a file, a JSON document a line.

    The file appears when it is whole; one that was there stays as it is until then.
    """
    from moonsense.client import Client

    target = output or Path(f"{session}.json")
    with Client() as client:
        client.download_session(session, str(target))
    if target.is_file():
        note(f"{target}: {target.stat().st_size:,} bytes")


@app.command()
def label(
    session: SessionId,
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="LABEL", help="Names of labels.", show_default=False)
    ] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Take all labels away.")] = False,
    json: Json = False,
) -> None:
    """Give a session these labels, in place of those it has."""
    if bool(labels) == clear:
        raise typer.BadParameter("give the labels, or --clear to take all away", param_hint="LABEL")
    from moonsense.client import Client

    with Client() as client:
        client.update_session_labels(session, labels or [])
        found = client.describe_session(session)
    if json:
        show_json(found)
        return
    note(f"{session}: {labels_text(found) or 'no labels'}")


@app.command()
def delete(
    sessions: Annotated[
        list[str], typer.Argument(metavar="SESSION", help="Ids of sessions.", show_default=False)
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete sessions with all their data, for good."""
    if not yes:
        what = f"session {sessions[0]}" if len(sessions) == 1 else f"{len(sessions)} sessions"
        typer.confirm(f"Delete {what} with all data?", abort=True, err=True)
    from moonsense.client import Client

    with Client() as client:
        for session in sessions:
            client.delete_session(session)
            note(f"{session}: deleted")
