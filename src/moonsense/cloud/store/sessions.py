"""Sessions: opened, found, listed, deleted."""

from __future__ import annotations

from sqlalchemy import Connection

from moonsense.cloud.catalog import sessions
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.catalog.sessions import SessionRef
from moonsense.cloud.records import Page, Place, Principal, SessionFilters
from moonsense.cloud.store.folder import Folder, now_micros, there
from moonsense.contract.ids import is_id, new_id
from moonsense.contract.paging import MICROS_PER_SECOND
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel


class Sessions:
    """The sessions of all projects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def page(self, project_id: str, filters: SessionFilters, place: Place) -> Page[Session]:
        """A part of a project's sessions, newest first."""
        return await self._folder.read(
            lambda connection: sessions.page(connection, project_id, filters, place)
        )

    async def create(self, who: Principal, session: Session, asked: Once | None = None) -> Session:
        """Open a session under the id it brings, or a new one.

        The same id again gives the session that is there: a recorder that lost
        the answer may ask once more.
        """
        wanted = Session()
        wanted.CopyFrom(session)
        if not wanted.session_id:
            wanted.session_id = new_id()
        elif not is_id(wanted.session_id):
            raise Problem(422, "session_id: letters, digits, _ and - only, 64 at most", "session_id")
        # What a session adds up to is ours to say.
        for field in ("counters", "oldest_event", "newest_event", "cdfs", "circle"):
            wanted.ClearField(field)
        wanted.ClearField("labels")
        wanted.labels.extend(SessionLabel(name=label.name) for label in session.labels)

        def create(connection: Connection) -> Session:
            found = sessions.find(connection, wanted.session_id)
            if found is None:
                key = sessions.create(connection, who.project_id, who.app_id, wanted, _created_now())
                ref = SessionRef(key, who.project_id, who.app_id, wanted.journey_id)
                self._folder.outbox.session_created(connection, ref)
            elif (found.project_id, found.app_id) != (who.project_id, who.app_id):
                raise Problem(409, "the session_id is taken", "session_id")
            described = sessions.describe(connection, who.project_id, wanted.session_id, full=False)
            assert described is not None
            return described

        return await self._folder.write_once(asked, Session, create)

    async def describe(self, project_id: str, session_id: str, *, full: bool) -> Session:
        """A session; ``full`` with the counters' buckets."""
        found = await self._folder.read(
            lambda connection: sessions.describe(connection, project_id, session_id, full=full)
        )
        return there(found, "session", "session_id")

    async def delete(self, project_id: str, session_id: str) -> None:
        """Delete a session with its bundles, chunks, labels, cards and all that was found out."""

        def remove(connection: Connection) -> SessionRef | None:
            found = sessions.remove(connection, project_id, session_id, now_micros())
            if found is not None:
                self._folder.writer.sealed.forget(found.key)
            return found

        there(await self._folder.write(remove), "session", "session_id")
        self._folder.forget_session(session_id)


def _created_now() -> int:
    """The moment for a session's ``created_at``; never a whole second.

    JSON leaves an empty fraction out, and there are clients that cannot read a
    time without one.
    """
    now = now_micros()
    return now if now % MICROS_PER_SECOND else now + 1
