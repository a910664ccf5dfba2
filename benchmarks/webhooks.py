"""Delivering webhooks: how many a second, and how long each takes beside endpoints that never answer."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2

from benchmarks.bare import PATH
from benchmarks.material import ROOT, Material, to_record
from benchmarks.report import Table
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec.json import write
from moonsense.models import SealedBundle, Session, WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookEndpoint

HEALTHY = 25
BLACK_HOLES = 25

_BATCH = 50
_SECONDS = 120.0
_PACE_SECONDS = 0.5


def measure(folder: Path, bundles: int, sessions: int) -> list[Table]:
    """So many bundles to one endpoint, in full and as ids; so many sessions to many endpoints."""
    with (
        EmbeddedCloud(folder) as cloud,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as client,
        Client(cloud.public_token, cloud.root_domain, "http", "") as recorder,
        _receiver() as url,
    ):
        return [
            _throughput(client, recorder, url, to_record(), bundles),
            _isolation(client, recorder, url, sessions),
        ]


def _throughput(client: Client, recorder: Client, url: str, material: Material, bundles: int) -> Table:
    plain = bundles / _plain_loop(url, material, bundles)
    print(f"  a plain loop: {plain:,.0f}/s", flush=True)
    rows = [("a loop of `httpx2` on one connection, the bodies made before", f"{plain:,.0f}", "1.0")]
    for name, thin in (("in full", False), ("ids only", True)):
        wanted = WebhookEndpoint(url=url, thin=thin, events=[WebhookEventTypes.BUNDLE_RECEIVED])
        with _endpoints(client, [wanted]):
            session_id = recorder.create_session(Session()).session_id
            made = list(material.session(bundles))
            for start in range(0, bundles, _BATCH):
                recorder.send_bundles(session_id, made[start : start + _BATCH])
            found = _delivered(client, bundles)
        rate = bundles / _lasted(found)
        print(f"  delivered {name}: {rate:,.0f}/s", flush=True)
        rows.append((f"this cloud, {name}", f"{rate:,.0f}", f"{rate / plain:,.1f}"))
    return Table(
        title="Delivering webhooks",
        text=f"BUNDLE_RECEIVED for {bundles:,} bundles ({material.name}) to one endpoint in a process of its "
        "own, signed, with every try written down, from the first event to the last answer. Beside it a "
        "loop that posts the same bodies and does nothing else.",
        headings=("sender", "deliveries/s", "share"),
        rows=rows,
    )


def _plain_loop(url: str, material: Material, bundles: int) -> float:
    """Seconds that it takes to post bodies one after the other."""
    bodies = [
        write(
            WebhookPayload(event_type=WebhookEventTypes.BUNDLE_RECEIVED, bundle=SealedBundle(bundle=bundle))
        )
        for bundle in material.session(bundles)
    ]
    with httpx2.Client() as client:
        client.post(url, content=bodies[0])
        started = time.perf_counter()
        for body in bodies:
            client.post(url, content=body).raise_for_status()
        return time.perf_counter() - started


def _isolation(client: Client, recorder: Client, url: str, sessions: int) -> Table:
    healthy = [WebhookEndpoint(url=f"{url}?{number}") for number in range(HEALTHY)]
    rows = []
    for name, holes in (("alone", 0), (f"beside {BLACK_HOLES} that never answer", BLACK_HOLES)):
        with _black_hole() as hole:
            dead = [WebhookEndpoint(url=f"{hole}/{number}") for number in range(holes)]
            for wanted in (*healthy, *dead):
                wanted.events[:] = [WebhookEventTypes.SESSION_CREATED]
            with _endpoints(client, [*dead, *healthy]) as ids:
                for _ in range(sessions):
                    recorder.create_session(Session())
                    time.sleep(_PACE_SECONDS)  # as events come, not as fast as they can be made
                alive = set(ids[holes:])
                found = _delivered(client, sessions * HEALTHY, alive)
        took = sorted(
            (each.finished_at.ToMicroseconds() - each.created_at.ToMicroseconds()) / 1e3 for each in found
        )
        middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
        print(f"  {HEALTHY} endpoints {name}: median {middle:.1f} ms, p99 {late:.1f} ms", flush=True)
        rows.append((f"{HEALTHY} endpoints {name}", f"{middle:.1f} ms", f"{late:.1f} ms"))
    return Table(
        title="Webhooks beside dead endpoints",
        text=f"SESSION_CREATED of {sessions} sessions, {1 / _PACE_SECONDS:.0f} a second, to each of "
        f"{HEALTHY} endpoints that answer: the time from the event to the answer.",
        headings=("endpoints", "median", "99 %"),
        rows=rows,
    )


def _lasted(found: Sequence[WebhookDelivery]) -> float:
    """Seconds from the first event to the last answer."""
    first = min(each.created_at.ToMicroseconds() for each in found)
    return (max(each.finished_at.ToMicroseconds() for each in found) - first) / 1e6


def _delivered(client: Client, count: int, endpoints: set[str] | None = None) -> list[WebhookDelivery]:
    """So many deliveries, once all of them are delivered."""
    deadline = time.monotonic() + _SECONDS
    while True:
        # A list of one, so that watching takes next to nothing from what is watched.
        waiting = client.list_webhook_deliveries(state="WAITING", limit=1)
        if endpoints is not None or next(waiting, None) is None:
            found = [
                each
                for each in client.list_webhook_deliveries(state="DELIVERED")
                if endpoints is None or each.endpoint_id in endpoints
            ]
            if len(found) >= count:
                return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {count} webhooks are delivered after {_SECONDS:.0f} s")
        time.sleep(0.5)


@contextlib.contextmanager
def _endpoints(client: Client, wanted: Sequence[WebhookEndpoint]) -> Iterator[list[str]]:
    """Endpoints that are gone afterwards, with their deliveries."""
    ids = [client.create_webhook_endpoint(each).endpoint.endpoint_id for each in wanted]
    try:
        yield ids
    finally:
        for endpoint_id in ids:
            client.delete_webhook_endpoint(endpoint_id)


@contextlib.contextmanager
def _receiver() -> Iterator[str]:
    """A server that reads bodies and answers, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}{PATH}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def _black_hole() -> Iterator[str]:
    """Connections are made, and nobody ever answers on them."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
