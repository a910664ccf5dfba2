"""Every real recording, imported and read back by the published clients and by ours, is what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from google.protobuf import json_format
from support.published import Connect, Imported, PublishedError, known, only

from moonsense.client import Client
from moonsense.models import Session
from moonsense.models.common_v2_pb2 import CLICK

pytestmark = pytest.mark.peers


def plain(message: Any) -> dict[str, Any]:
    """A message as the recordings have it, by protobuf's own writer."""
    written: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return written


def lines(folder: Path) -> list[Any]:
    """The bundles of a recording as parsed JSON, in the order of its lines."""
    return [orjson.loads(line) for line in (folder / "raw_sealed_bundles.json").read_bytes().splitlines()]


def metadata(folder: Path) -> Session:
    """What the recording says of its session."""
    return json_format.Parse((folder / "metadata.json").read_bytes(), Session())


def check_bundles(
    imported: Imported, read: Callable[[str], list[Any]], expected: Callable[[Any], Any] = lambda line: line
) -> None:
    """Every session's bundles are the recording's lines."""
    for name, folder in imported.folders.items():
        assert read(name) == [expected(line) for line in lines(folder)], name


def check_sessions(imported: Imported, listed: list[Session], describe: Callable[[str], Session]) -> None:
    """Sessions are listed once each, newest first, and are described as the recording does."""
    times = [session.created_at.ToNanoseconds() for session in listed]
    assert times == sorted(times, reverse=True)
    assert sorted(session.session_id for session in listed) == sorted(imported.folders)
    for name, folder in imported.folders.items():
        wanted = metadata(folder)
        # A cloud on a bare host names no region, so that the published clients stay on it.
        wanted.region_id = ""
        assert ordered(describe(name)) == ordered(wanted)


def ordered(session: Session) -> dict[str, Any]:
    """A session for comparison: labels are a set, with ids that each cloud gives."""
    described = plain(session)
    described["labels"] = sorted(label.name for label in session.labels)
    return described


def revived(described: dict[str, Any]) -> Session:
    """A session that a published client described."""
    return json_format.ParseDict(described, Session())


@pytest.mark.parametrize("wire", ["json", "protobuf"])
def test_ours_reads_what_was_recorded(imported: Imported, wire: Literal["json", "protobuf"]) -> None:
    cloud = imported.cloud
    with Client(cloud.secret_token, cloud.root_domain, "http", "", wire=wire) as client:
        check_bundles(imported, lambda name: [plain(bundle) for bundle in client.read_session(name)])
        check_sessions(
            imported, list(client.list_sessions()), lambda name: client.describe_session(name, minimal=False)
        )


@only("0.13.1")
def test_published_clients_read_what_was_recorded(imported: Imported, connect: Connect) -> None:
    check_published(imported, connect)


@only("0.5.0")
def test_the_old_client_reads_what_was_recorded_in_its_time(imported_old: Imported, connect: Connect) -> None:
    assert len(imported_old.folders) == 105
    check_published(imported_old, connect)


@only("0.5.0")
def test_the_old_client_refuses_sensors_that_came_after_it(imported: Imported, connect: Connect) -> None:
    published = connect(imported.cloud)
    newer = [
        name
        for name, folder in imported.folders.items()
        if CLICK in metadata(folder).config.requested_sensors
    ]
    with pytest.raises(PublishedError, match=r"ParseError: .* Invalid enum value CLICK"):
        published.call("describe_session", session_id=newer[0])


def check_published(imported: Imported, connect: Connect) -> None:
    """Bundles and sessions as a published client gets them."""
    published = connect(imported.cloud)
    check_bundles(
        imported,
        lambda name: published.call("read_session", session_id=name),
        lambda line: known(published.version, line),
    )
    check_sessions(
        imported,
        [revived(session) for session in published.call("list_sessions")],
        lambda name: revived(published.call("describe_session", session_id=name, minimal=False)),
    )
