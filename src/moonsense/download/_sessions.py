"""Downloads the sessions of a project, several at a time."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Protocol

from moonsense.contract import times
from moonsense.contract.counters import BUNDLE
from moonsense.contract.platforms import Platform
from moonsense.download import _layout as layout
from moonsense.errors import ConfigurationError, DownloadError, MoonsenseError, NotFoundError
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.download")

PARALLELISM = "MOONSENSE_DOWNLOAD_PARALLELISM"

_WAITING = 4
"""Sessions a thread that are listed ahead: a long list is not held in memory."""


class Source(Protocol):
    """What is needed of a client."""

    def list_sessions(self, *args: Any, **filters: Any) -> Iterator[Session]: ...
    def describe_session(self, session_id: str) -> Session: ...
    def download_session(self, session_id: str, output_file: Path) -> None: ...
    def download_pcap_data(self, session_id: str, output_file: Path) -> None: ...


class DownloadAllSessions:
    """Downloads every session of a project that filters choose."""

    def __init__(self, moonsense_client: Source) -> None:
        self.moonsense_client = moonsense_client

    def download(
        self,
        output: str | os.PathLike[str] | None,
        until: date | None,
        since: date | None,
        skip_days: Iterable[date] | None,
        incremental: bool,
        labels: Iterable[str] | None,
        platforms: Iterable[Platform | str] | None = None,
        with_journey_id: bool = False,
    ) -> None:
        """Download sessions into folders ``<output>/<day>/[<journey_id>/]<session_id>``.

        Days are of UTC. A session's folder appears when all of it is there. One
        that fails does not keep the others from being downloaded; one that is
        deleted meanwhile is left out. How many are downloaded at a time is twice
        the number of processors, or what ``MOONSENSE_DOWNLOAD_PARALLELISM`` says.

        Args:
            output: the folder; ``data`` without one.
            until: created on this day or before, or by this time if it has one; naive is UTC.
            since: created on this day or later, or from this time on.
            skip_days: sessions created on these days are left out.
            incremental: leave out what is on disk already with as many bundles as the cloud has.
            labels: sessions with any of these labels; all without any.
            platforms: sessions of any of these platforms.
            with_journey_id: put the sessions of a journey into one folder.

        Raises:
            DownloadError: some sessions failed; ``failures`` has each one's error.
            ConfigurationError: ``MOONSENSE_DOWNLOAD_PARALLELISM`` is no number.
            ValueError: ``since`` is after ``until``.
        """
        first, last = _moment(since, time.min), _moment(until, time.max)
        if first and last and first > last:
            raise ValueError(f"since {first} is after until {last}")
        folder = Path("data" if output is None else output)
        skipped = set(skip_days or ())
        sessions = self.moonsense_client.list_sessions(
            labels=list(labels or ()) or None, platforms=platforms, since=first, until=last
        )
        wanted = (session for session in sessions if layout.day_of(session) not in skipped)
        failures: dict[str, Exception] = {}
        count = 0
        running: dict[Future[None], str] = {}
        threads = _parallelism()
        executor = ThreadPoolExecutor(threads, thread_name_prefix="moonsense-download")
        try:
            for session in wanted:
                count += 1
                task = executor.submit(self._download, folder, session, incremental, with_journey_id)
                running[task] = session.session_id
                while len(running) >= threads * _WAITING:
                    _collect(running, failures)
            while running:
                _collect(running, failures)
        finally:
            executor.shutdown(cancel_futures=True)
        if failures:
            raise DownloadError(failures, count)

    def _download(self, output: Path, listed: Session, incremental: bool, with_journey_id: bool) -> None:
        client = self.moonsense_client
        folder = layout.folder_of(output, listed, with_journey_id=with_journey_id)
        # A list may come without counters.
        if incremental and BUNDLE in listed.counters and layout.is_complete(folder, listed):
            return
        try:
            session = client.describe_session(listed.session_id)
            if incremental and layout.is_complete(folder, session):
                return
            partial = layout.begin(folder)
            try:
                client.download_session(session.session_id, partial / layout.BUNDLES)
                if layout.has_packets(session):
                    client.download_pcap_data(session.session_id, partial / layout.PACKETS)
                layout.finish(partial, folder, session)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        except NotFoundError:
            if self._is_there(listed.session_id):
                raise
            logger.info("session %s was deleted meanwhile", listed.session_id)
        else:
            logger.info("session %s is in %s", session.session_id, folder)

    def _is_there(self, session_id: str) -> bool:
        try:
            self.moonsense_client.describe_session(session_id)
        except NotFoundError:
            return False
        return True


def _collect(running: dict[Future[None], str], failures: dict[str, Exception]) -> None:
    """Take out what is done, and keep what failed in ways that are one session's own."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for task in done:
        session_id = running.pop(task)
        try:
            task.result()
        except (MoonsenseError, OSError) as error:
            logger.warning("session %s could not be downloaded: %s", session_id, error)
            failures[session_id] = error


def _moment(value: date | None, at: time) -> datetime | None:
    if value is None:
        return None
    return times.aware(value) if isinstance(value, datetime) else datetime.combine(value, at, UTC)


def _parallelism() -> int:
    text = os.environ.get(PARALLELISM, "").strip()
    if not text:
        return 2 * (os.cpu_count() or 1)
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise ConfigurationError(f"{PARALLELISM} must be a number from 1 to 1000, not {text!r}")
    return int(text)
