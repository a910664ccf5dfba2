"""``moonsense cards``: notes that are put on sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from moonsense.cli.options import Json, SessionId
from moonsense.cli.output import Column, note, show_json, show_json_list, show_table
from moonsense.display.words import time_text

app = typer.Typer(no_args_is_help=True, help="List and create cards: notes on a session.")


@app.command("list")
def list_cards(session: SessionId, *, json: Json = False) -> None:
    """List the cards of a session, newest first. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_cards(session)
        if json:
            show_json_list(found)
            return
        rows = [(card.card_id, time_text(card.created_at), card.title, card.description) for card in found]
    if not rows:
        note("no cards")
        return
    columns = [Column("CARD", whole=True), Column("CREATED", rank=1), Column("TITLE"), Column("DESCRIPTION")]
    show_table(columns, rows)


@app.command()
def create(
    session: SessionId,
    *,
    title: Annotated[str, typer.Option("--title", "-t", help="What it is about.", show_default=False)],
    description: Annotated[str, typer.Option("--description", "-d", help="What there is to say.")] = "",
    json: Json = False,
) -> None:
    """Put a card on a session."""
    from moonsense.client import Client

    with Client() as client:
        card = client.create_card(session, title, description)
    if json:
        show_json(card)
        return
    typer.echo(card.card_id)
    note(f"a card on session {session}")
