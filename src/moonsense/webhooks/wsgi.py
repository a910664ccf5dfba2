"""A receiver as a WSGI application."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from moonsense.webhooks.answers import Answer, refusal, too_large

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from moonsense.webhooks.receiver import WebhookReceiver

__all__ = ["WSGIApp"]


class WSGIApp:
    """Takes deliveries at any path below where it is mounted."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as PEP 3333 has it."""
        answer = self._answer(environ)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", answer.all_headers)
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        headers = _headers(environ)
        most = self._receiver.max_body_bytes
        refused = refusal(environ["REQUEST_METHOD"], headers, most)
        if refused is not None:
            return refused
        if headers.get("content-length"):
            wanted = int(headers["content-length"])
        elif environ.get("wsgi.input_terminated"):  # chunked, and the server says where it ends
            wanted = most + 1
        else:
            return Answer(411, "Content-Length is needed")
        body = _read(environ, wanted)
        if len(body) > most:
            return too_large(most)
        if len(body) < wanted <= most:
            return Answer(400, "the body broke off")
        return self._receiver.handle(body, headers)


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def _read(environ: WSGIEnvironment, wanted: int) -> bytes:
    pieces, missing = [], wanted
    while missing and (piece := environ["wsgi.input"].read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
