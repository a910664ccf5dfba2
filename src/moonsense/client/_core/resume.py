"""Bodies that break off and are asked for again, without a byte lost or given twice.

Where the cloud gave a strong ``ETag`` the rest is asked for (``Range`` with
``If-Range``, RFC 9110). Elsewhere it comes from its start, and what was given
out already is left out: by its length when the tag is the same, without a tag
after it was compared. So a session that grew is gone on with: what was there is
still its beginning.
"""

from __future__ import annotations

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from moonsense.client._core.answers import PARTIAL, Head
from moonsense.client._core.content import Content
from moonsense.client._core.requests import Request
from moonsense.contract import headers as names
from moonsense.errors import IncompleteError, IntegrityError

T = TypeVar("T")

_MOST_ATTEMPTS = 1_000
"""Answers that break off with some progress each, before a cloud is held to be broken."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


class Reading(ABC, Generic[T]):
    """What is read out of a body, over all the answers that it takes.

    For each answer call ``begin``, then ``feed`` with its bytes and ``close``
    at its end. When it breaks off, ``broke_off`` says whether to ask again, and
    ``request`` is what to ask then.

    Args:
        request: asks for the whole.
        where: names it in errors.
        archive, md5: as in ``Content``.

    Attributes:
        waited: seconds from asking to the head of the answer, set by who asks.
    """

    def __init__(self, request: Request, where: str, *, archive: bool, md5: str = "") -> None:
        self.where = where
        self.waited = 0.0
        self._first = request
        self._archive = archive
        self._listed_md5 = md5
        self._content: Content | None = None
        self._ranges = True
        self._tag = ""
        self._given = 0
        self._checksum = 0
        self._given_before = 0  # of it, when the last answer broke off
        self._attempts = 0
        self._attempts_in_vain = 0
        self._skipped = 0
        self._skipped_checksum = 0

    @property
    def request(self) -> Request:
        """What to ask next: the rest where that can be had, else all of it."""
        headers = self._range()
        return replace(self._first, headers={**self._first.headers, **headers}) if headers else self._first

    def _range(self) -> Mapping[str, str]:
        content = self._content
        if content is None or not (self._ranges and self._tag and content.received):
            return {}
        return {"Range": f"bytes={content.received}-", "If-Range": self._tag}

    def begin(self, head: Head) -> None:
        """Take the head of an answer. Raises DataError for what is no content."""
        if head.status == PARTIAL:
            self._go_on(head)
            return
        content = Content(head, self.where, archive=self._archive, md5=self._listed_md5)
        if self._content is not None and self._given and self._content.frames != content.frames:
            raise IntegrityError("the answer broke off and now comes in another form", where=self.where)
        tag = _strong_tag(head)
        if self._given == 0:
            self._tag = tag
        elif self._tag and tag != self._tag:
            raise self._changed()
        self._ranges = self._ranges and head.get("Accept-Ranges").lower() != "none"
        self._content = content
        self._skipped = self._skipped_checksum = 0
        self._begun(content)

    def _go_on(self, head: Head) -> None:
        content = self._content
        found = _CONTENT_RANGE.fullmatch(head.get("Content-Range"))
        if content is not None and found is not None:
            start, last, total = map(int, found.groups())
            same = head.get("Content-Encoding") == content.head.get("Content-Encoding")
            if same and start == content.received and last + 1 == total and self._is_the_rest(head, total):
                self._tag = _strong_tag(head) or self._tag
                content.go_on(head, total)
                self._begun(content)
                return
        self.ask_for_all()
        raise IncompleteError("the answer broke off and goes on elsewhere", where=self.where)

    def _is_the_rest(self, head: Head, total: int) -> bool:
        """Whether a part belongs to what was received before it.

        Our cloud gives the rest of a session that grew under its new tag, since
        what was there is still its beginning; of others the tag must be the same.
        """
        tag, known = head.get("ETag"), self._body().total
        if tag in ("", self._tag):
            return known in (None, total)
        return bool(head.get(names.BUNDLE_COUNT)) and known is not None and known <= total

    def ask_for_all(self) -> None:
        """Ask for no ranges any more: the cloud does not give the ones that are asked for."""
        self._ranges = False

    def feed(self, raw: bytes) -> Iterator[T]:
        """What the next bytes of the body make whole, and was not given out before."""
        for piece in self._body().feed(raw):
            new = self._unseen(piece) if self._skipped < self._given else piece
            if new:
                self._given += len(new)
                self._skipped = self._given
                # A checksum costs a fifth of the time that frames take, and a tag says more.
                if not self._tag:
                    self._checksum = zlib.crc32(new, self._checksum)
                yield self._take(new)

    def close(self) -> T:
        """What only the end makes whole. Raises IncompleteError, IntegrityError or DecodeError."""
        self._body().close()
        if self._skipped < self._given:
            raise self._changed()
        return self._last()

    def _unseen(self, piece: bytes) -> bytes:
        """What of a piece lies behind all that was given out; the rest must be the same."""
        seen = min(len(piece), self._given - self._skipped)
        self._skipped += seen
        if not self._tag:
            self._skipped_checksum = zlib.crc32(piece[:seen], self._skipped_checksum)
            if self._skipped == self._given and self._skipped_checksum != self._checksum:
                raise self._changed()
        return piece[seen:]

    def _changed(self) -> IntegrityError:
        return IntegrityError(
            "the answer broke off, and what was read of it already is another now", where=self.where
        )

    def broke_off(self) -> int | None:
        """Which attempt in a row without progress just failed, from 1; None when another is no use.

        One that brought something new is the first of a row.
        """
        if self._content is not None and self._content.ended:
            return None
        self._attempts += 1
        self._attempts_in_vain = 1 if self._given > self._given_before else self._attempts_in_vain + 1
        self._given_before = self._given
        return self._attempts_in_vain if self._attempts < _MOST_ATTEMPTS else None

    @property
    def verified(self) -> bool:
        """Whether the cloud gave a digest that the content was compared with."""
        return self._content is not None and self._content.verified

    def _body(self) -> Content:
        assert self._content is not None, "begin comes first"
        return self._content

    @abstractmethod
    def _begun(self, content: Content) -> None:
        """An answer begins, of the whole or of its rest; the first one tells the form."""

    @abstractmethod
    def _take(self, content: bytes) -> T:
        """What more content makes whole."""

    @abstractmethod
    def _last(self) -> T:
        """What the end of the content makes whole. Raises DataError when it is not all."""


def _strong_tag(head: Head) -> str:
    """The tag of the very bytes, or "". A weak one names what is equal in meaning only."""
    tag = head.get("ETag")
    return tag if tag.startswith('"') else ""
