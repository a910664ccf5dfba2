"""A line of NDJSON taken apart without reading it: the lists of items, and what is left.

Most of a line are the items of a few sensors, and who reads one of them should
not pay for the others. So the lists are cut out at their brackets, at the
speed of a search for bytes, and what is left, some 300 bytes, is read exactly.

Why that is safe. A line is followed from its start, member by member, only
while it is as the service and this package write it; from the first surprise
on, all is left in the rest. So each list that is cut out begins where a member
of the bundle with a known name has its value, and ends at the first closing
bracket. No item holds a list, so that is the end of the list, unless the
bracket stands in a text. Then the list that was cut out is no JSON, as its
last text has no end; and neither is the rest, which goes on inside a text:
from there on what was text and what was not have changed places, so that the
name of the next member, or the end, stands outside of quotes. Either one is
read exactly later, and refused.
"""

from __future__ import annotations

import re
from collections.abc import Container

from moonsense.codec.plan import Shape, plan_of
from moonsense.contract.counters import item_fields
from moonsense.models.bundle_v2_pb2 import Bundle

__all__ = ["Lists", "outline"]

Lists = dict[bytes, bytes]
"""The items of lists, with commas between them, by the fields of the bundle."""

_START = b'{"bundle":{'


def _member() -> re.Pattern[bytes]:
    """What one member of a bundle looks like, up to the bracket if it is a list."""
    fields = plan_of(Bundle.DESCRIPTOR).by_name
    lists = [name for name in item_fields() if fields[name].shape is Shape.LIST]
    single = [name for name in item_fields() if name not in lists]
    return re.compile(
        rb'"(?:(%s)":\['
        rb'|(?:client_time|%s)":\{[^{}]*\}'
        rb'|index":-?\d+|is_final_bundle":true),?' % ("|".join(lists).encode(), "|".join(single).encode())
    )


_MEMBER = _member()


def outline(
    data: bytes, start: int, end: int, wanted: Container[bytes], keep: Container[bytes] = ()
) -> tuple[bytes, Lists]:
    """A line without the lists of its bundle, and the items in those that are wanted, by field.

    Args:
        data: lines of NDJSON; they are not taken apart first, which would copy all of them.
        start, end: where the line is, a sealed bundle.
        wanted: fields whose items are to be given.
        keep: fields whose lists are to stay in the line.
    """
    lists: Lists = {}
    if not data.startswith(_START, start, end):
        return data[start:end], lists
    position = start + len(_START)
    kept = start
    rest: list[bytes] = []
    while found := _MEMBER.match(data, position, end):
        first = found.end()
        name = found[1]
        if name is None:
            position = first
            continue
        last = data.find(b"]", first, end)
        if last < 0:
            break
        more = data.startswith(b",", last + 1, end)
        if name not in keep:
            if name in wanted:
                lists[name] = data[first:last]
            # With the last member would have to go the comma before it: its brackets stay.
            rest.append(data[kept : position if more else first])
            kept = last + 2 if more else last
        if not more:
            break
        position = last + 2
    rest.append(data[kept:end])
    return b"".join(rest), lists
