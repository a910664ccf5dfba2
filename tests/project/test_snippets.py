"""Every command and every program in README.md and docs/ does what the text says.

Each document is followed from its top, as a reader would, in an empty folder.
Three things differ from what stands there: the server takes a free port, the
tokens are those that were made, and what would need the network is done
without it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest
from support.deliveries import SECRET

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract import environment
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.simulator import checkout_person

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    place: str
    language: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        yield Block(f"{document.name}:{line}", match[1], match[2])


@dataclass
class Terminal:
    """A reader's folder, variables and running server."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The reader's make is not run by the one that runs the tests.
        own = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        }
        return {**own, "PATH": path, "MOONSENSE_CLOUD_PORT": "0", **self.variables}

    def run(self, command: list[str | Path], *, code: int = 0, cwd: Path | None = None) -> str:
        """Run something to its end; its standard output."""
        result = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == code, (
            f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        )
        return result.stdout if code == 0 else result.stderr

    def python(self, block: Block, *, code: int = 0) -> str:
        """Run a program of a document."""
        program = self.folder / "program.py"
        program.write_text(block.text, encoding="utf-8")
        return self.run([sys.executable, "-W", "error", program], code=code)

    def shell(self, line: str) -> str:
        """Run one command line of a document."""
        command = shlex.split(line, comments=True)
        match command:
            case ["make", target]:
                # Not from inside the tests; what it comes down to is.
                steps = self.run(["make", "--dry-run", target], cwd=ROOT).splitlines()
                assert {"demo": "/moonsense demo", "test": "-m pytest"}[target] in steps[-1]
                return self.run(["moonsense", "demo"]) if target == "demo" else ""
            case ["python3", "-m", "pip", "install", what]:
                offline = [
                    "--quiet",
                    "--no-deps",
                    "--no-build-isolation",
                    "--target",
                    self.folder / "installed",
                ]
                return self.run([sys.executable, "-m", "pip", "install", *offline, what], cwd=ROOT)
            case ["export", assignment]:
                self.export(*assignment.split("=", 1))
                return ""
            case ["moonsense", "cloud", "serve", *_]:
                self.serve(command)
                return ""
            case _:
                printed = self.run(["bash", "-euc", line])
                self.tokens |= {token[:8]: token for token in re.findall(r"moon_[sp]k_\w{38}", printed)}
                return printed

    def export(self, name: str, value: str) -> None:
        if value.endswith("_..."):
            value = self.tokens[value.removesuffix("...")]
        elif name == environment.ROOT_DOMAIN:
            value = self.url.removeprefix("http://")
        self.variables[name] = value

    def serve(self, command: list[str], before: str = "") -> None:
        """Start a server and wait for the line with its address, and what stands before it."""
        with (self.folder / "server.log").open("w", encoding="utf-8") as log:
            server = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.servers.append(server)
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.match(re.escape(before) + r"(http://127\.0\.0\.1:\d+)", said)
        assert found, said + (self.folder / "server.log").read_text(encoding="utf-8")
        self.url = found[1]

    @contextmanager
    def listening(self, line: str) -> Iterator[str]:
        """Run ``moonsense webhooks listen``; the secret that it prints."""
        command = shlex.split(line)
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            try:
                export = re.compile(rf"export {environment.WEBHOOK_SECRET}=(\S+)\n")
                yield next(match[1] for told in process.stderr if (match := export.fullmatch(told)))
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=30) == 0
            finally:
                process.kill()

    def close(self) -> None:
        for server in self.servers:
            server.send_signal(signal.SIGINT)
            try:
                assert server.wait(timeout=30) in (0, 130)
            finally:
                server.kill()
                server.wait()
                assert server.stdout is not None
                server.stdout.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


# In place of listening: one delivery, given by hand.
GIVE_ONE = f"""
import sys
sys.path.append({str(ROOT / "tests")!r})
from support.deliveries import body_of, signed
print(receiver.handle(body_of(), signed(body_of(), "msg_1")).text)
receiver.close()
"""


