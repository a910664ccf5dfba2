"""Webhooks wake a consumer; without them, doubled or shuffled, the same comes of it."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.consumer import Consumer, SqliteCheckpoints
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint
from moonsense.webhooks import WebhookReceiver

Eventually = Callable[..., Any]
HOUR = 3600.0


def test_webhooks_of_the_cloud_wake_it(
    recording, reading: Client, sealing_cloud: EmbeddedCloud, eventually: Eventually
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = reading.create_webhook_endpoint(WebhookEndpoint(url=f"http://127.0.0.1:{port}/"))
    receiver = WebhookReceiver(":memory:", made.secret)
    done: list[tuple[str, int]] = []
    with SqliteCheckpoints(":memory:") as store, receiver.server(port=port):
        consumer = Consumer(
            reading,
            checkpoints=store,
            start="beginning",
            client_session_group_id=recording.group,
            receiver=receiver,
            poll=HOUR,
        )

        def handler(session: Any, chunk: Any, bundles: Any) -> None:
            done.append((session.session_id, len(bundles)))

        thread = threading.Thread(target=consumer.run, args=(handler,))
        thread.start()
        try:
            for _ in range(2):
                session = recording.open()
                recording.send(session, 5)
                eventually(lambda at=session: (at, 5) in done)
                recording.send(session, 3)
                eventually(lambda at=session: (at, 3) in done)
        finally:
            end(consumer, thread)
            reading.delete_webhook_endpoint(made.endpoint.endpoint_id)
            receiver.close()
    assert len(done) == 4


actions = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, 2), st.integers(1, 9)),
        st.tuples(st.just("wake"), st.integers(0, 2), st.integers(1, 3)),
        st.tuples(st.just("wake all"), st.just(0), st.just(1)),
        st.tuples(st.just("run once"), st.just(0), st.just(1)),
    ),
    min_size=3,
    max_size=12,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=actions, order=st.randoms(use_true_random=False), lost=st.floats(0, 1))
def test_whatever_becomes_of_webhooks_the_result_is_the_same(
    recording, reading: Client, eventually: Eventually, plan: list, order: Any, lost: float
) -> None:
    recording.group = f"waking {recording.open()}"
    sessions = [recording.open() for _ in range(3)]
    seen: list[tuple[str, str, tuple[int, ...]]] = []

    def handler(session: Any, chunk: Any, bundles: Any) -> None:
        indexes = tuple(sealed.bundle.index for sealed in bundles)
        seen.append((session.session_id, chunk.chunk_id, indexes))

    with SqliteCheckpoints(":memory:") as store:
        consumer = Consumer(
            reading,
            checkpoints=store,
            start="beginning",
            client_session_group_id=recording.group,
            poll=HOUR,
            parallel=3,
        )
        thread = threading.Thread(target=consumer.run, args=(handler,))
        thread.start()
        waiting: list[str] = []
        try:
            for what, at, count in plan:
                if what == "record":
                    recording.send(sessions[at], count)
                    # Webhooks of it, which come at some time, twice, or never.
                    waiting += [sessions[at]] * (0 if order.random() < lost else order.choice((1, 2)))
                    order.shuffle(waiting)
                elif what == "wake":
                    for _ in range(count):
                        consumer.wake(sessions[at])
                elif what == "wake all":
                    while waiting:
                        consumer.wake(waiting.pop())
                else:
                    end(consumer, thread)
                    consumer.run(handler, once=True)
                    thread = threading.Thread(target=consumer.run, args=(handler,))
                    thread.start()
            for session in sessions:
                recording.send(session, 1, final=True)
        finally:
            end(consumer, thread)
        # All that is left is found by lists alone.
        eventually(lambda: consumer.run(handler, once=True) and _bundles(seen) == _sent(recording, sessions))
        assert Counter(chunk for _, chunk, _ in seen).most_common(1)[0][1] == 1
        for session in sessions:
            in_order = [index for at, _, indexes in seen if at == session for index in indexes]
            assert in_order == list(range(1, recording.sent[session] + 1))
        status = consumer.status()
    assert (status.lag_chunks, status.dead) == (0, 0)


def end(consumer: Consumer, thread: threading.Thread) -> None:
    """Stop a run, also one whose thread has not come to it yet."""
    deadline = time.monotonic() + 30
    while thread.is_alive():
        assert time.monotonic() < deadline
        consumer.stop()
        thread.join(0.05)


def _bundles(seen: list[tuple[str, str, tuple[int, ...]]]) -> Counter[str]:
    return Counter({at: sum(len(i) for a, _, i in seen if a == at) for at, _, _ in seen})


def _sent(recording: Any, sessions: list[str]) -> Counter[str]:
    return Counter({session: recording.sent[session] for session in sessions})
