"""``moonsense webhooks listen`` and ``trigger``, as processes beside a real cloud."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.killable import KillableCloud

from moonsense.client import Client
from moonsense.cloud import admin
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract import environment
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.webhooks import WebhookReceiver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")

Eventually = Callable[..., Any]


class Listening:
    """A listener in a process of its own, and what it has written."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.shown: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.notes: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self._show)),
            threading.Thread(target=self._read, args=(process.stderr, self.notes.append)),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, pipe: Any, keep: Callable[[str], None]) -> None:
        for line in pipe:
            keep(line.decode().rstrip("\n"))

    def _show(self, line: str) -> None:
        self.lines.append(line)
        if line.startswith("{"):
            self.shown.append(json.loads(line))

    @property
    def endpoint(self) -> str:
        found = re.search(r"endpoint (\w+) listens", "\n".join(self.notes))
        return found[1] if found else ""

    @property
    def secret(self) -> str:
        found = re.search(rf"export {environment.WEBHOOK_SECRET}=(\S+)\n", "\n".join([*self.notes, ""]))
        return found[1] if found else ""

    def events(self) -> list[tuple[str, str]]:
        """What was shown first or again, each once."""
        return sorted({(each["event"], each["payload"]["session_id"]) for each in self.shown})

    def end(self, number: int = signal.SIGINT, code: int = 0) -> None:
        self.process.send_signal(number)
        assert self.process.wait(60) == code, "\n".join(self.notes)
        for thread in self._threads:
            thread.join(30)


@pytest.fixture
def listen(start_script: Any, eventually: Eventually) -> Iterator[Callable[..., Listening]]:
    """Starts a listener; gives it when its endpoint is there, and its secret unless that was known."""
    started: list[Listening] = []

    def listen(variables: Mapping[str, str], *arguments: object) -> Listening:
        listening = Listening(start_script("webhooks", "listen", *arguments, **variables))
        started.append(listening)
        known = environment.WEBHOOK_SECRET in variables

        def is_there() -> bool:
            return bool(listening.endpoint and (known or listening.secret))

        eventually(lambda: is_there() or listening.process.poll() is not None)
        assert is_there(), listening.notes
        return listening

    yield listen
    for each in started:
        each.process.kill()
        each.process.wait()
        for thread in each._threads:
            thread.join(30)


