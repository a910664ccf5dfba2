"""A receiver as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from moonsense.webhooks.answers import Answer, refusal, too_large

if TYPE_CHECKING:
    from moonsense.webhooks.receiver import WebhookReceiver

__all__ = ["ASGIApp"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ASGIApp:
    """Takes deliveries at any path below where it is mounted. Needs asyncio."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI 3 has it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                headers = [(name.lower().encode(), value.encode()) for name, value in answer.all_headers]
                await send({"type": "http.response.start", "status": answer.status, "headers": headers})
                await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Message, receive: Receive) -> Answer | None:
        """The answer; None when nobody waits for one any more."""
        headers = _headers(scope["headers"])
        most = self._receiver.max_body_bytes
        refused = refusal(scope["method"], headers, most)
        if refused is not None:
            return refused
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > most:  # a body that did not say how long it is
                return too_large(most)
            if not message.get("more_body", False):
                return await self._receiver.handle_async(bytes(body), headers)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._receiver.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as text; one that is there several times as HTTP joins it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
