"""What went by while bundles were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moonsense.cli.output import Column, note, show_table
from moonsense.display.words import duration_text, millis_text, most_first

if TYPE_CHECKING:
    from moonsense.models.bundle_v2_pb2 import SealedBundle


class BundleSummary:
    """Counts of bundles, of the items in them, and the time they are of."""

    def __init__(self) -> None:
        self.bundles = 0
        self.bytes = 0
        self.items: Counter[str] = Counter()
        self.oldest: int | None = None
        self.newest: int | None = None

    def add(self, sealed: SealedBundle) -> None:
        """Counts a bundle."""
        from moonsense.clock import event_bounds_millis
        from moonsense.contract.counters import count_items

        self.bundles += 1
        self.bytes += sealed.ByteSize()
        self.items.update(count_items(sealed.bundle))
        bounds = event_bounds_millis(sealed.bundle)
        if bounds is not None:
            self.oldest = bounds[0] if self.oldest is None else min(self.oldest, bounds[0])
            self.newest = bounds[1] if self.newest is None else max(self.newest, bounds[1])

    def add_all(self, bundles: Iterable[SealedBundle]) -> None:
        """Counts them all."""
        for sealed in bundles:
            self.add(sealed)

    @property
    def seconds(self) -> float | None:
        """From the oldest to the newest event on the wall clock; None without an event."""
        if self.oldest is None or self.newest is None:
            return None
        return (self.newest - self.oldest) / 1000


def show_summary(summary: BundleSummary) -> None:
    """Items of each kind, how many a second, and from when to when."""
    if not summary.bundles:
        note("no bundles yet")
        return
    seconds = summary.seconds
    rows = [
        (name, f"{count:,}", f"{count / seconds:.1f}" if seconds else "")
        for name, count in most_first(summary.items).items()
    ]
    show_table([Column("ITEMS"), Column("COUNT", right=True), Column("A SECOND", right=True)], rows)
    size = f"{summary.bundles:,} bundles, {summary.bytes:,} bytes as protobuf"
    if summary.oldest is None or summary.newest is None or seconds is None:
        note(size)
    else:
        start, end = millis_text(summary.oldest), millis_text(summary.newest)
        note(f"{size}, {start} to {end} UTC ({duration_text(seconds)})")
