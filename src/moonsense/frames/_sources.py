"""Where bundles come from: clouds, files, folders, bytes, messages."""

from __future__ import annotations

import glob
import io
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa

from moonsense.codec import json
from moonsense.contract.ids import is_id
from moonsense.contract.layout import BUNDLES, METADATA, PACKETS
from moonsense.errors import DecodeError, IntegrityError, NotFoundError
from moonsense.frames._lines import Text, texts
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.frames")

_BUNDLES_AT_A_TIME = 256
_PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}

_SLACK = timedelta(days=1)
"""How far the times of a session may be off those of its events, for clocks that are wrong or were set."""

T = TypeVar("T")

Between = tuple[datetime | None, datetime | None]


@runtime_checkable
class Client(Protocol):
    """What is needed of a client."""

    def list_sessions(self, *args: Any, **filters: Any) -> Iterable[Session]: ...
    def describe_session(self, session_id: str) -> Session: ...
    def read_session(self, session_id: str) -> Iterable[SealedBundle]: ...


@dataclass(frozen=True, slots=True)
class Messages:
    """Some bundles, and by which id the source knows their session, or ""."""

    bundles: Sequence[SealedBundle]
    session_id: str


Part = Text | Messages


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions of a source are wanted.

    Attributes:
        ids: their ids in order, each once; None for all.
        listed: the sessions themselves, where they were given.
        filters: of a client's ``list_sessions``.
        between: the times that are wanted of them.
        there: those of the ids that were met so far.
    """

    ids: dict[str, None] | None
    listed: Mapping[str, Session]
    filters: Mapping[str, Any]
    between: Between
    there: set[str] = field(default_factory=set)

    def has(self, session_id: str) -> bool:
        """Whether a session of the source is wanted, which is noted where it was named."""
        if self.ids is None:
            return True
        if session_id not in self.ids:
            return False
        self.there.add(session_id)
        return True

    def can_hold(self, session: Session) -> bool:
        """Whether a session can have events in the time that is wanted, as far as it says."""
        start, end = self.between
        if start and session.HasField("newest_event"):
            newest = session.newest_event.ToMicroseconds()
            if newest < (start - _SLACK).timestamp() * 1e6:
                return False
        if end and session.HasField("oldest_event"):
            oldest = session.oldest_event.ToMicroseconds()
            if oldest > (end + _SLACK).timestamp() * 1e6:
                return False
        return True


def parts(source: object, wanted: Wanted) -> Iterator[Part]:
    """What a source has, part by part.

    Raises:
        TypeError: it is no source, or filters were given for one that is no client.
    """
    if isinstance(source, Client):
        return _of_client(source, wanted)
    if wanted.filters:
        names = ", ".join(wanted.filters)
        raise TypeError(f"only a client's sessions can be filtered by {names}; give sessions=[...] instead")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return texts(io.BytesIO(source), "the text", "")
    if isinstance(source, (str, os.PathLike)):
        if isinstance(source, str) and source.lstrip().startswith("{"):
            raise TypeError("this is the text of bundles, not a path: give it as bytes")
        return _of_paths([source], wanted)
    if hasattr(source, "read"):
        name = getattr(source, "name", "")
        return texts(source, name if isinstance(name, str) else "", "")  # type: ignore[arg-type]
    if isinstance(source, Iterable):
        return _of_iterable(source, wanted)
    raise TypeError(
        "a source is a client, a path, bytes, a binary file or an iterable of paths or bundles, "
        f"not {type(source).__name__}"
    )


def _of_client(client: Client, wanted: Wanted) -> Iterator[Part]:
    if wanted.ids is not None:
        for session_id in wanted.ids:
            wanted.there.add(session_id)  # or the cloud says that it is not
            session = wanted.listed.get(session_id)
            if session is None or wanted.can_hold(session):
                yield from _session(client, session_id)
        return
    for session in client.list_sessions(**wanted.filters):
        if not wanted.can_hold(session):
            continue
        try:
            yield from _session(client, session.session_id)
        except NotFoundError:
            if _is_there(client, session.session_id):
                raise
            logger.info("session %s was deleted meanwhile", session.session_id)


def _session(client: Client, session_id: str) -> Iterator[Part]:
    bundles = client.read_session(session_id)
    if hasattr(bundles, "__aiter__"):
        raise TypeError("tables are read by a moonsense.Client, not by one for asyncio")
    for some in _in_batches(bundles):
        yield Messages(some, session_id)


def _is_there(client: Client, session_id: str) -> bool:
    try:
        client.describe_session(session_id)
    except NotFoundError:
        return False
    return True


def _of_iterable(items: Iterable[Any], wanted: Wanted) -> Iterator[Part]:
    """Bundles, sealed or not, or paths; one kind."""
    for some in _in_batches(items):
        if all(isinstance(item, (str, os.PathLike)) for item in some):
            yield from _of_paths(some, wanted)
        else:
            yield Messages([_sealed(item) for item in some], "")


def _in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Items, some at a time; those before a fault come before it."""
    some: list[T] = []
    try:
        for item in items:
            some.append(item)
            if len(some) == _BUNDLES_AT_A_TIME:
                yield some
                some = []
    except Exception:
        if some:
            yield some
        raise
    if some:
        yield some


