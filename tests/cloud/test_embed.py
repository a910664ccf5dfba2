"""The embedded cloud: it comes up, goes away whole, and outlives nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moonsense.cloud import admin, embed
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract import environment
from moonsense.errors import ConfigurationError

Eventually = Callable[[Callable[[], Any]], Any]

BOTH = pytest.mark.parametrize("in_process", [False, True], ids=["child", "thread"])

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc here")


def get(cloud: EmbeddedCloud, path: str, token: str) -> httpx2.Response:
    return httpx2.get(cloud.url + path, headers={"Authorization": f"Bearer {token}"})


def open_session(cloud: EmbeddedCloud) -> str:
    answer = httpx2.post(
        f"{cloud.url}/v2/sessions", json={}, headers={"Authorization": f"Bearer {cloud.public_token}"}
    )
    session_id: str = answer.json()["session_id"]
    return session_id


def sessions(cloud: EmbeddedCloud) -> list[str]:
    found = get(cloud, "/v2/sessions", cloud.secret_token).json()
    return [session["session_id"] for session in found.get("sessions", [])]


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True
    )


def children(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@BOTH
def test_it_answers_with_the_tokens_it_has(tmp_path: Path, in_process: bool) -> None:
    with EmbeddedCloud(tmp_path / "data", in_process=in_process) as cloud:
        reader = get(cloud, "/v2/tokens/self", cloud.secret_token).json()
        recorder = get(cloud, "/v2/tokens/self", cloud.public_token).json()

    assert (reader["scopes"], recorder["scopes"]) == ("qt", "c")
    for answer in (reader, recorder):
        assert (answer["project_id"], answer["app_id"]) == (cloud.project_id, cloud.app_id)
    assert (tmp_path / "data" / "catalog.db").is_file()


@BOTH
def test_nothing_answers_after_the_end(in_process: bool) -> None:
    with EmbeddedCloud(in_process=in_process) as cloud:
        url, folder, pid = cloud.url, cloud.data_dir, cloud.pid
        assert httpx2.get(f"{url}/healthz").status_code == 200
        assert (pid is None) is in_process

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/healthz")
    assert cloud.pid is None
    assert not folder.exists()
    cloud.close()


@BOTH
def test_starting_twice_is_starting_once(in_process: bool) -> None:
    with EmbeddedCloud(in_process=in_process) as cloud:
        before = (cloud.url, cloud.pid, cloud.secret_token)

        assert cloud.start() is cloud

        assert (cloud.url, cloud.pid, cloud.secret_token) == before


@BOTH
def test_a_restart_keeps_data_port_and_tokens(tmp_path: Path, in_process: bool) -> None:
    with EmbeddedCloud(tmp_path, in_process=in_process) as cloud:
        session_id = open_session(cloud)
        before = (cloud.url, cloud.secret_token, cloud.public_token)

        cloud.restart()

        assert (cloud.url, cloud.secret_token, cloud.public_token) == before
        assert sessions(cloud) == [session_id]
        assert open_session(cloud) != session_id


@BOTH
def test_a_closed_one_with_a_folder_starts_again(tmp_path: Path, in_process: bool) -> None:
    cloud = EmbeddedCloud(tmp_path, in_process=in_process).start()
    session_id = open_session(cloud)
    cloud.close()

    with cloud.start():
        assert sessions(cloud) == [session_id]


def test_a_closed_one_without_a_folder_starts_empty() -> None:
    cloud = EmbeddedCloud(in_process=True).start()
    open_session(cloud)
    folder = cloud.data_dir
    cloud.close()
    assert not folder.exists()

    with cloud.start():
        assert sessions(cloud) == []
        assert cloud.data_dir != folder


def test_opening_a_folder_again_makes_new_tokens_for_the_same_app(tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, in_process=True) as first:
        session_id = open_session(first)
    with EmbeddedCloud(tmp_path, in_process=True) as second:
        assert (second.project_id, second.app_id) == (first.project_id, first.app_id)
        assert second.secret_token != first.secret_token
        assert sessions(second) == [session_id]
        assert get(second, "/v2/sessions", first.secret_token).status_code == 200


def test_a_folder_made_by_init_is_taken_as_it_is(tmp_path: Path) -> None:
    made = admin.init(tmp_path)

    with EmbeddedCloud(tmp_path, in_process=True) as cloud:
        assert (cloud.project_id, cloud.app_id) == (made.project_id, made.app_id)


def test_a_killed_one_restarts_with_what_it_acknowledged(tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path) as cloud:
        acknowledged = [open_session(cloud) for _ in range(5)]
        pid = cloud.pid
        assert pid is not None

        cloud.kill()
        assert cloud.pid is None
        with pytest.raises(httpx2.ConnectError):
            sessions(cloud)
        cloud.restart()

        assert cloud.pid not in (None, pid)
        assert sorted(sessions(cloud)) == sorted(acknowledged)


def test_one_in_this_process_cannot_be_killed() -> None:
    with EmbeddedCloud(in_process=True) as cloud:
        with pytest.raises(ConfigurationError, match="cannot be killed"):
            cloud.kill()
        assert sessions(cloud) == []


def test_the_environment_leads_to_it() -> None:
    with EmbeddedCloud(in_process=True) as cloud:
        address = environment.resolve(environment=cloud.environment)

        assert address.token == cloud.secret_token
        assert address.data_plane() == address.control_plane() == cloud.url
        assert cloud.environment[environment.PUBLIC_TOKEN] == cloud.public_token
        assert cloud.root_domain == cloud.url.removeprefix("http://")


def test_its_repr_shows_no_token() -> None:
    with EmbeddedCloud(in_process=True) as cloud:
        assert cloud.secret_token not in repr(cloud)
        assert cloud.root_domain in repr(cloud)


def test_settings_are_passed_on() -> None:
    with EmbeddedCloud(max_body_bytes=1_000, region="there") as cloud:
        (region,) = httpx2.get(f"{cloud.url}/v2/regions").json()["regions"]
        assert region["name"] == "there"
    with pytest.raises(ConfigurationError, match="no_such_setting"):
        EmbeddedCloud(no_such_setting=1)


@BOTH
def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path, in_process: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cloud = EmbeddedCloud(tmp_path / "data", port=port, in_process=in_process)
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
            cloud.start()

    with cloud.start():
        assert cloud.root_domain == f"127.0.0.1:{port}"


def test_a_folder_that_cannot_be_is_an_error_with_the_child_s_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cloud = EmbeddedCloud(tmp_path / "file")

    with pytest.raises(ConfigurationError, match=r"(?s)did not start: .*FileExistsError"):
        cloud.start()
    assert cloud.pid is None


def test_one_that_never_gets_ready_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A module that is started like the cloud and then says nothing.
    (tmp_path / "silent.py").write_text("import sys\nsys.stdin.read()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(embed, "_MODULE", "silent")
    monkeypatch.setattr(embed, "_START_SECONDS", 0.5)
    cloud = EmbeddedCloud(tmp_path / "data")

    with pytest.raises(ConfigurationError, match="it said nothing"):
        cloud.start()


@needs_proc
def test_it_ends_when_its_parent_dies(tmp_path: Path, eventually: Eventually) -> None:
    program = (
        "import sys, time\n"
        "from moonsense.cloud.embed import EmbeddedCloud\n"
        f"cloud = EmbeddedCloud({str(tmp_path / 'data')!r}).start()\n"
        "print(cloud.pid, cloud.url, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        assert httpx2.get(f"{url}/healthz").status_code == 200
        family = {int(pid)} | children(int(pid))
        parent.kill()

    eventually(lambda: not any(map(lives, family)))


@needs_proc
@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0"])
def test_it_ends_with_an_interpreter_that_forgot_it(tmp_path: Path, ending: str) -> None:
    program = (
        "from moonsense.cloud.embed import EmbeddedCloud\n"
        f"cloud = EmbeddedCloud({str(tmp_path / 'data')!r}).start()\n"
        "print(cloud.pid, flush=True)\n"
        f"{ending}\n"
    )

    done = run(program)

    assert not lives(int(done.stdout))


def test_an_interrupt_from_the_keyboard_is_not_for_the_child(tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path) as cloud:
        assert cloud.pid is not None
        assert os.getpgid(cloud.pid) != os.getpgid(0)


def test_a_fork_does_not_end_its_parent_s_cloud(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "import httpx2\n"
        "from moonsense.cloud.embed import EmbeddedCloud\n"
        f"cloud = EmbeddedCloud({str(tmp_path / 'data')!r}).start()\n"
        "if not os.fork():\n"
        "    sys.exit(0)\n"
        "os.wait()\n"
        "print(httpx2.get(cloud.url + '/healthz').status_code)\n"
    )

    done = run(program)

    assert done.stdout.split() == ["200"], done.stderr


def test_a_child_that_ended_by_itself_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with EmbeddedCloud(tmp_path) as cloud:
        assert cloud.pid is not None
        os.kill(cloud.pid, signal.SIGKILL)
        eventually(lambda: not lives(cloud.pid or 0))

    assert "the cloud's process ended with -9" in caplog.text


def test_uploads_under_way_are_finished_before_it_stops(tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path) as cloud:
        session_id = open_session(cloud)
        body = b'{"session_id": "%s", "bundles": [{"index": 1}]}' % session_id.encode()
        begun, stopping = threading.Event(), threading.Event()

        def pieces() -> Iterator[bytes]:
            yield body[:10]
            begun.set()
            stopping.wait(20)
            yield body[10:]

        answers: list[httpx2.Response] = []
        token = {"Authorization": f"Bearer {cloud.public_token}"}
        upload = threading.Thread(
            target=lambda: answers.append(
                httpx2.post(f"{cloud.url}/v2/bundles", content=pieces(), headers=token, timeout=30)
            )
        )
        upload.start()
        assert begun.wait(20)
        # The signal that ``close`` sends; the rest of the upload follows it.
        assert cloud.pid is not None
        os.kill(cloud.pid, signal.SIGTERM)
        _until_refused(cloud)
        stopping.set()
        upload.join(20)

        assert [answer.status_code for answer in answers] == [200]
        cloud.restart()
        found = get(cloud, f"/v2/sessions/{session_id}", cloud.secret_token).json()
        assert found["counters"]["bundle"]["total"] == 1


def _until_refused(cloud: EmbeddedCloud) -> None:
    """Wait until the cloud takes no more connections."""
    host, _, port = cloud.root_domain.partition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except ConnectionError:
            return


OPEN_AND_CLOSE = """
import gc, os, sys, threading
from moonsense.cloud.embed import EmbeddedCloud

in_process, times = sys.argv[1] == "thread", int(sys.argv[2])

def left():
    gc.collect()
    children = [open(f"/proc/self/task/{task}/children").read() for task in os.listdir("/proc/self/task")]
    return len(os.listdir("/proc/self/fd")), "".join(children).split(), threading.active_count()

for number in range(times + 1):
    with EmbeddedCloud(in_process=in_process) as cloud:
        assert cloud.secret_token
    if number == 0:
        before = left()  # with what is made once and stays
print(before == left(), before, left())
"""


@needs_proc
@pytest.mark.parametrize(("where", "times"), [("thread", 20), ("child", 8)])
def test_opening_and_closing_leaves_nothing(where: str, times: int) -> None:
    done = run(OPEN_AND_CLOSE, where, str(times))

    assert done.stdout.startswith("True"), done.stdout + done.stderr
