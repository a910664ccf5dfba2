"""Projects, their apps, and the tokens for them."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from moonsense.cloud.catalog.tables import app, project, token
from moonsense.cloud.records import Principal, TokenRecord
from moonsense.contract.ids import new_id


def create_project(connection: Connection, name: str, now: int) -> str:
    """A new project; gives its id."""
    project_id = new_id()
    connection.execute(insert(project).values(project_id=project_id, name=name, created_at=now))
    return project_id


def create_app(connection: Connection, project_id: str, name: str, now: int) -> str:
    """A new app of a project; gives its id."""
    app_id = new_id()
    connection.execute(insert(app).values(app_id=app_id, project_id=project_id, name=name, created_at=now))
    return app_id


def projects(connection: Connection) -> list[tuple[str, str]]:
    """Ids and names of the projects, oldest first."""
    query = select(project.c.project_id, project.c.name).order_by(project.c.created_at)
    return [(row.project_id, row.name) for row in connection.execute(query)]


def apps(connection: Connection, project_id: str) -> list[tuple[str, str]]:
    """Ids and names of a project's apps, oldest first."""
    query = select(app.c.app_id, app.c.name).where(app.c.project_id == project_id)
    return [(row.app_id, row.name) for row in connection.execute(query.order_by(app.c.created_at))]


def add(
    connection: Connection, project_id: str, app_id: str, scopes: str, digest: bytes, hint: str, now: int
) -> str:
    """Make a token known by its digest; gives the id by which it is listed and revoked."""
    credential_id = new_id()
    connection.execute(
        insert(token).values(
            credential_id=credential_id,
            project_id=project_id,
            app_id=app_id,
            scopes=scopes,
            digest=digest,
            hint=hint,
            created_at=now,
        )
    )
    return credential_id


def find(connection: Connection, digest: bytes) -> Principal | None:
    """Who a token stands for, by its digest; None when it is not known or revoked."""
    query = select(token).where(token.c.digest == digest, token.c.revoked_at.is_(None))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Principal(row.project_id, row.app_id, row.credential_id, row.scopes)


def all_tokens(connection: Connection) -> list[TokenRecord]:
    """Every token ever made, oldest first."""
    query = select(
        token.c.credential_id,
        token.c.project_id,
        token.c.app_id,
        token.c.scopes,
        token.c.hint,
        token.c.created_at,
        token.c.revoked_at,
    )
    return [TokenRecord(*row) for row in connection.execute(query.order_by(token.c.created_at))]


def revoke(connection: Connection, credential_id: str, now: int) -> bool:
    """End a token; False when there is no valid one of that id."""
    valid = (token.c.credential_id == credential_id) & token.c.revoked_at.is_(None)
    return connection.execute(update(token).where(valid).values(revoked_at=now)).rowcount > 0