def _sealed(item: object) -> SealedBundle:
    if isinstance(item, SealedBundle):
        return item
    if isinstance(item, Bundle):
        return SealedBundle(bundle=item)
    raise TypeError(f"neither a bundle nor a path: {type(item).__name__}")


def _of_paths(sources: Iterable[str | os.PathLike[str]], wanted: Wanted) -> Iterator[Part]:
    for source in sources:
        for path in _files(source):
            session_id = path.parent.name if path.name == BUNDLES and is_id(path.parent.name) else ""
            if session_id and not wanted.has(session_id):
                continue
            if session_id and any(wanted.between) and not _metadata_can_hold(path, wanted):
                continue
            try:
                with _opened(path) as stream:
                    yield from texts(stream, str(path), session_id)
            except OSError as error:
                if error.errno is not None:
                    raise
                raise IntegrityError(f"cannot be unpacked: {error}", where=str(path)) from None


def _files(source: str | os.PathLike[str]) -> Iterator[Path]:
    """The files of a file, a folder or a pattern.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(source)
    if path.is_file():
        yield path
        return
    if path.is_dir():
        found = [path]
    else:
        found = [Path(name) for name in sorted(glob.glob(os.fspath(source), recursive=True))]  # noqa: PTH207 (an absolute pattern)
    given: set[Path] = set()  # a pattern may match a folder, and what is in it
    for one in found:
        # A folder whose name begins with a dot is a download that is under way.
        inside = sorted(one.rglob(BUNDLES)) if one.is_dir() else [one]
        for file in inside:
            hidden = any(part.startswith(".") for part in file.relative_to(one).parts[:-1])
            if not hidden and file.name not in (METADATA, PACKETS) and file not in given:
                given.add(file)
                yield file
    if not given:
        raise FileNotFoundError(2, f"no recording (a file, or folders with {BUNDLES})", os.fspath(source))


def _metadata_can_hold(path: Path, wanted: Wanted) -> bool:
    session = _metadata(path)
    return session is None or wanted.can_hold(session)  # without one, it says nothing


def _metadata(path: Path) -> Session | None:
    """The session as it stands beside a recording, where it does."""
    try:
        return json.parse(path.with_name(METADATA).read_bytes(), Session)
    except (FileNotFoundError, DecodeError):
        return None


def described(source: object, session_id: str) -> Session | None:
    """What a source says of a session beside its bundles, or None; without an id, of its only one.

    Raises:
        NotFoundError: a client that knows no such session.
    """
    if isinstance(source, Client):
        return source.describe_session(session_id) if session_id else None
    if not isinstance(source, (str, os.PathLike)):
        return None
    files = list(_files(source))
    own = [path for path in files if path.parent.name == session_id] or (files if len(files) == 1 else [])
    found = _metadata(own[0]) if own else None
    if found is None or (session_id and found.session_id not in ("", session_id)):
        return None  # of another one
    return found


def _opened(path: Path) -> IO[bytes]:
    """A file, unpacked by what its name ends in."""
    packed = _PACKED.get(path.suffix.lower())
    if packed:
        return pa.input_stream(path, compression=packed)  # type: ignore[no-any-return]
    return path.open("rb", buffering=0)
