"""The client as programs written for the published ones see it, and as it is imported."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Generator

import pytest
from support.wire import TOKEN, Received, Reply, WireServer, connect, reply

import moonsense
from moonsense.client import AsyncClient, Client
from moonsense.codec.frames import frame
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

REQUIRED = inspect.Parameter.empty

CALLS_OF_0_5_0: dict[str, list[tuple[str, object]]] = {
    "__init__": [("secret_token", None), ("root_domain", None), ("protocol", None), ("default_region", None)],
    "list_regions": [],
    "whoami": [],
    "list_sessions": [("labels", None), ("client_session_group_id", None)],
    "describe_session": [("session_id", REQUIRED), ("minimal", True)],
    "update_session_labels": [("session_id", REQUIRED), ("labels", REQUIRED)],
    "list_chunks": [("session_id", REQUIRED)],
    "read_chunk": [("session_id", REQUIRED), ("chunk_id", REQUIRED)],
    "download_session": [("session_id", REQUIRED), ("output_file", REQUIRED)],
    "read_session": [("session_id", REQUIRED)],
    "list_cards": [("session_id", REQUIRED)],
    "create_card": [
        ("session_id", REQUIRED),
        ("title", REQUIRED),
        ("description", REQUIRED),
        ("source_type", "API"),
    ],
}
"""Names and defaults; the constructor's now come from the environment before they are the same."""

CALLS_OF_0_13_1: dict[str, list[tuple[str, object]]] = {
    "list_journeys": [("journeys_per_page", 50), ("platforms", None), ("since", None), ("until", None)],
    "describe_journey": [("journey_id", REQUIRED)],
    "get_journey_feedback": [("journey_id", REQUIRED)],
    "add_journey_feedback": [("journey_id", REQUIRED), ("feedback", REQUIRED)],
    "list_session_features": [("session_id", REQUIRED), ("region", None)],
    "list_journey_features": [("journey_id", REQUIRED), ("region", None)],
    "list_session_signals": [("session_id", REQUIRED), ("region", None)],
    "download_pcap_data": [("session_id", REQUIRED), ("output_file", REQUIRED)],
    "download_all_sessions": [
        *((name, REQUIRED) for name in ("output", "until", "since", "skip_days", "incremental", "labels")),
        ("platforms", None),
        ("with_journey_id", False),
    ],
}

ADDED_BY_0_13_1 = {
    "__init__": {"tries": 3},
    "list_sessions": {"journey_id": None, "platforms": None, "since": None, "until": None},
}


def parameters(client: type, call: str) -> list[tuple[str, object]]:
    found = inspect.signature(getattr(client, call)).parameters.values()
    return [(parameter.name, parameter.default) for parameter in found if parameter.name != "self"]


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("call", CALLS_OF_0_5_0 | CALLS_OF_0_13_1)
def test_calls_of_the_published_clients_keep_their_arguments(client: type, call: str) -> None:
    expected = (CALLS_OF_0_5_0 | CALLS_OF_0_13_1)[call]
    assert parameters(client, call)[: len(expected)] == expected
    added = ADDED_BY_0_13_1.get(call, {})
    assert added.items() <= dict(parameters(client, call)[len(expected) :]).items()


def test_both_clients_have_the_same_calls() -> None:
    def public(client: type) -> dict[str, list[tuple[str, object]]]:
        names = [name for name in dir(client) if not name.startswith("_") and callable(getattr(client, name))]
        return {
            name.removeprefix("a" if name == "aclose" else ""): parameters(client, name) for name in names
        }

    assert public(Client) == public(AsyncClient)


def test_lists_and_readers_are_generators_as_ever() -> None:
    with WireServer(reply({"sessions": [{"session_id": "s"}]})) as server, connect(Client, server) as client:
        sessions = client.list_sessions()
        assert isinstance(sessions, Generator)
        assert next(sessions).session_id == "s"
        assert next(sessions, None) is None


@pytest.mark.parametrize("name", ["ios", "IOS", "iOS"])
def test_platform_by_name(name: str) -> None:
    assert moonsense.Platform.from_str(name) is moonsense.Platform.iOS
    assert pickle.loads(pickle.dumps(moonsense.Platform.WEB)) is moonsense.Platform.WEB


def test_platform_of_another_name() -> None:
    with pytest.raises(NotImplementedError, match="'symbian' is no platform"):
        moonsense.Platform.from_str("symbian")


def fresh(program: str) -> str:
    """What a program prints in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()


def test_importing_the_package_loads_no_http_client() -> None:
    program = (
        "import sys, moonsense; moonsense.Platform; moonsense.__version__;"
        "print(sorted({'httpx2', 'httpcore2', 'google.protobuf', 'orjson', 'asyncio'} & sys.modules.keys()))"
    )
    assert fresh(program) == "[]"


def test_programs_with_threads_load_nothing_of_asyncio() -> None:
    program = (
        "import sys, moonsense.client;"
        "print(sorted(name for name in sys.modules"
        " if name == 'asyncio' or name.startswith('moonsense.client._async')));"
        "print(moonsense.client.AsyncClient.__name__, 'moonsense.client._async.client' in sys.modules)"
    )
    assert fresh(program).splitlines() == ["[]", "AsyncClient True"]
    with pytest.raises(AttributeError, match="no attribute 'Cleint'"):
        _ = moonsense.client.Cleint


def test_the_client_is_there_when_it_is_asked_for() -> None:
    assert fresh("import moonsense; print(moonsense.Client.__name__, moonsense.AsyncClient.__name__)") == (
        "Client AsyncClient"
    )
    assert fresh("from moonsense import Client; print(Client.__name__)") == "Client"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cleint'"):
        _ = moonsense.Cleint


def test_a_client_that_nobody_closes_warns_of_nothing() -> None:
    """The published clients had no close, so programs do not call it."""
    with WireServer(reply({"app_id": "a"})) as server:
        program = (
            "from moonsense import Client;"
            f"client = Client({TOKEN!r}, {server.root_domain!r}, 'http', '', 3);"
            "print(client.whoami().app_id)"
        )
        assert fresh(program) == "a"


def test_one_client_serves_many_threads() -> None:
    def answer(request: Received) -> Reply:
        name = request.path.split("/")[3]
        bundles = [SealedBundle(session_id=name, bundle=Bundle(index=index)) for index in range(200)]
        body = b"".join(frame(bundle.SerializeToString()) for bundle in bundles)
        return reply(body, content_type="application/x-protobuf-delimited")

    wrong: list[object] = []

    def read(client: Client, name: str) -> None:
        for _ in range(5):
            bundles = list(client.read_session(name))
            if [b.bundle.index for b in bundles] != list(range(200)) or {b.session_id for b in bundles} != {
                name
            }:
                wrong.append(name)

    with WireServer(answer) as server, connect(Client, server) as client:
        threads = [threading.Thread(target=read, args=(client, f"s{n}")) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert wrong == []
    assert len(server.requests) == 80
    assert server.connections <= 16
