"""Calls that download many sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from moonsense.client._async.base import AsyncBase
from moonsense.client._concurrency import async_blocking, async_run

if TYPE_CHECKING:
    from moonsense.contract.platforms import Platform


class AsyncBulkCalls(AsyncBase):
    """Bulk download."""

    async def download_all_sessions(
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

        ``moonsense.download.DownloadAllSessions`` has arguments and errors in full.
        """
        from moonsense.download import DownloadAllSessions  # noqa: PLC0415 (few programs need it)

        with async_blocking(self) as client:
            await async_run(
                DownloadAllSessions(client).download,
                output,
                until,
                since,
                skip_days,
                incremental,
                labels,
                platforms,
                with_journey_id,
            )
