"""Columns out of the JSON of items that are nothing but numbers, without reading it as JSON.

A motion sensor's items are nearly all of a recording, and all look alike:

    {"determined_at":"1659637204822","x":0.1,"y":-0.2,"z":0.9}

So they need no parser. Between two commas is one member, and its name says
where its number begins; Arrow converts the numbers where they lie. All of it is
done to all members at once, and this takes half the time of Arrow's JSON
reader.

It is as strict as that one. Each member is, from the comma before it to the one
behind it, a brace if it is an item's first, its whole name, a number, and a
brace if it is an item's last; there is no room for one more character. Names
come in their order, so none comes twice, and one that is left out is a zero.
Whatever does not look like that is left to the JSON reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from moonsense.codec.arrow.schema import Column
from moonsense.codec.plan import Field, Kind, Plan, Shape
from moonsense.codec.scalars import MAX_FLOAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Numbers = NDArray[Any]

__all__ = ["PlainReader"]

_COMMA, _QUOTE, _OPEN, _CLOSE, _MINUS, _POINT, _ZERO, _E, _CAPITAL_E, _X = map(np.uint8, b',"{}-.0eEx')
_SMALL = np.uint8(0x20)  # makes a small letter of a capital
_MAX_DOUBLE = np.finfo(np.float64).max
_WORD = 8


class _Odd(Exception):
    """A text is not for this reader."""


@dataclass(frozen=True)
class PlainReader:
    """Reads some columns out of items of numbers.

    Attributes:
        plan: of an item.
        columns: which to read.
    """

    plan: Plan
    columns: tuple[Column, ...]

    @cached_property
    def able(self) -> bool:
        """Whether the items are nothing but numbers, with names that one letter tells apart."""
        kinds = (Kind.WIDE_INT, Kind.FLOAT, Kind.DOUBLE)
        numbers = all(field.shape is Shape.SINGLE and field.kind in kinds for field in self.plan.fields)
        return numbers and len({field.name[0] for field in self.plan.fields}) == len(self.plan.fields)

    def read(self, texts: Sequence[bytes]) -> tuple[NDArray[np.int64], list[pa.Array]] | None:
        """How many items there are in each text, and the columns of all; None when one is not as described.

        Args:
            texts: items with commas between them, one at least in each.
        """
        begins = np.cumsum([1, *(len(text) + 1 for text in texts[:-1])])
        # Behind the last item there is room to look for any name.
        data = b",".join([b"", *texts, b" " * max(len(name) for _, name in self._names)])
        wanted = {column.name for column in self.columns}
        columns: dict[str, pa.Array] = {}
        es = 0
        try:
            members = _Members(data, self._places)
            for place, (field, name) in enumerate(self._names):
                which = np.flatnonzero(members.place == place)
                first = members.behind(name, which)
                ends = _checked(members.letters, first, members.ends[which], field)
                if field.name in wanted:
                    columns[field.name] = pa.array(
                        members.in_items(which, _convert(data, first, ends, field))
                    )
                es += len(which) * name.count(b"e")
            _check_exponents(members, es)
            counts = members.count(begins)
        except (_Odd, pa.ArrowInvalid):
            return None
        return counts, [columns[column.name] for column in self.columns]

    @cached_property
    def _names(self) -> list[tuple[Field, bytes]]:
        """What is before each number."""
        return [
            (field, f'"{field.name}":{chr(34) if _is_quoted(field) else ""}'.encode())
            for field in self.plan.fields
        ]

    @cached_property
    def _places(self) -> NDArray[np.int8]:
        """The place of the field whose name begins with a letter, or -1."""
        places = np.full(256, -1, np.int8)
        for place, field in enumerate(self.plan.fields):
            places[ord(field.name[0])] = place
        return places


class _Members:
    """Where the members of items are in a text that begins with a comma and has one behind the last item.

    Attributes:
        data, letters: the text.
        first: of each member, whether it is the first of its item.
        place: of its field, by the first letter of its name.
        starts: where its name begins.
        ends: behind its value.
    """

    def __init__(self, data: bytes, places: NDArray[np.int8]) -> None:
        self.data = data
        self.letters = np.frombuffer(data, np.uint8)
        commas = np.flatnonzero(self.letters == _COMMA)
        self.starts = commas[:-1] + 1
        self.first = self.letters[self.starts] == _OPEN
        self._begins = self.starts[np.flatnonzero(self.first)]
        # Before each item but the first one there is the comma behind the one before.
        closes = np.append(self._begins[1:], commas[-1] + 1) - 2
        if not self.first[0] or not np.all(self.letters[closes] == _CLOSE):
            raise _Odd
        self.starts += self.first
        self.place = places[self.letters[1:][self.starts]]
        if np.any(self.place < 0) or not np.all((self.place[1:] > self.place[:-1]) | self.first[1:]):
            raise _Odd
        self.ends = commas[1:]
        self.ends[:-1] -= self.first[1:]
        self.ends[-1] -= 1

    def count(self, begins: Places) -> NDArray[np.int64]:
        """How many items there are in each of the texts that begin at these places."""
        # Else an item might go on from one to the next.
        if not np.all(self.letters[begins] == _OPEN):
            raise _Odd
        return np.diff(np.searchsorted(self._begins, begins), append=len(self._begins))

    def behind(self, name: bytes, which: Places) -> Places:
        """Where the values of some members begin that must have this name."""
        starts = self.starts[which]
        words = range(0, len(name) - _WORD + 1, _WORD)
        for place in words:
            # A word at any place: numpy copies it, which is worth it from five bytes on.
            some = np.ndarray((len(self.data) - _WORD + 1,), np.uint64, self.data, strides=(1,))[place:]
            if not np.all(some[starts] == np.frombuffer(name, np.uint64, 1, place)):
                raise _Odd
        for place in range(len(words) * _WORD, len(name)):
            if not np.all(self.letters[place:][starts] == name[place]):
                raise _Odd
        return starts + len(name)

    def in_items(self, which: Places, values: Numbers) -> Numbers:
        """The values of some members, one an item: zero where it has none of these."""
        if len(values) == len(self._begins):
            return values
        whole = np.zeros(len(self._begins), values.dtype)
        whole[self._items[which]] = values
        return whole

    @cached_property
    def _items(self) -> Places:
        """The number of each one's item."""
        return np.cumsum(self.first) - 1


