"""The bundles in an answer's body, in whichever form the cloud sent them."""

from __future__ import annotations

from moonsense.client._core.answers import Head
from moonsense.client._core.content import Content
from moonsense.client._core.options import Wire
from moonsense.client._core.requests import Request
from moonsense.client._core.resume import Reading
from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import headers as names
from moonsense.contract import media
from moonsense.errors import IncompleteError, IntegrityError
from moonsense.models.bundle_v2_pb2 import SealedBundle

_JSON_FORMS = f"{media.NDJSON}, {media.TAR_GZ};q=0.5, */*;q=0.1"
_ALL_FORMS = f"{media.FRAMES}, {media.NDJSON};q=0.9, {media.TAR_GZ};q=0.5, */*;q=0.1"


def accept(wire: Wire) -> str:
    """What to ask for when bundles are read."""
    return _JSON_FORMS if wire == "json" else _ALL_FORMS


def accept_text() -> str:
    """What to ask for when the text is to be kept as it is."""
    return _JSON_FORMS


class BundleReader(Reading[list[SealedBundle]]):
    """Push parser of answers: raw bytes in, lists of bundles out.

    Only whole and correct bundles come out; ``close`` raises when they are not all.
    """

    def __init__(self, request: Request, where: str, *, archive: bool, md5: str = "") -> None:
        super().__init__(request, where, archive=archive, md5=md5)
        self._parser: FrameParser[SealedBundle] | NdjsonParser[SealedBundle] | None = None
        self._count = BundleCount(where)

    def _begun(self, content: Content) -> None:
        self._count.expect(content.head)
        if self._parser is None:
            parser = FrameParser if content.frames else NdjsonParser
            self._parser = parser(SealedBundle, where=self.where)

    def _take(self, content: bytes) -> list[SealedBundle]:
        assert self._parser is not None
        bundles = self._parser.feed(content)
        self._count.add(len(bundles))
        return bundles

    def _last(self) -> list[SealedBundle]:
        assert self._parser is not None
        bundles = self._parser.close()
        self._count.add(len(bundles))
        self._count.check()
        return bundles


class BundleCount:
    """Compares the number of bundles with the one that the cloud announced."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._expected: int | None = None
        self._count = 0

    def expect(self, head: Head) -> None:
        """Take what an answer announces of the whole; a later one may have more."""
        text = head.get(names.BUNDLE_COUNT)
        self._expected = int(text) if text.isdecimal() else None

    def add(self, number: int) -> None:
        """Count bundles that arrived."""
        self._count += number

    def check(self) -> None:
        """Raises IncompleteError or IntegrityError when there are fewer or more."""
        if self._expected is None or self._count == self._expected:
            return
        error = IncompleteError if self._count < self._expected else IntegrityError
        raise error(f"{self._count} bundles arrived, announced were {self._expected}", where=self._where)
