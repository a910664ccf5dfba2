"""What all tests share: a cloud, a client on it, the recordings, and waiting with a deadline."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from support.s3 import S3

    from moonsense.client import Client
    from moonsense.cloud.embed import EmbeddedCloud

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent

# The cloud that someone works with is not the cloud to test on.
for _name in [name for name in os.environ if name.startswith("MOONSENSE_") and name != "MOONSENSE_TORTURE"]:
    del os.environ[_name]

# A shell that has the tests run in the background has them ignore Ctrl-C, and with them all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline a example: the machine is shared, and a slow example is no wrong one.
_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", max_examples=50, **_SHARED)
settings.register_profile("torture", max_examples=2_000, **_SHARED)
settings.load_profile("torture" if os.environ.get("MOONSENSE_TORTURE") else "ci")


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of tests marked with ``anyio``."""
    return "asyncio"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud in a child process. Tests share it: count only your own sessions."""
    from moonsense.cloud.embed import EmbeddedCloud

    with EmbeddedCloud(tmp_path_factory.mktemp("cloud") / "data") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server of S3. Tests share it: take a bucket of your own."""
    from support.s3 import serving

    with serving() as server:
        yield server


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket of it, and the way there in the environment."""
    from moonsense.contract.ids import new_id

    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    name = new_id().lower()
    s3.make(name)
    return name


@pytest.fixture
def client(cloud: EmbeddedCloud) -> Iterator[Client]:
    """A client that reads from ``cloud``."""
    from moonsense.client import Client

    with Client(
        cloud.secret_token, root_domain=cloud.root_domain, protocol="http", default_region=""
    ) as client:
        yield client


@pytest.fixture
def recording_client(cloud: EmbeddedCloud) -> Iterator[Client]:
    """A client that records to ``cloud``."""
    from moonsense.client import Client

    with Client(
        cloud.public_token, root_domain=cloud.root_domain, protocol="http", default_region=""
    ) as client:
        yield client


def shared(name: str) -> Path:
    """A path of the folder beside the project, or a skip with the reason."""
    path = ROOT.parent / "shared" / name
    if not path.exists():
        pytest.skip(f"../shared/{name} is not there")
    return path


@pytest.fixture(scope="session")
def schema_md() -> Path:
    """The description of the wire's messages that the schema was written from."""
    return shared("schema.md")


@pytest.fixture(scope="session")
def web_sessions() -> Path:
    """A tree of real recordings in the on-disk layout: 221 sessions of people filling forms."""
    return shared("data/web-sessions")


@pytest.fixture(scope="session")
def phone_walking() -> Path:
    """Two recordings of a phone in a walking person's pocket."""
    return shared("data/phone-walking")


@pytest.fixture(scope="session")
def published_python() -> Callable[[str], Path]:
    """The Python of the environment with a published client, by its version, or a skip with the reason."""

    def find(version: str) -> Path:
        environment = ROOT / ".venv-peers" / version
        python = environment / "bin" / "python"
        if python.exists():
            return python
        reason = environment.with_name(f"{version}.reason")
        if reason.exists():
            pytest.skip(f"moonsense {version}: {reason.read_text(encoding='utf-8').strip()}")
        pytest.skip(f"moonsense {version}: run scripts/side_environments.py first")

    return find


class Eventually(Protocol):
    """Wait until a condition gives something true, and return that."""

    def __call__(self, condition: Callable[[], T], timeout: float = 20) -> T: ...


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Poll a condition until it is true or the time is up; then the test fails."""

    def wait(condition: Callable[[], T], timeout: float = 20) -> T:
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout:g} s; the last answer was {value!r}")
            time.sleep(0.01)
        return value

    return wait
