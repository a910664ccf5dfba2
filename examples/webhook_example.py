"""Print pressure and size of each touch gesture while it arrives.

A gesture is what one finger does from touching the screen to leaving it: its
pointer events have the same ``device``. It may go on over several bundles, and
these may arrive in any order and more than once; so what is known of it is kept
in the receiver's store, in the transaction that marks the webhook as handled.

    export MOONSENSE_WEBHOOK_SECRET=whsec_...
    python examples/webhook_example.py [PORT]

The secret is shown when the endpoint is made:

    moonsense webhooks endpoints create http://127.0.0.1:8091/ --event BUNDLE_RECEIVED
"""

import sqlite3
import sys

from moonsense.models.bundle_v2_pb2 import Pointer
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.webhooks import WebhookReceiver

GESTURES = """
CREATE TABLE IF NOT EXISTS gesture (
    session_id TEXT, device INTEGER, events INTEGER, pressure_sum REAL, pressure_max REAL, size_max REAL,
    PRIMARY KEY (session_id, device)
)
"""
ADD = """
INSERT INTO gesture VALUES (?1, ?2, 1, ?3, ?3, ?4) ON CONFLICT (session_id, device) DO UPDATE SET
    events = events + 1, pressure_sum = pressure_sum + ?3,
    pressure_max = max(pressure_max, ?3), size_max = max(size_max, ?4)
RETURNING session_id, device, events, pressure_sum / events, pressure_max, size_max
"""

receiver = WebhookReceiver("gestures.db")


@receiver.on("BUNDLE_RECEIVED", transaction=True)
def measure(payload: WebhookPayload, connection: sqlite3.Connection) -> None:
    """Add a bundle's touches to their gestures, and print each gesture as it is now."""
    connection.execute(GESTURES)
    gestures = {}
    for pointer in payload.bundle.bundle.pointer_data:
        if pointer.type == Pointer.TOUCH:
            values = (payload.session_id, pointer.device, pressure_of(pointer), pointer.size)
            gestures[pointer.device] = connection.execute(ADD, values).fetchone()
    for session, device, events, mean, strongest, size in gestures.values():
        print(
            f"{session} gesture {device}: {events} events, "
            f"pressure {mean:.2f} on average and {strongest:.2f} at most, size {size:.3f} at most",
            flush=True,
        )


def pressure_of(pointer: Pointer) -> float:
    """The pressure as a part of what the screen can tell, from 0 to 1."""
    lowest, highest = pointer.pressure_range.lower_bound, pointer.pressure_range.upper_bound
    return (pointer.pressure - lowest) / (highest - lowest) if highest > lowest else pointer.pressure


if __name__ == "__main__":
    with receiver.server(port=int(sys.argv[1]) if sys.argv[1:] else 8091) as server:
        print(f"listening on {server.url}", flush=True)
        server.wait()
