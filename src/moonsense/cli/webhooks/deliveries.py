"""``moonsense webhooks deliveries``: what was sent, how it went, and sending it again."""

from __future__ import annotations

import enum
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from moonsense.cli.options import SHOWN, Json, Limit, parse_time
from moonsense.cli.output import Column, note, show_json, show_json_list, show_json_value, show_table
from moonsense.cli.webhooks.options import Event
from moonsense.display.words import duration_text, time_text

if TYPE_CHECKING:
    from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookTry


app = typer.Typer(no_args_is_help=True, help="List what was sent, show how it went, and send it again.")


class State(enum.StrEnum):
    """How far a delivery may be."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="ID", help="Only to this endpoint.", show_default=False),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        parser=parse_time, metavar="TIME", help="Of events then or later: a date, a time, or 2h, 7d ago."
    ),
]
UntilOption = Annotated[
    datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="Of events before then.")
]


@app.command("list")
def list_deliveries(
    *,
    endpoint: EndpointOption = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="ID", help="Only about this session.", show_default=False),
    ] = None,
    event: Annotated[
        Event | None,
        typer.Option("--event", metavar="NAME", help="Only of this event.", show_default=False),
    ] = None,
    state: Annotated[
        State | None, typer.Option("--state", help="Only those that are so far.", show_default=False)
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List deliveries, newest first; they are kept for 30 days. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_webhook_deliveries(
            endpoint,
            session_id=session,
            event=event.value if event else None,
            state=state.name if state else None,
            since=since,
            until=until,
            limit=limit,
        )
        if json:
            show_json_list(found)
            return
        shown = list(islice(found, limit or SHOWN))
        more = limit is None and next(found, None) is not None
    if not shown:
        note("no deliveries")
        return
    columns = [
        Column("DELIVERY", whole=True),
        Column("EVENT", rank=1),
        Column("STATE"),
        Column("TRIES", right=True, rank=3),
        Column("CREATED", rank=2),
        Column("SESSION", rank=4),
        Column("OUTCOME", rank=2),
    ]
    show_table(columns, [_row(each) for each in shown])
    if more:
        note(f"the first {SHOWN}; for more: --limit N")


@app.command()
def show(
    delivery: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="The delivery's id.", show_default=False)
    ],
    *,
    json: Json = False,
) -> None:
    """Show a delivery with every try: when, how long, the answer and the request's headers. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.describe_webhook_delivery(delivery)
    if json:
        show_json(found)
    else:
        show_delivery(found)


@app.command()
def resend(
    delivery: Annotated[
        list[str] | None,
        typer.Argument(metavar="DELIVERY", help="Their ids.", show_default=False),
    ] = None,
    *,
    endpoint: EndpointOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those that were given up, or whose last try failed.")
    ] = False,
    json: Json = False,
) -> None:
    """Send deliveries again under their ids: some, a time's, or with --failed --since what failed since."""
    from moonsense.client import Client

    with Client() as client:
        count = client.resend_webhook_deliveries(
            delivery or (), endpoint_id=endpoint or "", since=since, until=until, failed=failed
        )
    if json:
        show_json_value({"count": count})
    else:
        note(f"{count} {'is' if count == 1 else 'are'} sent again")


def show_delivery(delivery: WebhookDelivery) -> None:
    """A delivery and its tries, for people."""
    rows = [
        ("delivery", delivery.delivery_id),
        ("endpoint", delivery.endpoint_id),
        ("event", _event(delivery)),
        ("session", delivery.session_id),
        ("bundle", str(delivery.bundle_index or "")),
        ("created", time_text(delivery.created_at)),
        ("state", _state(delivery)),
        ("next try", time_text(delivery.next_try_at)),
        ("finished", time_text(delivery.finished_at)),
    ]
    show_table([Column(""), Column("", whole=True)], [row for row in rows if row[1]])
    for number, attempt in enumerate(delivery.attempts):
        typer.echo()
        _show_try(len(delivery.attempts) - number, attempt)


def _show_try(number: int, attempt: WebhookTry) -> None:
    came = f"{attempt.status}" if attempt.status else attempt.error
    took = duration_text(attempt.duration_micros / 1e6)
    typer.echo(f"try {number}, {time_text(attempt.started_at)}, {took}: {came}")
    for name, value in sorted(attempt.request_headers.items()):
        typer.echo(f"  > {name}: {value}")
    for line in attempt.response_start.decode(errors="replace").splitlines():
        typer.echo(f"  < {''.join(c if c.isprintable() else '�' for c in line)}")


def _row(delivery: WebhookDelivery) -> tuple[str, ...]:
    return (
        delivery.delivery_id,
        _event(delivery),
        _state(delivery),
        str(delivery.tries),
        time_text(delivery.created_at),
        delivery.session_id,
        delivery.outcome,
    )


def _state(delivery: WebhookDelivery) -> str:
    return delivery.State.Name(delivery.state).lower()


def _event(delivery: WebhookDelivery) -> str:
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes

    return WebhookEventTypes.Name(delivery.event_type)
