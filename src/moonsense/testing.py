"""Fixtures for your own tests: a cloud to record into, and clients on it.

In the ``conftest.py`` at the root of your tests::

    pytest_plugins = ["moonsense.testing"]

and in a test::

    def test_my_pipeline(moonsense_client, moonsense_record):
        session_id = moonsense_record(walking_phone(seed=1, duration=5))
        assert my_pipeline(moonsense_client, session_id) == ...

Needs pytest and the extra ``cloud``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.simulator import SimulatedSession

__all__ = [
    "moonsense_client",
    "moonsense_cloud",
    "moonsense_environment",
    "moonsense_record",
    "moonsense_recording_client",
]

_BATCH = 50


@pytest.fixture(scope="session")
def moonsense_cloud() -> Iterator[EmbeddedCloud]:
    """A cloud in a process of its own, with its data in a temporary folder.

    All tests of a run share it, and so its one project: count only the
    sessions that a test recorded itself.
    """
    with EmbeddedCloud() as cloud:
        yield cloud


@pytest.fixture
def moonsense_environment(moonsense_cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sets the ``MOONSENSE_*`` variables to the cloud, so that a plain ``Client()`` talks to it."""
    for name, value in moonsense_cloud.environment.items():
        monkeypatch.setenv(name, value)
    return moonsense_cloud.environment


@pytest.fixture
def moonsense_client(moonsense_cloud: EmbeddedCloud) -> Iterator[Client]:
    """A client that reads: with the secret token."""
    with _client(moonsense_cloud, moonsense_cloud.secret_token) as client:
        yield client


@pytest.fixture
def moonsense_recording_client(moonsense_cloud: EmbeddedCloud) -> Iterator[Client]:
    """A client that records: with the public token."""
    with _client(moonsense_cloud, moonsense_cloud.public_token) as client:
        yield client


@pytest.fixture
def moonsense_record(moonsense_recording_client: Client) -> Callable[[SimulatedSession], str]:
    """Records a simulated session, its bundles just as they are, and gives its id."""

    def record(simulated: SimulatedSession) -> str:
        session_id = moonsense_recording_client.create_session(simulated.session).session_id
        bundles = simulated.bundles()
        while batch := list(islice(bundles, _BATCH)):
            moonsense_recording_client.send_bundles(session_id, batch)
        return session_id

    return record


def _client(cloud: EmbeddedCloud, token: str) -> Client:
    return Client(token, root_domain=cloud.root_domain, protocol="http", default_region="")
