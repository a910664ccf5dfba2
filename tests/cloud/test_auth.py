"""Tokens: made, known again, remembered for a while, and never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud import auth
from moonsense.cloud.auth import Authenticator, TokenKind
from moonsense.cloud.records import Principal
from moonsense.contract.problems import Problem
from moonsense.contract.routes import Scope

READER = Principal(project_id="p", app_id="a", credential_id="c", scopes="qt")


class Lookup:
    """A catalog of one token, which counts how often it is asked."""

    def __init__(self, token: str) -> None:
        self.known: dict[bytes, Principal] = {auth.digest(token): READER}
        self.asked = 0

    async def __call__(self, digest: bytes) -> Principal | None:
        self.asked += 1
        return self.known.get(digest)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("kind", "prefix", "scopes"), [(TokenKind.SECRET, "moon_sk_", "qt"), (TokenKind.PUBLIC, "moon_pk_", "c")]
)
def test_a_token_says_its_kind(kind: TokenKind, prefix: str, scopes: str) -> None:
    token = auth.new_token(kind)

    assert token.startswith(prefix)
    assert len(token) == len(prefix) + 32 + 6
    assert kind.scopes == scopes
    assert auth.is_wellformed(token)
    assert token.endswith(auth.hint(token))
    assert len(auth.hint(token)) == 4


def test_tokens_differ() -> None:
    assert len({auth.new_token(TokenKind.SECRET) for _ in range(1_000)}) == 1_000


@given(st.data())
def test_a_mistyped_token_is_not_wellformed(data: st.DataObject) -> None:
    token = auth.new_token(TokenKind.SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != token[place]))

    assert not auth.is_wellformed(token[:place] + letter + token[place + 1 :])
    assert not auth.is_wellformed(token[:place])
    assert not auth.is_wellformed(token + letter)


@given(st.text())
def test_any_other_text_is_not_wellformed(text: str) -> None:
    assert not auth.is_wellformed(text)
    assert not auth.is_wellformed("moon_sk_" + text)


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer\tx"])
async def test_no_token_is_401(header: str) -> None:
    lookup = Lookup("x")

    with pytest.raises(Problem, match="there is no token") as caught:
        await Authenticator(lookup, 2).principal(header)

    assert caught.value.status == 401
    assert lookup.asked == 0


@pytest.mark.anyio
async def test_a_mistyped_token_is_refused_without_asking_the_catalog() -> None:
    lookup = Lookup("x")
    token = auth.new_token(TokenKind.SECRET)

    with pytest.raises(Problem) as caught:
        await Authenticator(lookup, 2).principal(f"Bearer {token[:-1]}")

    assert caught.value.status == 401
    assert lookup.asked == 0


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
async def test_a_token_is_found_and_remembered_for_a_while(scheme: str) -> None:
    token, clock = auth.new_token(TokenKind.SECRET), Clock()
    lookup = Lookup(token)
    authenticator = Authenticator(lookup, 2, clock)

    assert await authenticator.principal(scheme + token) == READER
    clock.now = 1.9
    assert await authenticator.principal(scheme + token) == READER
    assert lookup.asked == 1

    clock.now = 2.0
    assert await authenticator.principal(scheme + token) == READER
    assert lookup.asked == 2


@pytest.mark.anyio
async def test_a_revoked_token_ends_when_it_is_forgotten() -> None:
    token, clock = auth.new_token(TokenKind.SECRET), Clock()
    lookup = Lookup(token)
    authenticator = Authenticator(lookup, 2, clock)
    await authenticator.principal(f"Bearer {token}")

    lookup.known.clear()
    clock.now = 2.0

    with pytest.raises(Problem, match="revoked"):
        await authenticator.principal(f"Bearer {token}")


@pytest.mark.anyio
async def test_a_token_made_after_it_was_refused_works_at_once() -> None:
    token = auth.new_token(TokenKind.SECRET)
    lookup = Lookup("another")
    authenticator = Authenticator(lookup, 60)
    with pytest.raises(Problem):
        await authenticator.principal(f"Bearer {token}")

    lookup.known[auth.digest(token)] = READER

    assert await authenticator.principal(f"Bearer {token}") == READER


@pytest.mark.anyio
async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MOST_KNOWN", 3)
    tokens = [auth.new_token(TokenKind.SECRET) for _ in range(10)]
    lookup = Lookup(tokens[0])
    lookup.known = {auth.digest(token): READER for token in tokens}
    authenticator = Authenticator(lookup, 60)

    for token in tokens:
        assert await authenticator.principal(f"Bearer {token}") == READER
        assert len(authenticator._known) <= 3


@pytest.mark.anyio
@pytest.mark.parametrize("known", [True, False])
async def test_no_error_holds_the_token(known: bool) -> None:
    token = auth.new_token(TokenKind.SECRET)
    lookup = Lookup(token if known else "another")
    shown = token if not known else token[:-1] + "_"

    with pytest.raises(Problem) as caught:
        await Authenticator(lookup, 2).principal(f"Bearer {shown}")

    assert shown[8:20] not in str(caught.value)
    assert shown[8:20] not in repr(caught.value)


def test_one_of_the_scopes_is_enough() -> None:
    auth.check_scope(READER, (Scope.QUERY, Scope.COLLECT))

    with pytest.raises(Problem, match=r"collect \(c\)") as caught:
        auth.check_scope(READER, (Scope.COLLECT,))

    assert caught.value.status == 403
