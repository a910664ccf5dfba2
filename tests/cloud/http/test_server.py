"""Serving: announced when it answers, stopped by a signal, and what the connection itself is asked."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from moonsense.cloud import admin
from moonsense.cloud.auth import TokenKind
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.server import Server, serve
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.errors import ConfigurationError

PROGRAM = """
import sys
from moonsense.cloud.server import serve
from moonsense.cloud.settings import Settings
serve(Settings.of(data_dir=sys.argv[1], port=0), on_ready=lambda url: print(url, flush=True))
print("closed", flush=True)
"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves a folder, and its URL."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, url):
        assert httpx2.get(f"{url}/healthz").status_code == 200

        process.send_signal(number)

        assert process.stdout is not None
        assert process.stdout.read() == "closed\n"
        assert process.wait(20) == 0


def test_idle_connections_do_not_delay_the_end(tmp_path: Path) -> None:
    with served(tmp_path) as (process, url), httpx2.Client(base_url=url) as client:
        client.get("/healthz")
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))):
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_tokens_are_managed_while_it_runs(tmp_path: Path) -> None:
    admin.init(tmp_path)
    with served(tmp_path) as (_, url):
        made = admin.create_token(tmp_path, TokenKind.SECRET)

        def status() -> int:
            answer = httpx2.get(f"{url}/v2/sessions", headers={"Authorization": f"Bearer {made.token}"})
            return answer.status_code

        assert status() == 200
        assert admin.revoke_token(tmp_path, made.credential_id)
        # The server may believe the token for as long as its setting says, two seconds.
        deadline = threading.Event()
        timer = threading.Timer(15, deadline.set)
        timer.start()
        try:
            while status() != 401:
                assert not deadline.wait(0.05), "a revoked token still works"
        finally:
            timer.cancel()


def test_an_address_that_cannot_be_is_an_error_before_the_store_is_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(Settings.of(data_dir=tmp_path / "data", port=port))
    with pytest.raises(ConfigurationError, match=r"cannot listen on host\.invalid:0"):
        serve(Settings.of(data_dir=tmp_path / "data", host="host.invalid", port=0))

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("localhost", "http://localhost:"),
    ],
)
def test_the_address_is_known_before_it_serves(tmp_path: Path, host: str, url: str) -> None:
    settings = Settings.of(data_dir=tmp_path, host=host, port=0)
    with contextlib.closing(Store.open(settings)) as store:
        server = Server(settings, store)
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(lambda said: ready.set() if said else None,))
        thread.start()
        try:
            assert server.url == f"{url}{server.port}"
            assert ready.wait(20)
            assert httpx2.get(f"{server.url}/healthz").status_code == 200
        finally:
            server.stop()
            thread.join(20)
    assert not thread.is_alive()


def test_an_ipv6_address_is_in_brackets(tmp_path: Path) -> None:
    settings = Settings.of(data_dir=tmp_path, host="::1", port=0)
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with contextlib.closing(Store.open(settings)) as store:
        server = Server(settings, store)
        assert server.url == f"http://[::1]:{server.port}"
        thread = threading.Thread(target=server.run)
        server.stop()
        thread.start()
        thread.join(20)
    assert not thread.is_alive()


def test_proxies_are_believed_only_when_they_are_trusted(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}

    def url(cloud: EmbeddedCloud) -> str:
        (region,) = httpx2.get(f"{cloud.url}/v2/regions", headers=forwarded).json()["regions"]
        found: str = region["url"]
        return found

    with EmbeddedCloud(tmp_path / "a", in_process=True) as plain:
        assert url(plain) == plain.url
    with EmbeddedCloud(tmp_path / "b", in_process=True, trusted_proxies=("127.0.0.1",)) as trusting:
        assert url(trusting) == trusting.url.replace("http:", "https:")


@pytest.mark.parametrize("logs", [True, False])
def test_requests_are_logged_when_it_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, logs: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    with EmbeddedCloud(tmp_path, in_process=True, access_log=logs) as cloud:
        answer = httpx2.get(f"{cloud.url}/v2/nothing%0A?secret=canary")

    lines = [record.getMessage() for record in caplog.records if record.name == "moonsense.cloud.access"]
    if logs:
        (line,) = lines
        request_id = answer.headers["X-Request-Id"]
        assert re.fullmatch(rf"{request_id} GET /v2/nothing%0A 404 \d+\.\d ms", line)
    else:
        assert lines == []
    assert "canary" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("moonsense"))


def test_expecting_to_continue_is_answered_before_the_body_is_sent(running: EmbeddedCloud) -> None:
    host, _, port = running.root_domain.partition(":")
    head = (
        "POST /v2/bundles HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n"
        "Authorization: Bearer {}\r\n\r\n"
    )

    def first_line(token: str) -> bytes:
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.format(token).encode())
            return connection.recv(4096).partition(b"\r\n")[0]

    assert first_line(running.public_token) == b"HTTP/1.1 100 Continue"
    assert first_line("wrong") == b"HTTP/1.1 401 Unauthorized"
