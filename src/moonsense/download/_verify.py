"""Whether what lies in a folder is what was downloaded into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moonsense.download import _contents as contents
from moonsense.download import _layout as layout
from moonsense.download._contents import Digest
from moonsense.download._ledger import Entry, Ledger
from moonsense.errors import DataError


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


def verify(output: Path, on_session: Callable[[VerifyReport], None] | None = None) -> VerifyReport:
    """Read all that was downloaded into a folder and compare it with the ledger. Changes nothing.

    Args:
        on_session: called after each session.

    Raises:
        FileNotFoundError: there is no such folder.
        ConfigurationError: the ledger cannot be read.
    """
    if not output.is_dir():
        raise FileNotFoundError(f"there is no folder {output}")
    report = VerifyReport()
    known: set[str] = set()
    # The copy, so that nothing is written, and no download is kept from running.
    with Ledger.copy(output) as ledger:
        for entry in ledger.left(None, None):
            if entry.contents is None:
                report.waiting.append(entry.session_id)
                continue
            known.add(entry.session_id)
            report.sessions += 1
            for name, digest in entry.contents.files.items():
                _check(report, output, entry, name, digest)
            if on_session:
                on_session(report)
    for session_id, folder in layout.find(output).folders.items():
        place = output / folder
        if session_id in known or not any(place.iterdir()):
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
