"""Identifiers: 22 letters and digits, and which texts can be one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.contract import ids


def test_a_new_id_is_22_characters_of_the_alphabet() -> None:
    made = {ids.new_id() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) == ids.LENGTH and set(one) <= set(ids.ALPHABET) for one in made)
    assert all(ids.is_id(one) for one in made)


def test_the_alphabet_has_no_characters_that_look_alike() -> None:
    assert len(set(ids.ALPHABET)) == 57
    assert not set("01IOl") & set(ids.ALPHABET)


@pytest.mark.parametrize("number", [0, 1, 56, 57, 2**128 - 1, 0x1234567890ABCDEF])
def test_an_id_is_the_number_in_base_57(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=number))
    value = 0
    for character in ids.new_id():
        value = value * 57 + ids.ALPHABET.index(character)
    assert value == number


@pytest.mark.parametrize("text", ["eHZQczKU7Kcj57g586kZda", "33643170", "a", "A-b_9", "x" * 64])
def test_what_can_be_an_id(text: str) -> None:
    assert ids.is_id(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 65, ".", "..", "a/b", "a b", "a%2F", "ä", "a\n", "٣", "a?x=1", "a#"]
)
def test_what_cannot(text: str) -> None:
    assert not ids.is_id(text)


@given(st.text(max_size=70))
def test_an_id_needs_no_quoting(text: str) -> None:
    if ids.is_id(text):
        assert text.isascii()
        assert text.replace("-", "").replace("_", "").isalnum() or set(text) <= set("-_")
