# Made from src/moonsense/client/_async/readings.py by scripts/generate_sync.py: do not edit.
"""How bodies are read: piece by piece, and again from where they broke off."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import TypeVar

from moonsense.client._concurrency import run, sleep
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.resume import Reading
from moonsense.client._files import Target, opened
from moonsense.client._sync.ahead import Ahead
from moonsense.client._sync.base import Base
from moonsense.errors import IncompleteError, RequestTimeout, ResponseError

logger = logging.getLogger("moonsense.client")

T = TypeVar("T")

_NOT_THAT_RANGE = 416


class Readings(Base):
    """Reading of large bodies, for the calls that do."""

    def _read(
        self, reading: Reading[T], deadline: Deadline | None = None, ahead: Ahead | None = None
    ) -> Generator[T]:
        """What is read out of a body, as it arrives; ``ahead`` is an answer that was asked for already.

        An answer that breaks off is asked for again as often as a request that
        fails is; one that brought something new counts as the first.
        """
        deadline = deadline or self._transport.deadline(streaming=True)
        while True:
            request, begun = reading.request, False
            try:
                opened, ahead = ahead or self._transport.stream(request, reading.where, deadline), None
                started = time.monotonic()
                with opened as body:
                    reading.waited = time.monotonic() - started
                    begun = True
                    reading.begin(body.head)
                    while raw := body.read():
                        yield from reading.feed(raw)
                    yield reading.close()
                return
            except (IncompleteError, RequestTimeout) as error:
                # Before it began, the transport tried as often as it may.
                attempt = reading.broke_off() if begun else None
                pause = attempt and self._transport.pause(request, attempt, error, deadline)
                if pause is None:
                    raise
                logger.info("%s; asked for again in %.2f s", error, pause)
            except ResponseError as error:
                if error.status != _NOT_THAT_RANGE or "Range" not in request.headers:
                    raise
                reading.ask_for_all()
                pause = 0.0
            sleep(pause)

    def _save(
        self,
        reading: Reading[bytes],
        output_file: Target,
        deadline: Deadline | None = None,
    ) -> None:
        """Write what is read to a file that appears whole or not at all, or to a sink as it comes.

        A file is written beside the target, made durable and renamed when all of it
        is there and right; on a failure nothing of it is left.

        Raises OSError when the file cannot be written.
        """
        parts = self._read(reading, deadline)
        try:
            # A cloud that has nothing to give is found out before a file is made.
            first = next(parts)
            with run(opened, output_file) as file:
                run(file.write, first)
                for part in parts:
                    if part:  # the last one often is empty
                        run(file.write, part)
                run(file.commit)
        finally:
            parts.close()
