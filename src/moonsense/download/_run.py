"""One run over many sessions: lists them, has them downloaded, keeps the ledger."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from moonsense.contract.counters import BUNDLE
from moonsense.download import _layout as layout
from moonsense.download import _plan as plan
from moonsense.download._contents import Told
from moonsense.download._ledger import Entry, Ledger, State
from moonsense.download._one import Downloader, Outcome, Source, Task
from moonsense.download._plan import OVERLAP, Want, Why
from moonsense.download._report import DownloadReport, Progress
from moonsense.download._workers import Workers
from moonsense.errors import ConnectionFailed, MoonsenseError
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.download")

_AHEAD = 1000
"""Sessions that are handed out ahead, which takes a few megabytes; the others wait on disk."""

_IN_VAIN = 25
"""So many sessions without a connection in a row, and the cloud is held to be away."""

_SAVE_SECONDS = 0.5

_TOLD = 100
"""Listed sessions between two reports of progress."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What goes wrong with the disk for all sessions alike."""


class Run:
    """A run on an open ledger; what it did so far is in ``report``."""

    def __init__(
        self,
        client: Source,
        output: Path,
        ledger: Ledger,
        threads: int,
        *,
        with_journey_id: bool = False,
        overlap: timedelta = OVERLAP,
        dry_run: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.report = DownloadReport(dry_run=dry_run)
        self._client = client
        self._ledger = ledger
        self._overlap = overlap
        self._most = max(threads, _AHEAD)
        self._on_progress = on_progress
        self._total = self._done = self._waiting = self._in_vain = 0
        self._saved = time.monotonic()
        self._listing = False
        self._force: Why | None = None
        self._downloader = Downloader(
            client,
            output,
            with_journey_id=with_journey_id,
            overlap=overlap,
            dry_run=dry_run,
            going_on=lambda: self._workers.going_on(),  # noqa: PLW0108 - there are none yet
        )
        self._workers: Workers[Task, Outcome] = Workers(self._downloader, threads)
        # What lies there may be of an earlier version, until all of it is in the ledger.
        self._found = layout.Found() if ledger.note("looked through") else layout.find(output)
        if not dry_run:
            layout.sweep(str(output))

    def sessions(self, want: Want, *, incremental: bool) -> DownloadReport:
        """Download the sessions that are wanted."""
        scope = want.scope
        listed = self._ledger.listed(scope) if incremental and scope is not None else None
        start = want.list_from(listed, self._overlap)
        self._force = None if incremental else Why.ASKED
        with self._working():
            self._listing = True
            newest = self._list(want, start)
            self._listing = False
            if incremental and scope is not None:
                for entry in self._ledger.left(want.first_micros, want.last_micros):
                    if want.has(entry.created, entry.platform):
                        self._look_again(entry)
            if scope is not None:
                interval = want.listed(listed or self._ledger.listed(scope), newest)
                if interval is not None:
                    self._ledger.put_listed(scope, *interval)
            self._finish()
            if all(map(self._has, self._found.folders)):
                self._ledger.put_note("looked through", "yes")
        return self.report

    def _has(self, session_id: str) -> bool:
        entry = self._ledger.get(session_id)
        return entry is not None and entry.contents is not None

    def again(self, session_ids: Iterable[str]) -> DownloadReport:
        """Download sessions again, of which something on disk is missing or wrong."""
        with self._working():
            for session_id in session_ids:
                entry = self._ledger.get(session_id)
                found = self._found.folders.get(session_id)
                self._total += 1
                self._hand_out(Task(session_id, entry=entry, found=found, force=Why.DAMAGED))
            self._finish()
        return self.report

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """The time in which a run works; nothing appears on disk afterwards."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._workers.end()
            # What was done when somebody pressed Ctrl-C is done.
            while (done := self._workers.result(wait=False)) is not None:
                task, outcome, _ = done
                if outcome is not None:
                    self._take(task, outcome)
            self._ledger.save()
            self.report.seconds = time.perf_counter() - began

    def _list(self, want: Want, start: datetime | None) -> int | None:
        """Look at what the cloud lists; gives when the newest was created."""
        newest: int | None = None
        if start and want.last and start > want.last:
            return newest
        sessions = self._client.list_sessions(
            labels=list(want.labels) or None,
            platforms=list(want.platforms) or None,
            since=start,
            until=want.last,
        )
        for session in sessions:
            created = session.created_at.ToMicroseconds()
            newest = created if newest is None else max(newest, created)
            if layout.day_of(session) not in want.skip_days:
                self.report.listed += 1
                if self.report.listed % _TOLD == 0:
                    self._tell()
                self._look(session)
            elif self._ledger.get(session.session_id) is None:
                # Not wanted this time; this time is noted down as listed all the same.
                self._remember(session)
            self._collect(wait=False)
            self._hand_out_waiting()
        return newest

    def _look(self, session: Session) -> None:
        entry = self._ledger.get(session.session_id)
        if self._force is None and entry is not None and BUNDLE in session.counters:
            told = Told.by(session)
            there = self._downloader.is_there(entry)
            same = plan.why(entry, told, there=there) is None
            if same and entry.told == told and entry.state in (State.GROWING, State.COMPLETE):
                self._leave(entry)
                return
        if entry is None:
            self._remember(session)
        else:
            self._ledger.considered(session.session_id)
        self._total += 1
        found = self._found.folders.get(session.session_id)
        task = Task(session.session_id, session, time.time(), entry, found, self._force)
        if self._workers.in_hand < self._most:
            self._hand_out(task)
        else:
            self._ledger.wait(task.session_id, task.seconds, session.SerializeToString())
            self._waiting += 1

    def _look_again(self, entry: Entry) -> None:
        """Look at a session that was listed by an earlier run, and not by this one."""
        if entry.state in (State.COMPLETE, State.GONE) and self._downloader.is_there(entry):
            return
        if entry.state is State.GONE:
            return
        if entry.state is State.GROWING and self._downloader.is_there(entry):
            assert entry.contents is not None
            state = plan.state_of(entry.contents, entry.changed, datetime.now(UTC), self._overlap)
            if state is State.COMPLETE:
                self._ledger.put(replace(entry, state=state))
                return
        self._total += 1
        while self._workers.in_hand >= self._most:
            self._collect(wait=True)
        found = self._found.folders.get(entry.session_id)
        self._hand_out(Task(entry.session_id, entry=entry, found=found))

    def _leave(self, entry: Entry) -> None:
        self.report.unchanged += 1
        assert entry.contents is not None
        state = plan.state_of(entry.contents, entry.changed, datetime.now(UTC), self._overlap)
        if state is entry.state:
            self._ledger.considered(entry.session_id)
        else:
            self._ledger.put(replace(entry, state=state))

    def _remember(self, session: Session) -> None:
        """Note a session down before anything is done about it, so that no later run passes it over."""
        try:
            folder = layout.folder_of(session, with_journey_id=False)
        except MoonsenseError:
            return  # the thread that looks at it says what is wrong
        created = session.created_at.ToMicroseconds()
        platform = session.metadata.platform
        self._ledger.put(Entry(session.session_id, created, platform, folder, State.WANTED, created))

    def _hand_out(self, task: Task) -> None:
        # A row without contents says nothing of where the session is to be.
        if task.entry is not None and task.entry.contents is None:
            task = task._replace(entry=None)
        self._workers.submit(task)

    def _finish(self) -> None:
        """Have all done that waits."""
        self._hand_out_waiting()
        while self._workers.in_hand:
            self._collect(wait=True)
            self._hand_out_waiting()

    def _hand_out_waiting(self) -> None:
        while self._waiting and self._workers.in_hand < self._most:
            waiting = self._ledger.take_waiting()
            assert waiting is not None
            self._waiting -= 1
            session_id, seconds, message = waiting
            entry = self._ledger.get(session_id)
            found = self._found.folders.get(session_id)
            session = Session.FromString(message)
            self._hand_out(Task(session_id, session, seconds, entry, found, self._force))

    def _collect(self, *, wait: bool) -> None:
        """Take in what is done; with ``wait`` at least one, if anything is being done."""
        while (done := self._workers.result(wait=wait)) is not None:
            wait = False
            task, outcome, error = done
            self._done += 1
            if outcome is not None:
                self._in_vain = 0
                self._take(task, outcome)
            else:
                assert error is not None
                self._take_failure(task, error)
            self._tell()
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self._ledger.save()
            self._saved = time.monotonic()

    def _take(self, task: Task, outcome: Outcome) -> None:
        report, entry = self.report, outcome.entry
        if entry is None:
            self._ledger.forget(task.session_id)
            report.gone.append(task.session_id)
            return
        self._ledger.put(entry)
        if entry.state is State.GONE:
            report.gone.append(task.session_id)
        elif outcome.why is not None:
            report.downloaded[outcome.why] += 1
            marked = self._found.marked
            report.passed_over += marked is not None and entry.created < (marked + 1) * 1_000_000
            if report.dry_run:
                report.planned[task.session_id] = outcome.why
            if entry.contents is not None:
                report.size += entry.contents.size
                report.bundles += entry.contents.bundles
            elif entry.told is not None:
                report.bundles += entry.told.bundles
        elif outcome.found:
            report.found += 1
        elif outcome.described:
            report.described += 1
        else:
            report.unchanged += 1

    def _take_failure(self, task: Task, error: BaseException) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise error
        if not isinstance(error, (MoonsenseError, OSError)):
            raise error
        logger.warning("session %s could not be downloaded: %s", task.session_id, error)
        self.report.failures[task.session_id] = error
        entry = self._ledger.get(task.session_id)
        if entry is not None:
            self._ledger.put(replace(entry, state=State.FAILED, error=str(error)))
        self._in_vain = self._in_vain + 1 if isinstance(error, ConnectionFailed) else 0
        if self._in_vain >= _IN_VAIN:
            raise error

    def _tell(self) -> None:
        if self._on_progress is not None:
            report = self.report
            self._on_progress(
                Progress(self._listing, self._total, self._done, len(report.failures), report.size)
            )
