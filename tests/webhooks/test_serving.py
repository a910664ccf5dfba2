"""A receiver behind real sockets: ASGI under uvicorn, WSGI, and the standard library's server."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from support.deliveries import SECRET, body_of, signed

from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.webhooks import WebhookReceiver

MOST = 100_000

# An endpoint a way of serving: each takes a receiver and gives the address.


@contextlib.contextmanager
def by_asgi(receiver: WebhookReceiver) -> Iterator[str]:
    app = Starlette(routes=[Mount("/hooks", app=receiver.asgi)])
    with _uvicorn(app) as url:
        yield f"{url}hooks/"  # without the slash a Mount redirects


@contextlib.contextmanager
def by_asgi_alone(receiver: WebhookReceiver) -> Iterator[str]:
    with _uvicorn(receiver.asgi) as url:
        yield url


@contextlib.contextmanager
def _uvicorn(app: object) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def by_wsgi(receiver: WebhookReceiver) -> Iterator[str]:
    with make_server("127.0.0.1", 0, validator(receiver.wsgi), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/any/path"
        finally:
            server.shutdown()
            thread.join(30)


@contextlib.contextmanager
def by_script(receiver: WebhookReceiver) -> Iterator[str]:
    with receiver.server() as server:
        yield server.url


@pytest.fixture(params=[by_asgi, by_asgi_alone, by_wsgi, by_script], ids=lambda way: way.__name__)
def url(request: pytest.FixtureRequest, receiver: WebhookReceiver) -> Iterator[str]:
    receiver.max_body_bytes = MOST
    with request.param(receiver) as url:
        yield url


def post(url: str, body: bytes, message_id: str | None = None, **more: str) -> httpx2.Response:
    return httpx2.post(url, content=body, headers=signed(body, message_id) | more, timeout=30)


def test_a_delivery(url: str, receiver: WebhookReceiver) -> None:
    seen: list[WebhookPayload] = []

    @receiver.on("CHUNK_PERSISTED")
    async def chunk(payload: WebhookPayload) -> None:
        seen.append(payload)

    receiver.on("CHUNK_PERSISTED")(seen.append)
    for said in ("handled", "it was handled before"):
        answer = post(url, body_of(session="größer".encode().hex()), "msg_a")
        assert (answer.status_code, answer.text) == (200, f"{said}\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert [payload.session_id for payload in seen] == ["größer".encode().hex()] * 2


def test_what_is_wrong_is_said_with_a_status(url: str, receiver: WebhookReceiver) -> None:
    @receiver.on()
    def fail(_: WebhookPayload) -> None:
        raise OSError("disk")

    body = body_of()
    assert post(url, body).status_code == 500
    assert httpx2.post(url, content=body).status_code == 401
    assert httpx2.post(url, content=body, headers=signed(body + b" ")).status_code == 401
    assert post(url, b"").status_code == 400
    assert post(url, body, **{"Content-Encoding": "gzip"}).status_code == 415
    for method in ("GET", "PUT", "HEAD", "DELETE", "OPTIONS"):
        answer = httpx2.request(method, url)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_body_is_bounded(url: str, receiver: WebhookReceiver) -> None:
    seen: list[WebhookPayload] = []
    receiver.on()(seen.append)
    for size, status in ((MOST, 200), (MOST + 1, 413)):
        body = body_of().ljust(size)
        with contextlib.suppress(httpx2.WriteError):  # it need not read what it refuses
            assert post(url, body).status_code == status
    assert len(seen) == 1


def test_a_body_without_a_length(url: str, receiver: WebhookReceiver) -> None:
    """Taken where the server reads chunked bodies, and never without a bound."""
    receiver.on()(lambda _: None)
    for size, statuses in ((1_000, (200, 411)), (MOST + 1, (413, 411))):
        body = body_of().ljust(size)
        with contextlib.suppress(httpx2.WriteError, httpx2.ReadError):
            answer = httpx2.post(url, content=iter([body[:500], body[500:]]), headers=signed(body))
            assert answer.status_code in statuses


def test_a_body_that_breaks_off_is_not_handled(url: str, receiver: WebhookReceiver) -> None:
    receiver.on()(lambda _: pytest.fail("called"))
    body = body_of()
    parts = urlsplit(url)
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        request = f"POST {parts.path} HTTP/1.1\r\nHost: h\r\n{head}Content-Length: {len(body) + 5}\r\n\r\n"
        connection.sendall(request.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 200 " not in answer.split(b"\r\n")[0]


def test_headers_that_are_no_http(url: str) -> None:
    parts = urlsplit(url)
    for length in ("x", "-1", "٣", "9" * 5_000, "9" * 18):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            head = f"POST {parts.path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}"
            connection.sendall(f"{head}\r\n\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            status = connection.makefile("rb").readline().split()[1:2]
            # wsgiref's own checks fail at what is no number; uvicorn hangs up or answers by itself.
            assert status in ([b"400"], [b"413"], [b"500"], [])


def test_many_at_once(url: str, receiver: WebhookReceiver, tmp_path: Path) -> None:
    """Some deliveries several times, from several connections: every effect is there once."""

    @receiver.on("CHUNK_PERSISTED", transaction=True)
    def count(payload: WebhookPayload, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS effects (session_id TEXT)")
        connection.execute("INSERT INTO effects VALUES (?)", (payload.session_id,))

    statuses: list[int] = []

    def several(first: int) -> None:
        with httpx2.Client(timeout=30) as client:
            for number in range(first, first + 20):
                body = body_of(session=str(number))
                statuses.append(
                    client.post(url, content=body, headers=signed(body, f"msg_{number}")).status_code
                )

    threads = [threading.Thread(target=several, args=(first,)) for first in (0, 0, 10, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 80
    with sqlite3.connect(tmp_path / "webhooks.db") as connection:
        effects = connection.execute("SELECT session_id FROM effects").fetchall()
    connection.close()
    assert sorted(int(one) for (one,) in effects) == list(range(30))


def test_the_script_s_server_finishes_what_has_begun(receiver: WebhookReceiver) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @receiver.on()
    def slow(_: WebhookPayload) -> None:
        begun.set()
        assert go_on.wait(30)

    answers: list[httpx2.Response] = []
    with receiver.server("::1" if socket.has_dualstack_ipv6() else "127.0.0.1") as server:
        idle = httpx2.Client()
        assert idle.get(server.url).status_code == 405
        post_one = threading.Thread(target=lambda: answers.append(post(server.url, body_of())))
        post_one.start()
        assert begun.wait(30)
        closing = threading.Thread(target=server.close)
        closing.start()
        go_on.set()
        closing.join(30)
        post_one.join(30)
        assert not closing.is_alive(), "an idle connection does not hold it"
        assert [answer.status_code for answer in answers] == [200]
        with pytest.raises(httpx2.TransportError):
            post(server.url, body_of())
        idle.close()


SCRIPT = """
import logging, sys
from moonsense.webhooks import WebhookReceiver

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
receiver = WebhookReceiver("webhooks.db")

