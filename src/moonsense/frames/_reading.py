"""From parts of sources to record batches: the fast way where the text allows it, else the exact one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from moonsense.codec import json
from moonsense.codec.arrow.envelope import Envelope
from moonsense.codec.arrow.outline import Lists, outline
from moonsense.codec.arrow.scan import Columns, Scanner, can_scan, has_only_numbers
from moonsense.codec.arrow.text import TextReader
from moonsense.codec.ndjson import NdjsonParser
from moonsense.errors import DecodeError
from moonsense.frames._lines import Text
from moonsense.frames._rows import Bundles, Selection, from_messages, parents, rows
from moonsense.frames._sources import Messages, Part, Wanted
from moonsense.models.bundle_v2_pb2 import SealedBundle

GROUP_BYTES = 2 * 1024 * 1024
"""Text that is made into rows at a time; some three times this is in use."""

Batches = dict[str, pa.RecordBatch]
"""Of each sensor, its rows of the same bundles."""


class Reading:
    """Reads some sensors out of parts of a source."""

    def __init__(self, selections: Sequence[Selection], wanted: Wanted) -> None:
        """
        Args:
            selections: what is wanted, one a sensor.
            wanted: of which sessions.
        """
        self._selections = selections
        self._wanted = wanted
        self._readers = {
            selection.sensor.field: TextReader(selection.sensor.plan, selection.columns)
            for selection in selections
            if selection.sensor.many
        }
        # What the fast way cannot read stays in the line, and is read with it.
        self._able = [field for field, reader in self._readers.items() if reader.able]
        self._cut = frozenset(field.encode() for field in self._able)
        self._kept = frozenset(field.encode() for field in self._readers) - self._cut
        self._in_messages = any(selection.sensor.field not in self._able for selection in selections)
        self._scanner = self._make_scanner() if can_scan else None

    def batches(self, parts: Iterable[Part]) -> Iterator[Batches]:
        """Batches of all sensors, in the order of the source.

        Raises:
            DecodeError, IncompleteError: something is no bundle; all before it has come.
        """
        for group in _grouped(parts):
            if isinstance(group, Messages):
                yield self._of_messages(group)
            elif (fast := self._scanned(group) or self._outlined(group)) is not None:
                yield fast
            else:
                for text in group:
                    yield from self._exactly(text)

    def _make_scanner(self) -> Scanner:
        numbers = {
            selection.sensor.field: (selection.sensor.plan, selection.columns)
            for selection in self._selections
            if selection.sensor.field in self._able and has_only_numbers(selection.sensor.plan)
        }
        texts = [field for field in self._able if field not in numbers]
        kept = [field for field in self._readers if field not in self._able]
        return Scanner(numbers, texts, kept, wants_rests=self._in_messages)

    def _scanned(self, texts: list[Text]) -> Batches | None:
        """All of the texts at once, by the compiled scanner; None when something is to be read otherwise."""
        if self._scanner is None:
            return None
        scan = self._scanner.scan([(text.data, text.session_id) for text in texts])
        if scan is None:
            return None
        for text, count in zip(texts, scan.lines, strict=True):
            text.lines = count
        if not all(map(self._wanted.has, scan.ids)):
            return None
        try:
            sealed = [json.parse(rest, SealedBundle) for rest in scan.rests]
        except DecodeError:
            return None
        bundles = Bundles(scan.envelopes, scan.sessions, scan.ids, sealed)
        return self._together(bundles, scan.texts, scan.columns)

    def _outlined(self, texts: list[Text]) -> Batches | None:
        """The same line by line: several times as slow, and for more ways of writing."""
        envelopes: list[Envelope] = []
        sealed: list[SealedBundle] = []
        lists: list[Lists] = []
        for text in texts:
            data = bytes(text.data)
            for start, end in _lines(data):
                rest, found = outline(data, start, end, self._cut, self._kept)
                one = None
                envelope = None if self._in_messages else Envelope.plain(rest, text.session_id)
                if envelope is None:
                    if not rest or rest.isspace():
                        continue
                    one = self._without_items(rest)
                    if one is None:
                        return None
                    envelope = Envelope.of(one, text.session_id)
                if not self._wanted.has(envelope.session_id):
                    continue
                envelopes.append(envelope)
                lists.append(found)
                if one is not None and self._in_messages:
                    sealed.append(one)
        items = {field: [found.get(field.encode(), b"") for found in lists] for field in self._able}
        return self._together(Bundles.by(envelopes, sealed), items, {})

    def _without_items(self, rest: bytes) -> SealedBundle | None:
        """What is left of a line; None when it is no bundle, or is written otherwise and has items still."""
        try:
            one = json.parse(rest, SealedBundle)
        except DecodeError:
            return None
        return None if any(getattr(one.bundle, field) for field in self._able) else one

    def _together(
        self, bundles: Bundles, texts: Mapping[str, Sequence[bytes]], columns: Mapping[str, Columns]
    ) -> Batches | None:
        """The rows of all sensors: out of columns, of texts that are still to be read, or of messages."""
        batches: Batches = {}
        for selection in self._selections:
            field = selection.sensor.field
            if field in columns:
                counts, values = columns[field]
                batch: pa.RecordBatch | None = rows(selection, bundles, parents(counts), values)
            elif field in texts:
                batch = self._of_texts(selection, bundles, texts[field])
            else:
                batch = from_messages(selection, bundles)
            if batch is None:
                return None
            batches[selection.sensor.name] = batch
        return batches

    def _of_texts(
        self, selection: Selection, bundles: Bundles, texts: Sequence[bytes]
    ) -> pa.RecordBatch | None:
        """The rows of a sensor, by the text of its items in each bundle."""
        having = [number for number, text in enumerate(texts) if text]
        read = self._readers[selection.sensor.field].read([texts[number] for number in having])
        if read is None:
            return None
        lengths, columns = read
        counts = np.zeros(len(texts), dtype=np.int64)
        counts[having] = lengths
        values = {column.name: array for column, array in zip(selection.columns, columns, strict=True)}
        return rows(selection, bundles, parents(counts), values)

    def _exactly(self, text: Text) -> Iterator[Batches]:
        """What is whole before a fault, then the fault."""
        parser = NdjsonParser(SealedBundle, where=text.where)
        parser.line = text.line
        yield self._of_messages(Messages(parser.feed(bytes(text.data)), text.session_id))
        yield self._of_messages(Messages(parser.close(), text.session_id))

    def _of_messages(self, messages: Messages) -> Batches:
        session_id = messages.session_id
        wanted = [one for one in messages.bundles if self._wanted.has(one.session_id or session_id)]
        bundles = Bundles.of(wanted, session_id)
        return {selection.sensor.name: from_messages(selection, bundles) for selection in self._selections}


def _lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each line begins, and where it ends, before its newline."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield start, end
        start = end + 1
    if start < len(data):
        yield start, len(data)


def _grouped(parts: Iterable[Part]) -> Iterator[Messages | list[Text]]:
    """Small texts together: a batch of each small file would cost more than its rows."""
    group: list[Text] = []
    size = 0
    try:
        for part in parts:
            if isinstance(part, Text):
                group.append(part)
                size += len(part.data)
            if group and (size >= GROUP_BYTES or isinstance(part, Messages) or not part.is_last):
                yield group
                group, size = [], 0
            if isinstance(part, Messages):
                yield part
    except Exception:
        if group:  # what was read before a fault comes before it
            yield group
        raise
    if group:
        yield group
