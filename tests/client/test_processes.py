"""A client in other processes: pickled, and after a fork."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme
from support.wire import TOKEN, Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.client._core.memory import Memory
from moonsense.errors import ConfigurationError


@pytest.fixture
def from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSENSE_SECRET_TOKEN", TOKEN)


@pytest.mark.usefixtures("from_environment")
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_pickle_has_no_token_and_finds_it_where_it_is_read(
    client_class: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_class(root_domain="cloud.test", default_region="", tries=7, timeout=3, wire="json")
    pickled = pickle.dumps(client.with_options(deadline=9, tries=2))
    assert TOKEN.encode() not in pickled
    monkeypatch.setenv("MOONSENSE_ROOT_DOMAIN", "elsewhere.test")
    again = pickle.loads(pickled)
    assert type(again) is client_class
    assert repr(again) == repr(client)
    assert again.tries == 2
    assert again._transport.deadline().seconds == 9
    monkeypatch.delenv("MOONSENSE_SECRET_TOKEN")
    with pytest.raises(ConfigurationError, match="there is no token"):
        pickle.loads(pickled)


@pytest.mark.usefixtures("from_environment")
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"secret_token": TOKEN}, "MOONSENSE_SECRET_TOKEN"),
        ({"headers": {"X-Key": "s3cret"}}, "headers"),
        ({"proxy": "http://me:s3cret@proxy.test"}, "proxy"),
    ],
)
def test_what_would_need_a_secret_is_not_pickled(options: dict[str, object], word: str) -> None:
    with Client(**options) as client, pytest.raises(ConfigurationError, match=word) as caught:
        pickle.dumps(client)
    assert "s3cret" not in str(caught.value)
    assert TOKEN not in str(caught.value)


MAKING = """
import pickle, sys
from moonsense.client import Client
sys.stdout.buffer.write(pickle.dumps(Client(None, {domain!r}, "http", "")))
"""


def test_a_pickle_works_in_another_process() -> None:
    program = (
        "import pickle, sys\n"
        "from moonsense.client import Client\n"
        "print(pickle.loads(sys.stdin.buffer.read()).whoami().app_id)\n"
    )
    with WireServer(reply({"app_id": "a"})) as server:
        environment = {**os.environ, "MOONSENSE_SECRET_TOKEN": TOKEN}
        made = subprocess.run(
            [
                sys.executable,
                "-c",
                MAKING.format(domain=server.root_domain),
            ],
            env=environment,
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            input=made,
            capture_output=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.split() == [b"a"]


FORKING = """
import os, sys
from moonsense.client import Client

client = Client({token!r}, {domain!r}, "http", "")
print(client.whoami().app_id, flush=True)
child = os.fork()
if child == 0:
    print(client.whoami().app_id, flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
print(client.whoami().app_id, os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_has_connections_of_its_own() -> None:
    ports: list[str] = []

    def answer(request: Received) -> Reply:
        ports.append(request.headers["x-request-id"])
        return reply({"app_id": f"a{server.connections}"})

    with WireServer(answer) as server:
        program = FORKING.format(token=TOKEN, domain=server.root_domain)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
        )
    # The child made a second connection; the parent went on with the first.
    assert done.stdout.split() == ["a1", "a2", "a2", "0"]
    assert server.connections == 2
    assert done.stderr == ""
    assert len(set(ports)) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_has_connections_of_its_own_when_files_are_gone(tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(authority)
    with WireServer(reply({"app_id": "a"})) as server, connect(Client, server, verify=authority) as client:
        client.whoami()
        authority.unlink()
        parents = client._transport._pool.sender
        client._transport._pool.renew()  # as in the child
        assert client._transport._pool.sender is not parents
        assert client.whoami().app_id == "a"
        parents.close()
    assert server.connections == 2


def test_a_lock_that_a_thread_of_the_parent_holds_is_made_anew() -> None:
    memory = Memory(3)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with memory._lock:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    memory.renew()  # as in the child
    memory.put("s", "region")
    release.set()
    thread.join(10)
    assert memory.get("s") == "region"


def test_renewing_leaves_a_closed_client_closed() -> None:
    with WireServer(reply({"app_id": "a"})) as server:
        client = connect(Client, server)
        client.close()
        client._transport._pool.renew()
        with pytest.raises(RuntimeError, match="the client is closed"):
            client.whoami()
