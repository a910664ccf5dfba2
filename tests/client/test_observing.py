"""What can be seen from outside: log lines and spans, and nowhere a secret."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.wire import TOKEN, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.client._core import telemetry
from moonsense.errors import MoonsenseError, RequestTimeout

WELL = reply({"app_id": "a"}, X_Request_Id="r-1")


def test_each_request_is_a_line_and_each_repeat_another(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "moonsense")
    answers = [reply(status=503), reply(status=429, retry_after="0"), WELL]
    with WireServer(answers) as server, connect(Client, server) as client:
        client.whoami()
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("moonsense")]
    assert [level for level, _ in lines] == ["DEBUG", "INFO", "DEBUG", "WARNING", "DEBUG"]
    assert lines[0][1].startswith(f"GET {server.url}/v2/tokens/self: 503 in ")
    assert "attempt 1 failed, the next is in" in lines[1][1]
    assert lines[4][1].startswith(f"GET {server.url}/v2/tokens/self: 200 in ")
    assert lines[4][1].endswith(" ms (request id r-1)")


PROGRAM = """
from moonsense.client import Client
for _ in range(2):
    Client({token!r}, {domain!r}, "http", "").whoami()
"""


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("INFO", 0), ("", 0)])
def test_the_variable_shows_the_log(level: str, lines: int) -> None:
    with WireServer(WELL) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(token=TOKEN, domain=server.root_domain)],
            env={**os.environ, "MOONSENSE_LOG": level},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert len(done.stderr.splitlines()) == lines
    assert done.stderr.count("DEBUG moonsense.client: GET http") == lines
    assert TOKEN not in done.stderr
    assert done.stdout == ""


def test_a_level_that_is_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from moonsense.client import Client; Client('t')"],
        env={**os.environ, "MOONSENSE_LOG": "loud"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "MOONSENSE_LOG must be one of debug, info, warning, not 'loud'" in done.stderr


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


def told(span: ReadableSpan) -> tuple[str, object, object, object]:
    found = dict(span.attributes or {})
    return (
        span.name,
        found.get("http.response.status_code"),
        found.get("error.type"),
        found.get("http.request.resend_count"),
    )


def test_every_attempt_is_a_span(spans: InMemorySpanExporter) -> None:
    with (
        WireServer([reply(status=503), Reply(b"", close=True), WELL]) as server,
        connect(Client, server) as client,
    ):
        client.describe_session("s")
    found = spans.get_finished_spans()
    assert [told(span) for span in found] == [
        ("GET /v2/sessions/{session_id}", 503, "503", None),
        ("GET /v2/sessions/{session_id}", None, "ConnectionFailed", 1),
        ("GET /v2/sessions/{session_id}", 200, None, 2),
    ]
    attributes = dict(found[2].attributes or {})
    host, port = server.root_domain.split(":")
    assert attributes["url.full"] == f"{server.url}/v2/sessions/s"
    assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
    assert attributes["http.response.header.x-request-id"] == ("r-1",)
    assert found[2].kind is trace.SpanKind.CLIENT
    assert [span.status.is_ok for span in found] == [False, False, True]


def test_the_async_client_has_spans_too(spans: InMemorySpanExporter) -> None:
    async def call(server: WireServer) -> None:
        async with connect(AsyncClient, server) as client:
            await client.whoami()

    with WireServer(WELL) as server:
        asyncio.run(call(server))
    assert [told(span) for span in spans.get_finished_spans()] == [("GET /v2/tokens/self", 200, None, None)]


@pytest.mark.parametrize("set_up_outside", [False, True])
def test_without_the_package_there_is_nothing(monkeypatch: pytest.MonkeyPatch, set_up_outside: bool) -> None:
    monkeypatch.setattr(telemetry, "_SET_UP_OUTSIDE", set_up_outside)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    with WireServer(WELL) as server, connect(Client, server) as client:
        assert client.whoami().app_id == "a"


def test_where_nobody_takes_spans_none_are_made() -> None:
    program = (
        "import sys;"
        "from moonsense.client._core import telemetry;"
        "from moonsense.client._core.requests import Request;"
        "request = Request('GET', 'http://cloud.test/', {});"
        "made = [telemetry.begin(request, 1), 'opentelemetry' in sys.modules];"
        "from opentelemetry import trace;"
        "made.append(telemetry.begin(request, 1));"
        "from opentelemetry.sdk.trace import TracerProvider;"
        "trace.set_tracer_provider(TracerProvider());"
        "print(made, type(telemetry.begin(request, 1)).__name__)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert result.stdout.strip() == "[None, False, None] _Span"


def test_the_environment_may_set_spans_up() -> None:
    program = (
        "from moonsense.client._core import telemetry;"
        "from moonsense.client._core.requests import Request;"
        "print(type(telemetry.begin(Request('GET', 'http://cloud.test/', {}), 1)).__name__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider"},
    )
    assert result.stdout.strip() == "_Span"


HEADER = "canary-of-a-header"
PASSWORD = "canary-of-a-proxy"
SIGNATURE = "canary-of-a-signature"


@pytest.mark.parametrize(
    "answer",
    [
        WELL,
        reply({"message": f"{TOKEN} is not known"}, 401),
        reply({"message": "no"}, 500),
        reply(b"\x00", content_type="application/json"),
        reply({"app_id": "a"}).cut(50),
        Reply(b"", close=True),
        Reply(b"", hang=True),
        reply(status=302, location=f"http://127.0.0.1:1/object?signature={SIGNATURE}"),
    ],
)
def test_no_secret_is_anywhere(
    answer: Reply, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    with WireServer(answer) as server:
        proxy = f"http://user:{PASSWORD}@{server.root_domain}"
        clients = [
            connect(Client, server, tries=2, deadline=0.5, headers={"X-Key": HEADER}),
            Client(TOKEN, "cloud.test", "http", "", proxy=proxy, tries=1, deadline=0.5),
        ]
        for client in clients:
            with client:
                for call in (
                    client.whoami,
                    lambda c=client: list(c.list_sessions()),
                    lambda c=client: c.create_card("s", "t", "d"),
                ):
                    try:
                        call()
                    except MoonsenseError as error:
                        seen += traceback.format_exception(error)
                        seen += [repr(error), repr(vars(error)), repr(error.args)]
                seen += [repr(client), str(client), repr(client._address), repr(client._recipe)]
                seen.append(repr(client._transport._pool._network))
        assert any(TOKEN in request.headers.get("authorization", "") for request in server.requests)
        assert any(HEADER in request.headers.get("x-key", "") for request in server.requests)
    seen += [span.to_json() for span in spans.get_finished_spans()]
    assert any(record.name == "httpcore2.http11" for record in caplog.records)
    text = "\n".join([*seen, caplog.text])
    for canary in (TOKEN, HEADER, PASSWORD, SIGNATURE):
        assert canary not in text


def test_a_query_is_in_no_message() -> None:
    with (
        WireServer(Reply(b"", hang=True)) as server,
        connect(Client, server, deadline=0.2) as client,
        pytest.raises(RequestTimeout) as caught,
    ):
        list(client.list_sessions(labels=["of-a-customer"]))
    assert "of-a-customer" not in str(caught.value)
