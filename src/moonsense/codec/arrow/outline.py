"""A line of NDJSON taken apart without reading it: the lists of items, and what is left.

Most of a line are the items of a few sensors, and who reads one of them should
not pay for the others. So its lists are taken out at their brackets, at the speed
of a search for bytes, and what is left without the items, some 300 bytes, is
read exactly.

Why that is safe. A line is followed from its start, list by list, only while
it is as the service and this package write it; from the first surprise on, all
is left in the rest. So each list that is taken out begins where a member of the
bundle with a known name has its value, and ends at the first closing bracket.
No item holds a list, so that is the end of the list, unless the bracket stands
in a text. Then the text ends with the quote before the name of the next list or
member, and the name stands outside of quotes: the line is no JSON. Either the
list that was taken out or the rest is then read exactly, and refused, or both
are of no interest.
"""

from __future__ import annotations

import re
from collections.abc import Container

from moonsense.codec.plan import Shape, plan_of
from moonsense.contract.counters import item_fields
from moonsense.models.bundle_v2_pb2 import Bundle

__all__ = ["LISTS", "SINGLES", "Lists", "outline"]

Lists = dict[bytes, bytes]
"""The items of lists, with commas between them, by the fields of the bundle."""

LISTS = [name for name in item_fields() if plan_of(Bundle.DESCRIPTOR).by_name[name].shape is Shape.LIST]
"""The fields of the bundle that are lists of items."""

SINGLES = tuple(name for name in item_fields() if name not in LISTS)
"""Those that are one item."""


def _heads(begin: bytes) -> re.Pattern[bytes]:
    """What is before the items of a list: how it begins, and members of the bundle that are no lists."""
    return re.compile(
        rb'%b(?:(?:"(?:client_time|%b)":\{[^{}]*\}|"index":-?\d+|"is_final_bundle":true),)*"(%b)":\['
        % (re.escape(begin), "|".join(SINGLES).encode(), "|".join(LISTS).encode())
    )


_FIRST, _LATER = _heads(b'{"bundle":{'), _heads(b",")
_NEXT = {f',"{name}":['.encode(): name.encode() for name in LISTS}
"""The names of lists by what is before them when they follow another one."""


def outline(
    data: bytes, start: int, end: int, wanted: Container[bytes], keep: Container[bytes] = ()
) -> tuple[bytes, Lists]:
    """A line without the items of its bundle, and those that are wanted, by field.

    Args:
        data: lines of NDJSON; they are not taken apart first, which would copy all of them.
        start, end: where the line is, a sealed bundle.
        wanted: fields whose items are to be given.
        keep: fields whose lists are to stay in the line.
    """
    lists: Lists = {}
    rest: list[bytes] = []
    position = kept = start
    while first := data.find(b"[", position, end) + 1:
        head = data[position:first]
        name = next_ = _NEXT.get(head) if position > start else None
        if name is None:
            found = (_LATER if position > start else _FIRST).fullmatch(head)
            if found is None:
                break
            name = found[1]
        last = data.find(b"]", first, end)
        if last < 0 or name in lists:
            break
        if name in wanted:
            lists[name] = data[first:last]
        if name in keep:
            pass
        elif next_:
            if kept < position:
                rest.append(data[kept:position])
            kept = last + 1
        else:
            # It stays, without its items: so there is no comma too many.
            rest.append(data[kept:first])
            kept = last
        position = last + 1
    rest.append(data[kept:end])
    return b"".join(rest), lists
