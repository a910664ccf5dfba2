"""Downloads one session, when that is needed; in any thread."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from moonsense.contract.counters import BUNDLE
from moonsense.contract.layout import BUNDLES, METADATA, PACKETS
from moonsense.download import _contents as contents
from moonsense.download import _layout as layout
from moonsense.download import _plan as plan
from moonsense.download._contents import Digest, Tally, Told
from moonsense.download._ledger import Entry, State
from moonsense.download._plan import Why
from moonsense.errors import DataError, IncompleteError, IntegrityError, NotFoundError
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.download")

_STALE_SECONDS = 60.0
"""How long a listed session may wait before it is asked for again, while it may still grow."""


class Source(Protocol):
    """What is needed of a client."""

    def list_sessions(self, *args: Any, **filters: Any) -> Iterator[Session]: ...
    def describe_session(self, session_id: str) -> Session: ...
    def download_session(self, session_id: str, output_file: Tally) -> None: ...
    def download_pcap_data(self, session_id: str, output_file: Path) -> None: ...


class Task(NamedTuple):
    """A session to look at.

    Attributes:
        listed: as the list had it; None when it has to be asked for.
        seconds: when that was, in epoch seconds.
        entry: its row in the ledger.
        found: where an earlier version may have put it.
        force: download it for this reason, whatever is there.
    """

    session_id: str
    listed: Session | None = None
    seconds: float = 0.0
    entry: Entry | None = None
    found: str | None = None
    force: Why | None = None


class Outcome(NamedTuple):
    """What came of a task.

    Attributes:
        entry: the row for the ledger; None for a session that the cloud has no more.
        why: why it was downloaded (or would be); None when that was not needed.
        found: an earlier version had downloaded all of it.
        described: its metadata was written anew.
    """

    entry: Entry | None
    why: Why | None = None
    found: bool = False
    described: bool = False


class Downloader:
    """Looks at one session after another, and downloads what is needed.

    Args:
        going_on: entered while something appears on disk; raises when the run is
            over, and nothing may appear any more.
    """

    def __init__(
        self,
        client: Source,
        output: Path,
        *,
        with_journey_id: bool,
        overlap: timedelta,
        dry_run: bool,
        going_on: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._output = str(output)
        self._with_journey_id = with_journey_id
        self._overlap = overlap
        self._dry_run = dry_run
        self._going_on = going_on

    def __call__(self, task: Task) -> Outcome:
        """Do a task. Raises MoonsenseError or OSError, and leaves what was there."""
        session = task.listed
        if session is None or BUNDLE not in session.counters or self._is_stale(session, task.seconds):
            try:
                session = self._client.describe_session(task.session_id)
            except NotFoundError:
                return self._gone(task)
        wanted = layout.folder_of(session, with_journey_id=self._with_journey_id)
        entry, reason = task.entry, task.force
        found = False
        if reason is None:
            if entry is None or entry.contents is None:
                entry, reason = self._find(session, task.found or wanted)
                found = entry is not None
            reason = reason or plan.why(entry, Told.by(session), there=self.is_there(entry))
        if reason is None:
            assert entry is not None
            return self._keep(session, entry, found=found)
        # What is there stays where it is, unless all is to be downloaded anew.
        before = entry.folder if entry else task.found
        place = wanted if reason is Why.ASKED else before or wanted
        return self._fetch(session, entry, place, reason, before)

    def is_there(self, entry: Entry | None) -> bool:
        """Whether a session's files are there, each as long as the ledger says."""
        if entry is None or entry.contents is None:
            return False
        folder = f"{self._output}/{entry.folder}"
        try:
            return all(
                os.stat(f"{folder}/{name}").st_size == digest.size
                for name, digest in entry.contents.files.items()
            )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _is_stale(self, session: Session, listed: float) -> bool:
        if time.time() - listed <= _STALE_SECONDS:
            return False
        now = datetime.now(UTC)
        age = plan.changed(session, Why.NEW, now)
        return plan.state_of(contents.Contents(), age, now, self._overlap) is not State.COMPLETE

    def _find(self, session: Session, folder: str) -> tuple[Entry | None, Why | None]:
        """What an earlier version, or a run that was killed, left of a session; else why there is none."""
        place = f"{self._output}/{folder}"
        try:
            if not os.listdir(place):
                return None, Why.NEW
        except (FileNotFoundError, NotADirectoryError):
            return None, Why.NEW
        try:
            here, metadata = contents.read_found(Path(place))
        except (DataError, OSError) as error:
            logger.info("%s is not whole: %s", place, error)
            return None, Why.HALF
        if metadata.session_id != session.session_id:
            logger.info("%s is of session %s", place, metadata.session_id)
            return None, Why.HALF
        return self._entry(metadata, folder, here, Why.NEW, Told.by(metadata)), None

    def _keep(self, session: Session, entry: Entry, *, found: bool) -> Outcome:
        told = Told.by(session)
        described = entry.told is not None and entry.told.sha256 != told.sha256
        if described and not self._dry_run:
            with layout.Partial(self._output, entry.session_id) as partial:
                content = layout.write_metadata(partial, session)
                with self._going_on():
                    layout.replace_metadata(partial, f"{self._output}/{entry.folder}")
            assert entry.contents is not None
            files = {**entry.contents.files, METADATA: Digest.of(content)}
            entry = replace(entry, told=told, contents=replace(entry.contents, files=files))
        state = plan.state_of(entry.contents, entry.changed, datetime.now(UTC), self._overlap)  # type: ignore[arg-type]
        return Outcome(replace(entry, state=state, error=""), found=found, described=described)

    def _fetch(
        self, session: Session, entry: Entry | None, folder: str, reason: Why, before: str | None
    ) -> Outcome:
        """Download a session to its folder, whatever lies there or where it was ``before``."""
        if self._dry_run:
            return Outcome(self._entry(session, folder, None, reason, Told.by(session)), reason)
        client, name = self._client, session.session_id
        with layout.Partial(self._output, name) as partial:
            try:
                with open(f"{partial}/{BUNDLES}", "wb") as file:
                    tally = Tally(file)
                    client.download_session(name, tally)
                packets = None
                if layout.has_packets(session):
                    captured = Path(partial, PACKETS)
                    client.download_pcap_data(name, captured)
                    packets = Digest.of_file(captured)
            except NotFoundError:
                if self._is_in_cloud(name):
                    raise
                shutil.rmtree(partial)
                return self._gone(Task(name, entry=entry, found=before, force=reason))
            metadata = layout.write_metadata(partial, session)
            here = tally.contents(Digest.of(metadata), packets)
            told = Told.by(session)
            if here.bundles < told.bundles:
                raise IncompleteError(
                    f"{here.bundles} bundles came, and the cloud counts {told.bundles}",
                    where=f"session {name}",
                )
            with self._going_on():
                layout.finish(partial, f"{self._output}/{folder}", before and f"{self._output}/{before}")
        logger.info("session %s is in %s", name, folder)
        return Outcome(self._entry(session, folder, here, reason, told), reason)

    def _entry(
        self, session: Session, folder: str, here: contents.Contents | None, reason: Why, told: Told
    ) -> Entry:
        now = datetime.now(UTC)
        changed = plan.changed(session, reason, now)
        return Entry(
            session_id=session.session_id,
            created=session.created_at.ToMicroseconds(),
            platform=session.metadata.platform,
            folder=folder,
            state=plan.state_of(here, changed, now, self._overlap) if here else State.WANTED,
            changed=changed,
            told=told,
            contents=here,
        )

    def _gone(self, task: Task) -> Outcome:
        logger.info("the cloud has no session %s any more", task.session_id)
        entry = task.entry
        folder = entry.folder if entry else task.found
        if folder is None or not self._has_something(folder):
            return Outcome(None)
        if task.force is Why.DAMAGED:
            raise IntegrityError(
                "the cloud has it no more, so it cannot be repaired; put its files back,"
                f" or remove {self._output}/{folder} and repair again"
            )
        if entry is None or entry.contents is None:
            return Outcome(None)
        return Outcome(replace(entry, state=State.GONE, error=""))

    def _has_something(self, folder: str) -> bool:
        place = f"{self._output}/{folder}"
        try:
            return bool(os.listdir(place))
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            return os.path.lexists(place)

    def _is_in_cloud(self, session_id: str) -> bool:
        try:
            self._client.describe_session(session_id)
        except NotFoundError:
            return False
        return True
