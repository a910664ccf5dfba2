# Made from src/moonsense/client/_async/ahead.py by scripts/generate_sync.py: do not edit.
"""Answers that arrive before anyone reads them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from moonsense.client._concurrency import sleep
from moonsense.client._core.answers import Head
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.requests import Request
from moonsense.client._pipes import Job, Pipe

if TYPE_CHECKING:
    from moonsense.client._sync.transport import Transport

WORTH_FETCHING_AHEAD = 0.01
"""Seconds that a cloud takes to begin an answer, from which on asking ahead saves more than it costs."""

_MOST_BYTES = 8 * 1024 * 1024
"""Bytes of an answer that wait for their reader; the rest stays with the cloud until then."""


class Ahead:
    """The answer to a request that is sent at once; like ``stream`` of the transport otherwise."""

    head: Head

    def __init__(self, transport: Transport, request: Request, where: str, deadline: Deadline) -> None:
        self._transport = transport
        self._request = request
        self._where = where
        self._deadline = deadline
        self._pipe: Pipe[Head | bytes | Exception] = Pipe(_MOST_BYTES)
        self._job = Job(self._fetch)

    def _fetch(self) -> None:
        try:
            with self._transport.stream(self._request, self._where, self._deadline) as body:
                wanted = self._pipe.put(body.head)
                while wanted:
                    raw = body.read()
                    wanted = self._pipe.put(raw, len(raw)) and raw != b""
        except Exception as error:  # noqa: BLE001 (it is raised where the answer is read)
            self._pipe.put(error)

    def read(self) -> bytes:
        """The next bytes as they were sent; none at the end. Raises what the transport raised."""
        # Whoever decodes what is here already would keep the other from going on.
        sleep(0.0)
        item = self._pipe.get()
        if isinstance(item, Exception):
            raise item
        assert isinstance(item, bytes)
        return item

    def close(self) -> None:
        """Stop fetching; a second time is nothing."""
        self._pipe.close()
        self._job.end()

    def __enter__(self) -> Self:
        head = self._pipe.get()
        if isinstance(head, Exception):
            raise head
        assert isinstance(head, Head)
        self.head = head
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
