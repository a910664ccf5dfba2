"""``moonsense webhooks``: its groups of commands, put together."""

from __future__ import annotations

import typer

from moonsense.cli.webhooks import deliveries, endpoints, listen

app = typer.Typer(no_args_is_help=True, help="Have a cloud tell your program of what happens.")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(deliveries.app, name="deliveries")
app.command("listen")(listen.listen)
app.command("trigger")(listen.trigger)