def _check_exponents(members: _Members, es: int) -> None:
    """Look for a point right before an exponent, which Arrow takes and JSON does not.

    Args:
        members: of items, with names and numbers as they should be.
        es: how many letters e there are in the names; mostly there are no others.
    """
    found = members.letters == _E
    if np.count_nonzero(found) > es or b"E" in members.data:
        found |= members.letters == _CAPITAL_E
        if np.any((members.letters[:-1] == _POINT) & found[1:]):
            raise _Odd


def _is_quoted(field: Field) -> bool:
    return field.kind is Kind.WIDE_INT


def _checked(letters: Bytes, first: Places, ends: Places, field: Field) -> Places:
    """Where the numbers end that begin here; whether they are some is left to the conversion.

    Looked at is what that would take, and is none of JSON's.
    """
    if _is_quoted(field):
        ends = ends - 1
        # The quote behind a number may be the one before it.
        if not np.all((letters[ends] == _QUOTE) & (ends >= first)):
            raise _Odd
        if np.any((letters[1:][first] | _SMALL) == _X):
            raise _Odd
        return ends
    digit = first + (letters[first] == _MINUS)
    begin, after = letters[digit], letters[1:][digit]
    good = _are_digits(begin) & _are_digits(letters[ends - 1])
    if not np.all(good & ((begin != _ZERO) | ~_are_digits(after))):
        raise _Odd
    return ends


def _are_digits(letters: Bytes) -> NDArray[np.bool_]:
    return letters - _ZERO <= 9  # what is less than zero is a great number


def _convert(data: bytes, first: Places, ends: Places, field: Field) -> Numbers:
    """Numbers out of texts where they lie: of an array of texts every other one is null and spans the gap."""
    kind, type_ = (np.int64, pa.int64()) if _is_quoted(field) else (np.float64, pa.float64())
    count = len(first)
    if not count:
        return np.zeros(0, kind)
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2], offsets[1::2] = first, ends
    present = np.full((2 * count + 7) // 8, 0b01010101, np.uint8)
    buffers = [pa.py_buffer(present), pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.string(), 2 * count - 1, buffers, null_count=count - 1)
    values = np.frombuffer(texts.cast(type_).buffers()[1], kind)[: 2 * count : 2]
    if kind is np.int64:
        return values
    if not np.all(np.abs(values) <= (MAX_FLOAT if field.kind is Kind.FLOAT else _MAX_DOUBLE)):
        raise _Odd
    return values.astype(np.float32) if field.kind is Kind.FLOAT else values
