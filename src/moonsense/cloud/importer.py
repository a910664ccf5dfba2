"""Take recordings of the on-disk layout into a cloud, as if they had been recorded there.

``<root>/<day>/[<journey or client session group>/]<session>/`` with
``metadata.json``, ``raw_sealed_bundles.json`` and maybe ``packets.pcap``. Ids, ``created_at``, labels,
``server_time_millis`` and the order of the bundles are kept; a session that is
there already is left alone, so importing twice changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from moonsense.clock import server_time_micros
from moonsense.cloud import pcap
from moonsense.cloud.catalog import captures, chunks, sessions, values
from moonsense.cloud.catalog.captures import CaptureRow
from moonsense.cloud.catalog.log import Ranges, Received
from moonsense.cloud.contents import Contents
from moonsense.cloud.objects import capture_key, chunk_keys
from moonsense.cloud.renditions import render
from moonsense.cloud.sealer import chunk_row
from moonsense.cloud.store import Store, now_micros
from moonsense.codec.json import parse
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract.counters import BUNDLE, PACKET, count_items, item_fields
from moonsense.contract.ids import is_id, new_id
from moonsense.contract.layout import BUNDLES, METADATA, PACKETS
from moonsense.errors import DataError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

_PIECE_BYTES = 1024 * 1024
_ANNOUNCED_MICROS = 24 * 3600 * 1_000_000


@dataclass
class ImportReport:
    """What an import did: ids of sessions taken in and of those there before, and what failed with why."""

    imported: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    bundles: int = 0


def import_tree(
    store: Store,
    root: Path,
    project_id: str,
    *,
    progress: Callable[[ImportReport], None] = lambda _report: None,
) -> ImportReport:
    """Import every session below a folder into a project.

    A session that cannot be read is reported and leaves nothing behind; the
    others are imported. ``progress`` is called after each. Raises
    FileNotFoundError when the folder is not there.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    report = ImportReport()
    for folder in _folders(root):
        try:
            session = _session(folder / METADATA)
            bundles = _import(store, project_id, session, folder / BUNDLES)
        except (DataError, OSError, ValueError) as error:
            report.failed.append((folder, str(error)))
        else:
            if bundles is None:
                report.present.append(session.session_id)
            else:
                report.imported.append(session.session_id)
                report.bundles += bundles
        progress(report)
    return report


def _folders(root: Path) -> list[Path]:
    """The folders of recordings, whole or not; those under a hidden one are downloads under way."""
    found = []
    for place, inner, files in os.walk(root):
        if {METADATA, BUNDLES} & {*inner, *files}:
            found.append(Path(place))
        inner[:] = [name for name in inner if not name.startswith(".")]
    return sorted(found)


def _session(path: Path) -> Session:
    if not path.exists():
        raise ValueError(f"there is no {path.name}")
    session = parse(path.read_bytes(), Session, where=path.name)
    if not is_id(session.session_id):
        raise ValueError(f"{path.name}: {session.session_id!r} cannot be a session's id")
    if not is_id(session.app_id):
        raise ValueError(f"{path.name}: {session.app_id!r} cannot be an app's id")
    if not session.HasField("created_at"):
        raise ValueError(f"{path.name}: there is no createdAt")
    return session


