"""From parts of sources to record batches: the fast way where the text allows it, else the exact one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from moonsense.codec import json
from moonsense.codec.arrow.outline import Lists, outline
from moonsense.codec.arrow.text import TextReader
from moonsense.codec.ndjson import NdjsonParser
from moonsense.errors import DecodeError
from moonsense.frames._rows import Bundles, Selection, from_messages, parents, rows
from moonsense.frames._sources import PIECE_BYTES, Messages, Part, Text
from moonsense.models.bundle_v2_pb2 import SealedBundle

Batches = dict[str, pa.RecordBatch]
"""Of each sensor, its rows of the same bundles."""


class Reading:
    """Reads some sensors out of parts of a source."""

    def __init__(self, selections: Sequence[Selection], session_ids: Collection[str] | None = None) -> None:
        """
        Args:
            selections: what is wanted, one a sensor.
            session_ids: of which sessions; None for all.
        """
        self._selections = selections
        self._session_ids = session_ids
        self._readers = {
            selection.sensor.field: TextReader(selection.sensor.plan, selection.columns)
            for selection in selections
            if selection.sensor.many
        }
        # What the fast way cannot read stays in the line, and is read with it.
        self._cut = frozenset(field.encode() for field, reader in self._readers.items() if reader.able)
        self._kept = frozenset(field.encode() for field in self._readers) - self._cut

    def batches(self, parts: Iterable[Part]) -> Iterator[Batches]:
        """Batches of all sensors, in the order of the source.

        Raises:
            DecodeError, IncompleteError: something is no bundle; all before it has come.
        """
        for group in _grouped(parts):
            yield from self._of_group(group)

    def _of_group(self, group: list[Part]) -> Iterator[Batches]:
        texts = [part for part in group if isinstance(part, Text)]
        fast = self._fast(texts) if texts else None
        if fast is not None:
            yield fast
            return
        for part in group:
            if isinstance(part, Messages):
                yield self._of_messages(part.bundles, part.session_id)
            else:
                yield from self._exactly(part)

    def _fast(self, texts: list[Text]) -> Batches | None:
        """All of the texts at once; None when something in them is to be read exactly."""
        sealed: list[SealedBundle] = []
        session_ids: list[str] = []
        lists: list[Lists] = []
        for text in texts:
            for start, end in _lines(text.data):
                rest, found = outline(text.data, start, end, self._cut, self._kept)
                if not rest or rest.isspace():
                    continue
                try:
                    one = json.parse(rest, SealedBundle)
                except DecodeError:
                    return None
                if self._is_wanted(one, text.session_id):
                    sealed.append(one)
                    session_ids.append(text.session_id)
                    lists.append(found)
        bundles = Bundles(sealed, session_ids)
        batches: Batches = {}
        for selection in self._selections:
            batch = self._fast_rows(selection, bundles, lists)
            if batch is None:
                return None
            batches[selection.sensor.name] = batch
        return batches

    def _fast_rows(self, selection: Selection, bundles: Bundles, lists: list[Lists]) -> pa.RecordBatch | None:
        field = selection.sensor.field
        name = field.encode()
        if name not in self._cut:
            return from_messages(selection, bundles)
        if any(getattr(one.bundle, field) for one in bundles.sealed):
            return None  # a line that is written otherwise
        having = [number for number, found in enumerate(lists) if found.get(name)]
        read = self._readers[field].read([lists[number][name] for number in having])
        if read is None:
            return None
        lengths, columns = read
        counts = np.zeros(len(lists), dtype=np.int64)
        counts[having] = lengths
        values = {column.name: array for column, array in zip(selection.columns, columns, strict=True)}
        return rows(selection, bundles, parents(counts), values)

    def _exactly(self, text: Text) -> Iterator[Batches]:
        """What is whole before a fault, then the fault."""
        parser = NdjsonParser(SealedBundle, where=text.where)
        parser.line = text.line
        yield self._of_messages(parser.feed(text.data), text.session_id)
        yield self._of_messages(parser.close(), text.session_id)

    def _of_messages(self, sealed: Sequence[SealedBundle], session_id: str) -> Batches:
        wanted = [one for one in sealed if self._is_wanted(one, session_id)]
        bundles = Bundles(wanted, [session_id] * len(wanted))
        return {selection.sensor.name: from_messages(selection, bundles) for selection in self._selections}

    def _is_wanted(self, sealed: SealedBundle, session_id: str) -> bool:
        return self._session_ids is None or (sealed.session_id or session_id) in self._session_ids


def _lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield start, end
        start = end + 1
    if start < len(data):
        yield start, len(data)


def _grouped(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Small texts together: a batch of each small file would cost more than its rows."""
    group: list[Part] = []
    size = 0
    try:
        for part in parts:
            if isinstance(part, Messages):
                if group:
                    yield group
                    group, size = [], 0
                yield [part]
                continue
            group.append(part)
            size += len(part.data)
            if size >= PIECE_BYTES:
                yield group
                group, size = [], 0
    except Exception:
        if group:  # what was read before a fault comes before it
            yield group
        raise
    if group:
        yield group
