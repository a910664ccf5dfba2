"""``moonsense webhooks listen`` and ``trigger``: see events while they happen, and make one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from moonsense.cli.options import Json
from moonsense.cli.output import complain, note, show_json_list, write
from moonsense.cli.webhooks.deliveries import show_delivery
from moonsense.cli.webhooks.endpoints import delivered, first_try
from moonsense.cli.webhooks.options import Event

if TYPE_CHECKING:
    from moonsense.cli.webhooks.listener import Arrival, Listener
    from moonsense.client import Client
    from moonsense.models.data_plane_v2_pb2 import WebhookPayload
    from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

_LOOK_SECONDS = 2.0
"""How often the cloud is asked whether it is there and got rid of everything."""

_LOOK_LONGEST_SECONDS = 5.0

_DESCRIPTION = "moonsense webhooks listen"


def _events(names: Sequence[str]) -> list[Event]:
    events = []
    for name in (part.strip() for text in names for part in text.split(",")):
        if name.upper() not in Event.__members__:
            raise typer.BadParameter(f"{name!r} is no event; there are {', '.join(Event)}")
        events.append(Event[name.upper()])
    return list(dict.fromkeys(events))


def _url(text: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_one:
        raise typer.BadParameter(f"{text!r} is not an address such as http://127.0.0.1:8000/webhooks")
    return parts.geturl()


def listen(
    *,
    forward_to: Annotated[
        str | None,
        typer.Option(
            "--forward-to",
            parser=_url,
            metavar="URL",
            help="Send each delivery on to this application, as it came.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events",
            "--event",
            metavar="NAMES",
            help="Only these, with commas between, or given several times. Without it all.",
            show_default=False,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="ID",
            help="Listen as this endpoint, which stays: what happens in between comes the next time.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 0,
    url: Annotated[
        str | None,
        typer.Option(
            parser=_url,
            metavar="URL",
            help="Where the cloud reaches this, if not at that address: that of a tunnel or a proxy.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show events while they happen, until Ctrl-C. Times are UTC.

    Makes an endpoint on the cloud, and deletes it at the end.

    The cloud gets the application's answer. What failed while either was
    away is sent again as soon as it is back.
    """
    from moonsense.cli.webhooks.listener import Listener
    from moonsense.client import Client
    from moonsense.webhooks.server import WebhookServer

    wanted = _events(events or ())
    listener = Listener(forward_to, _show_json if json else _show)
    with (
        Client() as client,
        _stopping() as stop,
        WebhookServer(listener, host, port) as server,
        _registered(client, endpoint, url or server.url, wanted, listener) as endpoint_id,
    ):
        _watch(client, endpoint_id, listener, stop)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a polite kill set, so that what was begun is finished."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _registered(
    client: Client, endpoint_id: str | None, url: str, events: Sequence[Event], listener: Listener
) -> Iterator[str]:
    """An endpoint that sends to us: one of its own, deleted in the end, or one that is there already."""
    from moonsense.contract import environment
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes
    from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

    numbers = [WebhookEventTypes.Value(event.value) for event in events]
    secret = ""  # one that nobody has seen yet
    if endpoint_id is None:
        wanted = WebhookEndpoint(url=url, events=numbers, description=_DESCRIPTION)
        made = client.create_webhook_endpoint(wanted)
        endpoint, secret = made.endpoint, made.secret
        listener.use([secret])
    else:
        known = os.environ.get(environment.WEBHOOK_SECRET, "").split()
        if not known:
            # For a day the secret before signs too, which the application may still have.
            secret = client.rotate_webhook_secret(endpoint_id).secret
        endpoint = client.describe_webhook_endpoint(endpoint_id)
        endpoint.url, endpoint.disabled = url, False
        endpoint.events[:] = numbers or endpoint.events[:]
        listener.use(known or [secret])
        endpoint = client.update_webhook_endpoint(endpoint)
        client.resend_webhook_deliveries(endpoint_id=endpoint_id, failed=True)
    try:
        _introduce(endpoint, secret)
        yield endpoint.endpoint_id
    finally:
        if endpoint_id is None:
            _delete(client, endpoint.endpoint_id)


def _introduce(endpoint: WebhookEndpoint, secret: str) -> None:
    from moonsense.contract import environment

    note(f"endpoint {endpoint.endpoint_id} listens at {endpoint.url}; Ctrl-C ends it")
    if secret:
        note(f"its deliveries are signed with this secret:\n\nexport {environment.WEBHOOK_SECRET}={secret}\n")


def _delete(client: Client, endpoint_id: str) -> None:
    from moonsense.errors import RequestError

    try:
        client.delete_webhook_endpoint(endpoint_id)
    except RequestError as error:
        complain("error", f"the endpoint is still there: {error}")
        complain("try", f"moonsense webhooks endpoints delete {endpoint_id}")


