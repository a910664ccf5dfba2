"""The content of an answer's body: decompressed, out of its archive, compared with its digests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from moonsense.client._core.answers import Head
from moonsense.client._core.bodies import BodyDecoder, Gunzip
from moonsense.client._core.digests import Md5, SentDigests
from moonsense.client._core.tar import SingleFile
from moonsense.contract import headers as names
from moonsense.contract import media
from moonsense.errors import DecodeError, IncompleteError

_ARCHIVES = frozenset({media.TAR_GZ, "application/gzip", "application/x-gzip", "application/x-tar",
                       "application/x-gtar", "application/x-compressed-tar"})  # fmt: skip

_REPR_DIGEST = "Repr-Digest"
_CONTENT_DIGEST = "Content-Digest"


class Content:
    """The content of a body: NDJSON, the file of an archive, or frames when ``frames`` is set.

    Args:
        head: of the answer.
        where: names session and chunk in errors.
        archive: whether a binary body is a tar.gz with one file (a session's
            bundles) or the content itself (a chunk).
        md5: the digest that the list of chunks gave, or "".

    Attributes:
        archived: the content comes out of an archive.
        received: how many bytes of the body arrived, as they are sent.
        ended: the body arrived, as far as anyone can say.
        verified: it was compared with a digest.
    """

    def __init__(self, head: Head, where: str, *, archive: bool, md5: str = "") -> None:
        kind = head.media_type
        self.frames = kind == media.FRAMES
        self.received = 0
        self.ended = False
        self.verified = False
        self.head = head
        self._where = where
        self._body = BodyDecoder(head, where)
        self._stages: list[Gunzip | SingleFile] = []
        self.archived = archive and kind in _ARCHIVES
        if self.archived:
            self._stages = [Gunzip(where), SingleFile(where)]
        elif kind.startswith(("text/html", "image/", "multipart/")) or kind == media.PROTOBUF:
            raise DecodeError(f"the answer is {kind}, not bundles", where=where)
        digest = "" if self.frames else head.get(names.CONTENT_MD5) or md5
        self._md5 = Md5(digest, where) if digest else None
        self._whole = SentDigests(_REPR_DIGEST, head.get(_REPR_DIGEST), where)
        self._part = SentDigests(_CONTENT_DIGEST, head.get(_CONTENT_DIGEST), where)

    @property
    def total(self) -> int | None:
        """How many bytes the body has, as they are sent; None when that is not announced."""
        return self._body.length

    def go_on(self, head: Head, total: int) -> None:
        """Take the rest from another answer, which begins where this one broke off."""
        if self.total not in (None, total):
            # It grew: what was said of it at first holds no longer.
            self.head = head
            self._whole = SentDigests(_REPR_DIGEST, "", self._where)
        self._body.expect(total)
        self._part = SentDigests(_CONTENT_DIGEST, head.get(_CONTENT_DIGEST), self._where)

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The content of the next raw bytes of the body."""
        self.received += len(raw)
        self._whole.update(raw)
        self._part.update(raw)
        if self._md5 is not None:
            self._md5.raw.update(raw)
        pieces = self._body.feed(raw)
        for stage in self._stages:
            pieces = chain.from_iterable(map(stage.feed, pieces))
        return pieces if self._md5 is None else self._md5.passing(pieces)

    def close(self) -> None:
        """Raises IncompleteError or IntegrityError when the content is not whole and right."""
        self._body.close()
        for stage in self._stages:
            stage.close()
        self.ended = True
        counted = self.head.get(names.BUNDLE_COUNT)
        if not (self._body.says_its_end or self._stages or counted):
            raise IncompleteError("the answer does not say where it ends", where=self._where)
        compared = [self._whole.check(), self._part.check(), self._md5 is not None and self._md5.check()]
        self.verified = any(compared)
