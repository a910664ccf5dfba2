"""Signatures of webhooks: made by a cloud, verified by whoever receives.

A delivery carries two kinds.

``X-Moonsense-Signature-256``
    The service's own: HMAC-SHA256 over the raw body, in hex. Its key is the
    secret's text as it was shown, so that what is written for the service
    works. It says nothing of when, so whoever saw it once can send it again.
``webhook-id``, ``webhook-timestamp``, ``webhook-signature``
    Those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256
    over ``id.timestamp.body``, in base64 behind ``v1,``; one for each secret
    while an endpoint changes its secret. The key of a secret ``whsec_…`` is
    what its base64 says, as that specification has it; the key of any other
    secret is its text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moonsense.contract import headers as names
from moonsense.errors import ConfigurationError, SignatureError

__all__ = ["TOLERANCE", "Verified", "check_secrets", "new_secret", "sign", "verify"]

PREFIX = "whsec_"

TOLERANCE = 300
"""Seconds that a delivery's time may be off, both ways: longer than clocks drift, too short to hoard."""

# A dot would let one signed text be read as another id, time and body.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,15}")

_VERSION = "v1,"


@dataclass(frozen=True)
class Verified:
    """What a good signature vouches for beside the body.

    Attributes:
        message_id: the same in every try of one delivery; None where only the service's
            own signature was there, which names none.
        timestamp: when this try was signed, in epoch seconds; None likewise.
    """

    message_id: str | None = None
    timestamp: int | None = None


