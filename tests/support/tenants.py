"""A project of a running cloud, as seen by plain HTTP clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2

from moonsense.contract import media
from moonsense.models import Bundle, BundleCreateRequest, SealedBundle

PROTOBUF = {"Content-Type": media.PROTOBUF, "Accept": media.PROTOBUF}

SEAL_BUNDLES = 5


@dataclass(frozen=True)
class Tenant:
    """A project as seen over HTTP."""

    project_id: str
    app_id: str
    reader: httpx2.Client
    recorder: httpx2.Client

    def close(self) -> None:
        """Close its clients' connections."""
        self.reader.close()
        self.recorder.close()

    def open_session(self, **fields: Any) -> str:
        """A new session; gives its id."""
        answer = self.recorder.post("/v2/sessions", json=fields)
        assert answer.status_code == 200, answer.text
        session_id: str = answer.json()["session_id"]
        return session_id

    def send(self, session_id: str, bundles: Iterable[Bundle]) -> httpx2.Response:
        """Record bundles in one request."""
        request = BundleCreateRequest(session_id=session_id, bundles=bundles)
        return self.recorder.post("/v2/bundles", content=request.SerializeToString(), headers=PROTOBUF)

    def record(self, bundles: int, *, final: bool = False, **fields: Any) -> str:
        """A session with so many bundles; gives its id."""
        session_id = self.open_session(**fields)
        made = [bundle(index) for index in range(1, bundles + 1)]
        if final:
            made[-1].is_final_bundle = True
        if made:
            assert self.send(session_id, made).status_code == 200
        return session_id


def bundle(index: int) -> Bundle:
    """A bundle that can be told from others."""
    made = Bundle(index=index)
    made.client_time.wall_time_millis = 1_700_000_000_000
    made.client_time.timer_millis = 1_000
    made.accelerometer_data.add(determined_at=1_000 + index, x=index, y=-0.5, z=9.81)
    return made


def indexes(bundles: Iterable[SealedBundle]) -> list[int]:
    """Which bundles they are."""
    return [sealed.bundle.index for sealed in bundles]
