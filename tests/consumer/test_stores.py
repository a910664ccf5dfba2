"""What every store of checkpoints holds to."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from moonsense.consumer import Checkpoints
from moonsense.consumer.checkpoints import Backlog, Failure, Found, Lease, Outcome, State
from moonsense.errors import CheckpointError, ConfigurationError, LeaseLostError

Open = Callable[[], Checkpoints]
NAME = "steps"
LONG = 3600.0


def found(session_id: str = "s1", total: int = 10) -> Found:
    return Found(session_id, 1_000, total, b"document")


def take(store: Checkpoints, owner: str = "me", seconds: float = LONG) -> Lease:
    lease = store.take(NAME, owner, seconds)
    assert lease is not None
    return lease


def done(store: Checkpoints, lease: Lease, chunk_id: str, bundles: int = 5, left: int = 0) -> None:
    with store.transaction(lease) as transaction:
        transaction.done(Outcome(chunk_id, 1, bundles, Backlog(left, 1 if left else None)))


def failure(chunk_id: str, attempts: int, pause: int | None, bundles: int = 5) -> Failure:
    trace = "Traceback\0 \udc80"
    return Failure(chunk_id, 7, bundles, attempts, pause, "ValueError: no", trace, Backlog(1, 7))


@pytest.fixture(autouse=True)
def _begun(store: Checkpoints) -> None:
    store.begin(NAME, "beginning", None)


def test_the_first_start_stays(store: Checkpoints) -> None:
    assert store.begin("late", "now", 5) == 5
    assert store.begin("late", "now", 9) == 5
    with pytest.raises(ConfigurationError, match="another name"):
        store.begin("late", "beginning", None)


def test_a_session_is_taken_by_one(store: Checkpoints) -> None:
    assert store.take(NAME, "me", LONG) is None
    assert store.next_due(NAME) is None
    assert store.found(NAME, [found()]) == 1
    assert store.found(NAME, [found()]) == 0
    assert store.next_due(NAME) == 0
    lease = take(store)
    assert (lease.session_id, lease.document) == ("s1", b"document")
    assert store.take(NAME, "other", LONG) is None
    assert 0 < (store.next_due(NAME) or 0) <= LONG
    store.release(lease, 0, settle=False)
    assert take(store, "other").fence > lease.fence


def test_consumers_of_one_store_do_not_meet(store: Checkpoints) -> None:
    store.begin("another", "beginning", None)
    store.found(NAME, [found()])
    assert store.take("another", "me", LONG) is None
    assert [status.sessions for status in store.status()] == [0, 1]


def test_the_session_that_waited_longest_comes_first(store: Checkpoints) -> None:
    for session_id in ("a", "b", "c"):
        store.found(NAME, [found(session_id)])
    first = take(store, "1")
    store.release(first, 0, settle=False)
    assert [take(store, owner).session_id for owner in "123"] == ["b", "c", "a"]


def test_a_lease_that_ran_out_commits_nothing(store: Checkpoints) -> None:
    store.found(NAME, [found()])
    old = take(store, "sleeper", seconds=0)
    new = take(store, "waker")
    assert new.fence > old.fence
    done(store, new, "c1")
    for late in (
        lambda: done(store, old, "c1"),
        lambda: done(store, old, "c2"),
        lambda: store.asked(old, Backlog(3, 1)),
        lambda: store.failed(old, failure("c2", 1, None)),
        lambda: store.release(old, 0, settle=True),
        lambda: store.forget(old),
    ):
        with pytest.raises(LeaseLostError):
            late()
    assert {chunk: record.state for chunk, record in store.chunks(new).items()} == {"c1": State.DONE}
    (status,) = store.status(NAME)
    assert (status.processed, status.lag_chunks, status.dead, status.working) == (1, 0, 0, 1)


def test_a_chunk_is_done_once_whatever_the_lease_says(store: Checkpoints) -> None:
    store.found(NAME, [found()])
    lease = take(store)
    done(store, lease, "c1")
    with pytest.raises(LeaseLostError):
        done(store, lease, "c1")
    assert store.status(NAME)[0].processed == 1


def test_leases_are_prolonged_and_let_go(store: Checkpoints) -> None:
    store.found(NAME, [found()])
    take(store, seconds=0)
    store.renew(["me", "nobody"], LONG)
    assert store.take(NAME, "other", LONG) is None
    # The same owner asks anew: it holds nothing any more.
    assert take(store).session_id == "s1"


def test_a_session_settles_when_all_its_bundles_are_done(store: Checkpoints) -> None:
    store.found(NAME, [found(total=10)])
    lease = take(store)
    done(store, lease, "c1")
    store.release(lease, 0, settle=True)
    lease = take(store)
    done(store, lease, "c2")
    store.release(lease, 0, settle=True)
    assert store.next_due(NAME) is None
    assert store.status(NAME)[0].waiting == 0
    assert store.found(NAME, [found(total=11)]) == 1
    assert take(store).session_id == "s1"


def test_a_session_without_counters_never_settles(store: Checkpoints) -> None:
    store.found(NAME, [found(total=-1)])
    lease = take(store)
    store.release(lease, 5, settle=True)
    assert 0 < (store.next_due(NAME) or 0) <= 5


def test_what_grew_to_what_is_done_already_is_not_asked(store: Checkpoints) -> None:
    store.found(NAME, [found(total=5)])
    lease = take(store)
    done(store, lease, "c1")
    store.release(lease, 0, settle=True)
    store.found(NAME, [found(total=4)])
    lease = take(store)
    store.release(lease, LONG, settle=True)
    store.found(NAME, [found(total=5)])
    assert store.next_due(NAME) is not None


def test_growth_brings_a_far_time_near(store: Checkpoints) -> None:
    store.found(NAME, [found(total=5)])
    store.release(take(store), LONG, settle=True)
    store.found(NAME, [found(total=6)])
    lease = take(store)
    store.release(lease, 20, settle=True)
    store.found(NAME, [found(total=7)])
    assert 0 < (store.next_due(NAME) or 0) <= 20


def test_a_wake_during_the_work_is_not_lost(store: Checkpoints) -> None:
    store.found(NAME, [found(total=0)])
    lease = take(store)
    assert store.wake(NAME, ["s1", "s2"]) == ["s2"]
    store.release(lease, LONG, settle=True)
    assert store.next_due(NAME) == 0


def test_all_that_is_planned_is_woken(store: Checkpoints) -> None:
    store.found(NAME, [found("far"), found("settled", 0)])
    for _ in range(2):
        store.release(take(store), LONG, settle=True)
    assert (store.next_due(NAME) or 0) > 0
    assert store.wake(NAME) == []
    assert take(store, "1").session_id == "far"
    assert store.take(NAME, "2", LONG) is None


def test_tries_are_counted_until_the_chunk_is_dead(store: Checkpoints) -> None:
    store.found(NAME, [found(total=5)])
    lease = take(store)
    store.failed(lease, failure("c1", 1, 60_000_000))
    record = store.chunks(lease)["c1"]
    assert (record.state, record.attempts) == (State.FAILED, 1)
    assert 0 < record.wait <= 60_000_000
    assert store.status(NAME)[0].lag_chunks == 1
    store.release(lease, 0, settle=True)  # a chunk that is tried again is not done
    lease = take(store)
    store.failed(lease, failure("c1", 2, None))
    (letter,) = store.dead_letters(NAME)
    assert (letter.session_id, letter.chunk_id, letter.attempts) == ("s1", "c1", 2)
    assert letter.error == "ValueError: no"
    assert letter.traceback == "Traceback\\0 \\udc80"
    assert store.dead_letters("another") == []
    assert store.status(NAME)[0].dead == 1


def test_a_dead_letter_is_tried_anew(store: Checkpoints) -> None:
    store.found(NAME, [found(total=5)])
    lease = take(store)
    store.failed(lease, failure("c1", 5, None))
    store.asked(lease, Backlog())
    store.release(lease, 0, settle=True)
    assert store.next_due(NAME) is None
    assert store.retry(NAME, ["c2"]) == []
    assert store.retry(NAME, ["c1"]) == ["c1"]
    assert store.retry(NAME) == []
    assert store.dead_letters() == []
    lease = take(store)
    record = store.chunks(lease)["c1"]
    assert (record.state, record.attempts) == (State.FAILED, 0)
    assert record.wait <= 0
    done(store, lease, "c1")
    store.release(lease, 0, settle=True)
    assert store.next_due(NAME) is None


def test_a_chunk_is_left_out(store: Checkpoints) -> None:
    store.found(NAME, [found(total=10)])
    lease = take(store)
    store.failed(lease, failure("c1", 5, None))
    store.failed(lease, failure("c2", 1, 0))
    assert store.skip(NAME) == ["c1"]
    assert store.skip(NAME, ["c2"]) == ["c2"]
    assert store.dead_letters() == []
    assert {record.state for record in store.chunks(lease).values()} == {State.SKIPPED}
    with pytest.raises(LeaseLostError):
        done(store, lease, "c2")
    store.asked(lease, Backlog())
    store.release(lease, 0, settle=True)
    lease = take(store)  # skipping stirred it
    store.release(lease, 0, settle=True)
    assert store.next_due(NAME) is None


def test_a_deleted_session_is_forgotten(store: Checkpoints) -> None:
    store.found(NAME, [found()])
    lease = take(store)
    done(store, lease, "c1")
    store.failed(lease, failure("c2", 5, None))
    store.forget(lease)
    (status,) = store.status(NAME)
    assert (status.sessions, status.processed, status.dead) == (0, 0, 0)


def test_a_transaction_that_raises_leaves_nothing(store: Checkpoints) -> None:
    if not store.transactional:
        pytest.skip("it has none")
    store.found(NAME, [found()])
    lease = take(store)
    with store.transaction(lease) as transaction:
        transaction.connection.execute("CREATE TABLE sink (chunk TEXT)")
        transaction.done(Outcome("c0", 1, 1, Backlog()))

    def write(chunk: str, *, raising: Exception | None, lease: Lease = lease) -> None:
        with store.transaction(lease) as transaction:
            transaction.connection.execute(f"INSERT INTO sink VALUES ('{chunk}')")
            if raising is not None:
                raise raising
            transaction.done(Outcome(chunk, 1, 1, Backlog()))

    with pytest.raises(KeyError):
        write("c1", raising=KeyError())
    write("c2", raising=None)
    stolen = Lease(NAME, "s1", lease.fence - 1, 0, 0, b"")
    with pytest.raises(LeaseLostError):
        write("c3", raising=None, lease=stolen)
    with store.transaction(lease) as transaction:
        rows = transaction.connection.execute("SELECT chunk FROM sink").fetchall()
    assert [row[0] for row in rows] == ["c2"]


def test_many_take_at_the_same_time(store: Checkpoints) -> None:
    store.found(NAME, [found(f"s{number}") for number in range(40)])
    taken: list[str] = []

    def work(owner: str) -> None:
        while (lease := store.take(NAME, owner, LONG)) is not None:
            taken.append(lease.session_id)
            done(store, lease, f"of {lease.session_id}")
            store.release(lease, LONG, settle=False)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted({f"s{number}" for number in range(40)})


def test_what_was_done_outlives_the_process(store: Checkpoints, open_store: Open) -> None:
    store.found(NAME, [found(total=20)])
    lease = take(store)
    done(store, lease, "c1", bundles=6)
    store.failed(lease, failure("c2", 5, None, bundles=7))
    store.failed(lease, failure("c3", 5, None, bundles=3))
    store.failed(lease, failure("c4", 2, 1))
    store.retry(NAME, ["c3"])
    before = store.dead_letters()
    store.close()
    again = open_store()
    assert again.begin(NAME, "beginning", None) is None
    with pytest.raises(ConfigurationError, match="began with start='beginning'"):
        again.begin(NAME, "now", 5)
    again.found(NAME, [found(total=20)])
    lease = take(again)
    assert {chunk: (record.state, record.attempts) for chunk, record in again.chunks(lease).items()} == {
        "c1": (State.DONE, 0),
        "c2": (State.DEAD, 5),
        "c3": (State.FAILED, 0),
        "c4": (State.FAILED, 2),
    }
    assert again.dead_letters() == before
    # All that is done, 13 bundles, counts: with 7 more it settles.
    done(again, lease, "c5", bundles=7)
    again.release(lease, 0, settle=True)
    if again.next_due(NAME) is not None:  # it was stirred by retry
        again.release(take(again), 0, settle=True)
    assert again.next_due(NAME) is None


def test_a_closed_store_says_so(store: Checkpoints) -> None:
    store.close()
    store.close()
    with pytest.raises(CheckpointError, match="closed"):
        store.next_due(NAME)
