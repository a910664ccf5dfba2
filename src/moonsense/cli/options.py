"""Options that several commands share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str) -> datetime:
    """A time from the command line: a date, a date and time, or how long ago, such as ``2h`` or ``7d``.

    Without a zone it is UTC. Raises typer.BadParameter.
    """
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time: write 2026-03-01, 2026-03-01T10:00, 2026-03-01T10:00+02:00 or 2h, 7d"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.", show_default=False)]

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="MOONSENSE_CLOUD_DATA_DIR",
        metavar="DIR",
        help="The folder that holds the cloud's data.",
    ),
]