def _watch(client: Client, endpoint_id: str, listener: Listener, stop: threading.Event) -> None:
    """Have the cloud send again what failed, as soon as it can succeed. Returns when ``stop`` is set.

    A cloud tries again by itself, but after pauses that grow to hours.
    """
    from moonsense.errors import ConnectionFailed, RateLimitError, RequestTimeout, ServerError

    lost = False
    # One try, and no long one: the next look is near, and Ctrl-C waits for it.
    client = client.with_options(tries=1, deadline=_LOOK_LONGEST_SECONDS)
    while not stop.wait(_LOOK_SECONDS):
        try:
            endpoint = client.describe_webhook_endpoint(endpoint_id)
            # Failing, and not because the application refuses what it gets.
            failing = endpoint.HasField("failing_since") and not listener.refused
            again = lost or failing or endpoint.disabled or listener.came_back()
            if endpoint.disabled:
                note("the cloud had switched the endpoint off; it is on again")
                endpoint.disabled = False
                client.update_webhook_endpoint(endpoint)
            if again:
                count = client.resend_webhook_deliveries(endpoint_id=endpoint_id, failed=True)
                if lost:
                    note("the cloud is back")
                if count:
                    note(f"sent again, having failed: {count}")
            lost = False
        except (ConnectionFailed, RequestTimeout, ServerError, RateLimitError) as error:
            if not lost:
                note(f"the cloud is away ({error}); what happens meanwhile comes when it is back")
            lost = True


def _show(arrival: Arrival) -> None:
    from moonsense.cli.webhooks.listener import outcome

    at = datetime.fromtimestamp(arrival.timestamp, UTC)
    parts = [
        f"{at:%H:%M:%S}",
        _name(arrival.payload).ljust(15),
        arrival.payload.session_id.ljust(22),
        *([text] if (text := _contents(arrival.payload)) else []),
        *(["(again)"] if arrival.repeat else []),
        *([f"-> {text}"] if (text := outcome(arrival)) else []),
    ]
    typer.echo("  ".join(parts))


def _show_json(arrival: Arrival) -> None:
    import sys

    import orjson

    from moonsense.codec import json

    forwarded = None
    if arrival.status is not None:
        forwarded = {
            "status": arrival.status or None,
            "seconds": round(arrival.seconds, 6),
            "problem": arrival.problem or None,
        }
    shown = {
        "message_id": arrival.message_id,
        "timestamp": datetime.fromtimestamp(arrival.timestamp, UTC).isoformat(),
        "event": _name(arrival.payload),
        "repeat": arrival.repeat,
        "payload": orjson.Fragment(json.write(arrival.payload)),
        "forwarded": forwarded,
    }
    write(orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def _name(payload: WebhookPayload) -> str:
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes

    return WebhookEventTypes.Name(payload.event_type)


def _contents(payload: WebhookPayload) -> str:
    """What a bundle holds, in a few words."""
    from moonsense.contract.counters import count_items

    if not payload.HasField("bundle"):
        return ", ".join(payload.session_labels)
    bundle = payload.bundle.bundle
    items = ", ".join(f"{count} {name}" for name, count in count_items(bundle).items())
    return f"bundle {bundle.index}: {items or 'empty'}"


def trigger(
    event: Annotated[Event, typer.Argument(metavar="EVENT", help="Which event.", show_default=False)],
    *,
    session: Annotated[
        str,
        typer.Option("--session", metavar="ID", help="The session that it is about.", show_default=False),
    ] = "",
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="ID", help="Only to this endpoint.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Make an event that nothing happened for, for every endpoint that wants it; show how each took it.

    Without a session it is about one that is not there.
    """
    from moonsense.client import Client

    with Client() as client:
        targets = [endpoint] if endpoint else _wanting(client, event)
        if not targets:
            complain("error", f"there is no endpoint that wants {event}")
            complain("try", "moonsense webhooks listen, in another terminal")
            raise typer.Exit(4)
        made = [client.test_webhook_endpoint(each, event.value, session_id=session) for each in targets]
        tried = [first_try(client, each) for each in made]
    if json:
        show_json_list(tried)
    else:
        for each in tried:
            show_delivery(each)
    if not all(delivered(each) for each in tried):
        raise typer.Exit(1)


def _wanting(client: Client, event: Event) -> list[str]:
    from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes

    number = WebhookEventTypes.Value(event.value)
    return [
        each.endpoint_id
        for each in client.list_webhook_endpoints()
        if not each.disabled and (not each.events or number in each.events)
    ]
