"""Events on the timer of a page, cut into bundles as a page's recorder cuts them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from google.protobuf.message import Message

from moonsense.models.bundle_v2_pb2 import Bundle, Clock
from moonsense.simulator.session import BUNDLE_MILLIS


class Tape:
    """Collects events in any order of time and gives them back as bundles.

    Times are milliseconds of the page's timer, which starts at 0 when the
    page is opened; the messages' ``determined_at`` is set here.
    """

    def __init__(self) -> None:
        self._events: list[tuple[int, str, Message]] = []

    def put(self, at: float, field: str, message: Message) -> None:
        """Notes an event for the ``Bundle`` field of this name."""
        millis = round(at)
        message.determined_at = millis  # type: ignore[attr-defined]
        self._events.append((millis, field, message))

    def bundles(self, rng: random.Random, start: int) -> Iterator[Bundle]:
        """The bundles; a second in which nothing happened gives none.

        ``start`` is the wall clock in epoch milliseconds when the timer was 0.
        """
        # Sorting by time alone keeps events of one millisecond in the order they were put.
        events = sorted(self._events, key=lambda event: event[0])
        bundle = Bundle()
        ends = 0
        index = 0
        for at, name, message in events:
            if at >= ends:
                if index:
                    yield bundle
                index += 1
                ends = (at // BUNDLE_MILLIS + 1) * BUNDLE_MILLIS
                # Timers of pages fire late rather than early.
                handed_over = ends + rng.randrange(5)
                bundle = Bundle(
                    index=index,
                    client_time=Clock(
                        wall_time_millis=start + handed_over,
                        timer_millis=handed_over,
                        timer_realtime_millis=handed_over,
                    ),
                )
            getattr(bundle, name).append(message)
        bundle.is_final_bundle = True
        yield bundle
