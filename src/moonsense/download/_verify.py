"""Whether what lies in a folder is what was downloaded into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from moonsense.codec import json
from moonsense.contract.layout import METADATA
from moonsense.contract.platforms import Platform
from moonsense.download import _contents as contents
from moonsense.download import _layout as layout
from moonsense.download._contents import Digest
from moonsense.download._ledger import Entry, Ledger
from moonsense.download._plan import Want
from moonsense.errors import DataError
from moonsense.models.data_plane_v2_sdk_pb2 import Session


@dataclass(frozen=True)
class Damage:
    """Something that is not what it should be.

    Attributes:
        session_id: whose it is.
        path: the file or folder, below the folder that was checked.
        what: what is wrong with it.
    """

    session_id: str
    path: str
    what: str


@dataclass
class VerifyReport:
    """What a check of a folder found.

    Attributes:
        sessions, files, size: how many were checked, and their bytes.
        without_ledger: how many of the sessions no ledger has, as after a download
            by 0.13.1: they are compared with their own metadata.
        waiting: ids of sessions that are known and not downloaded yet.
        damages: what is wrong.
    """

    sessions: int = 0
    files: int = 0
    size: int = 0
    without_ledger: int = 0
    waiting: list[str] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages

    def as_dict(self) -> dict[str, Any]:
        """It as plain values, for JSON."""
        return asdict(self) | {"ok": self.ok}


def verify(
    output: Path,
    on_session: Callable[[VerifyReport], None] | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    skip_days: Iterable[date] | None = None,
    platforms: Iterable[Platform | str] | None = None,
) -> VerifyReport:
    """Read what was downloaded into a folder and compare it with the ledger. Changes nothing.

    Args:
        on_session: called after each session.
        since, until, skip_days, platforms: only the sessions that ``Download.run``
            would choose by these; all without any.

    Raises:
        FileNotFoundError: there is no such folder.
        ConfigurationError: a download is under way, or the ledger cannot be opened.
        DamagedLedgerError: the ledger is none.
        ValueError: ``since`` is after ``until``, or a platform is none.
    """
    want = Want.of(since, until, skip_days, None, platforms)
    if not output.is_dir():
        raise FileNotFoundError(f"there is no folder {output}")
    report = VerifyReport()
    known: set[str] = set()
    # The copy, so that nothing is written, and no download is kept from running.
    with Ledger.copy(output) as ledger:
        for entry in ledger.left(None, None):
            if entry.contents is not None:
                known.add(entry.session_id)
            if not want.has(entry.created, entry.platform):
                continue
            if entry.contents is None:
                report.waiting.append(entry.session_id)
                continue
            report.sessions += 1
            for name, digest in entry.contents.files.items():
                _check(report, output, entry, name, digest)
            if on_session:
                on_session(report)
    for session_id, folder in layout.find(output).folders.items():
        place = output / folder
        if session_id in known or not any(place.iterdir()) or not _is_wanted(want, place, folder):
            continue
        report.sessions += 1
        report.without_ledger += 1
        try:
            found, _ = contents.read_found(place)
        except (DataError, OSError) as error:
            what = error.reason if isinstance(error, DataError) else str(error.strerror)
            report.damages.append(Damage(session_id, folder, what))
        else:
            report.files += len(found.files)
            report.size += found.size
        if on_session:
            on_session(report)
    return report


def _is_wanted(want: Want, place: Path, folder: str) -> bool:
    """Whether a session that no ledger has is to be looked at, by its metadata; without it, by its day."""
    if want == Want():
        return True
    try:
        session = json.parse((place / METADATA).read_bytes(), Session, where=folder)
    except (DataError, OSError):
        session = Session()
    if session.HasField("created_at"):
        return want.has(session.created_at.ToMicroseconds(), session.metadata.platform)
    try:
        return want.has_day(date.fromisoformat(folder.partition("/")[0]))
    except ValueError:  # a day that no calendar has
        return True


def _check(report: VerifyReport, output: Path, entry: Entry, name: str, expected: Digest) -> None:
    path = f"{entry.folder}/{name}"
    report.files += 1
    try:
        found = Digest.of_file(output / path)
    except OSError as error:
        report.damages.append(Damage(entry.session_id, path, str(error.strerror)))
        return
    report.size += found.size
    if found.size != expected.size:
        what = f"it has {found.size:,} bytes instead of {expected.size:,}"
    elif found.sha256 != expected.sha256:
        what = "its SHA-256 differs"
    else:
        return
    report.damages.append(Damage(entry.session_id, path, what))
