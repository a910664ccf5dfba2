"""The body of a webhook to its message."""

from __future__ import annotations

from urllib.parse import parse_qsl

from moonsense.codec import json
from moonsense.contract import media
from moonsense.errors import DecodeError
from moonsense.models.data_plane_v2_pb2 import WebhookPayload

__all__ = ["parse"]

_FIELD = "payload"
_MAX_FIELDS = 16  # a form of a webhook has one; more than a few are somebody's attempt to keep us busy


def parse(body: bytes, content_type: str = media.JSON) -> WebhookPayload:
    """The payload of a webhook's body. Verify the body's signature first.

    Fields and event types that this version does not know are ignored; an
    unknown event type is ``UNKNOWN``.

    Args:
        body: as it came.
        content_type: the ``Content-Type`` header: JSON (also when it is empty), or a
            form with one field ``payload`` that holds the JSON.

    Raises:
        DecodeError: it is neither, or not the JSON of a payload.
    """
    kind = media.base_type(content_type)
    if kind in (media.JSON, ""):
        return json.parse(body, WebhookPayload)
    if kind == media.FORM:
        return json.parse(_field(body), WebhookPayload)
    raise DecodeError(f"a webhook is {media.JSON} or {media.FORM}, not {kind[:80]!r}")


def _field(body: bytes) -> str:
    """The one ``payload`` of a form."""
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError as error:  # of which UnicodeDecodeError is one
        raise DecodeError(f"not a form: {error}") from None
    found = [value for name, value in fields if name == _FIELD]
    if len(found) != 1:
        raise DecodeError(f"a form with {len(found)} fields {_FIELD!r} instead of one")
    return found[0]