def test_readme(terminal: Terminal, eventually: Callable[..., str]) -> None:
    found = list(blocks(ROOT / "README.md"))
    assert [block.language for block in found].count("python") == 5
    first = next(block for block in found if block.language == "python")
    recorded = ""
    for block in found:
        if block is first:
            said = terminal.python(block, code=1)
            assert environment.SECRET_TOKEN in said
            assert "moonsense cloud serve" in said
        elif "receiver.serve" in block.text:
            given = block.text.replace("receiver.serve(port=8091)", GIVE_ONE)
            assert given != block.text
            terminal.variables[environment.WEBHOOK_SECRET] = SECRET
            assert terminal.python(replace(block, text=given)) == "a chunk of s can be read\nhandled\n"
        elif "Consumer" in block.text:
            once = block.text.replace(".run(handle)", ".run(handle, once=True)")
            assert once != block.text
            assert _processed(terminal, replace(block, text=once), eventually).split()[0] == recorded
        elif block.language == "python":
            printed = terminal.python(block)
            if printed.startswith("recorded"):
                recorded = printed.split()[1]
        elif block.text == f"export {environment.SECRET_TOKEN}=...\n":
            address = environment.resolve("...", environment={})
            assert address.control_plane() == "https://api.moonsense.cloud"
        else:
            assert block.language == "sh", block.place
            for line in block.text.splitlines():
                printed = terminal.shell(line.replace("SESSION", recorded) if "export" not in line else line)
                if "sessions list" in line:
                    assert recorded in printed, block.place
    printed = terminal.python(first).splitlines()
    assert printed[0].split()[0] == recorded
    assert sum(int(line.split()[1]) for line in printed[1:]) == 500
    assert (terminal.folder / "walk.json").read_text(encoding="utf-8").count("\n") == len(printed) - 1


def _processed(terminal: Terminal, block: Block, eventually: Callable[..., str]) -> str:
    """What a program says once there is a chunk: the last bundles may be in none yet."""
    return eventually(lambda: terminal.python(block))


def test_operating(terminal: Terminal) -> None:
    for block in blocks(ROOT / "docs" / "operating.md"):
        if block.language == "python":
            terminal.python(block)
        else:
            for line in block.text.splitlines():
                if line.startswith("moonsense webhooks"):
                    _lead_to_the_cloud(terminal)
                terminal.shell(line)
    listed = terminal.run(["moonsense", "cloud", "token", "list", "--json", "--data-dir", "moonsense-data"])
    assert terminal.run(["moonsense", "cloud", "token", "list", "--json", "--data-dir", "backup"]) == listed


def _lead_to_the_cloud(terminal: Terminal) -> None:
    """As ``init`` said, for the cloud that is served."""
    terminal.export(environment.SECRET_TOKEN, "moon_sk_...")
    terminal.export(environment.ROOT_DOMAIN, "")
    terminal.export(environment.PROTOCOL, "http")
    terminal.export(environment.DEFAULT_REGION, "")


@pytest.mark.parametrize("name", ["errors.md", "compatibility.md", "consumer.md"])
def test_programs_that_need_a_cloud(name: str, terminal: Terminal, cloud) -> None:
    terminal.variables |= cloud.environment
    (block,) = (block for block in blocks(ROOT / "docs" / name) if block.language)
    assert terminal.python(block)


