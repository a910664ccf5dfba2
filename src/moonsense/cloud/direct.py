"""Recorded bundles taken in without a task: what nearly every request to a busy cloud is.

A task, a stream for the body and a dozen awaits cost more than checking a
bundle and handing it to the writer. Here a request that is whole, small, and
of a token and a session that are known is handed over in one call, and
answered in another when the disk has it.

There is one way in which it goes right, and this is it. Whatever is not so is
left to the application, which asks, refuses and explains: nothing of that is
here a second time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from starlette.responses import Response

from moonsense.cloud import uploads
from moonsense.cloud.auth import Authenticator, bearer_digest, has_scope
from moonsense.cloud.journal import Journal, Scope
from moonsense.cloud.routes.bundles import acknowledgement
from moonsense.cloud.store import Store
from moonsense.contract import media
from moonsense.contract.problems import Problem
from moonsense.contract.routes import BY_NAME
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateRequest

Answer = Callable[[Response, bytes], None]
"""Sends a response, under a request's id."""

_ROUTE = BY_NAME["create_bundles"]
_METHOD, _PATH = _ROUTE.method, _ROUTE.path.encode()

MOST_BYTES = 32 * 1024
"""The longest body: larger ones may belong into a thread, and the server stops reading at 64 KB."""

# With one of these a request says something that is not read here.
_OTHERWISE = (b"content-encoding", b"transfer-encoding", b"expect", b"upgrade")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a request's head says: the same for all requests with that head, whatever their length."""

    token: bytes
    """The digest of the token."""

    content_type: str
    chosen: str
    """The media type of the answer."""

    headers: dict[bytes, bytes]


class Direct:
    """The way of a recorded bundle past the application."""

    def __init__(self, store: Store, authenticator: Authenticator, journal: Journal) -> None:
        self._bundles = store.bundles
        self._authenticator = authenticator
        self._journal = journal

    def concerns(self, scope: Scope) -> Meaning | None:
        """What a request's head says, when it can be one for ``begin``; asked before its body is there."""
        if scope["raw_path"] != _PATH or scope["method"] != _METHOD:
            return None
        pairs = scope["headers"]
        headers = dict(pairs)
        length = headers.get(b"content-length")
        if length is None or int(length) > MOST_BYTES or len(headers) != len(pairs):
            return None
        if any(name in headers for name in _OTHERWISE):
            return None
        try:
            content_type = _content_type(headers.get(b"content-type", b""))
            uploads.check_types(content_type, "")
            chosen = _chosen(headers.get(b"accept", b""))
        except Problem:
            return None
        token = bearer_digest(headers.get(b"authorization", b"").decode("latin-1"))
        return Meaning(token, content_type, chosen, headers)

    def begin(self, scope: Scope, head: Meaning, body: bytes, answer: Answer) -> bool:
        """Take a request in; ``answer`` is called when the disk has its bundles, or they failed.

        False when it is one for the application: nothing was done then.
        """
        who = self._authenticator.remembered(head.token)
        if who is None or not has_scope(who, _ROUTE.scopes):
            return False
        started = time.perf_counter()
        try:
            request = uploads.read_message(body, head.content_type, "", MOST_BYTES, BundleCreateRequest)
        except Problem:
            return False
        count = len(request.bundles)
        request_id = self._journal.request_id(head.headers)

        def done(_: None, error: BaseException | None) -> None:
            if error is None:
                response = acknowledgement(head.chosen, count)
            else:
                response = self._journal.failed(error, request_id, scope)
            answer(response, request_id)
            self._journal.answered(_ROUTE.name, response.status_code, started, request_id, scope)

        client = scope["client"]
        return self._bundles.begin(
            who, request, asyncio.get_running_loop(), done, remote_ip=client[0] if client else ""
        )


@lru_cache(maxsize=256)
def _content_type(header: bytes) -> str:
    return media.base_type(header.decode("latin-1")) or media.JSON


@lru_cache(maxsize=256)
def _chosen(accept: bytes) -> str:
    return media.choose(accept.decode("latin-1"), _ROUTE.produces)
