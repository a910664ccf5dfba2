"""Finds sessions that may have chunks to be processed: by lists, and by being woken.

A list tells of each session how many bundles it has. One that has as many as
are done is left alone; one that is new or has grown is noted in the store, and
a worker asks for its chunks. So a pass costs a request for a hundred sessions.

The newest sessions are listed at every pass, all of them at each sweep: a
session of long ago that grows is found by the latter, and wakes find it at once.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from moonsense.consumer._rules import found
from moonsense.consumer._work import Orders, Run
from moonsense.contract import times
from moonsense.errors import (
    AuthenticationError,
    CheckpointError,
    ConfigurationError,
    DataError,
    NotFoundError,
    PermissionDeniedError,
    RequestError,
)

logger = logging.getLogger("moonsense.consumer")

LASTING = (AuthenticationError, PermissionDeniedError, ConfigurationError)
"""Errors that trying again does not help."""

_MOST_WAKES = 10_000
"""Sessions that may wait to be looked at; past it, a list is quicker than asking for each."""


class Wakes:
    """Sessions that someone said to look at. Any thread may add some: it costs nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}
        self._too_many = False
        self.run: Run | None = None
        """Who is told of them."""

    def add(self, session_id: str) -> None:
        with self._lock:
            if len(self._waiting) < _MOST_WAKES:
                self._waiting[session_id] = None
            else:
                self._too_many = True
            run = self.run
        if run is not None:
            run.changed()

    def take(self) -> tuple[list[str], bool]:
        """All so far, and whether there were more."""
        with self._lock:
            waiting, too_many = list(self._waiting), self._too_many
            self._waiting, self._too_many = {}, False
        return waiting, too_many


class Finder:
    """The thread that finds sessions."""

    def __init__(self, orders: Orders, run: Run, wakes: Wakes) -> None:
        self._orders = orders
        self._run = run
        self._wakes = wakes
        self._newest = 0

    def work(self) -> None:
        """Find until the run stops, or once."""
        next_pass = next_sweep = time.monotonic()
        while not self._run.stopping.is_set():
            seen = self._run.version
            try:
                woken, too_many = self._wakes.take()
                self._look(woken)
                now = time.monotonic()
                if now >= next_sweep:
                    next_pass = now + self._orders.poll
                    self._list(everything=True)
                    next_sweep = now + self._orders.sweep
                    self._run.listed.set()
                    self._run.changed()
                elif now >= next_pass or too_many:
                    next_pass = now + self._orders.poll
                    self._list(everything=False)
            except LASTING:
                raise
            except (RequestError, DataError, CheckpointError) as error:
                if self._run.once or self._orders.checkpoints.closed:
                    raise
                logger.warning("sessions could not be listed, again in %.0f s: %s", self._orders.poll, error)
                next_sweep = max(next_sweep, next_pass)
            if self._run.once and self._run.listed.is_set():
                return
            self._run.wait(seen, min(next_pass, next_sweep) - time.monotonic())

    def _list(self, *, everything: bool) -> None:
        """One pass over the newest sessions, or over all."""
        since = None
        if not everything:
            since = times.from_micros(self._newest) - timedelta(seconds=self._orders.window)
        listing = self._orders.client.list_sessions(**self._orders.selection.arguments(), since=since)
        try:
            for page in listing.pages():
                if self._run.stopping.is_set():
                    return
                sessions = [found(session) for session in page]
                self._newest = max(self._newest, *(session.created_at for session in sessions))
                if self._orders.checkpoints.found(self._orders.name, sessions):
                    self._run.changed()
        finally:
            listing.close()

    def _look(self, session_ids: list[str]) -> None:
        """Have sessions asked for chunks that someone said have some."""
        if not session_ids:
            return
        unknown = self._orders.checkpoints.wake(self._orders.name, session_ids)
        if len(unknown) < len(session_ids):
            self._run.changed()
        for session_id in unknown:
            if self._run.stopping.is_set():
                return
            try:
                session = self._orders.client.describe_session(session_id, minimal=True)
            except NotFoundError:
                continue  # deleted by now, or of another project
            if self._orders.selection.takes(session):
                self._orders.checkpoints.found(self._orders.name, [found(session)])
                self._run.changed()
