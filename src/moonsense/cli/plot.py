"""``moonsense plot``: a picture of a session."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from moonsense.cli.output import note, write
from moonsense.contract.ids import is_id

_FORMATS = ("png", "svg", "pdf")
_STDIO = "-"


def plot(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SESSION|FILE",
            help="A session's id; or a file of bundles, a folder of a recording, or - for bundles on stdin.",
            show_default=False,
        ),
    ],
    *,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor",
            "-s",
            metavar="NAME",
            help="Only this sensor; again for several. Without it: all that was recorded.",
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture, .png, .svg or .pdf by its name; - for a PNG on stdout.",
        ),
    ] = "session.png",
    session: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Of a file or folder with several sessions: this one.", show_default=False
        ),
    ] = None,
) -> None:
    """Draw a session: motion over time, keys held, events, the pointer's way, the track.

    All on one clock, in UTC, with units; what was recorded decides what is drawn.
    """
    kind = "png" if output == _STDIO else Path(output).suffix.removeprefix(".").lower()
    if kind not in _FORMATS:
        known = ", ".join(f".{one}" for one in _FORMATS)
        raise typer.BadParameter(f"{output!r} does not end in one of {known}", param_hint="--output")
    from moonsense import frames

    if source == _STDIO:
        figure = frames.plot(sys.stdin.buffer, sensor, session=session)
    elif Path(source).exists() or not is_id(source):
        figure = frames.plot(source, sensor, session=session)
    elif session is not None:
        raise typer.BadParameter("it is for files; the session is named already", param_hint="--session")
    else:
        from moonsense.client import Client

        with Client() as client:
            figure = frames.plot(client, sensor, session=source)
    picture = io.BytesIO()
    figure.savefig(picture, format=kind)
    if output == _STDIO:
        write(picture.getvalue())
        return
    Path(output).write_bytes(picture.getvalue())
    note(f"{output}: {figure.get_suptitle()}")
