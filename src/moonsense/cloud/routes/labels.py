"""Labels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response

from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.store import Store
from moonsense.contract import limits
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import LabelListResponse, LabelsTopResponse
from moonsense.models.data_plane_v2_sdk_pb2 import SessionLabelCreateRequest, SessionLabelCreateResponse

Change = Callable[[str, str, Sequence[str], Once | None], Awaitable[None]]


class Labels:
    """The routes of labels."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def replace(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/labels"""
        return await self._change(request, self._store.labels.replace)

    async def add(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/labels/add"""
        return await self._change(request, self._store.labels.add)

    async def remove(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/labels/remove"""
        return await self._change(request, self._store.labels.remove)

    async def _change(self, request: Request, change: Change) -> Response:
        wanted = await request.message(SessionLabelCreateRequest)
        names = [label.name for label in wanted.labels]
        check_names(names)
        await change(request.who.project_id, request.ids["session_id"], names, request.asked())
        return message_response(request, SessionLabelCreateResponse())

    async def list(self, request: Request) -> Response:
        """GET /v2/labels"""
        labels = await self._store.labels.all(request.who.project_id)
        return message_response(request, LabelListResponse(labels=labels))

    async def top(self, request: Request) -> Response:
        """GET /v2/labels/top"""
        labels = await self._store.labels.top(request.who.project_id)
        return message_response(request, LabelsTopResponse(labels=labels))


def check_names(names: Sequence[str]) -> None:
    """Raise a Problem of status 422 for more or longer labels than a session may have."""
    if len(set(names)) > limits.MAX_LABELS_PER_SESSION:
        raise Problem(422, f"a session may have {limits.MAX_LABELS_PER_SESSION} labels", param="labels")
    for index, name in enumerate(names):
        if len(name.encode()) > limits.MAX_LABEL_BYTES:
            raise Problem(
                422,
                f"a label may have {limits.MAX_LABEL_BYTES} bytes of UTF-8",
                param=f"labels[{index}].name",
            )
