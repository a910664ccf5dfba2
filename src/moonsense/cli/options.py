"""Options that several commands share."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


def parse_time(text: str) -> datetime:
    """A time from the command line: a date, a date and time, or how long ago, such as ``2h`` or ``7d``.

    Without a zone it is UTC. Raises typer.BadParameter.
    """
    try:
        if is_ago(text):
            return datetime.now(UTC) - parse_span(text)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time: write 2026-03-01, 2026-03-01T10:00, 2026-03-01T10:00+02:00 or 2h, 7d"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def is_ago(text: str) -> bool:
    """Whether a text says how long ago, and so is another time whenever it is read."""
    return _SPAN.fullmatch(text) is not None


def parse_day_or_time(text: str) -> date:
    """As ``parse_time``, but a date alone is the whole day. Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return parse_time(text)


def parse_day(text: str) -> date:
    """A date from the command line. Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day: write 2026-03-01") from None


def parse_span(text: str) -> timedelta:
    """A length of time, such as ``12h`` or ``7d``. Raises typer.BadParameter."""
    span = _SPAN.fullmatch(text)
    if span is None:
        raise typer.BadParameter(f"{text!r} is not a length of time: write 12h or 7d")
    return timedelta(**{_UNITS[span[2]]: int(span[1])})


_YES, _NO = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}


def parse_bool(text: str, option: str) -> bool:
    """Yes or no, the value of an option, in the words that 0.13.1 took. Raises typer.BadParameter."""
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise typer.BadParameter(f"{text!r} is neither true nor false", param_hint=option)
    return word in _YES


def parse_platform(text: str) -> str:
    """A platform by its name in any case. Raises typer.BadParameter."""
    from moonsense.contract.platforms import Platform

    names = {platform.value.lower(): platform.value for platform in Platform}
    if text.lower() not in names:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(names.values())}")
    return names[text.lower()]


SHOWN = 50
"""How many of a list people are shown who do not say how many."""

Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help=f"At most so many. Without it: {SHOWN}, or all with --json.",
        show_default=False,
    ),
]


def platform_option(text: str) -> Any:
    """The option of platforms, with its help."""
    return typer.Option("--platform", "-p", parser=parse_platform, metavar="NAME", help=text)


Platforms = Annotated[list[str] | None, platform_option("Only of iOS, ANDROID or WEB; again for several.")]

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
