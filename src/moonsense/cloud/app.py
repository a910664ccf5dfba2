"""The cloud as an ASGI application: settings and a store go in, an application comes out."""

from __future__ import annotations

import time

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from moonsense.cloud.auth import Authenticator, check_scope
from moonsense.cloud.direct import Direct
from moonsense.cloud.journal import REQUEST_ID, Journal
from moonsense.cloud.requests import ANONYMOUS, Request, check_ids, join_headers
from moonsense.cloud.routes import handlers
from moonsense.cloud.routing import Endpoint, Table
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.cloud.traffic import Traffic

_UNKNOWN = "unknown"


class CloudApp:
    """Answers HTTP requests from a store, which it neither opens nor closes.

    Everything that is the same for all routes is here, once: the request id,
    who it is from and whether they may, and how errors are answered.

    ``direct`` takes recorded bundles without an ASGI call, for a server that can.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        traffic = Traffic()
        self._journal = Journal(traffic, access_log=settings.access_log)
        self._table = Table(handlers(store, settings, traffic))
        self._authenticator = Authenticator(store.access.token, settings.token_cache_seconds)
        self.direct = Direct(store, self._authenticator, self._journal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the cloud speaks HTTP only, not {scope['type']}")
        started = time.perf_counter()
        headers = join_headers(scope["headers"])
        request_id = self._journal.request_id(headers)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id)]
            await send(message)

        endpoint: Endpoint | None = None
        try:
            endpoint, ids = self._table.find(scope["method"], scope["raw_path"])
            response = await self._answer(endpoint, ids, headers, scope, receive)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - answered, and logged when it is not one of ours
            response = self._journal.failed(error, request_id, scope)
        try:
            await response(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001 - logged
            # The answer has begun, so it cannot become an error. Leaving it
            # unfinished makes the server cut the connection, which the client sees.
            self._journal.broke_off(request_id, scope)
        route = endpoint.route.name if endpoint is not None else _UNKNOWN
        self._journal.answered(route, response.status_code, started, request_id, scope)

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
