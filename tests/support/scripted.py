"""A cloud that a recorder writes into, whose answers the test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateResponse, Session

Judge = Callable[[Sequence[Bundle]], Exception | None]
"""What becomes of a request: it is stored, or this is raised."""


class ScriptedClient:
    """Stands in for ``Client`` where a recorder uses it.

    Attributes:
        judge: decides each request; everything is stored without one.
        stored: bundles by number; a number again is stored once.
        batches: the numbers of every request, refused ones too.
    """

    def __init__(self, judge: Judge = lambda bundles: None) -> None:
        self.judge = judge
        self.stored: dict[int, Bundle] = {}
        self.batches: list[list[int]] = []
        self.opened: list[Session] = []
        self.options: dict[str, str] = {}
        self.asked = threading.Event()

    def create_session(self, session: Session) -> Session:
        answer = Session()
        answer.CopyFrom(session)
        answer.session_id = answer.session_id or "s"
        self.opened.append(answer)
        return answer

    def send_bundles(
        self, session_id: str, bundles: Sequence[Bundle], **options: str
    ) -> BundleCreateResponse:
        self.batches.append([bundle.index for bundle in bundles])
        self.options = options
        self.asked.set()
        error = self.judge(bundles)
        if error is not None:
            raise error
        self.store(bundles)
        return BundleCreateResponse(success_count=len(bundles))

    def store(self, bundles: Sequence[Bundle]) -> None:
        for bundle in bundles:
            self.stored.setdefault(bundle.index, bundle)

    @property
    def items(self) -> list[Any]:
        """Every accelerometer reading that was stored, in order."""
        return [item for index in sorted(self.stored) for item in self.stored[index].accelerometer_data]
