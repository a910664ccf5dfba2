"""What commands write: tables for people, JSON for programs. Data goes to stdout, the rest to stderr."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.measure import Measurement
    from rich.table import Table

_GAP = 2
_UNLIMITED = 10_000


@functools.cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def out() -> Console:
    """Where data goes."""
    return _console(stderr=False)


def err() -> Console:
    """Where messages go."""
    return _console(stderr=True)


def note(text: str) -> None:
    """Says something to the person, not to the program behind the pipe."""
    err().print(text, style="dim", soft_wrap=True)


def complain(kind: str, text: str) -> None:
    """One line of an error: ``error: …`` or ``try: …``, never wrapped so that it can be searched for."""
    from rich.text import Text

    style = "bold red" if kind == "error" else "bold"
    err().print(Text.assemble((f"{kind}: ".ljust(7), style), text), soft_wrap=True)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading, or "" for none.
        right: whether it is set to the right, as numbers are.
        whole: never wrapped: ids are there to be copied.
        rank: on a terminal that is too narrow the highest rank is left out first; 0 stays.
    """

    title: str
    right: bool = False
    whole: bool = False
    rank: int = 0


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[RenderableType]]) -> None:
    """A table on stdout, as wide as the terminal; piped, as wide as it needs, one row a line."""
    cells = [list(row) for row in rows]
    kept = list(range(len(columns)))
    if out().is_terminal:
        while _width(columns, cells, kept) > out().width:
            loose = [index for index in kept if columns[index].rank]
            if not loose:
                break
            kept.remove(max(loose, key=lambda index: columns[index].rank))
    show(_table(columns, cells, kept))


def show(what: RenderableType) -> None:
    """Anything of rich on stdout; piped, nothing is wrapped and no line ends in spaces."""
    console = out()
    if console.is_terminal:
        console.print(what)
        return
    from rich.console import Console

    wide = Console(width=_UNLIMITED, color_system=None, highlight=False, markup=False, emoji=False)
    with wide.capture() as captured:
        wide.print(what)
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def _table(columns: Sequence[Column], cells: list[list[RenderableType]], kept: list[int]) -> Table:
    from rich.table import Table

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="bold",
        show_header=any(column.title for column in columns),
    )
    for index in kept:
        column = columns[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.whole,
            # rich sets nothing to the right that it ignores.
            overflow="ignore" if column.whole and not column.right else "fold",
            min_width=_natural(cells, index) if column.whole else None,
        )
    for row in cells:
        table.add_row(*(row[index] for index in kept))
    return table


def _natural(cells: list[list[RenderableType]], index: int) -> int:
    return max((_cell_width(row[index]) for row in cells), default=0)


def _width(columns: Sequence[Column], cells: list[list[RenderableType]], kept: list[int]) -> int:
    widths = [max(len(columns[index].title), _natural(cells, index)) for index in kept]
    return sum(widths) + _GAP * (len(kept) - 1)


def _cell_width(cell: RenderableType) -> int:
    from rich.measure import Measurement

    wide = out().options.update(width=_UNLIMITED)
    return Measurement.get(out(), wide, cell).maximum


class Listing:
    """Pieces of text with commas between them, as many on a line as fit, none cut in two."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        longest = max((len(piece) + 1 for piece in self._pieces), default=0)
        return Measurement(longest, max(longest, len(", ".join(self._pieces))))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[str]:
        lines = [""]
        for number, piece in enumerate(self._pieces, start=1):
            part = piece if number == len(self._pieces) else f"{piece},"
            longer = f"{lines[-1]} {part}".lstrip()
            if lines[-1] and len(longer) > options.max_width:
                lines.append(part)
            else:
                lines[-1] = longer
        yield "\n".join(lines)


def write(data: bytes) -> None:
    """Bytes to stdout, as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def show_json(message: Message) -> None:
    """One message as one JSON document, with the names of the schema."""
    from moonsense.codec.json import write as to_json

    write(to_json(message, indent=True) + b"\n")


def show_json_list(messages: Iterable[Message]) -> None:
    """Messages as one JSON array, one a line, written while they come."""
    from moonsense.codec.json import write as to_json

    separator = b"["
    for message in messages:
        write(separator + b"\n" + to_json(message))
        separator = b","
    write(b"[]\n" if separator == b"[" else b"\n]\n")


def show_json_lines(messages: Iterable[Message]) -> None:
    """Messages as NDJSON: one document a line, written while they come."""
    from moonsense.codec.json import write_line

    for message in messages:
        write(write_line(message))


def show_json_value(value: object) -> None:
    """A plain value as one JSON document."""
    import orjson

    write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
