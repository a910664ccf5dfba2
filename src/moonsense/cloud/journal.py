"""Requests as they are told apart and noted: their ids, their counts, the access log, what failed."""

from __future__ import annotations

import itertools
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from moonsense.cloud.responses import problem_response
from moonsense.cloud.traffic import Traffic
from moonsense.contract import headers as names
from moonsense.contract.problems import Problem

log = logging.getLogger(__name__)
access = logging.getLogger("moonsense.cloud.access")

Scope = Mapping[str, Any]
"""What ASGI says of a request."""

REQUEST_ID = names.REQUEST_ID.lower().encode()

_PLAIN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}\Z")


class Journal:
    """What is noted of every request, whichever way it is answered."""

    def __init__(self, traffic: Traffic, *, access_log: bool) -> None:
        self._traffic = traffic
        self._access_log = access_log
        self._run = os.urandom(6).hex().encode()
        self._requests = itertools.count(1)

    def request_id(self, headers: Mapping[bytes, bytes]) -> bytes:
        """The id that a request brings, when it is a plain short text, or one of our own."""
        request_id = headers.get(REQUEST_ID)
        if request_id is not None and _PLAIN_ID.match(request_id):
            return request_id
        # Of this run, and counted. Asking the system for random bytes takes longer.
        return b"%b-%x" % (self._run, next(self._requests))

    def failed(self, error: BaseException, request_id: bytes, scope: Scope) -> Response:
        """The answer to a request that an error ended; the log has the traceback of what is no Problem."""
        if isinstance(error, Problem):
            return problem_response(error)
        told = request_id.decode()
        log.error("request %s failed: %s %s", told, scope["method"], path(scope), exc_info=error)
        return problem_response(Problem(500, f"the cloud failed; its log has why, under the request {told}"))

    def broke_off(self, request_id: bytes, scope: Scope) -> None:
        """Note an answer that failed after it had begun; called where the error is handled."""
        log.exception("request %s broke off: %s %s", request_id.decode(), scope["method"], path(scope))

    def answered(self, route: str, status: int, started: float, request_id: bytes, scope: Scope) -> None:
        """Note an answer; ``started`` is the ``perf_counter`` at the request's arrival."""
        seconds = time.perf_counter() - started
        self._traffic.answered(route, status, seconds)
        if self._access_log:
            access.info(
                "%s %s %s %d %.1f ms",
                request_id.decode(), scope["method"], path(scope), status, seconds * 1000,
            )  # fmt: skip


def path(scope: Scope) -> str:
    """A request's path as it was sent: unquoted, it could break a log's line."""
    text: str = scope["raw_path"].decode("ascii")
    return text
