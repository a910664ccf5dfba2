"""Check which room of src/moonsense imports which.

Each room has a level, and imports go to lower levels only: rooms on one level
never import each other, and no two modules inside a room import each other in
a circle. Imports inside functions and for type checkers count like any other;
only ``moonsense/__init__.py`` may name a room it loads lazily.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "moonsense"
SOURCE = Path(__file__).resolve().parent.parent / "src" / PACKAGE

LEVELS: dict[str, int] = {
    "_version": 0,
    "errors": 0,
    "models": 0,
    "reflection": 0,
    "contract": 1,
    "locking": 1,
    "stores": 1,
    "clock": 2,
    "codec": 2,
    "display": 2,
    "download": 3,  # works on any client that it is given, so a client can offer it
    "frames": 3,
    "webhooks": 3,
    "client": 4,
    "features": 4,
    "cloud": 5,
    "consumer": 5,
    "export": 5,
    "recorder": 5,
    "simulator": 6,
    "cli": 7,
    "testing": 7,  # its fixtures record what the simulator makes
    # The paths that the published clients had: they hand on what is elsewhere.
    "pd": 7,
    "util": 7,
    "__main__": 8,  # runs the command line
}

# Lower, and still not to be imported: a cloud that used the client would test
# the one by the other.
FORBIDDEN = {("cloud", "client")}


@dataclass(frozen=True)
class Import:
    """One module's import of another one of the package."""

    importer: str
    imported: str
    line: int
    for_types: bool


def room(module: str) -> str:
    """``moonsense.cloud.catalog.tables`` -> ``cloud``; "" for the package itself."""
    return module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]


def modules(source: Path) -> dict[str, Path]:
    """Every module under a source folder by its dotted name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    """The imports of the package's own modules, wherever they stand in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        for name in _names(node, package, known):
            if name == PACKAGE or name.startswith(f"{PACKAGE}."):
                yield Import(module, name, node.lineno, id(node) in typing_only)  # type: ignore[attr-defined]


def _names(node: ast.AST, package: str, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in known else base
    elif (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ):
        yield node.args[0].value


def complaints(source: Path) -> list[str]:
    """What breaks the rules, a line each; nothing when all is well."""
    known = modules(source)
    found: list[str] = []
    inside: dict[str, set[str]] = {module: set() for module in known}
    for module, path in known.items():
        own = room(module)
        if own and own not in LEVELS:
            found.append(f"{module}: {own!r} has no level; give it one in scripts/check_layers.py")
            continue
        for item in imports(module, path, known):
            place = f"{path.relative_to(source.parent)}:{item.line}: {module} imports {item.imported}"
            other = room(item.imported)
            if other == own:
                if not item.for_types and item.imported in known and item.imported != module:
                    inside[module].add(item.imported)
            elif not other:
                found.append(f"{place}: import the room it is from, not the whole package")
            elif own and other in LEVELS and LEVELS[other] >= LEVELS[own]:
                found.append(f"{place}: level {LEVELS[own]} may not import level {LEVELS[other]}")
            elif (own, other) in FORBIDDEN:
                found.append(f"{place}: {own} never imports {other}")
    found += [f"circle: {' -> '.join(circle)}" for circle in circles(inside)]
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each group of modules that import each other, first module repeated at the end."""
    found: list[list[str]] = []
    done: set[str] = set()
    trail: list[str] = []

    def visit(module: str) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
            return
        if module in done:
            return
        trail.append(module)
        for other in sorted(graph.get(module, ())):
            visit(other)
        trail.pop()
        done.add(module)

    for module in sorted(graph):
        visit(module)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path, default=SOURCE, help="the package's folder")
    found = complaints(parser.parse_args().source)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
