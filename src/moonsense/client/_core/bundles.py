"""The bundles in an answer's body, in whichever form the cloud sent them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from moonsense.client._core.answers import Head
from moonsense.client._core.bodies import BodyDecoder, Gunzip
from moonsense.client._core.options import Wire
from moonsense.client._core.tar import SingleFile
from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import headers as names
from moonsense.contract import media
from moonsense.errors import DecodeError, IncompleteError, IntegrityError
from moonsense.models.bundle_v2_pb2 import SealedBundle

_ARCHIVES = frozenset({media.TAR_GZ, "application/gzip", "application/x-gzip", "application/x-tar",
                       "application/x-gtar", "application/x-compressed-tar"})  # fmt: skip
_JSON_FORMS = f"{media.NDJSON}, {media.TAR_GZ};q=0.5, */*;q=0.1"
_ALL_FORMS = f"{media.FRAMES}, {media.NDJSON};q=0.9, {media.TAR_GZ};q=0.5, */*;q=0.1"


def accept(wire: Wire) -> str:
    """What to ask for when bundles are read."""
    return _JSON_FORMS if wire == "json" else _ALL_FORMS


def accept_text() -> str:
    """What to ask for when the text is to be kept as it is."""
    return _JSON_FORMS


class Content:
    """The content of a body of bundles: NDJSON, or frames when ``frames`` is set.

    Args:
        head: of the answer.
        where: names session and chunk in errors.
        archive: whether a binary body is a tar.gz with one file (a session's
            bundles) or the NDJSON itself (a chunk).
        md5: the digest that the list of chunks gave, or "".
    """

    def __init__(self, head: Head, where: str, *, archive: bool, md5: str = "") -> None:
        kind = head.media_type
        self.frames = kind == media.FRAMES
        self._where = where
        self._head = head
        self._body = BodyDecoder(head, where)
        self._stages: list[Gunzip | SingleFile] = []
        if archive and kind in _ARCHIVES:
            self._stages = [Gunzip(where), SingleFile(where)]
        elif kind.startswith(("text/html", "image/", "multipart/")) or kind == media.PROTOBUF:
            raise DecodeError(f"the answer is {kind}, not bundles", where=where)
        digest = "" if self.frames else head.get(names.CONTENT_MD5) or md5
        self._digests = _Digests(digest, where) if digest else None

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The content of the next raw bytes of the body."""
        if self._digests is not None:
            self._digests.raw.update(raw)
        for piece in self._body.feed(raw):
            for content in _through(self._stages, 0, piece):
                if self._digests is not None:
                    self._digests.content.update(content)
                yield content

    def close(self) -> None:
        """Raises IncompleteError or IntegrityError when the content is not whole and right."""
        self._body.close()
        for stage in self._stages:
            stage.close()
        counted = self._head.get(names.BUNDLE_COUNT)
        if not (self._head.says_its_end or self._body.ends_itself or self._stages or counted):
            raise IncompleteError("the answer does not say where it ends", where=self._where)
        if self._digests is not None:
            self._digests.check()


def _through(stages: list[Gunzip | SingleFile], index: int, data: bytes) -> Iterator[bytes]:
    if index == len(stages):
        yield data
        return
    for piece in stages[index].feed(data):
        yield from _through(stages, index + 1, piece)


class _Digests:
    """Compares with the md5 that a cloud gave.

    Ours is of the NDJSON. What the original service's is of is not documented;
    the bytes of a compressed object, as object stores compute it, are allowed.
    """

    def __init__(self, expected: str, where: str) -> None:
        self._expected = expected
        self._where = where
        self.content = hashlib.md5(usedforsecurity=False)
        self.raw = hashlib.md5(usedforsecurity=False)

    def check(self) -> None:
        expected = _md5_bytes(self._expected)
        if expected is not None and expected not in (self.content.digest(), self.raw.digest()):
            raise IntegrityError(
                f"the md5 is {self.content.hexdigest()}, announced was {expected.hex()}", where=self._where
            )


def _md5_bytes(text: str) -> bytes | None:
    """The digest of its hex or base64 form; None of anything else, which cannot be compared."""
    try:
        digest = bytes.fromhex(text) if len(text) == 32 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return digest if len(digest) == 16 else None


class BundleReader:
    """Push parser of an answer: raw bytes in, lists of bundles out.

    Only whole and correct bundles come out; ``close`` raises when they are not all.
    """

    def __init__(self, head: Head, where: str, *, archive: bool, md5: str = "") -> None:
        self._content = Content(head, where, archive=archive, md5=md5)
        self._parser: FrameParser[SealedBundle] | NdjsonParser[SealedBundle] = (
            FrameParser(SealedBundle, where=where)
            if self._content.frames
            else NdjsonParser(SealedBundle, where=where)
        )
        self._count = BundleCount(head, where)

    def feed(self, raw: bytes) -> Iterator[list[SealedBundle]]:
        """The bundles that the next raw bytes complete."""
        for piece in self._content.feed(raw):
            bundles = self._parser.feed(piece)
            self._count.add(len(bundles))
            yield bundles

    def close(self) -> list[SealedBundle]:
        """The last bundles. Raises IncompleteError, IntegrityError or DecodeError."""
        self._content.close()
        bundles = self._parser.close()
        self._count.add(len(bundles))
        self._count.check()
        return bundles


class BundleCount:
    """Compares the number of bundles with the one that the cloud announced."""

    def __init__(self, head: Head, where: str) -> None:
        text = head.get(names.BUNDLE_COUNT)
        self._expected = int(text) if text.isdecimal() else None
        self._where = where
        self._count = 0

    def add(self, number: int) -> None:
        self._count += number

    def check(self) -> None:
        if self._expected is None or self._count == self._expected:
            return
        error = IncompleteError if self._count < self._expected else IntegrityError
        raise error(f"{self._count} bundles arrived, announced were {self._expected}", where=self._where)
