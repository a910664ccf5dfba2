"""Answers: messages, problems and streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping

import orjson
from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from moonsense.cloud.requests import Request
from moonsense.cloud.routing import WrongMethod
from moonsense.cloud.streams import opened
from moonsense.codec import json
from moonsense.contract import media
from moonsense.contract.problems import Problem

_RETRY_SECONDS = 1


def message_response(
    request: Request, message: Message, headers: Mapping[str, str] | None = None
) -> Response:
    """A message as JSON, or as protobuf for a client that asks for it."""
    chosen = request.chosen()
    return Response(encode(message, chosen), headers=headers, media_type=chosen)


def encode(message: Message, media_type: str) -> bytes:
    """The bytes of a message in ``media.JSON`` or ``media.PROTOBUF``."""
    return message.SerializeToString() if media_type == media.PROTOBUF else json.write(message)


def json_response(document: object, status: int = 200) -> Response:
    """A document that is no message."""
    return Response(orjson.dumps(document), status, media_type=media.JSON)


def problem_response(problem: Problem) -> Response:
    """An error answer: always JSON, whatever the client accepts."""
    body = {"type": problem.type, "param": problem.param, "message": problem.message}
    response = json_response(body, problem.status)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.status in (429, 503):
        response.headers["Retry-After"] = str(problem.retry_after or _RETRY_SECONDS)
    if isinstance(problem, WrongMethod):
        response.headers["Allow"] = ", ".join(problem.allowed)
    return response


class StreamResponse(StreamingResponse):
    """A body sent while it is made.

    With a ``size`` it goes out under that Content-Length. When making it fails
    midway, the error leaves the call with the answer unfinished, and the server
    cuts the connection: a short body never looks like a whole one. The source
    is closed in any case, also when the client goes away.
    """

    def __init__(
        self,
        body: AsyncIterable[bytes],
        media_type: str,
        headers: Mapping[str, str],
        size: int | None = None,
    ) -> None:
        length = {} if size is None else {"Content-Length": str(size)}
        super().__init__(body, headers={**headers, **length}, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; of an answer to HEAD only the headers, without making the body."""
        if scope["method"] == "HEAD":
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await send({"type": "http.response.body", "body": b""})
            return
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the parts; the one place where the source is open.

        The head waits for the first of them: so both are one packet, and what
        fails until then is answered as an error.
        """
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        async with opened(self.body_iterator) as source:
            async for part in source:
                if head:
                    await send(head)
                    head = {}
                await send({"type": "http.response.body", "body": part, "more_body": True})
                # Neither a source that has all in memory nor sending to a client
                # that left ever waits; others would, and the leaving go unseen.
                await asyncio.sleep(0)
        if head:
            await send(head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
