"""The recorder: a session to write into, and the thread that sends it."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from moonsense.contract.limits import MAX_ITEMS_PER_BUNDLE
from moonsense.errors import RecordingError
from moonsense.models.bundle_v2_pb2 import Bundle, Clock
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionConfig, SessionMetadata
from moonsense.recorder._builder import BundleBuilder, Reading, device_clock
from moonsense.recorder._opening import session_to_open
from moonsense.recorder._outbox import NotStored, Outbox, Verdict, verdict

if TYPE_CHECKING:
    from moonsense.client import Client

logger = logging.getLogger("moonsense.recorder")

_ITEMS = MAX_ITEMS_PER_BUNDLE // 10
"""Readings after which a bundle is closed whatever its age: far below what a cloud takes in one."""

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
"""Seconds between attempts while the cloud cannot be reached, beside the client's own retries."""


class Recorder:
    """Records one session into a cloud.

        with Recorder(client, labels=["walk"]) as recorder:
            recorder.add("accelerometer", {"determined_at": now, "x": 0.1, "y": 9.8, "z": 0.3})

    Readings are collected into bundles, which are numbered from 1 and sent in
    batches by a thread of the recorder's own. ``flush`` and ``close`` wait
    until the cloud has everything, and raise RecordingError with what it does
    not have: nothing is dropped. A bundle whose answer was lost is sent again;
    the cloud stores it once, by its number. May be used from several threads.

    Attributes:
        session: the session as the cloud opened it.
    """

    def __init__(
        self,
        client: Client,
        *,
        session: Session | None = None,
        metadata: SessionMetadata | None = None,
        config: SessionConfig | None = None,
        labels: Iterable[str] = (),
        journey_id: str = "",
        client_session_group_id: str = "",
        install_id: str = "",
        client_user_id: str = "",
        bundle_interval: float | None = None,
        batch_bundles: int = 50,
        batch_interval: float = 1.0,
        max_waiting: int = 1_000,
        timeout: float = 30.0,
        clock: Callable[[], Clock] = device_clock,
    ) -> None:
        """Open a session in the cloud and begin to record.

        Args:
            client: with a token that records; it must stay open, and is not closed.
            session: what the session is to be; the arguments after it win.
            metadata: of the device.
            config: of the recording; its ``bundle_generation_interval_millis``
                is the bundles' length unless ``bundle_interval`` is given.
            labels: names of labels.
            journey_id: the journey that the session is part of.
            client_session_group_id: the older way to group sessions.
            install_id: names the installation of the recording app.
            client_user_id: names the user in the recording app's own words.
            bundle_interval: seconds of readings in one bundle, 1 without any other word.
            batch_bundles: bundles in one request at most.
            batch_interval: seconds that a bundle waits for others to go with it.
            max_waiting: bundles held in memory; with more, ``add`` waits.
            timeout: seconds that ``add``, ``flush`` and ``close`` wait for the cloud at most.
            clock: the device's clocks, stamped on each bundle when it is closed.

        Raises:
            MoonsenseError: the session could not be opened.
        """
        wanted = session_to_open(session, metadata, config, labels, journey_id, client_session_group_id)
        if bundle_interval is None:
            bundle_interval = (wanted.config.bundle_generation_interval_millis or 1_000) / 1_000
        self._client = client
        self._install_id = install_id or wanted.metadata.install_id
        self._client_user_id = client_user_id
        self._bundle_interval = bundle_interval
        self._batch_interval = batch_interval
        self._max_waiting = max_waiting
        self._timeout = timeout

        self.session = client.create_session(wanted)

        self._changed = threading.Condition()  # guards everything below
        self._builder = BundleBuilder(clock)
        self._outbox = Outbox(batch_bundles)
        self._next_index = 1
        self._begun = 0.0  # when the present bundle got its first reading
        self._oldest = 0.0  # when the outbox got its first bundle
        self._waiting = 0  # how many calls wait for the outbox to get smaller
        self._failure: Exception | None = None  # the latest one
        self._over = False  # the thread sends no more
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="moonsense-recorder", daemon=True)
        self._thread.start()
        # A program that ends without closing has its readings sent all the same.
        atexit.register(self._close_at_exit)

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.session.session_id

    @property
    def sent(self) -> int:
        """How many bundles the cloud has."""
        with self._changed:
            return self._outbox.sent

    @property
    def unsent(self) -> list[Bundle]:
        """The bundles that are finished and that the cloud has not confirmed, in order."""
        with self._changed:
            return self._outbox.unsent

    def add(self, kind: str, items: Reading | Iterable[Reading]) -> None:
        """Record readings of one kind.

        Args:
            kind: as the counters of a session name it, such as ``accelerometer``,
                ``pointer`` or ``battery``.
            items: a message of that kind, a dict of its fields, or several of them.

        Raises:
            ValueError, TypeError: an item is no reading of that kind; none was added.
            RecordingError: too much waits to be sent, and the cloud did not take
                it in time; none was added.
        """
        messages = self._builder.parse(kind, items)
        with self._changed:
            self._check_open()
            if not messages:
                return
            if self._is_due() or not self._builder.takes(kind):
                self._make_room()
                self._check_open()
                # Another thread may have begun a bundle meanwhile.
                if self._builder.items:
                    self._cut()
            if self._builder.items == 0:
                self._begun = time.monotonic()
                self._changed.notify_all()
            self._builder.add(kind, messages)

    def add_bundle(self, bundle: Bundle) -> int:
        """Record a whole bundle behind what was added before. It is copied.

        Returns:
            Its number, which takes the place of its ``index``.

        Raises:
            RecordingError: too much waits to be sent; the bundle was not added.
        """
        copy = Bundle()
        copy.CopyFrom(bundle)
        with self._changed:
            self._check_open()
            self._make_room()
            self._check_open()
            if self._builder.items:
                self._cut()
            index = self._next_index
            self._put(self._builder.finish(copy, index))
            return index

    def flush(self) -> None:
        """Close the present bundle and wait until the cloud has everything added so far.

        Raises:
            RecordingError: it does not, in the time given or for good. What it
                will still take goes on being tried.
        """
        with self._changed:
            self._check_open()
            if self._builder.items:
                self._cut()
            last = self._next_index - 1
            self._wait_for(lambda: self._outbox.is_past(last))
            self._raise_unsent(last)

    def close(self) -> None:
        """Send the last bundle, marked as final, and wait until the cloud has everything.

        Closing twice is nothing.

        Raises:
            RecordingError: the cloud does not have everything; the rest is on the error.
        """
        with self._changed:
            if self._closed:
                return
            self._put(self._builder.cut(self._next_index, final=True))
            self._closed = True
            self._wait_for(lambda: not self._outbox)
            self._over = True
            self._changed.notify_all()
            sending = self._outbox.unsent
        atexit.unregister(self._close_at_exit)
        if not sending:
            self._thread.join()
        with self._changed:
            self._raise_unsent()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RecordingError as unsent:
            # Both are told: what the block raised is the cause of this one.
            raise unsent from error

    def _is_due(self) -> bool:
        items = self._builder.items
        return items >= _ITEMS or (items > 0 and time.monotonic() - self._begun >= self._bundle_interval)

    def _cut(self) -> None:
        self._put(self._builder.cut(self._next_index))

    def _put(self, bundle: Bundle) -> None:
        self._next_index += 1
        if not self._outbox:
            self._oldest = time.monotonic()
        self._outbox.put(bundle)
        self._changed.notify_all()

    def _make_room(self) -> None:
        """Wait until one more bundle may wait; that slows down a program that records too fast."""
        if not self._wait_for(lambda: len(self._outbox) < self._max_waiting) or self._over:
            self._raise_unsent()

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        """Have everything sent at once until a condition holds, nothing more is sent, or the time is up."""
        self._waiting += 1
        self._changed.notify_all()
        try:
            return self._changed.wait_for(lambda: condition() or self._over, self._timeout)
        finally:
            self._waiting -= 1

    def _check_open(self) -> None:
        if self._closed:
            raise RecordingError("the recorder is closed", session_id=self.session_id)

    def _raise_unsent(self, last: int | None = None) -> None:
        """Raise RecordingError for what is not sent, up to a number."""
        unsent = [bundle for bundle in self._outbox.unsent if last is None or bundle.index <= last]
        if unsent:
            reason = f": {self._failure}" if self._failure is not None else " in the time given"
            count = "1 bundle" if len(unsent) == 1 else f"{len(unsent)} bundles"
            raise RecordingError(
                f"session {self.session_id}: {count} could not be sent{reason}",
                session_id=self.session_id,
                unsent=unsent,
            )

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except RecordingError as error:
            logger.error("the recorder was never closed: %s", error)

    # The thread that sends.

    def _run(self) -> None:
        try:
            self._send_all()
        except Exception as error:  # noqa: BLE001 (of the clock that was given; a thread's end must be heard of)
            with self._changed:
                self._failure = error
                self._over = True
                self._changed.notify_all()

    def _send_all(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                if pause:
                    self._changed.wait_for(lambda: self._over, pause)
                batch = self._next_batch()
            if not batch:
                return
            error = self._send(batch)
            if error is None:
                pause = 0.0
                continue
            pause = min(_LONGEST_PAUSE, 2 * pause or _FIRST_PAUSE)
            logger.warning("session %s: the next attempt is in %.1f s: %s", self.session_id, pause, error)

    def _next_batch(self) -> list[Bundle]:
        """Wait until there is something to send; nothing when the thread is to end."""
        while not self._over:
            now = time.monotonic()
            if self._is_due() and len(self._outbox) < self._max_waiting:
                self._cut()
            waits = []
            if self._outbox:
                age = now - self._oldest
                if self._waiting or self._outbox.is_full_batch or age >= self._batch_interval:
                    return self._outbox.batch()
                waits.append(self._batch_interval - age)
            if self._builder.items and len(self._outbox) < self._max_waiting:
                waits.append(max(0.0, self._begun + self._bundle_interval - now))
            self._changed.wait(min(waits, default=None))
        return []

    def _send(self, batch: list[Bundle]) -> Exception | None:
        """Send bundles, in halves where the cloud refuses them together.

        Returns the failure when it may pass and the rest is to be tried again.
        """
        parts = [batch]
        while parts and not self._over:
            part = parts.pop()
            try:
                self._send_part(part)
            except Exception as error:  # noqa: BLE001 (what it means is decided in one place)
                judgement = verdict(error)
                with self._changed:
                    self._failure = error
                    if judgement is Verdict.REFUSED and len(part) == 1:
                        self._outbox.mark_refused(part[0])
                    if judgement is Verdict.OVER:
                        self._over = True
                    self._changed.notify_all()
                if judgement is Verdict.LATER:
                    return error
                if len(part) > 1:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
            else:
                with self._changed:
                    self._outbox.mark_sent(part)
                    self._oldest = time.monotonic()
                    self._changed.notify_all()
        return None

    def _send_part(self, part: list[Bundle]) -> None:
        response = self._client.send_bundles(
            self.session_id, part, install_id=self._install_id, client_user_id=self._client_user_id
        )
        if response.success_count < len(part):
            raise NotStored(f"the cloud stored {response.success_count} of {len(part)} bundles")
