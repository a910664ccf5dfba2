"""Write docs/reference.md from the signatures and docstrings of what is public.

python scripts/generate_reference.py            write it
python scripts/generate_reference.py --check    fail if what is there differs
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from moonsense import export, frames, pd
from moonsense.client import Client, RawResponse, SessionReport, Timeout
from moonsense.consumer import (
    Consumer,
    ConsumerStatus,
    DeadLetter,
    FileCheckpoints,
    PostgresCheckpoints,
    Result,
    SqliteCheckpoints,
)
from moonsense.contract.platforms import Platform
from moonsense.download import Download, DownloadAllSessions, DownloadReport, Progress, VerifyReport
from moonsense.recorder import Recorder
from moonsense.webhooks import Answer, WebhookReceiver

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEAD = """\
# Reference

Made from the docstrings by `make docs`; edit those.

`moonsense.AsyncClient` has the calls of `moonsense.Client`, to be awaited; its lists and readers are for
`async for`. The messages are those of `moonsense.models`. [Errors](errors.md) and the [routes](wire.md)
behind the calls have pages of their own.
"""

# What is shown beside the client, with the name it is imported by.
OTHERS: tuple[tuple[str, type], ...] = (
    ("moonsense.client.Timeout", Timeout),
    ("moonsense.client.RawResponse", RawResponse),
    ("moonsense.client.SessionReport", SessionReport),
    ("moonsense.download.Download", Download),
    ("moonsense.download.DownloadReport", DownloadReport),
    ("moonsense.download.Progress", Progress),
    ("moonsense.download.VerifyReport", VerifyReport),
    ("moonsense.download.DownloadAllSessions", DownloadAllSessions),
    ("moonsense.recorder.Recorder", Recorder),
    ("moonsense.webhooks.WebhookReceiver", WebhookReceiver),
    ("moonsense.webhooks.Answer", Answer),
    ("moonsense.consumer.Consumer", Consumer),
    ("moonsense.consumer.Result", Result),
    ("moonsense.consumer.ConsumerStatus", ConsumerStatus),
    ("moonsense.consumer.DeadLetter", DeadLetter),
    ("moonsense.consumer.SqliteCheckpoints", SqliteCheckpoints),
    ("moonsense.consumer.PostgresCheckpoints", PostgresCheckpoints),
    ("moonsense.consumer.FileCheckpoints", FileCheckpoints),
    ("moonsense.Platform", Platform),
)

# And what is more functions than objects: its names in the order of ``__all__``.
ROOMS: tuple[ModuleType, ...] = (frames, pd, export)

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises):")
_STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
_ENTRY = re.compile(r"(?P<name>[*\w][\w*,. ]*?): (?P<text>.*)")


def page() -> str:
    """The whole page."""
    parts = [HEAD, *client()]
    for name, cls in OTHERS:
        parts.append(f"## `{name}`\n")
        parts.append(text_of(cls))
        parts += members(cls, cls.__dict__)
    for module in ROOMS:
        parts.append(f"## `{module.__name__}`\n")
        parts.append(text_of(module))
        parts += room(module)
    return "\n".join(part for part in parts if part.strip()).rstrip() + "\n"


def room(module: ModuleType) -> Iterator[str]:
    """The public functions of a module, then its classes."""
    named = [(name, getattr(module, name)) for name in module.__all__]
    for name, value in named:
        if inspect.isfunction(value):
            yield from function(name, value)
    for name, value in named:
        if inspect.isclass(value):
            yield f"### `{module.__name__}.{name}`\n"
            yield text_of(value)
            yield from members(value, vars(value))


def client() -> Iterator[str]:
    """The client: how it is made, then its calls, a section for each kind."""
    base = next(cls for cls in Client.__mro__ if "__init__" in vars(cls))
    yield "## `moonsense.Client`\n"
    yield text_of(Client)
    yield from function("Client", base.__init__)  # type: ignore[misc]
    yield from members(base, vars(base))
    yield from members(Client, vars(Client))
    for kind in Client.__bases__:
        own = [cls for cls in kind.__mro__ if cls not in base.__mro__]
        yield f"## {(kind.__doc__ or '').splitlines()[0].rstrip('.')}\n"
        yield text_of(kind, skip_first=True)
        for cls in reversed(own):
            yield from members(cls, vars(cls))


def members(cls: type, names: Any) -> Iterator[str]:
    """The public functions and properties of a class, as they stand in it."""
    for name, value in names.items():
        if name.startswith("_") and not (
            name == "__init__" and cls in dict(OTHERS).values() and value.__doc__
        ):
            continue
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, property):
            yield f"### `{name}`\n"
            yield text_of(value)
        elif inspect.isfunction(value) and value.__doc__:  # without: as in the class above
            yield from function(cls.__name__ if name == "__init__" else name, value)


def function(name: str, value: Callable[..., Any]) -> Iterator[str]:
    """One function with its signature."""
    signature = inspect.signature(value)
    shown: list[str] = []
    only_names = False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not only_names:
            only_names = True
            shown.append("*")
        star = _STARS.get(parameter.kind.name, "")
        default = "" if parameter.default is parameter.empty else f" = {_shown(parameter.default)}"
        shown.append(f"{star}{parameter.name}: {parameter.annotation}{default}")
    returned = "" if name[0].isupper() else f" -> {signature.return_annotation}"
    yield f"### `{name}`\n"
    yield f"`{name}({', '.join(shown)}){returned}`\n"
    yield text_of(value)


def _shown(default: object) -> str:
    """A default as it would be written; the one of a function is its name."""
    return str(getattr(default, "__qualname__", None) or repr(default))


def text_of(value: object, *, skip_first: bool = False) -> str:
    """A docstring as Markdown: paragraphs, and its sections as lists."""
    lines = (inspect.getdoc(value) or "").splitlines()
    lines = lines[1:] if skip_first else lines
    parts: list[str] = []
    section = False
    for line in lines:
        heading = _SECTION.fullmatch(line)
        if heading:
            section = True
            parts.append(f"{heading[1]}:\n")
        elif section and line.startswith("    "):
            parts.append(_entry(line.removeprefix("    ")))
        else:
            section = section and not line
            parts.append(line)
    return "\n".join(parts).replace("``", "`").strip("\n") + "\n"


def _entry(line: str) -> str:
    if line.startswith(" "):
        return f"  {line.strip()}"
    found = _ENTRY.fullmatch(line)
    return f"- `{found['name']}`: {found['text']}" if found else line


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    wanted = page()
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        if check:
            print("docs/reference.md is not what the docstrings say; run: make docs", file=sys.stderr)
            return 1
        PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
