"""Where a session lies on disk, and how it gets there whole.

    <output>/<day, UTC>/[<journey_id>/]<session_id>/metadata.json
                                                   /raw_sealed_bundles.json
                                                   /packets.pcap    only with packets
    <output>/.moonsense/ledger.sqlite               what was downloaded
                       /partial/                    what is being downloaded

A folder appears when all its files are there. When a session is downloaded
again its files are replaced one by one, each whole, and its metadata last.

Nothing is forced to the disk on the way: that would take longer than the
download. What a power loss leaves short or empty has not the length that the
ledger knows, and is downloaded again by the next run.

Folders of sessions are plain strings here, with slashes: joining and opening
paths as objects took a twelfth of a small session's processor time.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from moonsense.codec import json
from moonsense.contract.counters import PACKET
from moonsense.contract.ids import is_id
from moonsense.contract.layout import BUNDLES, METADATA, PACKETS
from moonsense.errors import IntegrityError
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.download")

MISSING_JOURNEY_ID = "missing-journey-id"

OWN = ".moonsense"
"""The folder of what is no session, hidden so that tools that walk the days pass it by."""

_PARTIAL = f"{OWN}/partial"
_MAX_TIMESTAMP = "max_timestamp"
_NUMBERS = itertools.count(1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def day_of(session: Session) -> date:
    """The day, in UTC, on which a session was created."""
    return session.created_at.ToDatetime(UTC).date()


def folder_of(session: Session, *, with_journey_id: bool) -> str:
    """The folder of a session, below the output folder.

    Raises IntegrityError when its id is none, and so could lead elsewhere. A
    journey's id is the recording app's own: what cannot be part of a file name
    is written as in a URL.
    """
    if not is_id(session.session_id):
        raise IntegrityError(f"the cloud names a session that cannot be one: {session.session_id!r}")
    day = day_of(session).isoformat()
    if not with_journey_id:
        return f"{day}/{session.session_id}"
    journey = quote(session.journey_id or MISSING_JOURNEY_ID, safe=" @+=,~")
    journey = journey.replace(".", "%2E") if journey.startswith(".") else journey
    return f"{day}/{journey}/{session.session_id}"


def has_packets(session: Session) -> bool:
    """Whether packets were captured with a session."""
    return PACKET in session.counters


@dataclass
class Found:
    """What earlier downloads left in a folder.

    Attributes:
        folders: where a session may lie, below the output folder, by its id.
        marked: the newest moment, in epoch seconds, up to which 0.13.1 noted that
            it had *listed* the sessions; None without such a note.
    """

    folders: dict[str, str] = field(default_factory=dict)
    marked: int | None = None


def find(output: Path) -> Found:
    """Look through the days for sessions that any version downloaded, whole or not.

    Days may be those of another time zone, and the middle folder may be a
    journey's or a client session group's: a session is known by its own name.
    """
    found = Found()
    for day in _folders(output):
        if not _DAY.fullmatch(day.name):
            continue
        marked = _marked(day / _MAX_TIMESTAMP)
        if marked is not None:
            found.marked = max(marked, found.marked or 0)
        for folder in _folders(day):
            if (folder / METADATA).exists() or (folder / BUNDLES).exists():
                found.folders[folder.name] = f"{day.name}/{folder.name}"
                continue
            inner = list(_folders(folder))
            for session in inner:
                found.folders[session.name] = f"{day.name}/{folder.name}/{session.name}"
            if not inner and is_id(folder.name):
                found.folders.setdefault(folder.name, f"{day.name}/{folder.name}")
    return found


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _marked(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        # Another program's note, and half written: nothing here goes by it.
        logger.info("%s holds no time", path)
        return None


def sweep(output: str) -> None:
    """Remove what an interrupted run had begun to download."""
    shutil.rmtree(f"{output}/{_PARTIAL}", ignore_errors=True)


class Partial:
    """An empty folder to download a session into, on the same file system; removed on a failure.

    No two have one name: a thread that a run left behind may still have its own.
    """

    def __init__(self, output: str, session_id: str) -> None:
        self._folder = f"{output}/{_PARTIAL}/{session_id}.{next(_NUMBERS)}"

    def __enter__(self) -> str:
        try:
            os.mkdir(self._folder)
        except FileNotFoundError:
            os.makedirs(self._folder)
        return self._folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def write_metadata(folder: str, session: Session) -> bytes:
    """Write a session's metadata to a folder; gives what was written."""
    content = json.write(session, camel=True, indent=True) + b"\n"
    with open(f"{folder}/{METADATA}", "wb") as file:
        file.write(content)
    return content


def finish(partial: str, folder: str, before: str | None) -> None:
    """Put what was downloaded in the place of the session's folder.

    One that was elsewhere ``before`` gets the new files first and is renamed
    then: whenever this ends, and however, the session is there once.
    """
    if before is not None and before != folder and os.path.isdir(before):
        if os.path.exists(folder):  # it was there twice
            remove(before)
        else:
            finish(partial, before, None)
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            os.rename(before, folder)
            return
    try:
        os.replace(partial, folder)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        os.replace(partial, folder)
        return
    except OSError:
        if not os.path.isdir(folder):
            if os.path.lexists(folder):
                raise _in_the_way("a folder", folder) from None
            raise
    else:
        return
    # There is something in it already.
    for name in (BUNDLES, PACKETS, METADATA):
        path = f"{folder}/{name}"
        if os.path.isdir(path) and not os.path.islink(path):
            raise _in_the_way("a file", path)
    for name in (BUNDLES, PACKETS, METADATA):
        if os.path.exists(f"{partial}/{name}"):
            os.replace(f"{partial}/{name}", f"{folder}/{name}")
        else:
            Path(folder, name).unlink(missing_ok=True)
    os.rmdir(partial)


def _in_the_way(wanted: str, path: str) -> IntegrityError:
    """Of something that a download cannot replace, and that may be somebody's own."""
    return IntegrityError(f"this is not {wanted} as it should be; remove it, then again", where=path)


def replace_metadata(partial: str, folder: str) -> None:
    """Put new metadata in the place of the old."""
    os.replace(f"{partial}/{METADATA}", f"{folder}/{METADATA}")
    os.rmdir(partial)


def remove(folder: str) -> None:
    """Remove a session's files, and its folder unless there is something else in it."""
    place = Path(folder)
    for name in (BUNDLES, PACKETS, METADATA):
        (place / name).unlink(missing_ok=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
