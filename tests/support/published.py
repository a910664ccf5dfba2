"""A published client in a process of its own, with its own Python and protobuf."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.models import Bundle, Session

DRIVER = Path(__file__).resolve().parent.parent / "peers" / "driver.py"

# The published clients wait for ever; a call that takes this long never comes back.
_SECONDS = 120.0


class PublishedError(Exception):
    """What a published client raised: the class's name and its message."""


class PublishedClient:
    """Runs calls on a published client, one at a time.

        client.call("list_sessions", labels=["walk"])   # [{"session_id": …}, …]

    Messages come as dicts in the form of ``json_format``, with original names.

    Args:
        python: of the environment that the client is installed in.
        folder: where the process works; nothing of this project is in it.
        authority: a file of certificates to trust, for a cloud with one of its own.
        arguments: of the client's constructor.
    """

    def __init__(
        self, python: Path, folder: Path, *, authority: Path | None = None, **arguments: Any
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
        if authority is not None:
            kept["REQUESTS_CA_BUNDLE"] = str(authority)
        self._process = subprocess.Popen(
            # Isolated: neither PYTHONPATH nor the script's folder leads to this project's package.
            [str(python), "-I", str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,  # so that it ends with the processes it starts
            env={**kept, "HOME": str(folder), "NO_PROXY": "*", "TZ": "UTC"},
        )
        try:
            self.version: str = self.call("Client", **arguments)
        except BaseException:
            self.close()
            raise

    def call(self, name: str, /, **arguments: Any) -> Any:
        """What a call gives. Raises PublishedError with what it raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(_SECONDS, self._kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps({"call": name, "arguments": arguments}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            raise PublishedError(f"the process ended during {name} ({self._process.wait()})")
        answer = json.loads(line)
        if "error" in answer:
            raise PublishedError(answer["error"])
        return answer["result"]

    def calls(self) -> list[str]:
        """The names of all calls that the client has."""
        names: list[str] = self.call("")
        return names

    def close(self) -> None:
        """End the process."""
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# What the messages of a published client do not have; its parser leaves it out.
_UNKNOWN = {
    "0.5.0": {
        "sealed": {"remote_ip", "journey_id"},
        "bundle": {
            "app_life_cycle_events", "click_data", "context_menu_events", "custom_events", "features",
            "form_submit_events", "frame_rate_event", "input_change_data", "is_final_bundle",
            "permission_events", "viewport_size_events",
        },
        "pointer": {"target"},
    },
    "0.13.1": {
        "sealed": set(),
        "bundle": {
            "activity_data", "heart_rate_data", "humidity_data", "light_data", "markers", "pressure_data",
            "steps_data", "temperature_data",
        },
        "pointer": set(),
    },
}  # fmt: skip


def known(version: str, sealed: dict[str, Any]) -> dict[str, Any]:
    """A sealed bundle without what a published client does not know."""
    unknown = _UNKNOWN[version]
    kept = _without(sealed, unknown["sealed"])
    kept["bundle"] = _without(kept["bundle"], unknown["bundle"])
    if "pointer_data" in kept["bundle"]:
        pointers = kept["bundle"]["pointer_data"]
        kept["bundle"]["pointer_data"] = [_without(pointer, unknown["pointer"]) for pointer in pointers]
    return kept


def _without(message: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in names}


def only(*versions: str) -> Any:
    """A test of what not every published client has."""
    return pytest.mark.parametrize("version", versions, indirect=True, scope="package")


Connect = Callable[[EmbeddedCloud], PublishedClient]
"""Starts a published client on a cloud."""


@dataclass(frozen=True)
class Recorded:
    """A session that was recorded over HTTP, and every bundle that was sent."""

    session: Session
    bundles: list[Bundle] = field(repr=False)

    @property
    def id(self) -> str:
        return self.session.session_id


@dataclass(frozen=True)
class Imported:
    """Recordings in a cloud: the session's folder by its id."""

    cloud: EmbeddedCloud
    folders: dict[str, Path]
