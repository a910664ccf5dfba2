"""The object store: where chunks lie, in a local folder, S3, GCS or Azure."""

from __future__ import annotations

import glob
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore

from moonsense.stores import open_store, store_errors

_PIECE_BYTES = 1024 * 1024

NDJSON_GZ = ".ndjson.gz"
FRAMES = ".frames"
PACKETS = ".packets"


def chunk_keys(project_id: str, session_id: str, chunk_id: str) -> tuple[str, str]:
    """The keys of a chunk's two renditions: its NDJSON in gzip, and its protobuf frames."""
    stem = f"{project_id}/{session_id}/{chunk_id}"
    return stem + NDJSON_GZ, stem + FRAMES


def capture_key(project_id: str, session_id: str, capture_id: str) -> str:
    """The key of an uploaded packet capture's records."""
    return f"{project_id}/{session_id}/{capture_id}{PACKETS}"


class Objects:
    """Whole objects by key. An object is never changed once it is there.

    Args:
        folder: the local folder, made when it is missing; used without ``url``.
        url: an address obstore understands, such as ``s3://bucket/prefix``.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._folder = _folder_of(url) if url else folder
        self._store = open_store(url or folder, tidy=True)

    def put(self, key: str, data: bytes) -> None:
        """Store an object; returns when it would survive a power loss."""
        with store_errors("cannot store a chunk"):
            obstore.put(self._store, key, data)
        if self._folder is not None:
            self._sync(self._folder / key)

    def _sync(self, path: Path) -> None:
        # The store renames a finished file into place, which is atomic but not
        # yet on the disk: the file, its folder and the folders made for it are.
        assert self._folder is not None
        while True:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if path == self._folder:
                return
            path = path.parent

    async def stream(self, key: str, offset: int = 0) -> AsyncIterator[bytes]:
        """An object in pieces of about a megabyte, from an offset on.

        Raises FileNotFoundError when it is not there.
        """
        with store_errors("cannot read a chunk", missing=True):
            answer = await obstore.get_async(self._store, key, options={"range": {"offset": offset}})
            async for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)

    def delete(self, key: str) -> None:
        """Remove an object, and what a write of it left that was killed; nothing happens when it is gone."""
        if self._folder is not None:
            path = self._folder / key
            # The store writes to a file of this name with a number, and never removes one that is half there.
            for half in path.parent.glob(f"{glob.escape(path.name)}#*"):
                half.unlink(missing_ok=True)
        try:
            with store_errors("cannot delete a chunk", missing=True):
                obstore.delete(self._store, key)
        except FileNotFoundError:
            return


def _folder_of(url: str) -> Path | None:
    """The folder that an address is of; None when it is of no folder."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
