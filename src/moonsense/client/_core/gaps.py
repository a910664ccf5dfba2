"""Which indices there are, which are missing, and which came more than once."""

from __future__ import annotations

from bisect import bisect_right


class Indices:
    """The indices of a session's bundles, kept as runs: a session without gaps is one, however long.

    Attributes:
        repeats: how often each index came again, by index.
        out_of_order: how many came behind a higher one, repeats not counted.
        unnumbered: how many bundles have no index (it is 0, or below).
    """

    def __init__(self) -> None:
        self.repeats: dict[int, int] = {}
        self.out_of_order = 0
        self.unnumbered = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, index: int) -> None:
        """Take the index of the next bundle."""
        if index <= 0:
            self.unnumbered += 1
            return
        at = bisect_right(self._starts, index) - 1
        if at >= 0 and index <= self._ends[at]:
            self.repeats[index] = self.repeats.get(index, 0) + 1
            return
        if self._ends and index < self._ends[-1]:
            self.out_of_order += 1
        joins_before = at >= 0 and self._ends[at] == index - 1
        joins_after = at + 1 < len(self._starts) and self._starts[at + 1] == index + 1
        if joins_before and joins_after:
            self._ends[at] = self._ends.pop(at + 1)
            del self._starts[at + 1]
        elif joins_before:
            self._ends[at] = index
        elif joins_after:
            self._starts[at + 1] = index
        else:
            self._starts.insert(at + 1, index)
            self._ends.insert(at + 1, index)

    @property
    def first(self) -> int | None:
        """The least index, or None without any."""
        return self._starts[0] if self._starts else None

    @property
    def last(self) -> int | None:
        """The greatest index, or None without any."""
        return self._ends[-1] if self._ends else None

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """First and last missing index of each gap between the least and the greatest."""
        return tuple((end + 1, start - 1) for end, start in zip(self._ends, self._starts[1:], strict=False))
