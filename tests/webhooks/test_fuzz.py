"""Whatever comes, verifying raises SignatureError and reading DecodeError, and nothing else.

A million rounds with MOONSENSE_TORTURE=1. Seeded, so that what fails once fails again.
"""

from __future__ import annotations

import os
import random

import pytest

from moonsense.errors import DecodeError, SignatureError
from moonsense.webhooks import parse, sign, verify

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
ROUNDS = 1_000_000 if TORTURE else 20_000
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

NOW = 1_790_000_000
SECRETS = ["whsec_" + "A" * 43 + "=", "plain"]
BODY = b'{"session_id": "s", "app_id": "a", "event_type": "CHUNK_PERSISTED", "session_labels": ["x"]}'
FORM_BODY = b"payload=%7B%22session_id%22%3A%20%22s%22%7D"
TYPES = ["application/json", "application/x-www-form-urlencoded", "", "text/plain", "\udcff;", "a" * 1000]

PIECES = [
    "", " ", ",", ".", "v1", "v1,", "v1,,", "v2,x", "v1,é", "v1,\udcff", "=", "\x00", "\n", "-1", "+1", "1e9",
    "٣", "²", "nan", "inf", "0x10", "9" * 5000, "1_0", str(NOW), str(NOW) + ".0", "msg.1", "é", "\U0001d7d9",
]  # fmt: skip
VALUES = [None, 1, 1.5, b"bytes", [], ["a"], {}, object()]


def _cut(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    match rng.randrange(4):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + rng.choice(PIECES) + text[place:]
        case 2:
            return (
                text[:place]
                + chr(rng.choice([rng.randrange(128), rng.randrange(0x11_0000)]))
                + text[place + 1 :]
            )
        case _:
            return rng.choice(PIECES) * rng.randrange(4)


def _broken(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(changed) + 1)
        changed[place : place + rng.randrange(3)] = rng.choice(
            [
                b"",
                rng.randbytes(rng.randrange(4)),
                b"{",
                b'"',
                b"[" * rng.randrange(300),
                b"%",
                b"&payload=",
                b"\\u",
                b"1e999",
            ]
        )
    return bytes(changed)


@pytest.mark.torture
def test_nothing_else_comes_out() -> None:
    rng = random.Random(f"webhooks {SEED}")
    counts = {"verified": 0, "refused": 0, "read": 0, "unreadable": 0}
    for _ in range(ROUNDS):
        original = rng.choice([BODY, FORM_BODY])
        body = _broken(rng, original) if rng.random() < 0.7 else original
        headers: dict = sign(original, message_id="msg_1", timestamp=NOW, secrets=SECRETS)
        whole = dict(headers)
        for _ in range(rng.randrange(3)):
            name = rng.choice([name for name in headers if isinstance(name, str)] or [""])
            match rng.randrange(5):
                case 0:
                    headers.pop(name, None)
                case 1:
                    headers[name] = rng.choice(VALUES)
                case 2:
                    headers[rng.choice([name.upper(), name.title(), *VALUES[:4]])] = headers.pop(name, "")
                case _:
                    headers[name] = _cut(rng, str(headers.get(name, "")))
        try:
            verified = verify(body, headers, rng.choice(SECRETS), now=NOW + rng.choice([0, 0, 0, 1000]))
        except SignatureError:
            counts["refused"] += 1
        else:
            counts["verified"] += 1
            assert body == original
            assert verified.message_id in ("msg_1", None)
            if verified.message_id is not None:
                changed = {str(name).lower(): value for name, value in headers.items()}
                assert changed["webhook-timestamp"] == whole["webhook-timestamp"]
        try:
            parse(body, rng.choice(TYPES))
        except DecodeError:
            counts["unreadable"] += 1
        else:
            counts["read"] += 1
    print(counts)
    assert min(counts.values()) > ROUNDS / 100, counts
