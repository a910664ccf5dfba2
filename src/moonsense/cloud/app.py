"""The cloud as an ASGI application: settings and a store go in, an application comes out."""

from __future__ import annotations

import itertools
import logging
import os
import re
import time

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from moonsense.cloud.auth import Authenticator, check_scope
from moonsense.cloud.requests import ANONYMOUS, Request, check_ids, join_headers
from moonsense.cloud.responses import problem_response
from moonsense.cloud.routes import handlers
from moonsense.cloud.routing import Endpoint, Table
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.cloud.traffic import Traffic
from moonsense.contract import headers as names
from moonsense.contract.problems import Problem

log = logging.getLogger(__name__)
access = logging.getLogger("moonsense.cloud.access")

_REQUEST_ID = names.REQUEST_ID.lower().encode()
_PLAIN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}\Z")

_UNKNOWN = "unknown"


class CloudApp:
    """Answers HTTP requests from a store, which it neither opens nor closes.

    Everything that is the same for all routes is here, once: the request id,
    who it is from and whether they may, and how errors are answered.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._traffic = Traffic()
        self._run = os.urandom(6).hex().encode()
        self._requests = itertools.count(1)
        self._table = Table(handlers(store, settings, self._traffic))
        self._authenticator = Authenticator(store.access.token, settings.token_cache_seconds)
        self._access_log = settings.access_log

    def _new_id(self) -> bytes:
        """A request id: of this run, and counted. Asking the system for random bytes takes longer."""
        return b"%b-%x" % (self._run, next(self._requests))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the cloud speaks HTTP only, not {scope['type']}")
        started = time.perf_counter()
        path = scope["raw_path"].decode("ascii")  # as sent: unquoted, it could break a log's line
        headers = join_headers(scope["headers"])
        request_id = headers.get(_REQUEST_ID, b"")
        if not _PLAIN_ID.match(request_id):
            request_id = self._new_id()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_REQUEST_ID, request_id)]
            await send(message)

        endpoint: Endpoint | None = None
        try:
            endpoint, ids = self._table.find(scope["method"], scope["raw_path"])
            response = await self._answer(endpoint, ids, headers, scope, receive)
        except Problem as problem:
            response = problem_response(problem)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request %s failed: %s %s", request_id.decode(), scope["method"], path)
            response = problem_response(
                Problem(500, f"the cloud failed; its log has why, under the request {request_id.decode()}")
            )
        try:
            await response(scope, receive, send_with_id)
        except Exception:
            # The answer has begun, so it cannot become an error. Leaving it
            # unfinished makes the server cut the connection, which the client sees.
            log.exception("request %s broke off: %s %s", request_id.decode(), scope["method"], path)
        route = endpoint.route.name if endpoint is not None else _UNKNOWN
        seconds = time.perf_counter() - started
        self._traffic.answered(route, response.status_code, seconds)
        if self._access_log:
            access.info(
                "%s %s %s %d %.1f ms",
                request_id.decode(), scope["method"], path, response.status_code, seconds * 1000,
            )  # fmt: skip

    async def _answer(
        self,
        endpoint: Endpoint,
        ids: dict[str, str],
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
    ) -> Response:
        route = endpoint.route
        who = ANONYMOUS
        if route.scopes:
            who = await self._authenticator.principal(headers.get(b"authorization", b"").decode("latin-1"))
            check_scope(who, route.scopes)
        check_ids(ids)
        return await endpoint.handler(Request(route, ids, headers, who, scope, receive))
