"""Certificates: whom the client trusts, and what it shows itself."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from moonsense.client import AsyncClient, Client
from moonsense.errors import ConfigurationError, ConnectionFailed

TOKEN = "token"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        peer = self.connection.getpeercert() or {}  # type: ignore[attr-defined]
        names = [value for _, value in peer.get("subjectAltName", ())]
        body = json.dumps({"app_id": ",".join(names)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Twice(Handler):
    """Answers twice, the second time unasked, in one packet of several records."""

    def do_GET(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        super().do_GET()
        super().do_GET()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Handshakes that the client ends are what some tests are about."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate of the authority."""
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@contextmanager
def serving(authority: trustme.CA, *, asks: bool = False, handler: type[Handler] = Handler) -> Iterator[str]:
    """A server over TLS, which may ask for the client's certificate; its address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with Server(("127.0.0.1", 0), handler) as server:
        # The handshake is for the thread of the connection.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


def test_an_authority_that_nobody_knows(authority: trustme.CA) -> None:
    with (
        serving(authority) as domain,
        Client(TOKEN, domain, "https", "", tries=1) as client,
        pytest.raises(ConnectionFailed, match="certificate") as caught,
    ):
        client.whoami()
    assert not caught.value.sent


def test_an_authority_of_ones_own(authority: trustme.CA, trusted: Path) -> None:
    context = ssl.create_default_context(cafile=trusted)
    with serving(authority) as domain:
        for verify in (trusted, str(trusted), context, False):
            with Client(TOKEN, domain, "https", "", verify=verify) as client:
                assert client.whoami().app_id == ""


@pytest.mark.anyio
async def test_an_authority_of_ones_own_without_threads(authority: trustme.CA, trusted: Path) -> None:
    with serving(authority) as domain:
        async with AsyncClient(TOKEN, domain, "https", "", verify=trusted, deadline=10) as client:
            assert (await client.whoami()).app_id == ""


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="only Linux can gather records into a packet")
@pytest.mark.anyio
async def test_what_nobody_asked_for_is_no_answer(authority: trustme.CA, trusted: Path) -> None:
    with serving(authority, handler=Twice) as domain:
        async with AsyncClient(TOKEN, domain, "https", "", verify=trusted, deadline=10) as client:
            for _ in range(3):
                await client.whoami()
                (kept,) = client._transport._pool.sender._resting
                # All is there already, above the socket.
                assert kept.was_ended
        with Client(TOKEN, domain, "https", "", verify=trusted, deadline=10) as client:
            for _ in range(3):
                client.whoami()
                (kept,) = client._transport._pool.sender._resting
                assert kept.was_ended


def test_a_certificate_of_the_client(authority: trustme.CA, trusted: Path, tmp_path: Path) -> None:
    own = authority.issue_cert("reader@client.test")
    both, key, cert = tmp_path / "both.pem", tmp_path / "key.pem", tmp_path / "cert.pem"
    own.private_key_and_cert_chain_pem.write_to_path(both)
    own.private_key_pem.write_to_path(key)
    own.cert_chain_pems[0].write_to_path(cert)
    with serving(authority, asks=True) as domain:
        for shown in (str(both), (str(cert), str(key))):
            with Client(TOKEN, domain, "https", "", verify=trusted, cert=shown) as client:
                assert client.whoami().app_id == "reader@client.test"
        with (
            Client(TOKEN, domain, "https", "", verify=trusted, tries=1) as client,
            pytest.raises(ConnectionFailed),
        ):
            client.whoami()


def test_a_context_has_its_certificate_already(trusted: Path) -> None:
    context = ssl.create_default_context(cafile=trusted)
    with pytest.raises(ConfigurationError, match="not both"):
        Client(TOKEN, verify=context, cert=str(trusted))