@pytest.fixture(scope="module")
def quiet_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud of these tests alone: a listener hears everything of its project."""
    with EmbeddedCloud(tmp_path_factory.mktemp("quiet") / "data") as cloud:
        yield cloud


def recorder(cloud: EmbeddedCloud | KillableCloud, token: str) -> Client:
    address = cloud.root_domain if isinstance(cloud, EmbeddedCloud) else cloud.url.removeprefix("http://")
    return Client(token, address, "http", "", tries=10)


def record(client: Client, *, label: str = "") -> list[tuple[str, str]]:
    """Record a session of two bundles that ends; the events that it makes."""
    session = Session()
    if label:
        session.labels.add(name=label)
    session_id = client.create_session(session).session_id
    bundles = [Bundle(index=index, accelerometer_data=[Accelerometer(y=1)]) for index in (1, 2)]
    bundles[-1].is_final_bundle = True
    client.send_bundles(session_id, bundles)
    names = ("BUNDLE_RECEIVED", "CHUNK_PERSISTED", "SESSION_CREATED")
    return [(name, session_id) for name in names]


def test_events_are_shown_while_they_happen(quiet_cloud, listen, eventually: Eventually) -> None:
    listening = listen(quiet_cloud.environment, "--json")
    with recorder(quiet_cloud, quiet_cloud.public_token) as client:
        expected = record(client, label="walk")
    eventually(lambda: len(listening.shown) >= 4)
    assert listening.events() == expected
    assert len({each["message_id"] for each in listening.shown}) == 4
    for each in listening.shown:
        assert set(each) == {"message_id", "timestamp", "event", "repeat", "payload", "forwarded"}
        assert each["payload"]["session_labels"] == ["walk"]
        assert (each["repeat"], each["forwarded"]) == (False, None)
    listening.end()
    with Client(quiet_cloud.secret_token, quiet_cloud.root_domain, "http", "") as client:
        assert list(client.list_webhook_endpoints()) == []


def test_lines_for_people_and_only_the_events_that_are_wanted(
    quiet_cloud, listen, eventually: Eventually
) -> None:
    listening = listen(quiet_cloud.environment, "--events", "chunk_persisted,BUNDLE_RECEIVED")
    with recorder(quiet_cloud, quiet_cloud.public_token) as client:
        session_id = record(client, label="walk")[0][1]
    eventually(lambda: len(listening.lines) >= 3)
    listening.end(signal.SIGTERM)
    assert sorted(line[10:] for line in listening.lines) == [
        f"BUNDLE_RECEIVED  {session_id}  bundle 1: 1 accelerometer",
        f"BUNDLE_RECEIVED  {session_id}  bundle 2: 1 accelerometer",
        f"CHUNK_PERSISTED  {session_id}  walk",
    ]


def test_deliveries_are_forwarded_as_they_came_until_the_application_takes_them(
    quiet_cloud, listen, eventually: Eventually, tmp_path: Path
) -> None:
    """The application verifies by itself, fails at a third of them, and misses none."""
    seen: list[WebhookPayload] = []
    calls = [0]

    def handle(payload: WebhookPayload) -> None:
        calls[0] += 1
        if calls[0] % 3 == 0:
            raise OSError("every third")
        seen.append(payload)

    # The secret is known once it listens, and where to forward to before: so the endpoint is made twice.
    first = listen(quiet_cloud.environment)
    endpoint, secret = first.endpoint, first.secret
    first.end(signal.SIGKILL, -9)
    receiver = WebhookReceiver(tmp_path / "webhooks.db", secret)
    receiver.on()(handle)
    with receiver.server() as server:
        known = {**quiet_cloud.environment, environment.WEBHOOK_SECRET: secret}
        listening = listen(known, "--json", "--endpoint", endpoint, "--forward-to", server.url)
        assert listening.secret == "", "it was known"
        with recorder(quiet_cloud, quiet_cloud.public_token) as client:
            expected = [event for _ in range(3) for event in record(client)]
        with Client(quiet_cloud.secret_token, quiet_cloud.root_domain, "http", "") as client:

            def all_taken() -> bool:
                client.resend_webhook_deliveries(endpoint_id=endpoint, failed=True)
                return len(seen) == 12

            eventually(all_taken)
            listening.end()
            assert client.describe_webhook_endpoint(endpoint).url != server.url
            client.delete_webhook_endpoint(endpoint)
    assert listening.events() == sorted(expected)
    statuses = {each["forwarded"]["status"] for each in listening.shown}
    assert statuses == {200, 500}


def test_an_application_that_was_away_gets_what_it_missed(
    quiet_cloud, listen, eventually: Eventually, tmp_path: Path
) -> None:
    seen: list[WebhookPayload] = []
    receiver = WebhookReceiver(tmp_path / "webhooks.db", "unused")
    with receiver.server() as server:
        port = int(server.url.rsplit(":", 1)[1].strip("/"))
    listening = listen(quiet_cloud.environment, "--forward-to", f"127.0.0.1:{port}/hook", "--json")
    with recorder(quiet_cloud, quiet_cloud.public_token) as client:
        expected = record(client)
    eventually(lambda: listening.shown)
    assert listening.shown[0]["forwarded"]["status"] is None
    assert listening.shown[0]["forwarded"]["problem"]
    receiver = WebhookReceiver(tmp_path / "webhooks.db", listening.secret)
    receiver.on()(seen.append)
    with receiver.server(port=port):
        eventually(lambda: len(seen) == 4)
        listening.end()
    assert listening.events() == expected


def test_nothing_is_missed_while_the_cloud_is_killed_and_started_again(
    tmp_path: Path, listen, eventually: Eventually
) -> None:
    credentials = admin.init(tmp_path / "data")
    with KillableCloud(tmp_path / "data", webhook_allowed_networks='["127.0.0.0/8"]') as cloud:
        cloud.start()
        variables = {
            environment.SECRET_TOKEN: credentials.secret_token,
            environment.ROOT_DOMAIN: cloud.url.removeprefix("http://"),
            environment.PROTOCOL: "http",
            environment.DEFAULT_REGION: "",
        }
        listening = listen(variables, "--json")
        expected: list[tuple[str, str]] = []
        with recorder(cloud, credentials.public_token) as client:
            for _ in range(2):
                expected += record(client)
                cloud.kill()
                cloud.start()
        eventually(lambda: listening.events() == sorted(expected), timeout=60)
        listening.end()


def test_nothing_is_missed_while_the_listener_is_killed_and_started_again(
    quiet_cloud, listen, eventually: Eventually
) -> None:
    killed = listen(quiet_cloud.environment, "--json")
    killed.end(signal.SIGKILL, -9)
    with recorder(quiet_cloud, quiet_cloud.public_token) as client:
        expected = record(client)
    again = listen(quiet_cloud.environment, "--json", "--endpoint", killed.endpoint)
    assert again.secret
    assert again.secret != killed.secret
    eventually(lambda: again.events() == expected)
    again.end()
    with Client(quiet_cloud.secret_token, quiet_cloud.root_domain, "http", "") as client:
        client.delete_webhook_endpoint(killed.endpoint)


def test_trigger_makes_an_event(quiet_cloud, listen, run_script: Any, eventually: Eventually) -> None:
    variables = quiet_cloud.environment

    def trigger(event: str, *more: str) -> subprocess.CompletedProcess[str]:
        return run_script("webhooks", "trigger", event, *more, **variables)

    result = trigger("SESSION_INACTIVE")
    assert (result.returncode, result.stdout) == (4, "")
    assert "no endpoint that wants SESSION_INACTIVE" in result.stderr
    assert "moonsense webhooks listen" in result.stderr
    listening = listen(variables, "--json", "--event", "SESSION_INACTIVE")
    with recorder(quiet_cloud, quiet_cloud.public_token) as client:
        session_id = record(client)[0][1]
    result = run_script(
        "webhooks", "trigger", "SESSION_INACTIVE", "--session", session_id, "--json", **variables
    )
    assert result.returncode == 0, result.stderr
    (delivery,) = json.loads(result.stdout)
    assert delivery["state"] == "DELIVERED"
    eventually(lambda: listening.shown)
    assert listening.events() == [("SESSION_INACTIVE", session_id)]
    assert listening.shown[0]["message_id"] == delivery["delivery_id"]
    result = run_script(
        "webhooks", "trigger", "CHUNK_PERSISTED", "--endpoint", listening.endpoint, **variables
    )
    assert result.returncode == 0, "an endpoint that is named gets it, wanted or not"
    listening.end()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--events", "CHUNK_PERSISTD"], "'CHUNK_PERSISTD' is no event"),
        (["--forward-to", "ftp://h/"], "is not an address"),
        (["--forward-to", "http://"], "is not an address"),
        (["--forward-to", "h:99999"], "is not an address"),
    ],
)
def test_what_cannot_be_is_said_at_once(run: Any, arguments: list[str], said: str) -> None:
    result = run("webhooks", "listen", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_address_that_the_cloud_refuses_is_said(cloud, run_script: Any) -> None:
    result = run_script("webhooks", "listen", "--url", "https://10.0.0.1/", **cloud.environment)
    assert result.returncode == 1
    assert "private" in result.stderr