def new_secret() -> str:
    """A fresh secret: ``whsec_`` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def sign(body: bytes, *, message_id: str, timestamp: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that sign a delivery.

    Args:
        body: exactly what is sent.
        message_id: 1 to 128 letters, digits, ``_`` and ``-``; the same in every try.
        timestamp: of this try, in epoch seconds.
        secrets: newest first. The service's header has room for one signature: the newest's.

    Raises:
        ConfigurationError: there is no secret, or one cannot be.
        ValueError: the id or the time cannot be.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"a message id is 1 to 128 letters, digits, '_' and '-', not {message_id!r}")
    stamp = str(timestamp)
    if not _TIMESTAMP.fullmatch(stamp):
        raise ValueError(f"a timestamp is in whole epoch seconds, not {timestamp!r}")
    known = check_secrets(secrets)
    return {
        names.SIGNATURE: _of_body(known[0], body),
        names.WEBHOOK_ID: message_id,
        names.WEBHOOK_TIMESTAMP: stamp,
        names.WEBHOOK_SIGNATURE: " ".join(
            _VERSION + _of_message(secret, message_id, stamp, body) for secret in known
        ),
    }


def verify(
    body: bytes | bytearray | memoryview,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> Verified:
    """Check that a delivery is from whoever knows one of the secrets, unchanged and not long ago.

    Where the headers of Standard Webhooks are there, they decide. The service's
    own header alone is taken under secrets that do not begin with ``whsec_``:
    a cloud that gave such a secret always sends both, and one that was caught
    and sent again without its time must not pass.

    Args:
        body: as it came, before anything has parsed it.
        headers: of the request; names in any case.
        secrets: one or several, any of which may have signed.
        tolerance: seconds that its time may be off, to either side.
        now: the time to compare with, in epoch seconds; the clock's without it.

    Returns:
        The delivery's id, by which a repeat is known, and its time.

    Raises:
        SignatureError: anything is wrong with the body or the headers.
        ConfigurationError: there is no secret, or one cannot be.
        TypeError: the body is text: what was signed are bytes.
    """
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"the body must be the bytes that came, not {type(body).__name__}")
    known = check_secrets(secrets)
    given = _given(headers)
    if names.WEBHOOK_SIGNATURE in given or names.WEBHOOK_ID in given or names.WEBHOOK_TIMESTAMP in given:
        return _standard(body, given, known, tolerance, time.time() if now is None else now)
    if names.SIGNATURE.lower() not in given:
        raise SignatureError("there is no signature")
    plain = [secret for secret in known if not secret.startswith(PREFIX)]
    if not plain:
        raise SignatureError(
            f"there is only {names.SIGNATURE}, which has no time; under a secret {PREFIX}… "
            f"{names.WEBHOOK_SIGNATURE} is needed too"
        )
    signature = given[names.SIGNATURE.lower()].lower()
    if not _any_equal((_of_body(secret, body) for secret in plain), [signature]):
        raise SignatureError("the signature is not of this body under any of the secrets")
    return Verified()


def _standard(
    body: bytes | bytearray | memoryview,
    given: Mapping[str, str],
    known: Sequence[str],
    tolerance: float,
    now: float,
) -> Verified:
    for name in (names.WEBHOOK_ID, names.WEBHOOK_TIMESTAMP, names.WEBHOOK_SIGNATURE):
        if name not in given:
            raise SignatureError(f"the header {name} is missing")
    message_id, stamp = given[names.WEBHOOK_ID], given[names.WEBHOOK_TIMESTAMP]
    if not _MESSAGE_ID.fullmatch(message_id):
        raise SignatureError(f"{names.WEBHOOK_ID} is not 1 to 128 letters, digits, '_' and '-'")
    if not _TIMESTAMP.fullmatch(stamp):
        raise SignatureError(f"{names.WEBHOOK_TIMESTAMP} is not in whole epoch seconds")
    # The signature before the time: whoever does not know a secret learns nothing of our clock.
    signatures = [
        part.removeprefix(_VERSION)
        for part in given[names.WEBHOOK_SIGNATURE].split(" ")
        if part.startswith(_VERSION)
    ]
    if not signatures:
        raise SignatureError(f"{names.WEBHOOK_SIGNATURE} has no signature of the version v1")
    if not _any_equal((_of_message(secret, message_id, stamp, body) for secret in known), signatures):
        raise SignatureError("no signature is of this message under any of the secrets")
    off = now - int(stamp)
    if not abs(off) <= tolerance:
        raise SignatureError(
            f"it was signed {abs(off):.0f} seconds {'ago' if off > 0 else 'from now'}; "
            f"{tolerance:g} are allowed"
        )
    return Verified(message_id, int(stamp))


def _given(headers: Mapping[Any, Any]) -> dict[str, str]:
    """The headers that matter by their names in lower case; each at most once."""
    wanted = {names.SIGNATURE.lower(), names.WEBHOOK_ID, names.WEBHOOK_TIMESTAMP, names.WEBHOOK_SIGNATURE}
    given: dict[str, str] = {}
    for name, value in headers.items():
        known = name.lower() if isinstance(name, str) else ""
        if known in wanted:
            if known in given:
                raise SignatureError(f"the header {known} is there twice")
            if not isinstance(value, str):
                raise SignatureError(f"the header {known} is not text")
            given[known] = value
    return given


def _any_equal(expected: Iterable[str], given: Sequence[str]) -> bool:
    """Whether any of the one is any of the other, in a time that does not say which or how nearly."""
    received = [text.encode("utf-8", "surrogatepass") for text in given]
    equal = False
    for signature in expected:
        for other in received:
            equal |= hmac.compare_digest(signature.encode(), other)
    return equal


def _of_body(secret: str, body: bytes | bytearray | memoryview) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _of_message(secret: str, message_id: str, stamp: str, body: bytes | bytearray | memoryview) -> str:
    signed = hmac.new(_key(secret), f"{message_id}.{stamp}.".encode(), hashlib.sha256)
    signed.update(body)
    return base64.b64encode(signed.digest()).decode()


def check_secrets(secrets: str | Sequence[Any]) -> list[str]:
    """The secrets, one or several, each known to be one. The ConfigurationError does not show it."""
    if isinstance(secrets, str):
        secrets = [secrets]
    if not secrets:
        raise ConfigurationError("there is no webhook secret")
    for position, secret in enumerate(secrets, 1):
        if not isinstance(secret, str) or not secret or not secret.isascii() or not secret.isprintable():
            raise ConfigurationError(f"webhook secret {position} is empty, or no printable ASCII text")
        if not _key(secret):
            raise ConfigurationError(
                f"webhook secret {position} begins with {PREFIX} but is no base64; was it copied whole?"
            )
    return list(secrets)


def _key(secret: str) -> bytes:
    """The key of a secret; b"" where there is none."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(PREFIX).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return b""