def test_webhooks(terminal: Terminal) -> None:
    """A script that listens, an application, a handler in a transaction, and signing by hand."""
    found = list(blocks(ROOT / "docs" / "webhooks.md"))
    script, application, transaction, by_hand = (block for block in found if block.language == "python")
    listen, trigger = (block.text.strip() for block in found if block.language == "sh")
    with EmbeddedCloud(terminal.folder / "data") as cloud, socket.create_server(("127.0.0.1", 0)) as free:
        terminal.variables |= cloud.environment
        port = str(free.getsockname()[1])
        free.close()
        with terminal.listening(listen.replace("8091", port)) as secret:
            terminal.variables[environment.WEBHOOK_SECRET] = secret
            program = terminal.folder / "script.py"
            program.write_text(script.text.replace("8091", port), encoding="utf-8")
            terminal.serve([sys.executable, "-W", "error", str(program)], "listening on ")
            assert "delivered" in terminal.shell(trigger)
            assert terminal.servers[0].stdout is not None
            said = terminal.servers[0].stdout.readline()
            assert re.fullmatch(r"a chunk of \w+ can be read\n", said)
    terminal.variables[environment.WEBHOOK_SECRET] = SECRET
    given = "from support.deliveries import body_of, signed\n"
    terminal.variables["PYTHONPATH"] = str(ROOT / "tests")
    post = """
import asyncio, httpx2
async def post():
    transport, body = httpx2.ASGITransport(app), body_of("SESSION_INACTIVE")
    async with httpx2.AsyncClient(transport=transport) as client:
        answer = await client.post("http://h/webhooks", content=body, headers=signed(body, "msg_2"))
        print(answer.status_code)
asyncio.run(post())
"""
    assert terminal.python(replace(application, text=application.text + given + post)) == "s is over\n200\n"
    twice = """
for _ in range(2):
    print(receiver.handle(body_of(), signed(body_of(), "msg_1")).text)
receiver.close()
print(sqlite3.connect("sessions.db").execute("SELECT * FROM chunks").fetchall())
"""
    printed = terminal.python(replace(transaction, text=transaction.text + given + twice))
    assert printed == "handled\nit was handled before\n[('s', 1)]\n"
    assert terminal.python(by_hand) == "msg_1 abc\n"


def test_frames(terminal: Terminal) -> None:
    tables, pictures = (block for block in blocks(ROOT / "docs" / "frames.md") if block.language)
    assert "b'unit'" in terminal.python(tables)
    assert terminal.python(pictures) == ""
    assert (terminal.folder / "checkout.png").read_bytes().startswith(b"\x89PNG")
    assert "A walk" in (terminal.folder / "walk.svg").read_text(encoding="utf-8")


def test_download(terminal: Terminal, cloud) -> None:
    terminal.variables |= cloud.environment
    for block in blocks(ROOT / "docs" / "download.md"):
        if block.language == "python":
            terminal.python(block)
        elif block.language == "sh":
            for line in block.text.splitlines():
                terminal.shell(line)
    assert (terminal.folder / "data" / ".moonsense" / "ledger.sqlite").exists()


def test_export(terminal: Terminal, cloud, client, recording_client) -> None:
    session_id = recording_client.create_session(Session()).session_id
    recording_client.send_bundles(session_id, list(checkout_person(1).bundles()))
    terminal.variables |= cloud.environment
    for block in blocks(ROOT / "docs" / "export.md"):
        if block.language == "sql":
            with duckdb.connect() as connection:
                connection.execute(f"SET file_search_path = '{terminal.folder}'")
                assert session_id in {row[0] for row in connection.execute(block.text).fetchall()}
        elif block.language == "python":
            assert "were there" in terminal.python(block)
        elif block.language == "sh":
            for line in block.text.splitlines():
                terminal.shell(line)
    assert list((terminal.folder / "recordings").glob(f"*/{session_id}.mcap"))


def test_no_block_is_left_out() -> None:
    names = ("compatibility", "consumer", "download", "errors", "export", "frames", "operating", "webhooks")
    tested = {"README.md", *(f"{name}.md" for name in names)}
    for document in DOCUMENTS:
        languages = {block.language for block in blocks(document)}
        assert languages <= ({"sh", "python", "sql", ""} if document.name in tested else {""}), document


def test_every_link_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (document.parent / target).is_file(), (
                f"{document.name}: {target}"
            )


def test_the_tables_are_what_the_code_says() -> None:
    result = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_every_room_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in (ROOT / "src" / "moonsense").iterdir():
        if path.is_dir() and any(path.glob("*.py")):
            assert f"`{path.name}/`" in text, path.name
    for level, room in re.findall(r"^\| (\d) \| `([\w]+)(?:/|\.py)` \|", text, flags=re.MULTILINE):
        assert f'"{room}": {level},' in (ROOT / "scripts" / "check_layers.py").read_text(encoding="utf-8")
