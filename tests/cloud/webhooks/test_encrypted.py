"""Deliveries over https: to who shows a certificate for the name, whatever address it has."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from moonsense.models.webhooks_v2_pb2 import WebhookDelivery


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Handshakes that the other side ends are what some tests are about."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    """Where a receiver listens, with a certificate for localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with Server(("127.0.0.1", 0), Receiver) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("host", "trusted", "outcome"),
    [
        ("localhost", True, "204"),
        ("localhost", False, "CERTIFICATE_VERIFY_FAILED"),
        ("127.0.0.1", True, "IP address mismatch"),
    ],
)
def test_a_certificate_is_asked_for(
    sending: Any,
    eventually: Callable[..., Any],
    authority: trustme.CA,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,
    outcome: str,
) -> None:
    certificates = tmp_path / "trusted.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(certificates)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
    endpoint_id, _ = sending.endpoint(f"https://{host}:{port}/hook")
    delivery_id = sending.send(endpoint_id)
    found = eventually(lambda: (found := sending.delivery(delivery_id)).attempts and found)
    assert outcome in found.outcome
    assert (found.state == WebhookDelivery.DELIVERED) == (outcome == "204")
