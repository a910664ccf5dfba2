# Made from src/moonsense/client/_async/sessions.py by scripts/generate_sync.py: do not edit.
"""Calls about sessions and their labels."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from moonsense.client._core.arguments import checked_labels, labels_filter, platforms_filter
from moonsense.client._sync.base import Base
from moonsense.client._sync.listing import Listing
from moonsense.contract.ids import new_id
from moonsense.errors import ResponseError
from moonsense.models.data_plane_v2_pb2 import (
    LabelListResponse,
    LabelsTopResponse,
    LabelWithStats,
    SessionListResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel, SessionLabelCreateRequest

if TYPE_CHECKING:
    from moonsense.contract.platforms import Platform


class SessionCalls(Base):
    """Sessions and labels."""

    def list_sessions(
        self,
        labels: Iterable[str] | None = None,
        client_session_group_id: str | None = None,
        journey_id: str | None = None,
        platforms: Iterable[Platform | str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        limit: int | None = None,
    ) -> Listing[Session]:
        """The project's sessions, newest first, asked for page by page as they are taken.

        None repeats, also when sessions arrive meanwhile.

        Args:
            labels: sessions with any of these labels.
            client_session_group_id: sessions of this group.
            journey_id: sessions of this journey.
            platforms: sessions of any of these platforms.
            since: created at this time or later; a naive time is UTC.
            until: created at this time or before; a naive time is UTC.
            limit: at most so many.
        """
        query: dict[str, object] = {
            "labels": labels_filter(labels),
            "client_session_group_id": client_session_group_id,
            "journey_id": journey_id,
            "platforms": platforms_filter(platforms),
            "since": since,
            "until": until,
        }
        return self._list(
            "list_sessions",
            SessionListResponse,
            lambda page: page.sessions,
            lambda session: session.session_id,
            query=query,
            limit=limit,
            seen=self._remember,
        )

    def describe_session(self, session_id: str, minimal: bool = True) -> Session:
        """One session with its labels and counters.

        Args:
            minimal: only the counters' totals; otherwise also their buckets of one minute.

        Raises:
            NotFoundError: the token's project has no such session.
        """
        return self._remember(self._describe(session_id, "minimal" if minimal else "full"))

    def create_session(self, session: Session) -> Session:
        """Open a session to record into.

        A ``session_id`` is made when the message has none, so that the request
        may be sent again when its answer was lost. The cloud reads metadata,
        config, labels, journey_id and client_session_group_id.

        Returns:
            The session as the cloud has it.
        """
        wanted = Session()
        wanted.CopyFrom(session)
        wanted.session_id = wanted.session_id or new_id()
        return self._remember(self._call("create_session", Session, body=wanted))

    def delete_session(self, session_id: str) -> None:
        """Delete a session with its bundles, chunks and cards, for good."""
        deadline = self._transport.deadline()
        region = self._region_of(session_id, deadline)
        self._transport.delete(
            self._builder.build("delete_session", region=region, ids={"session_id": session_id}), deadline
        )
        self._regions.forget(session_id)

    def update_session_labels(self, session_id: str, labels: Iterable[str]) -> None:
        """Put these labels in the place of all that a session has.

        Raises:
            TypeError: ``labels`` is one string instead of several.
        """
        names = checked_labels(labels)
        body = SessionLabelCreateRequest(labels=[SessionLabel(name=name) for name in names])
        # Not read: a cloud may answer nothing to this.
        self._transport.send(
            self._builder.build("update_session_labels", body=body, ids={"session_id": session_id})
        )

    def add_session_labels(self, session_id: str, labels: Iterable[str]) -> None:
        """Give a session these labels beside those that it has.

        On a cloud that cannot do that in one step its labels are read and
        replaced; a change that another program makes meanwhile may be lost there.

        Raises:
            NotFoundError: the token's project has no such session.
            TypeError: ``labels`` is one string instead of several.
        """
        names = checked_labels(labels)
        if not self._change_labels("add_session_labels", session_id, names):
            there = [label.name for label in (self._describe(session_id)).labels]
            self.update_session_labels(session_id, dict.fromkeys([*there, *names]))

    def remove_session_labels(self, session_id: str, labels: Iterable[str]) -> None:
        """Take these labels off a session; one that it does not have is no error.

        On a cloud that cannot do that in one step: as ``add_session_labels``.

        Raises:
            NotFoundError, TypeError: as ``add_session_labels``.
        """
        names = checked_labels(labels)
        if not self._change_labels("remove_session_labels", session_id, names):
            there = [label.name for label in (self._describe(session_id)).labels]
            self.update_session_labels(session_id, [name for name in there if name not in names])

    def _change_labels(self, name: str, session_id: str, names: list[str]) -> bool:
        """Change labels in one step; False when the cloud has no such route, or no such session."""
        body = SessionLabelCreateRequest(labels=[SessionLabel(name=name) for name in names])
        request = self._builder.build(name, body=body, ids={"session_id": session_id})
        try:
            self._transport.send(request)
        except ResponseError as error:
            if error.status not in (404, 405):
                raise
            return False
        return True

    def list_labels(self) -> list[SessionLabel]:
        """The labels in use in the project."""
        return list((self._call("list_labels", LabelListResponse)).labels)

    def top_labels(self) -> list[LabelWithStats]:
        """The labels with the most sessions, and how many each has."""
        return list((self._call("top_labels", LabelsTopResponse)).labels)
