"""Where an export goes: a folder or an object store, and the notes of what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moonsense.errors import ConfigurationError, MissingExtraError
from moonsense.export._parts import Part

try:
    import obstore
    from obstore.store import LocalStore, from_url
except ImportError:
    raise MissingExtraError("moonsense.export", "export") from None

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NOTES = "_export"
"""Readers of datasets pass by what begins with an underscore."""


class Lake:
    """A place of objects by path.

    Args:
        place: a folder, made when it is missing; or an address that obstore
            understands, such as ``s3://bucket/prefix``, whose credentials are in
            the environment.

    Raises:
        ConfigurationError: there is no such kind of address.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self.place = os.fspath(place)
        self._store: ObjectStore = _open(self.place)

    def __reduce__(self) -> tuple[type[Lake], tuple[str]]:
        return type(self), (self.place,)

    def put(self, path: str, content: bytes) -> None:
        """Write an object, in the place of one that is there; it is seen whole or not at all."""
        obstore.put(self._store, path, content)

    def get(self, path: str) -> bytes:
        """An object. Raises FileNotFoundError."""
        return bytes(obstore.get(self._store, path).bytes())

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens when it is gone already."""
        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return

    def parts(self, format: str) -> Iterator[Part]:
        """What was exported in a format."""
        paths = [found["path"] for some in obstore.list(self._store, f"{_NOTES}/{format}") for found in some]
        for path in sorted(paths):
            if path.endswith(".json"):
                yield Part.load(self.get(path))

    def note(self, format: str, part: Part) -> None:
        """Note a part down."""
        self.put(f"{_NOTES}/{format}/{part.day}-{part.id}.json", part.dump())

    def forget(self, format: str, part: Part) -> None:
        """Remove the note of a part in which nothing is left."""
        self.delete(f"{_NOTES}/{format}/{part.day}-{part.id}.json")


def _open(place: str) -> ObjectStore:
    if "://" not in place:
        Path(place).mkdir(parents=True, exist_ok=True)
        return LocalStore(place, mkdir=True)
    try:
        if place.startswith("file://"):
            return from_url(place, mkdir=True)
        return from_url(place)
    except (ValueError, obstore.exceptions.BaseError) as error:
        first = str(error).splitlines()[0]
        raise ConfigurationError(f"nothing can be exported to {place.partition('?')[0]}: {first}") from None
