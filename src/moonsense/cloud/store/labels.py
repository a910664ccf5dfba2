"""Labels on sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection

from moonsense.cloud.catalog import labels, sessions
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.store.folder import Folder, now_micros, of_project
from moonsense.contract import limits
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import SessionLabel, SessionLabelCreateResponse


class Labels:
    """The labels of all projects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def replace(
        self, project_id: str, session_id: str, names: Sequence[str], asked: Once | None = None
    ) -> None:
        """Give a session exactly these labels."""
        await self._change(project_id, session_id, lambda _now: _named(names), asked)

    async def add(
        self, project_id: str, session_id: str, names: Sequence[str], asked: Once | None = None
    ) -> None:
        """Give a session these labels beside those it has."""
        await self._change(
            project_id,
            session_id,
            lambda now: [*now, *_named(name for name in names if name not in {n.name for n in now})],
            asked,
        )

    async def remove(
        self, project_id: str, session_id: str, names: Sequence[str], asked: Once | None = None
    ) -> None:
        """Take labels off a session; those it does not have are no matter."""
        await self._change(
            project_id, session_id, lambda now: [label for label in now if label.name not in names], asked
        )

    async def _change(
        self,
        project_id: str,
        session_id: str,
        change: Callable[[list[SessionLabel]], list[SessionLabel]],
        asked: Once | None,
    ) -> None:
        """Change a session's labels in one transaction, so that two who change them both succeed."""

        def run(connection: Connection) -> SessionLabelCreateResponse:
            ref = of_project(sessions.find(connection, session_id), project_id)
            present = labels.of_sessions(connection, [ref.key]).get(ref.key, [])
            wanted = change(present)
            if len(wanted) > limits.MAX_LABELS_PER_SESSION:
                raise Problem(422, f"a session may have {limits.MAX_LABELS_PER_SESSION} labels", "labels")
            labels.replace(connection, project_id, ref.key, wanted, now_micros())
            return SessionLabelCreateResponse()

        await self._folder.write_once(asked, SessionLabelCreateResponse, run)

    async def all(self, project_id: str) -> list[SessionLabel]:
        """The labels of a project by name."""
        return await self._folder.read(lambda connection: labels.all_labels(connection, project_id))

    async def top(self, project_id: str) -> list[LabelWithStats]:
        """The labels of a project, those with most sessions first."""
        return await self._folder.read(lambda connection: labels.top(connection, project_id))


def _named(names: Iterable[str]) -> list[SessionLabel]:
    return [SessionLabel(name=name) for name in names]
