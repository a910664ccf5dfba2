"""Fill the tables in docs/ that the code knows better: routes, settings, commands, errors.

    python scripts/generate_docs.py            write them
    python scripts/generate_docs.py --check    fail if what is there differs

A table stands between ``<!-- name -->`` and ``<!-- /name -->``; everything
else in the documents is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from moonsense import errors
from moonsense.cli.app import app
from moonsense.cli.errors import EXIT_CODES, explain
from moonsense.cloud.settings import Settings
from moonsense.contract import limits
from moonsense.contract.problems import TYPES
from moonsense.contract.routes import ROUTES, Route

DOCS = Path(__file__).resolve().parent.parent / "docs"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        plain = (cell.replace("``", "`").replace("|", r"\|") for cell in cells)
        return f"| {' | '.join(plain)} |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def routes() -> str:
    """Every route of the contract."""

    def row(route: Route) -> tuple[str, ...]:
        body = route.request.DESCRIPTOR.name if route.request else ""
        parts = [f"`{param.wire}`" for param in route.params] + ([body] if body else [])
        answer = (
            route.response.DESCRIPTOR.name if route.response else ", ".join(f"`{t}`" for t in route.produces)
        )
        scopes = ", ".join(scope.name.lower() for scope in route.scopes) or "none"
        return f"`{route.method} {route.path}`", route.summary, scopes, ", ".join(parts), answer

    return _table(("route", "what it does", "scope, one of", "query or body", "answer"), map(row, ROUTES))


def params() -> str:
    """Every query parameter."""
    known = {param.wire: param for route in ROUTES for param in route.params}
    return _table(
        ("parameter", "what it means"),
        (
            (f"`{param.wire}`", param.doc + (" (may be repeated)" if param.many else ""))
            for param in known.values()
        ),
    )


def wire_limits() -> str:
    """Every limit, with what it protects."""
    source = Path(limits.__file__).read_text(encoding="utf-8")
    found = re.findall(r'^([A-Z_]+) = [^\n]*\n"""(.+?)"""', source, flags=re.MULTILINE | re.DOTALL)
    return _table(
        ("limit", "value", "what it is"),
        ((f"`{name}`", f"{getattr(limits, name):,}", " ".join(text.split())) for name, text in found),
    )


def settings() -> str:
    """Every setting of a cloud."""

    def default(value: object) -> str:
        return "none" if value in (None, "", ()) else f"`{value}`"

    return _table(
        ("variable", "default", "what it sets"),
        (
            (f"`MOONSENSE_CLOUD_{name.upper()}`", default(field.default), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def commands() -> str:
    """Every command with its options."""

    def inside(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield path, command
        else:
            for name, child in children.items():
                yield from inside(child, f"{path} {name}")

    def row(path: str, command: Any) -> tuple[str, ...]:
        arguments = [
            f"[{p.metavar}]..." if p.nargs == -1 and not p.required else p.metavar or p.name.upper()
            for p in command.params
            if p.param_type_name == "argument"
        ]
        options = [f"`{max(p.opts, key=len)}`" for p in command.params if p.param_type_name == "option"]
        help_text = " ".join((command.help or "").split("\n\n")[0].split())
        return f"`{' '.join([path, *arguments])}`", help_text, " ".join(options)

    found = inside(typer.main.get_command(app), "moonsense")
    return _table(("command", "what it does", "options"), (row(path, command) for path, command in found))


def error_table() -> str:
    """Every error with what it means and how the command line ends with it."""

    def tree(cls: type[errors.MoonsenseError]) -> Iterator[type[errors.MoonsenseError]]:
        yield cls
        for child in cls.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from tree(child)

    def row(cls: type[errors.MoonsenseError]) -> tuple[str, ...]:
        error = cls.__new__(cls)
        error.message = ""
        parent = cls.__bases__[0].__name__
        meaning = (cls.__doc__ or "").splitlines()[0]
        return f"`{cls.__name__}`", f"`{parent}`", meaning, str(explain(error)[2])

    return _table(("error", "is a", "when", "exit code"), map(row, tree(errors.MoonsenseError)))


def exit_codes() -> str:
    """Every exit code of the command line."""
    return _table(("code", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


def problem_types() -> str:
    """Every type of an error answer."""
    return _table(("status", "`type`"), ((str(status), f"`{kind}`") for status, kind in TYPES.items()))


SECTIONS: dict[str, Callable[[], str]] = {
    "routes": routes,
    "parameters": params,
    "limits": wire_limits,
    "settings": settings,
    "commands": commands,
    "errors": error_table,
    "exit codes": exit_codes,
    "problem types": problem_types,
}


def filled(text: str) -> str:
    """A document with its tables made anew. Raises KeyError for a table that nothing makes."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- {name} -->\n{SECTIONS[name]()}\n<!-- /{name} -->"

    return re.sub(r"<!-- ([a-z ]+) -->\n.*?<!-- /\1 -->", fill, text, flags=re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    documents = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    unused = [name for name in SECTIONS if not any(f"<!-- {name} -->" in text for text in documents.values())]
    for name in unused:
        print(f"no document has the table {name!r}", file=sys.stderr)
    different = [path for path, text in documents.items() if filled(text) != text]
    for path in different:
        if check:
            print(f"docs/{path.name} is not what the code says; run: make docs", file=sys.stderr)
        else:
            path.write_text(filled(documents[path]), encoding="utf-8")
    return 1 if unused or (check and different) else 0


if __name__ == "__main__":
    raise SystemExit(main())