@receiver.on("CHUNK_PERSISTED", transaction=True)
def count(payload, connection):
    connection.execute("CREATE TABLE IF NOT EXISTS effects (session_id TEXT)")
    connection.execute("INSERT INTO effects VALUES (?)", (payload.session_id,))
    if payload.session_id == "die":
        import os, signal
        if connection.execute("SELECT count(*) FROM effects").fetchone() == (1,):
            os.kill(os.getpid(), signal.SIGKILL)

receiver.serve(port=0)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def start(tmp_path: Path, started: list[subprocess.Popen[str]]) -> str:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=tmp_path,
        env={"MOONSENSE_WEBHOOK_SECRET": SECRET, "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    said = process.stdout.readline()
    assert said.startswith("listening on http://127.0.0.1:"), said
    return said.split()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL")
def test_a_script_that_is_killed_in_a_transaction_and_one_that_is_stopped(tmp_path: Path, script) -> None:
    url = start(tmp_path, script)
    with pytest.raises(httpx2.TransportError):
        post(url, body_of(session="die"), "msg_a")
    script[0].wait(30)
    with sqlite3.connect(tmp_path / "webhooks.db") as connection:
        connection.execute("CREATE TABLE effects (session_id TEXT)")  # what it had made is not there
        connection.execute("INSERT INTO effects VALUES ('another')")
    connection.close()
    url = start(tmp_path, script)
    assert post(url, body_of(session="die"), "msg_a").text == "handled\n"
    assert post(url, body_of(session="die"), "msg_a").text == "it was handled before\n"
    script[1].send_signal(2)
    assert script[1].wait(30) == 0
    assert script[1].stdout.read() == "stopping\n"
