"""``moonsense whoami`` and ``moonsense regions``."""

from __future__ import annotations

from moonsense.cli.options import Json
from moonsense.cli.output import Column, show_json, show_table

_SCOPES = {"q": "query", "c": "collect", "t": "manage tokens"}


def whoami(*, json: Json = False) -> None:
    """Show whose token this is, and what it may do."""
    from moonsense.client import Client

    with Client() as client:
        token = client.whoami()
        where = repr(client)
    if json:
        show_json(token)
        return
    scopes = ", ".join(_SCOPES.get(letter, letter) for letter in token.scopes)
    rows = [
        ("project", token.project_id),
        ("app", token.app_id),
        ("credential", token.credential_id),
        ("user", token.user_id),
        ("may", scopes),
        ("cloud", where.partition(" of ")[2].rstrip(">")),
    ]
    show_table([Column(""), Column("", whole=True)], [row for row in rows if row[1]])


def regions(*, json: Json = False) -> None:
    """List the regions that sessions are kept in."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_regions()
    if json:
        show_json(found)
        return
    columns = [
        Column("REGION", whole=True),
        Column("URL", whole=True),
        Column("STATUS", rank=1),
        Column("DEFAULT", rank=2),
    ]
    rows = [
        (
            region.name or region.region,
            region.url,
            region.status,
            "primary" if region.default_primary else "backup" if region.default_backup else "",
        )
        for region in found.regions
    ]
    show_table(columns, rows)
