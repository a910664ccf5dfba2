"""Bundles in the order of their index, without holding a session in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Literal, Self, get_args

from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

Order = Literal["received", "index"]
"""``received``: as the cloud received them; ``index``: as they were recorded."""

_IN_MEMORY = 16 * 1024 * 1024
"""Bytes of bundles that are held before they go to a temporary file: most sessions never do."""

_BATCH = 256


def checked_order(order: Order) -> Order:
    """The order as it is, or a ValueError that says what there is."""
    if order not in get_args(Order):
        raise ValueError(f"order must be one of {', '.join(get_args(Order))}, not {order!r}")
    return order


class Sorter:
    """Takes bundles in any order and gives them by index.

    Their bytes are in a temporary file once they are many; held for each are
    only its index and its place, some 60 bytes while they are put in order.

    Bundles without an index come first, as received. One that was sent again
    (an index above 0, and all the same in it) is given once; bundles that share
    an index and differ are all given.
    """

    def __init__(self) -> None:
        import tempfile  # noqa: PLC0415 (few programs need it, and all would load its archives)

        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed by __exit__)
        self._indices = array("q")
        self._ends = array("q", [0])
        self._sorted: Iterator[SealedBundle] | None = None

    def add(self, batch: Sequence[SealedBundle]) -> None:
        """Take bundles. Raises OSError when the temporary file cannot be written."""
        for sealed in batch:
            payload = sealed.SerializeToString()
            self._file.write(payload)
            self._indices.append(sealed.bundle.index)
            self._ends.append(self._ends[-1] + len(payload))

    def take(self) -> list[SealedBundle]:
        """The next bundles in order; none at the end."""
        if self._sorted is None:
            self._sorted = self._in_order()
        return list(islice(self._sorted, _BATCH))

    def _in_order(self) -> Iterator[SealedBundle]:
        last = 0
        given: list[Bundle] = []
        # Stable: bundles of one index stay as received.
        for place in sorted(range(len(self._indices)), key=self._indices.__getitem__):
            sealed = self._read(place)
            index = sealed.bundle.index
            if index > 0:
                if index != last:
                    last, given = index, []
                elif sealed.bundle in given:
                    continue
                given.append(sealed.bundle)
            yield sealed

    def _read(self, place: int) -> SealedBundle:
        start, end = self._ends[place], self._ends[place + 1]
        self._file.seek(start)
        return SealedBundle.FromString(self._file.read(end - start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
