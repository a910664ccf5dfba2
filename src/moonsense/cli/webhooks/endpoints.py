"""``moonsense webhooks endpoints``: where events are sent to."""

from __future__ import annotations

import enum
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from moonsense.cli.options import Json
from moonsense.cli.output import Column, note, show_json, show_json_list, show_table
from moonsense.cli.webhooks.deliveries import show_delivery
from moonsense.cli.webhooks.options import EndpointId, Event
from moonsense.display.words import time_text

if TYPE_CHECKING:
    from moonsense.client import Client
    from moonsense.models.webhooks_v2_pb2 import (
        WebhookDelivery,
        WebhookEndpoint,
        WebhookEndpointSecret,
    )

app = typer.Typer(no_args_is_help=True, help="Make, list, change and test the endpoints of webhooks.")

_TEST_SECONDS = 20.0
_POLL_SECONDS = 0.1
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Content(enum.StrEnum):
    """How a body is written."""

    JSON = "json"
    FORM = "form"


class Schema(enum.StrEnum):
    """The schemas that a receiver may know."""

    OLD = "0.5.0"
    LATEST = "latest"


EventOption = Annotated[
    list[Event] | None,
    typer.Option(
        "--event",
        metavar="NAME",
        help="Only this event; again for several. Without it all.",
        show_default=False,
    ),
]
AppOption = Annotated[
    str | None, typer.Option("--app", metavar="ID", help="Only events of this app.", show_default=False)
]
SchemaOption = Annotated[
    Schema | None,
    typer.Option(
        "--schema",
        help="The schema that the receiver knows: 0.5.0 leaves out every later field.",
        show_default=False,
    ),
]
ContentOption = Annotated[
    Content | None,
    typer.Option("--content-type", help="JSON, or a form with the JSON in 'payload'.", show_default=False),
]
DescriptionOption = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="What it is for.", show_default=False)
]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.", show_default=False)],
    *,
    event: EventOption = None,
    app_id: AppOption = None,
    content_type: ContentOption = None,
    thin: Annotated[
        bool, typer.Option("--thin", help="BUNDLE_RECEIVED with ids only, not with the bundle.")
    ] = False,
    schema: SchemaOption = None,
    description: DescriptionOption = None,
    json: Json = False,
) -> None:
    """Make an endpoint. Its secret, by which your program knows the sender, is shown this once."""
    from moonsense.client import Client
    from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

    endpoint = WebhookEndpoint(url=url, thin=thin)
    _set(endpoint, event, app_id, content_type, schema, description)
    with Client() as client:
        made = client.create_webhook_endpoint(endpoint)
    _show_secret(made, json=json)


@app.command("list")
def list_endpoints(*, json: Json = False) -> None:
    """List the endpoints of the project, oldest first. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.list_webhook_endpoints()
    if json:
        show_json_list(found)
        return
    if not found:
        note("no endpoints; make one: moonsense webhooks endpoints create URL")
        return
    columns = [
        Column("ENDPOINT", whole=True),
        Column("STATE", whole=True),
        Column("EVENTS", rank=2),
        Column("CREATED", rank=3),
        Column("URL"),
    ]
    rows = [
        (
            each.endpoint_id,
            _state(each),
            ", ".join(_events(each)) or "all",
            time_text(each.created_at),
            each.url,
        )
        for each in found
    ]
    show_table(columns, rows)
    for each in found:
        if each.disabled and each.notices:
            note(f"{each.endpoint_id}: {each.notices[0].title}")


@app.command()
def show(endpoint: EndpointId, *, json: Json = False) -> None:
    """Show one endpoint, with what the cloud has to say of it. Times are UTC."""
    from moonsense.client import Client

    with Client() as client:
        found = client.describe_webhook_endpoint(endpoint)
    if json:
        show_json(found)
    else:
        _show(found)


@app.command()
def update(
    endpoint: EndpointId,
    *,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where events are sent to.", show_default=False)
    ] = None,
    event: EventOption = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="Every event again.")] = False,
    app_id: AppOption = None,
    content_type: ContentOption = None,
    thin: Annotated[
        bool | None,
        typer.Option(
            "--thin/--full", help="BUNDLE_RECEIVED with ids only, or with the bundle.", show_default=False
        ),
    ] = None,
    schema: SchemaOption = None,
    description: DescriptionOption = None,
    on: Annotated[
        bool | None,
        typer.Option("--on/--off", help="Whether anything is sent to it.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Change an endpoint; what is not given stays as it is."""
    from moonsense.client import Client

    if event and all_events:
        raise typer.BadParameter("--event and --all-events contradict each other")
    with Client() as client:
        changed = client.describe_webhook_endpoint(endpoint)
        if event or all_events:
            del changed.events[:]
        _set(changed, event, app_id, content_type, schema, description)
        if url is not None:
            changed.url = url
        if thin is not None:
            changed.thin = thin
        if on is not None:
            changed.disabled = not on
        changed = client.update_webhook_endpoint(changed)
    if json:
        show_json(changed)
    else:
        _show(changed)


