"""Signatures: made and verified here, by the reference implementation, and by a program for the service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from email.message import Message

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from moonsense.errors import ConfigurationError, SignatureError
from moonsense.webhooks import Verified, new_secret, sign, verify

BODY = b'{"session_id": "abc", "event_type": "CHUNK_PERSISTED"}'
SECRET = new_secret()
OLD = new_secret()
PLAIN = "a secret of the service"
NOW = 1_790_000_000

bodies = st.text().map(str.encode)  # the reference takes text only
ids = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
secret_texts = st.one_of(
    st.binary(min_size=1, max_size=64).map(lambda key: "whsec_" + base64.b64encode(key).decode()),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(
        lambda text: not text.startswith("whsec_")
    ),
)


def signed(body: bytes = BODY, *, timestamp: int = NOW, secrets: list[str] | None = None) -> dict[str, str]:
    return sign(body, message_id="msg_1", timestamp=timestamp, secrets=secrets or [SECRET])


def reference(secret: str) -> standardwebhooks.Webhook:
    # It decodes any text as base64, so a secret that is its own key goes in as bytes.
    return standardwebhooks.Webhook(secret if secret.startswith("whsec_") else secret.encode())


def test_a_secret_is_32_random_bytes() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in made} == {32}


@given(bodies, ids, secret_texts)
def test_the_reference_verifies_ours(body: bytes, message_id: str, secret: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = sign(body, message_id=message_id, timestamp=now, secrets=[secret])
    reference(secret).verify(body, headers, json_parse=False)


@given(bodies, ids, secret_texts)
def test_ours_verifies_the_reference(body: bytes, message_id: str, secret: str) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(NOW),
        "webhook-signature": reference(secret).sign(message_id, at, body.decode()),
    }
    assert verify(body, headers, secret, now=NOW) == Verified(message_id, NOW)


def test_the_reference_finds_its_own_among_several() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signed(timestamp=now, secrets=[SECRET, OLD])
    for secret in (SECRET, OLD):
        reference(secret).verify(BODY, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        reference(new_secret()).verify(BODY, headers)


@pytest.mark.parametrize("secret", [SECRET, PLAIN], ids=["ours", "plain"])
def test_a_program_for_the_service_verifies_ours(secret: str) -> None:
    """What the service documents, in the three lines that its users wrote."""
    headers = signed(secrets=[secret, OLD])
    digest = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, headers["X-Moonsense-Signature-256"])


@given(st.binary(), ids, st.lists(secret_texts, min_size=1, max_size=4), st.integers(0, 10**12))
def test_what_is_signed_verifies(body: bytes, message_id: str, known: list[str], timestamp: int) -> None:
    headers = sign(body, message_id=message_id, timestamp=timestamp, secrets=known)
    for secret in known:
        assert verify(body, headers, secret, now=timestamp) == Verified(message_id, timestamp)
    assert verify(memoryview(body), headers, [*known, OLD], now=timestamp).message_id == message_id
    assert verify(bytearray(body), headers, [OLD, *known], now=timestamp).message_id == message_id


@given(st.binary(), st.integers(0), st.integers(0, 7))
def test_one_bit_of_the_body_is_enough(body: bytes, place: int, bit: int) -> None:
    headers = sign(body, message_id="m", timestamp=NOW, secrets=[SECRET])
    changed = bytearray(body or b"x")
    changed[place % len(changed)] ^= 1 << bit
    with pytest.raises(SignatureError, match="no signature is of this message"):
        verify(bytes(changed), headers, SECRET, now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_of_the_standard_is_needed_and_signed(name: str) -> None:
    headers = signed(secrets=[PLAIN])
    without = {key: value for key, value in headers.items() if key != name}
    with pytest.raises(SignatureError, match=f"{name} is missing"):
        verify(BODY, without, PLAIN, now=NOW)
    for changed in (headers[name] + "1", headers[name][:-1] + "~", "", " "):
        with pytest.raises(SignatureError):
            verify(BODY, headers | {name: changed}, PLAIN, now=NOW)


@pytest.mark.parametrize(
    ("off", "good"), [(-301, False), (-300, True), (0, True), (300, True), (301, False), (-(10**9), False)]
)
def test_the_time_may_be_off_by_five_minutes_both_ways(off: int, good: bool) -> None:
    headers = signed(timestamp=NOW + off)
    if good:
        assert verify(BODY, headers, SECRET, now=NOW).timestamp == NOW + off
    else:
        with pytest.raises(SignatureError, match=rf"{abs(off)} seconds .*300 are allowed"):
            verify(BODY, headers, SECRET, now=NOW)


def test_without_now_the_clock_counts() -> None:
    now = int(datetime.now(UTC).timestamp())
    verify(BODY, signed(timestamp=now), SECRET)
    with pytest.raises(SignatureError, match="ago"):
        verify(BODY, signed(timestamp=now - 1000), SECRET)
    verify(BODY, signed(timestamp=now - 1000), SECRET, tolerance=2000)


def test_a_time_that_is_no_number_passes_no_comparison() -> None:
    with pytest.raises(SignatureError):
        verify(BODY, signed(), SECRET, now=float("nan"))


def test_the_services_own_signature_alone() -> None:
    headers = {"x-moonsense-signature-256": hmac.new(PLAIN.encode(), BODY, hashlib.sha256).hexdigest()}
    assert verify(BODY, headers, [OLD, PLAIN]) == Verified(None, None)
    assert verify(BODY, {"X-MOONSENSE-SIGNATURE-256": headers.popitem()[1].upper()}, PLAIN) == Verified()
    with pytest.raises(SignatureError, match="under any of the secrets"):
        verify(BODY, {"X-Moonsense-Signature-256": "0" * 64}, PLAIN)
    with pytest.raises(SignatureError, match="there is no signature"):
        verify(BODY, {}, PLAIN)


def test_what_was_caught_is_not_taken_again_without_its_time() -> None:
    caught = signed()
    stripped = {"X-Moonsense-Signature-256": caught["X-Moonsense-Signature-256"]}
    with pytest.raises(SignatureError, match="has no time"):
        verify(BODY, stripped, SECRET, now=NOW)


def test_one_signed_text_is_not_read_as_another() -> None:
    """``id.time.body`` cut at other dots: the signature would be right, the message another's."""
    inner = f".{NOW}." + '{"session_id": "chosen by somebody"}'
    body = b'{"session_labels": ["' + inner.encode()
    headers = sign(body, message_id="m", timestamp=1, secrets=[SECRET])
    shifted_id, _, shifted_body = f"m.1.{body.decode()}".partition(f".{NOW}.")
    with pytest.raises(SignatureError, match="webhook-id"):
        verify(shifted_body.encode(), headers | {"webhook-id": shifted_id, "webhook-timestamp": str(NOW)},
               SECRET, now=NOW)  # fmt: skip
    with pytest.raises(ValueError, match="message id"):
        sign(BODY, message_id="a.b", timestamp=NOW, secrets=[SECRET])


