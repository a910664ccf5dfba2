"""Bulk download: every session of a project as files, one folder a session."""

from __future__ import annotations

from moonsense.download._sessions import DownloadAllSessions

__all__ = ["DownloadAllSessions"]
