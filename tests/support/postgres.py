"""A PostgreSQL server of its own, in a temporary folder, for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 60


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, or None."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(found) if (folder / "pg_ctl").exists()), None)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start a server that listens on a socket in a folder alone; gives how to connect."""
    tools = binaries()
    assert tools is not None
    # The path of a socket may have 107 bytes, and a test's folder can be longer.
    with tempfile.TemporaryDirectory(prefix="pg-") as short:
        data, sockets = Path(short) / "data", Path(short)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(sockets, "nobody")
        _run(tools / "initdb", "--pgdata", data, "--username=tester", "--auth=trust", "--no-sync")
        options = f"-k {sockets} -c listen_addresses= -c fsync=off -c max_connections=50"
        log = sockets / "log"
        _run(tools / "pg_ctl", "--pgdata", data, "--wait", "--log", log, "--options", options, "start")
        try:
            yield f"host={sockets} user=tester dbname=postgres"
        finally:
            _run(tools / "pg_ctl", "--pgdata", data, "--wait", "--mode=immediate", "stop")
            folder.joinpath("postgres.log").write_bytes(log.read_bytes())


def _run(*command: object) -> None:
    as_other: list[str] = []
    if os.geteuid() == 0:
        as_other = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    result = subprocess.run(
        [*as_other, *map(str, command)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stdout.decode(errors="replace")