def test_a_header_that_is_there_twice_is_refused() -> None:
    headers = Message()
    for name, value in [*signed().items(), ("Webhook-Id", "another")]:
        headers[name] = value
    with pytest.raises(SignatureError, match="webhook-id is there twice"):
        verify(BODY, headers, SECRET, now=NOW)  # type: ignore[arg-type]


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = signed()
    mixed = {**headers, "webhook-signature": "v1a,AAAA  v2 " + headers["webhook-signature"] + " v1,AAAA"}
    assert verify(BODY, mixed, SECRET, now=NOW).message_id == "msg_1"
    with pytest.raises(SignatureError, match="no signature of the version v1"):
        verify(BODY, {**headers, "webhook-signature": "v1a,AAAA"}, SECRET, now=NOW)


def test_text_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="bytes that came, not str"):
        verify(BODY.decode(), signed(), SECRET, now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("known", [[], "", [""], [SECRET, ""], ["whsec_"], ["whsec_=="], ["whsec_A"],
                                   ["whsec_" + "!" * 44], ["é" * 20], [None], ["a\n"]])  # fmt: skip
def test_a_secret_that_cannot_be_is_a_setting_and_is_not_shown(known: list[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        verify(BODY, signed(), known, now=NOW)
    with pytest.raises(ConfigurationError):
        sign(BODY, message_id="m", timestamp=NOW, secrets=list(known))
    assert "!!!" not in str(raised.value)
    assert "é" not in str(raised.value)


def test_a_secret_without_its_padding_is_the_same() -> None:
    assert verify(BODY, signed(), SECRET.rstrip("="), now=NOW) == Verified("msg_1", NOW)


def test_the_comparison_is_the_constant_time_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature is compared with every secret's, also behind one that is equal."""
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    headers = signed(secrets=[SECRET, OLD])
    verify(BODY, headers, [SECRET, OLD, new_secret()], now=NOW)
    assert len(compared) == 6


@pytest.mark.parametrize("timestamp", [-1, 1.5, "soon", 10**16])
def test_a_time_that_cannot_be_is_not_signed(timestamp: int) -> None:
    with pytest.raises(ValueError, match="epoch seconds"):
        sign(BODY, message_id="m", timestamp=timestamp, secrets=[SECRET])


def test_verifying_needs_no_secret_of_a_certain_length() -> None:
    short = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    assert verify(BODY, signed(secrets=[short]), short, now=NOW)
