"""The cloud about itself: health, numbers, and the table of its routes."""

from __future__ import annotations

import asyncio
from functools import cached_property

import orjson
from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.cloud.responses import json_response
from moonsense.cloud.store import Store
from moonsense.cloud.traffic import CONTENT_TYPE, Traffic
from moonsense.contract import media, openapi
from moonsense.contract.problems import Problem


class Service:
    """The routes for whoever runs the cloud. They need no token and tell nothing of what is recorded."""

    def __init__(self, store: Store, traffic: Traffic) -> None:
        self._store = store
        self._traffic = traffic

    async def healthz(self, _request: Request) -> Response:
        """GET /healthz"""
        return json_response({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """GET /readyz"""
        reason = await asyncio.to_thread(self._store.ready)
        if reason:
            raise Problem(503, reason)
        return json_response({"status": "ok"})

    async def metrics(self, _request: Request) -> Response:
        """GET /metrics"""
        numbers = await asyncio.to_thread(self._store.numbers)
        return Response(self._traffic.text(numbers), media_type=CONTENT_TYPE)

    async def openapi(self, _request: Request) -> Response:
        """GET /openapi.json"""
        return Response(self._document, media_type=media.JSON)

    @cached_property
    def _document(self) -> bytes:
        return orjson.dumps(openapi.document())
