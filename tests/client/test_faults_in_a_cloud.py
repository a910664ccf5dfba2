"""Our own cloud behind a network that breaks off, read to the last bundle all the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.faults import WELL, Fault, FaultProxy

from moonsense.client import Client
from moonsense.codec import json
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    from moonsense.cloud.embed import EmbeddedCloud

COUNT = 600


def bundles(first: int, last: int) -> list[Bundle]:
    return [
        Bundle(index=index, accelerometer_data=[Accelerometer(determined_at=index, x=index / 3)])
        for index in range(first, last + 1)
    ]


@pytest.fixture(scope="module")
def recorded(cloud: EmbeddedCloud) -> str:
    """A session of 600 bundles."""
    with Client(cloud.public_token, cloud.root_domain, "http", "") as client:
        session = client.create_session(Session()).session_id
        for first in range(1, COUNT, 100):
            client.send_bundles(session, bundles(first, first + 99))
    return session


@pytest.fixture
def proxy(cloud: EmbeddedCloud) -> Iterator[FaultProxy]:
    with FaultProxy(cloud.root_domain) as proxy:
        yield proxy


def through(proxy: FaultProxy, cloud: EmbeddedCloud, **options: Any) -> Client:
    return Client(cloud.secret_token, proxy.root_domain, "http", "", backoff=0.001, **options)


@pytest.mark.parametrize("wire", ["auto", "json"])
def test_a_session_is_gone_on_with_and_only_its_rest_is_sent(
    cloud: EmbeddedCloud, recorded: str, proxy: FaultProxy, wire: Any
) -> None:
    with through(proxy, cloud, wire=wire) as client:
        whole = list(client.read_session(recorded))
        assert [sealed.bundle.index for sealed in whole] == list(range(1, COUNT + 1))
        size = proxy.answers[0]
        proxy.answers.clear()
        proxy.set([*[Fault(cut=size // 5)] * 4, WELL])
        assert list(client.read_session(recorded)) == whole
    assert len(proxy.answers) == 5
    # Each is what was left: no answer begins at the start again.
    assert proxy.answers == sorted(proxy.answers, reverse=True)
    assert proxy.answers[-1] < size // 3


@pytest.mark.parametrize("wire", ["auto", "json"])
def test_chunks_are_gone_on_with(
    cloud: EmbeddedCloud, recorded: str, proxy: FaultProxy, eventually: Any, wire: Any
) -> None:
    with through(proxy, cloud, wire=wire) as client:
        eventually(lambda: list(client.list_chunks(recorded)))
        whole = list(client.read_chunks(recorded))
        size = proxy.answers[-1]
        proxy.answers.clear()
        # The list of chunks, and each chunk in two parts.
        proxy.set(itertools.chain([WELL], itertools.cycle([Fault(cut=size * 3 // 4), WELL])))
        assert list(client.read_chunks(recorded)) == whole
    assert [sealed.bundle.index for sealed in whole] == list(range(1, len(whole) + 1))
    assert proxy.answers[2] < proxy.answers[1]


def test_a_session_that_grows_between_two_parts(cloud: EmbeddedCloud, proxy: FaultProxy) -> None:
    with (
        Client(cloud.public_token, cloud.root_domain, "http", "") as recording,
        through(proxy, cloud) as client,
    ):
        session = recording.create_session(Session()).session_id
        recording.send_bundles(session, bundles(1, 300))
        list(client.read_session(session))
        proxy.set([Fault(cut=proxy.answers[-1] * 3 // 4), WELL])
        reader = client.read_session(session)
        read = [next(reader)]
        recording.send_bundles(session, bundles(301, 400))
        read += reader
    assert [sealed.bundle.index for sealed in read] == [*range(1, 401)]
    # Only the rest was sent, and what was new.
    assert proxy.answers[-1] < proxy.answers[-2]


@pytest.mark.parametrize("wire", ["auto", "json"])
def test_a_download_is_gone_on_with(
    cloud: EmbeddedCloud, recorded: str, proxy: FaultProxy, tmp_path: Path, wire: Any
) -> None:
    with through(proxy, cloud, wire=wire) as client:
        client.download_session(recorded, tmp_path / "whole.json")
        proxy.set([Fault(cut=proxy.answers[-1] // 2), Fault(cut=proxy.answers[-1] // 4), WELL])
        client.download_session(recorded, tmp_path / "parts.json")
    text = (tmp_path / "whole.json").read_bytes()
    assert (tmp_path / "parts.json").read_bytes() == text
    assert [json.parse(line, SealedBundle).bundle.index for line in text.splitlines()] == [
        *range(1, COUNT + 1)
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.json", "whole.json"]


def test_a_session_of_ours_is_sound(cloud: EmbeddedCloud, recorded: str, eventually: Any) -> None:
    with Client(cloud.secret_token, cloud.root_domain, "http", "") as client:
        eventually(lambda: list(client.list_chunks(recorded)))
        report = client.check_session(recorded)
        assert report.ok
        assert (report.bundles, report.first_index, report.last_index) == (COUNT, 1, COUNT)
        assert report.chunks == report.chunks_verified > 0
        ordered = [sealed.bundle.index for sealed in client.read_session(recorded, order="index")]
        assert ordered == list(range(1, COUNT + 1))


def test_what_is_missing_in_a_session_of_ours_is_found(cloud: EmbeddedCloud) -> None:
    with (
        Client(cloud.public_token, cloud.root_domain, "http", "") as recording,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as client,
    ):
        session = recording.create_session(Session()).session_id
        recording.send_bundles(session, [*bundles(5, 9), *bundles(1, 2)])
        report = client.check_session(session)
        ordered = [sealed.bundle.index for sealed in client.read_session(session, order="index")]
    assert not report.ok
    assert (report.gaps, report.out_of_order, report.counters) == (((3, 4),), 2, {})
    assert ordered == [1, 2, 5, 6, 7, 8, 9]
