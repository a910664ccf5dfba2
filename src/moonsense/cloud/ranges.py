"""The rest of a body, for a client whose download broke off (RFC 9110, section 14).

One range that is open at its end (``bytes=N-``) or closed; anything else in
``Range`` is ignored, as the RFC allows, and the whole is sent.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response

from moonsense.cloud.records import Body
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import StreamResponse, problem_response
from moonsense.cloud.streams import opened
from moonsense.contract.problems import Problem

_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{1,19})?\Z")


class Validator(NamedTuple):
    """An entity tag, and whether the body still begins with what an older tag stood for."""

    tag: str
    continues: Callable[[str], bool]


def fixed(tag: str) -> Validator:
    """The validator of what never changes."""
    return Validator(tag, lambda earlier: earlier == tag)


def growing(lineage: str, size: int) -> Validator:
    """The validator of what only ever grows at its end.

    The tag names the lineage and the size, so that a shorter body's tag of the
    same lineage is known to be a beginning of this one.
    """
    pattern = re.compile(rf'"{re.escape(lineage)}\.(\d+)"\Z')

    def continues(earlier: str) -> bool:
        match = pattern.match(earlier)
        return match is not None and int(match[1]) <= size

    return Validator(f'"{lineage}.{size}"', continues)


def body_response(
    request: Request, body: Body, media_type: str, validator: Validator, headers: Mapping[str, str]
) -> Response:
    """A body, or the part of it that the request asks for, with a tag and a digest."""
    about = {**headers, "ETag": validator.tag, "Accept-Ranges": "bytes"}
    if body.sha256 is not None:
        # Of the whole representation, also on a part of it (RFC 9530).
        about["Repr-Digest"] = f"sha-256=:{base64.b64encode(body.sha256).decode()}:"
    span = _span(request, validator)
    if span is None:
        return StreamResponse(body, media_type, about, body.size)
    first, last = span[0], min(body.size - 1, body.size - 1 if span[1] is None else span[1])
    if first >= body.size or last < first:
        refused = problem_response(Problem(416, f"there are {body.size} bytes", "Range"))
        refused.headers["Content-Range"] = f"bytes */{body.size}"
        return refused
    about["Content-Range"] = f"bytes {first}-{last}/{body.size}"
    size = last - first + 1
    part = StreamResponse(_limited(body.begin_at(first), size), media_type, about, size)
    part.status_code = 206
    return part


def _span(request: Request, validator: Validator) -> tuple[int, int | None] | None:
    """The range that is asked for, if it can be given of this very body."""
    match = _RANGE.match(request.header(b"range").strip())
    if match is None or request.scope["method"] == "HEAD":
        return None
    condition = request.header(b"if-range").strip()
    if condition and not validator.continues(condition):
        return None
    return int(match[1]), None if match[2] is None else int(match[2])


async def _limited(pieces: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The first so many bytes of a stream."""
    async with opened(pieces) as source:
        async for piece in source:
            if len(piece) >= size:
                yield piece[:size]
                return
            size -= len(piece)
            yield piece
