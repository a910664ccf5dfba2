"""Bulk download, as it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

from moonsense.contract.platforms import Platform
from moonsense.download._ledger import Ledger
from moonsense.download._one import Source
from moonsense.download._plan import OVERLAP, Want
from moonsense.download._report import DownloadReport, Progress
from moonsense.download._run import Run
from moonsense.download._verify import verify
from moonsense.errors import ConfigurationError

PARALLELISM = "MOONSENSE_DOWNLOAD_PARALLELISM"
_MOST = 1000

OnProgress = Callable[[Progress], None]


class Download:
    """A folder that the sessions of a project are downloaded into, now and again.

    What was downloaded is in a ledger in the folder, so a later run downloads
    what came or grew since, and an interrupted one is gone on with. One process
    at a time may download into a folder.
    """

    def __init__(
        self, client: Source, output: str | os.PathLike[str], *, parallel: int | None = None
    ) -> None:
        """Nothing is asked for or written yet.

        Args:
            client: a ``moonsense.Client``, or what has its calls.
            output: the folder; made when it is not there.
            parallel: sessions at a time, each over one of the client's
                connections. Without it what ``MOONSENSE_DOWNLOAD_PARALLELISM`` says,
                else twice the number of processors.

        Raises:
            ConfigurationError: the number is none from 1 to 1000.
        """
        self._client = client
        self._output = Path(output)
        self._threads = _parallelism(parallel)

    def run(
        self,
        *,
        since: date | None = None,
        until: date | None = None,
        skip_days: Iterable[date] | None = None,
        incremental: bool = True,
        labels: Iterable[str] | None = None,
        platforms: Iterable[Platform | str] | None = None,
        with_journey_id: bool = False,
        overlap: timedelta = OVERLAP,
        dry_run: bool = False,
        on_progress: OnProgress | None = None,
    ) -> DownloadReport:
        """Download the sessions that filters choose and that are not there yet.

        One that fails does not keep the others from being downloaded; it is in
        the report, and is tried again by the next run. What 0.13.1 and older
        versions left in the folder is read once and taken over where it is whole.

        Args:
            since: created on this day or later, or from this time on; days and naive times are UTC.
            until: created on this day or before, or by this time if it has one.
            skip_days: sessions created on these days are left out.
            incremental: leave out what is there already and did not grow.
            labels: sessions with any of these labels; all without any.
            platforms: sessions of any of these platforms.
            with_journey_id: put new sessions into a folder of their journey; those
                that are there already stay where they are.
            overlap: how far behind the newest known session the list is read again,
                so that late ones are found; and how long a session without a last
                bundle has to be quiet until it is not asked for any more.
            dry_run: download and write nothing; the report says what would be.
            on_progress: called in this thread for each session, at most a tenth of a second later.

        Raises:
            ConfigurationError: another process downloads into the folder.
            DamagedLedgerError: the ledger is none; without it, what is there is found again.
            RequestError: the sessions could not be listed, or the cloud is away.
            OSError: nothing can be written there.
            ValueError: ``since`` is after ``until``, or a platform is none.
        """
        want = Want.of(since, until, skip_days, labels, platforms)
        with Ledger.copy(self._output) if dry_run else Ledger.open(self._output) as ledger:
            run = Run(
                self._client,
                self._output,
                ledger,
                self._threads,
                with_journey_id=with_journey_id,
                overlap=overlap,
                dry_run=dry_run,
                on_progress=on_progress,
            )
            return run.sessions(want, incremental=incremental)

    def repair(
        self,
        *,
        since: date | None = None,
        until: date | None = None,
        skip_days: Iterable[date] | None = None,
        platforms: Iterable[Platform | str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> DownloadReport:
        """Check what is in the folder, and download again what is damaged, missing or still to come.

        What the cloud has no more is forgotten where nothing of it is in the folder
        either, and is in the report as gone; where something is, it is a failure.

        Args:
            since, until, skip_days, platforms: only the sessions that ``run`` would
                choose by these; all without any.

        Raises:
            FileNotFoundError: there is no such folder.
            ConfigurationError, DamagedLedgerError, RequestError, OSError, ValueError: as ``run``.
        """
        checked = verify(self._output, since=since, until=until, skip_days=skip_days, platforms=platforms)
        broken = [*(damage.session_id for damage in checked.damages), *checked.waiting]
        with Ledger.open(self._output) as ledger:
            run = Run(self._client, self._output, ledger, self._threads, on_progress=on_progress)
            return run.again(dict.fromkeys(broken))


def _parallelism(given: int | None) -> int:
    name, value = "parallel", str(given)
    if given is None:
        name, value = PARALLELISM, os.environ.get(PARALLELISM, "").strip()
        if not value:
            return 2 * (os.cpu_count() or 1)
    if not value.isdecimal() or not 0 < int(value) <= _MOST:
        raise ConfigurationError(f"{name} must be a number from 1 to {_MOST}, not {value!r}")
    return int(value)
