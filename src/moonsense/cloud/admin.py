"""What whoever owns a data folder may do to it: make a cloud of it, and manage its tokens.

Each function opens the folder, does one thing and closes it; a server may have
it open meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from moonsense.cloud import auth
from moonsense.cloud.auth import TokenKind
from moonsense.cloud.records import TokenRecord
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.errors import ConfigurationError

__all__ = [
    "Credentials",
    "NewToken",
    "TokenKind",
    "create_token",
    "init",
    "list_tokens",
    "mint_credentials",
    "revoke_token",
]

DEFAULT_NAME = "default"


@dataclass(frozen=True)
class Credentials:
    """An app and its two tokens. This is the only time the tokens are seen; ``repr`` leaves them out."""

    project_id: str
    app_id: str
    secret_token: str = field(repr=False)
    public_token: str = field(repr=False)


@dataclass(frozen=True)
class NewToken:
    """A token just made, with the id by which it can be revoked. It is not seen again."""

    credential_id: str
    scopes: str
    token: str = field(repr=False)


def init(data_dir: Path | str, project_name: str = DEFAULT_NAME, app_name: str = DEFAULT_NAME) -> Credentials:
    """Make a project with an app and its tokens in a new data folder.

    Raises ConfigurationError when the folder has a project already.
    """
    with _opened(data_dir) as store:
        if store.access.projects():
            raise ConfigurationError(
                f"{data_dir} is a cloud already; for another token: moonsense cloud token create"
            )
        return mint_credentials(store, project_name, app_name)


def mint_credentials(
    store: Store, project_name: str = DEFAULT_NAME, app_name: str = DEFAULT_NAME
) -> Credentials:
    """New tokens for the oldest app of the oldest project, which are made where there are none."""
    projects = store.access.projects()
    project_id = projects[0][0] if projects else store.access.create_project(project_name)
    apps = store.access.apps(project_id)
    app_id = apps[0][0] if apps else store.access.create_app(project_id, app_name)
    return Credentials(
        project_id,
        app_id,
        secret_token=_mint(store, project_id, app_id, TokenKind.SECRET).token,
        public_token=_mint(store, project_id, app_id, TokenKind.PUBLIC).token,
    )


def create_token(
    data_dir: Path | str, kind: TokenKind = TokenKind.SECRET, *, app_id: str | None = None
) -> NewToken:
    """A new token for an app; for the oldest one unless another is named.

    Raises ConfigurationError when there is no such app.
    """
    with _opened(data_dir, existing=True) as store:
        for project_id, _ in store.access.projects():
            for candidate, _ in store.access.apps(project_id):
                if app_id in (None, candidate):
                    return _mint(store, project_id, candidate, kind)
        raise ConfigurationError(
            f"{data_dir} has no app {app_id}" if app_id else f"{data_dir} has no app yet"
        )


def list_tokens(data_dir: Path | str) -> list[TokenRecord]:
    """Every token ever made in a data folder, oldest first."""
    with _opened(data_dir, existing=True) as store:
        return store.access.tokens()


def revoke_token(data_dir: Path | str, credential_id: str) -> bool:
    """End a token; False when there is no valid one of that id.

    A running server believes a token for a short while after it looked it up
    (the setting ``token_cache_seconds``).
    """
    with _opened(data_dir, existing=True) as store:
        return store.access.revoke_token(credential_id)


def _mint(store: Store, project_id: str, app_id: str, kind: TokenKind) -> NewToken:
    token = auth.new_token(kind)
    credential_id = store.access.add_token(
        project_id=project_id,
        app_id=app_id,
        scopes=kind.scopes,
        digest=auth.digest(token),
        hint=auth.hint(token),
    )
    return NewToken(credential_id, kind.scopes, token)


@contextlib.contextmanager
def _opened(data_dir: Path | str, *, existing: bool = False) -> Iterator[Store]:
    """The store of a folder; with ``existing``, not of one where none was made."""
    if existing and not (Path(data_dir) / "catalog.db").is_file():
        raise ConfigurationError(f"{data_dir} is no cloud yet; make one: moonsense cloud init")
    # Without serving: that is the server's work, which may be running.
    store = Store.open(Settings.of(data_dir=Path(data_dir)), serving=False)
    try:
        yield store
    finally:
        store.close()
