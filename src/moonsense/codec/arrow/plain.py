"""Columns out of the JSON of items that are nothing but numbers, without reading it as JSON.

A motion sensor's items are nearly all of a recording, and all look alike:

    {"determined_at":"1659637204822","x":0.1,"y":-0.2,"z":0.9}

So what is between the numbers needs no parser. Each text is compared with what
it must be when its digits, points and minus signs are taken out; then the
numbers are where the commas say, and Arrow converts them where they lie. This
takes two fifths of the time of Arrow's JSON reader.

It is as strict as that one. Taking out characters hides where they were, but
not from here: that each name ends at its colon and each item at its brace, as
many bytes behind the comma before it as the name is long, leaves no room for
one more character. Where an item left out a zero, it is put there first. What
does not look like that, such as a number with an exponent, is left to the JSON
reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from moonsense.codec.arrow.schema import Column
from moonsense.codec.plan import Field, Kind, Plan, Shape
from moonsense.codec.scalars import MAX_FLOAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PlainReader"]

_NUMERALS = b"0123456789.-"
_COLON, _COMMA, _QUOTE, _BRACE, _MINUS, _POINT, _ZERO, _NINE = b':,"}-.09'


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
        """Whether the items are nothing but numbers."""
        kinds = (Kind.WIDE_INT, Kind.FLOAT, Kind.DOUBLE)
        return all(field.shape is Shape.SINGLE and field.kind in kinds for field in self.plan.fields)

    @cached_property
    def _item(self) -> bytes:
        """An item without its numbers, and the comma behind it."""
        members = (name + (b'"' if _is_quoted(field) else b"") for field, name in self._names)
        return b",".join(members) + b"},"

    @cached_property
    def _names(self) -> list[tuple[Field, bytes]]:
        """What is before each number, from the comma before it on."""
        fields = self.plan.fields
        return [
            (field, f'{"" if place else "{"}"{field.name}":{chr(34) if _is_quoted(field) else ""}'.encode())
            for place, field in enumerate(fields)
        ]

    def filled(self, text: bytes) -> bytes:
        """A text with the zeros that its items left out, as writers of proto3 do.

        Behind a member that is not followed by the next one, that one is put. Whether
        the items were what they seem, ``count`` says of what comes out.
        """
        for pattern, zero in self._left_out:
            text = pattern.sub(zero, text)
        return text

    @cached_property
    def _left_out(self) -> list[tuple[re.Pattern[bytes], bytes]]:
        """Where each member but the first one is missing, and what is to be there."""
        found = []
        for (before, _), (field, _) in pairwise(self._names):
            quote = '"' if _is_quoted(before) else ""
            # Possessive: of a number a shorter one is none.
            pattern = rf'("{before.name}":{quote}[-.0-9]++{quote})(?!,"{field.name}":)'
            zero = '"0"' if _is_quoted(field) else "0"
            found.append((re.compile(pattern.encode()), rf'\1,"{field.name}":{zero}'.encode()))
        return found

    def count(self, text: bytes) -> int:
        """How many items there are in a text that looks like this; 0 for any other."""
        skeleton = text.translate(None, _NUMERALS)
        count, rest = divmod(len(skeleton) + 1, len(self._item))
        return count if not rest and skeleton == (self._item * count)[:-1] else 0

    def read(self, texts: Sequence[bytes]) -> list[pa.Array] | None:
        """The columns of the items of texts that ``count`` counted; None when they are not as they looked."""
        data = b",".join([*texts, b""])
        letters = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(letters == _COMMA).astype(np.int32).reshape(-1, len(self._names))
        starts = np.empty_like(ends)
        starts[:, 1:] = ends[:, :-1] + 1
        starts[1:, 0] = ends[:-1, -1] + 1
        starts[0, 0] = 0
        columns: dict[str, pa.Array] = {}
        wanted = {column.name for column in self.columns}
        for place, (field, name) in enumerate(self._names):
            first, end = starts[:, place] + len(name), ends[:, place].copy()
            if place == len(self._names) - 1:
                end -= 1
                if not np.all(letters[end] == _BRACE):
                    return None
            if _is_quoted(field):
                end -= 1
                if not np.all((letters[end] == _QUOTE) & (letters[first - 1] == _QUOTE)):
                    return None
            colon = letters[first - (2 if _is_quoted(field) else 1)]
            if not np.all(colon == _COLON) or not (_is_quoted(field) or _are_numbers(letters, first, end)):
                return None
            if field.name in wanted:
                values = _convert(data, first, end, field)
                if values is None:
                    return None
                columns[field.name] = values
        return [columns[column.name] for column in self.columns]


def _is_quoted(field: Field) -> bool:
    return field.kind is Kind.WIDE_INT


def _are_numbers(letters: NDArray[np.uint8], first: NDArray[np.int32], end: NDArray[np.int32]) -> bool:
    """Whether texts of numerals begin and end as JSON's numbers do; what is between, the conversion tells."""
    last = letters[end - 1]
    digit = first + (letters[first] == _MINUS)
    begin, after = letters[digit], letters[np.minimum(digit + 1, len(letters) - 1)]
    no_zero_before = (begin != _ZERO) | (digit + 1 >= end) | (after == _POINT)
    return bool(np.all(_are_digits(last) & _are_digits(begin) & (digit < end) & no_zero_before))


def _are_digits(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (letters >= _ZERO) & (letters <= _NINE)


def _convert(data: bytes, first: NDArray[np.int32], end: NDArray[np.int32], field: Field) -> pa.Array | None:
    """Numbers out of texts where they lie: of an array of texts every other one is null and spans the gap."""
    count = len(first)
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2], offsets[1::2] = first, end
    present = np.full((2 * count + 7) // 8, 0b01010101, np.uint8)
    buffers = [pa.py_buffer(present), pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.string(), 2 * count - 1, buffers, null_count=count - 1)
    kind = np.int64 if _is_quoted(field) else np.float64
    try:
        numbers = texts.cast(pa.int64() if _is_quoted(field) else pa.float64())
    except pa.ArrowInvalid:
        return None
    values = np.frombuffer(numbers.buffers()[1], kind)[: 2 * count : 2]
    if _is_quoted(field):
        return pa.array(values)
    if not np.all(np.abs(values) <= (MAX_FLOAT if field.kind is Kind.FLOAT else np.finfo(np.float64).max)):
        return None
    return pa.array(values.astype(np.float32) if field.kind is Kind.FLOAT else values)
