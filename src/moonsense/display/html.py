"""HTML for notebooks: tables, sessions, lists.

All that is not markup is escaped: labels are anybody's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from moonsense.display.words import session_facts, session_row, time_text, totals
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message

SHOWN = 10
"""Items of a list that are shown."""

_LONGEST = 80
"""Letters of a text that are shown of a list's item."""

# Notebooks set all cells to the right; texts are read from the left.
_LEFT = ' style="text-align:left"'

_SESSIONS = ("session", "created", "platform", "labels", "bundles", "items", "duration", "journey")
_NUMBERS = frozenset({"bundles", "items", "duration"})


def table(
    head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str] | None], *, right: Iterable[str] = ()
) -> str:
    """A table.

    Args:
        head: of each column its name, and what stands small below it, or "".
        rows: the texts of each row; None for one that says that rows were left out.
        right: the names of the columns of numbers, which are set to the right.
    """
    return "".join(_lines(head, rows, frozenset(right)))


def _lines(
    head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str] | None], right: frozenset[str]
) -> Iterator[str]:
    sides = ["" if name in right else _LEFT for name, _ in head]
    yield "<table><thead><tr>"
    for (name, below), side in zip(head, sides, strict=True):
        small = f"<br><small>{escape(below)}</small>" if below else ""
        yield f"<th{side}>{escape(name)}{small}</th>"
    yield "</tr></thead><tbody>"
    for row in rows:
        if row is None:
            yield f'<tr><td colspan="{len(head)}" style="text-align:center">&#8942;</td></tr>'
            continue
        cells = (f"<td{side}>{escape(text)}</td>" for text, side in zip(row, sides, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table>"


def caption(name: str, text: str) -> str:
    """A line that says what is below it."""
    return f"<p><b>{escape(name)}</b> {escape(text)}</p>"


def session(message: Session) -> str:
    """One session: what is known of it, and how many items of each kind were recorded."""
    facts = [fact for fact in session_facts(message) if fact[1]]
    items = [(name, f"{count:,}") for name, count in totals(message)[1].items()]
    parts = [f"<tr><th{_LEFT}>{escape(name)}</th><td{_LEFT}>{escape(text)}</td></tr>" for name, text in facts]
    known = f"<table><tbody>{''.join(parts)}</tbody></table>"
    recorded = table([("recorded", ""), ("items", "")], items, right=["items"]) if items else ""
    # Beside each other where there is room.
    columns = (
        f'<div style="display:flex;flex-wrap:wrap;gap:2em;align-items:flex-start">{known}{recorded}</div>'
    )
    return f"<div>{caption('Session', 'times are in UTC')}{columns}</div>"


def listing(items: Sequence[Message], *, more: bool) -> str:
    """The items that come next in a list, a row each.

    Args:
        items: of one kind.
        more: whether there are others after them.
    """
    if not items:
        return f"<div>{caption('List', 'nothing in it, or nothing left')}</div>"
    kind = f"{type(items[0]).DESCRIPTOR.name}s"
    count = f"the first {len(items)}; more come as they are taken" if more else f"{len(items)}"
    rows: list[Sequence[str] | None] = []
    if all(isinstance(item, Session) for item in items):
        head = [(name, "UTC" if name == "created" else "") for name in _SESSIONS]
        right = _NUMBERS
        rows.extend(session_row(item) for item in items if isinstance(item, Session))
    else:
        names = _fields(items)
        head, right = [(name, _below(items[0], name)) for name in names], frozenset[str]()
        rows.extend([_text(item, name) for name in names] for item in items)
    if more:
        rows.append(None)
    return f"<div>{caption(kind, count)}{table(head, rows, right=right)}</div>"


def _fields(items: Iterable[Message]) -> list[str]:
    """The fields that any of the items has, in the order of the schema."""
    known = {field.number: field.name for item in items for field, _ in item.ListFields()}
    return [known[number] for number in sorted(known)]


def _below(item: Message, name: str) -> str:
    return "UTC" if isinstance(getattr(item, name), Timestamp) else ""


def _text(item: Message, name: str) -> str:
    """A field's value in a line; enums by their names."""
    value: Any = getattr(item, name)
    if isinstance(value, Timestamp):
        return time_text(value)
    kind = item.DESCRIPTOR.fields_by_name[name].enum_type
    if kind is not None:
        numbers = [value] if isinstance(value, int) else value
        text = ", ".join(
            kind.values_by_number[n].name if n in kind.values_by_number else str(n) for n in numbers
        )
    else:
        text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
