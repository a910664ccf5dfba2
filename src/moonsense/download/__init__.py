"""Bulk download: every session of a project as files, one folder a session."""

from __future__ import annotations

from moonsense.download._download import Download
from moonsense.download._plan import Why
from moonsense.download._report import DownloadReport, Progress
from moonsense.download._sessions import DownloadAllSessions
from moonsense.download._verify import Damage, VerifyReport, verify

__all__ = [
    "Damage",
    "Download",
    "DownloadAllSessions",
    "DownloadReport",
    "Progress",
    "VerifyReport",
    "Why",
    "verify",
]
