"""What a download did, and how far one is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from moonsense.download._plan import Why
from moonsense.errors import DownloadError


@dataclass
class DownloadReport:
    """What a download did.

    Attributes:
        listed: how many sessions the cloud named that were wanted.
        downloaded: how many were downloaded, by why: ``new``, ``grown``, ``half``
            (an earlier version's, not whole), ``missing`` and ``damaged`` (on disk),
            ``asked`` (again, without being incremental). In a dry run: would be.
        found: how many of an earlier version's were whole, and taken as they are.
        described: how many had only their metadata written anew, as after a new label.
        unchanged: how many were left as they are.
        gone: ids of those that the cloud has no more.
        failures: the error of each that failed, by id.
        bundles, size: of what was downloaded: how many bundles, how many bytes on disk.
        seconds: how long it took.
        passed_over: how many of the downloaded ones 0.13.1 would have passed over for
            good: its ``max_timestamp`` says that they were downloaded.
        planned: in a dry run, why each session would be downloaded, by id.
    """

    listed: int = 0
    downloaded: Counter[Why] = field(default_factory=Counter)
    found: int = 0
    described: int = 0
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    bundles: int = 0
    size: int = 0
    seconds: float = 0.0
    passed_over: int = 0
    dry_run: bool = False
    planned: dict[str, Why] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Raises DownloadError when something failed."""
        if self.failures:
            count = self.downloaded.total() + self.described + self.found + self.unchanged
            raise DownloadError(self.failures, count + len(self.failures))

    def as_dict(self) -> dict[str, Any]:
        """It as plain values, for JSON."""
        plain = {name: value for name, value in vars(self).items() if name != "planned" or self.dry_run}
        return plain | {
            "downloaded": {why.value: count for why, count in sorted(self.downloaded.items())},
            "failures": {session_id: str(error) for session_id, error in self.failures.items()},
            "seconds": round(self.seconds, 3),
            "ok": self.ok,
        }


@dataclass(frozen=True)
class Progress:
    """How far a download is.

    Attributes:
        listing: whether more sessions may still be named.
        total: how many are to be downloaded, as far as it is known.
        done: how many of them are, those that failed included.
        failed: how many failed.
        size: bytes written so far.
    """

    listing: bool
    total: int
    done: int
    failed: int
    size: int