@app.command()
def delete(endpoint: EndpointId) -> None:
    """Delete an endpoint, with what waits for it and what was sent to it."""
    from moonsense.client import Client

    with Client() as client:
        client.delete_webhook_endpoint(endpoint)
    note(f"endpoint {endpoint} is gone")


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a length of time such as 0s, 30m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@app.command("rotate-secret")
def rotate_secret(
    endpoint: EndpointId,
    *,
    overlap: Annotated[
        timedelta | None,
        typer.Option(
            parser=_duration,
            metavar="TIME",
            help="How long the secret before signs too: 0s, 30m, 7d. Without it 24h.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Give an endpoint a new secret, shown this once; for a while the one before signs too."""
    from moonsense.client import Client

    with Client() as client:
        made = client.rotate_webhook_secret(endpoint, overlap=overlap)
    _show_secret(made, json=json)


@app.command("test")
def send_test(
    endpoint: EndpointId,
    *,
    event: Annotated[
        Event, typer.Option("--event", metavar="NAME", help="Which event.")
    ] = Event.SESSION_CREATED,
    session: Annotated[
        str,
        typer.Option("--session", metavar="ID", help="The session that it is about.", show_default=False),
    ] = "",
    json: Json = False,
) -> None:
    """Send an endpoint an event that nothing happened for, and show how the first try went."""
    from moonsense.client import Client

    with Client() as client:
        made = client.test_webhook_endpoint(endpoint, event.value, session_id=session)
        tried = first_try(client, made)
    if json:
        show_json(tried)
    else:
        show_delivery(tried)
    if not delivered(tried):
        raise typer.Exit(1)


def first_try(client: Client, made: WebhookDelivery) -> WebhookDelivery:
    """A delivery once it was tried, or as it is when that takes too long."""
    deadline = time.monotonic() + _TEST_SECONDS
    while True:
        found = client.describe_webhook_delivery(made.delivery_id)
        if found.attempts or time.monotonic() > deadline:
            return found
        time.sleep(_POLL_SECONDS)


def delivered(delivery: WebhookDelivery) -> bool:
    """Whether the endpoint took it."""
    return delivery.state == delivery.DELIVERED


def _set(
    endpoint: WebhookEndpoint,
    events: list[Event] | None,
    app_id: str | None,
    content_type: Content | None,
    schema: Schema | None,
    description: str | None,
) -> None:
    """Put what was given on the command line into an endpoint."""
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes

    if events:
        endpoint.events.extend(WebhookEventTypes.Value(event.value) for event in dict.fromkeys(events))
    if app_id is not None:
        endpoint.app_id = app_id
    if content_type is not None:
        endpoint.content_type = endpoint.ContentType.Value(content_type.name)
    if schema is not None:
        endpoint.schema_version = schema.value
    if description is not None:
        endpoint.description = description


def _show_secret(made: WebhookEndpointSecret, *, json: bool) -> None:
    if json:
        show_json(made)
        return
    _show(made.endpoint, ("secret", made.secret))
    note("\nThe secret is not shown again. Your program verifies with it: moonsense.webhooks.verify")


def _show(endpoint: WebhookEndpoint, *more: tuple[str, str]) -> None:
    rows = [
        ("endpoint", endpoint.endpoint_id),
        ("url", endpoint.url),
        ("state", _state(endpoint)),
        ("events", ", ".join(_events(endpoint)) or "all"),
        ("app", endpoint.app_id or "all"),
        ("body", endpoint.ContentType.Name(endpoint.content_type).lower()),
        ("bundles", "ids only" if endpoint.thin else "in full"),
        ("schema", endpoint.schema_version or Schema.LATEST.value),
        ("about", endpoint.description),
        ("created", time_text(endpoint.created_at)),
        ("two secrets until", time_text(endpoint.rotating_until)),
        *((time_text(each.created_at), f"{each.title}. {each.description}") for each in endpoint.notices),
        *more,
    ]
    show_table([Column(""), Column("", whole=True)], [row for row in rows if row[1]])


def _state(endpoint: WebhookEndpoint) -> str:
    if endpoint.disabled:
        return "off"
    return (
        f"failing since {time_text(endpoint.failing_since)}" if endpoint.HasField("failing_since") else "on"
    )


def _events(endpoint: WebhookEndpoint) -> list[str]:
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes

    return [WebhookEventTypes.Name(number) for number in endpoint.events]
