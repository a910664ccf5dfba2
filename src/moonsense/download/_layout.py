"""Where a session lies on disk, and whether what lies there is all of it.

    <output>/<day, UTC>/[<journey_id>/]<session_id>/metadata.json
                                                   /raw_sealed_bundles.json
                                                   /packets.pcap    only with packets

A folder appears when all its files are there. When a session is downloaded
again its metadata is replaced last, so that a run that was interrupted leaves
metadata that does not fit, and the next one downloads it again.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date
from pathlib import Path
from urllib.parse import quote

from moonsense.codec import json
from moonsense.contract.counters import BUNDLE
from moonsense.contract.ids import is_id
from moonsense.errors import DecodeError, IntegrityError
from moonsense.models.data_plane_v2_sdk_pb2 import Session

METADATA = "metadata.json"
BUNDLES = "raw_sealed_bundles.json"
PACKETS = "packets.pcap"

MISSING_JOURNEY_ID = "missing-journey-id"

_PACKET_COUNTER = "packet"


def day_of(session: Session) -> date:
    """The day, in UTC, on which a session was created."""
    return session.created_at.ToDatetime(UTC).date()


def folder_of(output: Path, session: Session, *, with_journey_id: bool) -> Path:
    """The folder of a session.

    Raises IntegrityError when its id is none, and so could lead elsewhere. A
    journey's id is the recording app's own: what cannot be part of a file name
    is written as in a URL.
    """
    if not is_id(session.session_id):
        raise IntegrityError(f"the cloud names a session that cannot be one: {session.session_id!r}")
    day = output / day_of(session).isoformat()
    if with_journey_id:
        journey = quote(session.journey_id or MISSING_JOURNEY_ID, safe=" @+=,~")
        day /= journey.replace(".", "%2E") if journey.startswith(".") else journey
    return day / session.session_id


def has_packets(session: Session) -> bool:
    """Whether packets were captured with a session."""
    return _PACKET_COUNTER in session.counters


def is_complete(folder: Path, session: Session) -> bool:
    """Whether a folder has all that the cloud has of a session, by number and time of its bundles."""
    try:
        stored = json.parse((folder / METADATA).read_bytes(), Session)
    except (FileNotFoundError, NotADirectoryError, DecodeError):
        return False
    files = [BUNDLES, PACKETS] if has_packets(session) else [BUNDLES]
    return _extent(stored) == _extent(session) and all((folder / name).is_file() for name in files)


def _extent(session: Session) -> tuple[int, int]:
    bundles = session.counters[BUNDLE].total if BUNDLE in session.counters else 0
    return bundles, session.newest_event.ToMicroseconds()


def begin(folder: Path) -> Path:
    """An empty folder beside a session's, to download into; what an interrupted run left there goes."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def finish(partial: Path, folder: Path, session: Session) -> None:
    """Write the metadata, and put the folder in the place of the session's."""
    (partial / METADATA).write_bytes(json.write(session, camel=True, indent=True) + b"\n")
    if not folder.exists():
        partial.replace(folder)
        return
    for name in (BUNDLES, PACKETS, METADATA):
        if (partial / name).exists():
            (partial / name).replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    partial.rmdir()
