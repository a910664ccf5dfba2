"""What the owner of a data folder may do to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonsense.cloud import admin, auth
from moonsense.cloud.auth import TokenKind
from moonsense.errors import ConfigurationError


def test_init_makes_a_project_an_app_and_two_tokens(tmp_path: Path) -> None:
    made = admin.init(tmp_path / "new" / "data", "project", "app")

    secret, public = admin.list_tokens(tmp_path / "new" / "data")
    assert (secret.scopes, public.scopes) == ("qt", "c")
    for record, token in ((secret, made.secret_token), (public, made.public_token)):
        assert (record.project_id, record.app_id) == (made.project_id, made.app_id)
        assert token.endswith(record.hint)
        assert auth.is_wellformed(token)
        assert record.revoked_at is None


def test_init_is_done_once(tmp_path: Path) -> None:
    admin.init(tmp_path)

    with pytest.raises(ConfigurationError, match="is a cloud already"):
        admin.init(tmp_path)
    assert len(admin.list_tokens(tmp_path)) == 2


def test_tokens_are_not_in_the_folder_nor_shown(tmp_path: Path) -> None:
    made = admin.init(tmp_path)
    token = admin.create_token(tmp_path)

    for text in (made.secret_token, made.public_token, token.token):
        assert text not in repr(made)
        assert text not in repr(token)
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert text[8:40].encode() not in path.read_bytes()


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_token_is_made_listed_and_revoked(tmp_path: Path, kind: TokenKind) -> None:
    made = admin.init(tmp_path)

    token = admin.create_token(tmp_path, kind, app_id=made.app_id)

    record = admin.list_tokens(tmp_path)[-1]
    assert (record.credential_id, record.scopes) == (token.credential_id, kind.scopes)
    assert admin.revoke_token(tmp_path, token.credential_id)
    assert not admin.revoke_token(tmp_path, token.credential_id)
    assert not admin.revoke_token(tmp_path, "nobody")
    assert admin.list_tokens(tmp_path)[-1].revoked_at is not None


def test_an_app_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    admin.init(tmp_path)

    with pytest.raises(ConfigurationError, match="no app nobody"):
        admin.create_token(tmp_path, app_id="nobody")


def test_a_folder_that_is_no_cloud_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    for attempt in (
        lambda: admin.create_token(tmp_path),
        lambda: admin.list_tokens(tmp_path),
        lambda: admin.revoke_token(tmp_path, "x"),
    ):
        with pytest.raises(ConfigurationError, match="moonsense cloud init"):
            attempt()
    assert list(tmp_path.iterdir()) == []
