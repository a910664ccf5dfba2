"""``moonsense chunks``: the pieces in which a session is stored."""

from __future__ import annotations

from typing import Annotated

import typer

from moonsense.cli.options import Json, SessionId
from moonsense.cli.output import Column, note, show_json_lines, show_json_list, show_table
from moonsense.cli.summary import BundleSummary, show_summary
from moonsense.display.words import time_text

app = typer.Typer(no_args_is_help=True, help="List and read the chunks that a session is stored in.")


@app.command("list")
def list_chunks(session: SessionId, *, json: Json = False) -> None:
    """List the chunks of a session, oldest first. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_chunks(session)
        if json:
            show_json_list(found)
            return
        rows = [(chunk.chunk_id, time_text(chunk.created_at), chunk.md5) for chunk in found]
    if not rows:
        note("no chunks yet: bundles are put into chunks a while after they arrive")
        return
    show_table([Column("CHUNK", whole=True), Column("CREATED", rank=1), Column("MD5", rank=2)], rows)


@app.command()
def read(
    session: SessionId,
    chunk: Annotated[str, typer.Argument(metavar="CHUNK", help="The chunk's id.", show_default=False)],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Every bundle as a line of JSON (NDJSON) on stdout.")
    ] = False,
) -> None:
    """Read every bundle of a chunk: a summary, or with --json the bundles themselves."""
    from moonsense.client import Client

    with Client() as client:
        bundles = client.read_chunk(session, chunk)
        if json:
            show_json_lines(bundles)
            return
        summary = BundleSummary()
        summary.add_all(bundles)
    show_summary(summary)
