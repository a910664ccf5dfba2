"""Bulk download as the published client had it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date

from moonsense.contract.platforms import Platform
from moonsense.download._download import Download
from moonsense.download._one import Source


class DownloadAllSessions:
    """Downloads every session of a project that filters choose, with the arguments of 0.13.1."""

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

        The arguments are those of ``moonsense.download.Download.run``.

        Args:
            output: the folder; ``data`` without one.

        Raises:
            DownloadError: some sessions failed; ``failures`` has each one's error.
            ConfigurationError: ``MOONSENSE_DOWNLOAD_PARALLELISM`` is no number, or
                another process downloads into the folder.
            RequestError: the sessions could not be listed, or the cloud is away.
            OSError: nothing can be written there.
            ValueError: ``since`` is after ``until``.
        """
        download = Download(self.moonsense_client, "data" if output is None else output)
        report = download.run(
            since=since,
            until=until,
            skip_days=skip_days,
            incremental=incremental,
            labels=labels,
            platforms=platforms,
            with_journey_id=with_journey_id,
        )
        report.raise_for_failures()
