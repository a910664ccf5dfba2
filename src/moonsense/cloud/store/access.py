"""Projects, apps and tokens."""

from __future__ import annotations

from moonsense.cloud.catalog import tokens
from moonsense.cloud.records import Principal, TokenRecord
from moonsense.cloud.store.folder import Folder, now_micros


class Access:
    """Who may do what. All but ``token`` block; they are for commands, not for requests."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def token(self, digest: bytes) -> Principal | None:
        """Who a token stands for, by the sha256 of its text; None when unknown or revoked."""
        return await self._folder.read(lambda connection: tokens.find(connection, digest))

    def create_project(self, name: str) -> str:
        """A new project; gives its id."""
        return self._folder.write_now(
            lambda connection: tokens.create_project(connection, name, now_micros())
        )

    def create_app(self, project_id: str, name: str) -> str:
        """A new app of a project; gives its id."""
        return self._folder.write_now(
            lambda connection: tokens.create_app(connection, project_id, name, now_micros())
        )

    def projects(self) -> list[tuple[str, str]]:
        """Ids and names of the projects, oldest first."""
        return self._folder.read_now(tokens.projects)

    def apps(self, project_id: str) -> list[tuple[str, str]]:
        """Ids and names of a project's apps, oldest first."""
        return self._folder.read_now(lambda connection: tokens.apps(connection, project_id))

    def add_token(self, *, project_id: str, app_id: str, scopes: str, digest: bytes, hint: str) -> str:
        """Make a token known by its digest; gives its credential id."""
        return self._folder.write_now(
            lambda connection: tokens.add(connection, project_id, app_id, scopes, digest, hint, now_micros())
        )

    def tokens(self) -> list[TokenRecord]:
        """Every token ever made, oldest first."""
        return self._folder.read_now(tokens.all_tokens)

    def revoke_token(self, credential_id: str) -> bool:
        """End a token; False when there is no valid one of that id."""
        return self._folder.write_now(
            lambda connection: tokens.revoke(connection, credential_id, now_micros())
        )
