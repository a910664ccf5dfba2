"""A project whose sessions a test decides, behind the calls of a client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moonsense.contract.ids import new_id
from moonsense.errors import NotFoundError
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session_at(moment: datetime, bundles: int = 1, **fields: Any) -> Session:
    """A session that was created then and has so many bundles."""
    session = Session(session_id=new_id(), **fields)
    session.created_at.FromDatetime(moment)
    session.newest_event.FromDatetime(moment)
    session.counters["bundle"].total = bundles
    return session


class ScriptedProject:
    """Sessions in memory.

    Attributes:
        broken: what downloading a session raises.
        before_download: called with the id of each session that is about to be downloaded.
        downloads, described: the ids of the sessions that were downloaded and asked for.
        filters: of the last list.
    """

    def __init__(self, *sessions: Session, listed_with_counters: bool = True) -> None:
        self.sessions = {session.session_id: session for session in sessions}
        self.listed_with_counters = listed_with_counters
        self.broken: dict[str, BaseException] = {}
        self.before_download: Callable[[str], None] = lambda _session_id: None
        self.downloads: list[str] = []
        self.described: list[str] = []
        self.filters: dict[str, Any] = {}
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def list_sessions(self, **filters: Any) -> Iterator[Session]:
        """Newest first, as filters say."""
        self.filters = filters
        since, until, labels, names = (filters.get(n) for n in ("since", "until", "labels", "platforms"))
        for session in sorted(self.sessions.values(), key=_created, reverse=True):
            created = session.created_at.ToDatetime(UTC)
            if (since and created < since) or (until and created > until):
                continue
            if labels and not {label.name for label in session.labels} & set(labels):
                continue
            if names and SessionMetadata.Platform.Name(session.metadata.platform) not in names:
                continue
            listed = Session()
            listed.CopyFrom(session)
            if not self.listed_with_counters:
                listed.ClearField("counters")
            yield listed

    def describe_session(self, session_id: str) -> Session:
        """A copy of the session as it is now."""
        self.described.append(session_id)
        if session_id not in self.sessions:
            raise NotFoundError("gone", status=404)
        found = Session()
        found.CopyFrom(self.sessions[session_id])
        return found

    def download_session(self, session_id: str, output_file: Any) -> None:
        """A line for each bundle that is counted."""
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.before_download(session_id)
            if session_id in self.broken:
                raise self.broken[session_id]
            if session_id not in self.sessions:
                raise NotFoundError("gone", status=404)
            total = self.sessions[session_id].counters["bundle"].total
            for number in range(1, total + 1):
                output_file.write(line(session_id, number).encode())
            self.downloads.append(session_id)
        finally:
            with self._lock:
                self.at_once -= 1

    def download_pcap_data(self, session_id: str, output_file: Path) -> None:
        """Some bytes."""
        output_file.write_text("pcap")


def _created(session: Session) -> int:
    return session.created_at.ToMicroseconds()


def line(session_id: str, index: int) -> str:
    """A bundle's line in a file."""
    return f'{{"bundle":{{"index":{index}}},"session_id":"{session_id}"}}\n'


def tree(folder: Path) -> list[str]:
    """The files below a folder, without the ledger."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if ".moonsense" not in path.parts)
