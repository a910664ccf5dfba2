"""Lines of NDJSON, as the service and this package write them, to columns at once: by ``_scan.hpp``.

It is built where the package is installed, or comes with it. Where there was no
compiler it is missing, and everything is read as it is here, only slower.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from moonsense.codec.arrow.outline import LISTS, SINGLES
from moonsense.codec.arrow.schema import Column
from moonsense.codec.plan import Kind, Plan, Shape, plan_of
from moonsense.models.bundle_v2_pb2 import Bundle

try:
    from moonsense.codec.arrow import _scan
except ImportError:
    _scan = None  # type: ignore[assignment]  # as it is for mypy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Field = tuple[str, str, bool]
    _List = tuple[str, int, bool, tuple[_Field, ...]]

__all__ = ["Columns", "Scan", "Scanner", "can_scan", "has_only_numbers"]

can_scan = _scan is not None
"""Whether the compiled part is there."""

_KINDS = {
    Kind.WIDE_INT: "wide_int",
    Kind.INT: "int",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "double",
}
"""What ``_scan`` calls them."""

_TYPES = {"wide_int": pa.int64(), "int": pa.int32(), "float": pa.float32(), "double": pa.float64()}


Columns = tuple["NDArray[np.int64]", dict[str, pa.Array]]
"""Of a list: how many items each line has, and the columns of all items by name."""


class _Use(enum.IntEnum):
    """What is done with a list."""

    SKIP = 0
    COLUMNS = 1
    TEXT = 2
    KEEP = 3


def _plan_of(name: str) -> Plan:
    """Of the items of a list."""
    plan = plan_of(Bundle.DESCRIPTOR).by_name[name].plan
    assert plan is not None
    return plan


def _has_texts(plan: Plan) -> bool:
    return any(
        field.kind is Kind.STRING or (field.plan is not None and _has_texts(field.plan))
        for field in plan.fields
    )


def has_only_numbers(plan: Plan) -> bool:
    """Whether items are nothing but numbers, so that they can be scanned."""
    return all(field.shape is Shape.SINGLE and field.kind in _KINDS for field in plan.fields)


@dataclass(frozen=True)
class Scan:
    """What was found in some lines.

    Attributes:
        envelopes: index, wall clock, timer and realtime timer of each line, int64, (lines, 4).
        sessions: the number of each line's session, int32.
        ids: of the sessions that are numbered.
        columns: of the items of lists.
        texts: of a list, the items of each line as they stand there, with commas between them.
        rests: the lines without the items of any list that is not kept; none unless they were wanted.
        lines: how many each text has, blank ones too.
    """

    envelopes: NDArray[np.int64]
    sessions: NDArray[np.int32]
    ids: list[str]
    columns: Mapping[str, Columns]
    texts: Mapping[str, list[bytes]]
    rests: list[bytes]
    lines: list[int]


@dataclass(frozen=True)
class Scanner:
    """Scans lines for the items of some lists.

    Attributes:
        columns: the lists of numbers that are wanted: the plan of their items, and the columns of them.
        texts: the lists whose items are wanted as they stand there.
        kept: the lists that stay in the rest of their line.
        wants_rests: whether that is wanted.
    """

    columns: Mapping[str, tuple[Plan, Sequence[Column]]]
    texts: Collection[str] = ()
    kept: Collection[str] = ()
    wants_rests: bool = False

    def scan(self, texts: list[tuple[bytes | memoryview, str]]) -> Scan | None:
        """Scan some texts, whole lines each; None when something is to be read in another way.

        Args:
            texts: each with the session that those lines are of that do not say it.
        """
        found = _scan.scan(texts, self._lists, SINGLES, self.wants_rests)
        if found is None:
            return None
        envelopes, sessions, ids, lists, rests, lines = found
        columns: dict[str, Columns] = {}
        as_text: dict[str, list[bytes]] = {}
        for (name, use, _, fields), result in zip(self._lists, lists, strict=True):
            if use == _Use.COLUMNS:
                counts, values = cast("tuple[bytes, list[bytes]]", result)
                columns[name] = np.frombuffer(counts, np.int64), _arrays(fields, values)
            elif use == _Use.TEXT:
                as_text[name] = cast("list[bytes]", result)
        return Scan(
            np.frombuffer(envelopes, np.int64).reshape(-1, 4),
            np.frombuffer(sessions, np.int32),
            ids,
            columns,
            as_text,
            rests,
            lines,
        )

    @cached_property
    def _lists(self) -> tuple[_List, ...]:
        return tuple(
            (name, self._use(name), _has_texts(_plan_of(name)), self._fields(name)) for name in LISTS
        )

    def _use(self, name: str) -> _Use:
        if name in self.columns:
            return _Use.COLUMNS
        if name in self.texts:
            return _Use.TEXT
        return _Use.KEEP if name in self.kept else _Use.SKIP

    def _fields(self, name: str) -> tuple[_Field, ...]:
        if name not in self.columns:
            return ()
        plan, columns = self.columns[name]
        wanted = {column.name for column in columns}
        return tuple((field.name, _KINDS[field.kind], field.name in wanted) for field in plan.fields)


def _arrays(fields: tuple[_Field, ...], values: list[bytes]) -> dict[str, pa.Array]:
    """The columns of those fields that are wanted, where their numbers lie."""
    found = {}
    for (name, kind, wanted), data in zip(fields, values, strict=True):
        if wanted:
            type_ = _TYPES[kind]
            count = len(data) * 8 // type_.bit_width
            found[name] = pa.Array.from_buffers(type_, count, [None, pa.py_buffer(data)])
    return found