def _import(store: Store, project_id: str, session: Session, path: Path) -> int | None:
    """Import one session; gives its bundles, or None when it is there already."""
    present = store.folder.read_now(lambda connection: sessions.find(connection, session.session_id))
    if present is not None:
        if present.project_id != project_id:
            raise ValueError(f"session {session.session_id} belongs to another project")
        return None

    rows: list[tuple[chunks.ChunkRow, Ranges]] = []
    received: list[Received] = []
    objects: list[str] = []
    found = Contents()
    for bundles in _slices(path, store.folder.settings.seal_bundles, store.folder.settings.seal_bytes):
        chunk_id = new_id()
        keys = chunk_keys(project_id, session.session_id, chunk_id)
        _announce(store, keys)
        objects += keys
        payloads = [bundle.SerializeToString() for bundle in bundles]
        rendered = render(payloads)
        for key, data in zip(keys, (rendered.ndjson_gz, rendered.frames), strict=True):
            store.folder.objects.put(key, data)
        tallies = [_tally(bundle) for bundle in bundles]
        indexes = Ranges(tally.bundle_index for tally in tallies)
        rows.append((chunk_row(chunk_id, rendered, len(bundles), tallies[-1].received_at), indexes))
        received += tallies
        found.join(rendered.contents)
    captured = _store_capture(store, project_id, session.session_id, path.with_name(PACKETS))
    if captured:
        objects.append(captured.object_key)

    message = _with_counters(session, received, found)
    created_at = session.created_at.ToMicroseconds()

    def commit(connection: Connection) -> bool:
        if sessions.find(connection, session.session_id) is not None:
            return False
        if not sessions.ensure_app(connection, project_id, session.app_id, now_micros()):
            raise ValueError(f"app {session.app_id} belongs to another project")
        key = sessions.create(connection, project_id, session.app_id, message, created_at)
        for row, indexes in rows:
            chunks.add(connection, key, row, indexes)
        values.add_client_features(connection, key, found.features)
        if captured:
            captures.add(connection, key, captured)
        if not chunks.adopt(connection, objects):
            raise ValueError("the import took so long that its objects were swept away; import again")
        return True

    return len(received) if store.folder.write_now(commit) else None


def _store_capture(store: Store, project_id: str, session_id: str, path: Path) -> CaptureRow | None:
    """Store a recording's packet capture, if it has one."""
    if not path.is_file():
        return None
    capture = pcap.read(path.read_bytes())
    key = capture_key(project_id, session_id, new_id())
    _announce(store, (key,))
    store.folder.objects.put(key, capture.records)
    return CaptureRow(key, capture.header, len(capture.records), capture.packets, now_micros())


def _announce(store: Store, keys: tuple[str, ...]) -> None:
    due = now_micros() + _ANNOUNCED_MICROS
    store.folder.write_now(lambda connection: chunks.announce(connection, keys, due))


def _slices(path: Path, most_bundles: int, most_bytes: int) -> Iterator[list[SealedBundle]]:
    """A recording in chunks, in the order of its lines; a file of any size in bounded memory."""
    parser = NdjsonParser(SealedBundle, where=path.name)
    held: list[SealedBundle] = []
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            for bundle in parser.feed(piece):
                held.append(bundle)
                size += bundle.ByteSize()
                if len(held) >= most_bundles or size >= most_bytes:
                    yield held
                    held, size = [], 0
        held += parser.close()
    if held:
        yield held


def _tally(sealed: SealedBundle) -> Received:
    """What a bundle adds to its session's numbers."""
    return Received(
        seq=0,
        bundle_index=sealed.bundle.index,
        received_at=server_time_micros(sealed.server_time_millis),
        counts=count_items(sealed.bundle),
        payload=b"",
    )


def _with_counters(session: Session, received: list[Received], found: Contents) -> Session:
    """The session with counters that its bundles bear out.

    The recording's own counters stay where their totals agree with the bundles,
    with their buckets; the rest are counted anew, since a recording may have been
    downloaded while it grew. Packets are counted by their captures, wherever a
    session is described. Bounds that the recording states stay.
    """
    counted = Session()
    sessions.add_tallies(counted, received)
    found.widen(counted)
    message = Session()
    message.CopyFrom(session)
    for name, counter in counted.counters.items():
        if message.counters[name].total != counter.total:
            message.counters[name].CopyFrom(counter)
    for name in (BUNDLE, PACKET, *item_fields().values()):
        if name in message.counters and name not in counted.counters:
            del message.counters[name]
    if not message.HasField("oldest_event") and counted.HasField("oldest_event"):
        message.oldest_event.CopyFrom(counted.oldest_event)
    if not message.HasField("newest_event") and counted.HasField("newest_event"):
        message.newest_event.CopyFrom(counted.newest_event)
    return message
