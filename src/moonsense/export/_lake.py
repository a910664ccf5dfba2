"""Where an export goes: a folder or an object store, and the notes of what is in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moonsense.errors import MissingExtraError
from moonsense.export._parts import Part
from moonsense.export._tables import TABLES

try:
    import obstore

    from moonsense.stores import open_store, store_errors
except ImportError:
    raise MissingExtraError("moonsense.export", "export") from None

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NOTES = "_export"
"""Readers of datasets pass by what begins with an underscore."""

_HALF = re.compile(r"[0-9A-Za-z-]+\.(json|parquet|arrow|csv|mcap)#\d+")
"""What the store calls a file that it has begun."""

_FEW = 100
"""So many folders are listed one by one, whatever lies beside them; for more, all that there is in one go."""


class Lake:
    """A place of objects by path.

    Args:
        place: a folder, made when it is missing; or an address that obstore
            understands, such as ``s3://bucket/prefix``, whose credentials are in
            the environment.

    Raises:
        ConfigurationError: there is no such kind of address.
        OSError: the folder cannot be made.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        place = os.fspath(place)
        # A worker may stand in another folder.
        self.place = place if "://" in place else str(Path(place).absolute())
        self._store: ObjectStore = open_store(self.place)

    def __reduce__(self) -> tuple[type[Lake], tuple[str]]:
        return type(self), (self.place,)

    def put(self, path: str, content: bytes) -> None:
        """Write an object, in the place of one that is there; it is seen whole or not at all."""
        with store_errors("cannot write"):
            obstore.put(self._store, path, content)

    def get(self, path: str) -> bytes:
        """An object. Raises FileNotFoundError."""
        with store_errors("cannot read", missing=True):
            return bytes(obstore.get(self._store, path).bytes())

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens when it is gone already."""
        try:
            with store_errors("cannot delete", missing=True):
                obstore.delete(self._store, path)
        except FileNotFoundError:
            return

    def formats(self) -> set[str]:
        """The formats in which something was exported."""
        with store_errors("cannot list"):
            found = obstore.list_with_delimiter(self._store, _NOTES)["common_prefixes"]
        return {prefix.rpartition("/")[2] for prefix in found}

    def parts(self, format: str) -> Iterator[Part]:
        """What was exported in a format."""
        with store_errors("cannot list"):
            found = [one["path"] for some in obstore.list(self._store, f"{_NOTES}/{format}") for one in some]
        for path in sorted(found):
            if path.endswith(".json"):
                yield Part.load(self.get(path))

    def files(self, format: str) -> set[str]:
        """The paths of all files where those of a format are, of whatever kind they are."""
        above = "sensor=" if format in TABLES else "date="
        with store_errors("cannot list"):
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
            folders = [prefix for prefix in found if prefix.startswith(above)]
            listed = folders if len(folders) <= _FEW else [None]
            paths = (
                one["path"] for prefix in listed for some in obstore.list(self._store, prefix) for one in some
            )
            return {path for path in paths if path.startswith(above)}

    def sweep(self) -> None:
        """Remove what a writer that was killed left half written in a folder.

        The store writes beside a file, under its name and a number, and some
        readers would take that for a part.
        """
        if "://" in self.place:
            return
        for pattern in (f"{_NOTES}/*/*#*", "sensor=*/date=*/*#*", "date=*/*#*"):
            for path in Path(self.place).glob(pattern):
                if _HALF.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def note(self, format: str, part: Part) -> None:
        """Note a part down."""
        self.put(f"{_NOTES}/{format}/{part.day}-{part.id}.json", part.dump())

    def forget(self, format: str, part: Part) -> None:
        """Remove the note of a part in which nothing is left."""
        self.delete(f"{_NOTES}/{format}/{part.day}-{part.id}.json")
