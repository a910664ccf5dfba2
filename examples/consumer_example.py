"""Count the steps in each chunk of every phone's session, and put a card with them on the session.

It goes on until Ctrl-C, and goes on where it was when it is started again:

    python examples/consumer_example.py

What it counted is in the SQLite file steps.db, in the transaction that says
that the chunk is done: each chunk is there once, whatever happens. A card is
put on the cloud, which no transaction of ours reaches: when the program dies
between the card and the commit, the chunk comes again. So it looks first
whether the chunk has its card. Which cloud, and the token for it, are in the
environment, as README says.
"""

import logging
import sqlite3

from moonsense.client import Client
from moonsense.consumer import Consumer, SqliteCheckpoints
from moonsense.models import Chunk, SealedBundle, Session

SMOOTH_MILLIS = 80.0  # a heel's shock rings for about as long
BASELINE_MILLIS = 1000.0  # gravity, and whatever else stays over two steps
THRESHOLD = 0.04  # in G, to either side of the baseline
SHORTEST_STEP_MILLIS = 300  # nobody walks faster

STEPS = "CREATE TABLE IF NOT EXISTS steps (session_id TEXT, chunk_id TEXT PRIMARY KEY, steps INTEGER)"

client = Client()


def count_steps(bundles: list[SealedBundle]) -> int:
    """The steps of a walking person, by the swings of the acceleration's strength about its mean."""
    steps, below, last_step, before = 0, False, 0, None
    smooth = baseline = 1.0
    for sealed in bundles:
        for sample in sealed.bundle.accelerometer_data:  # in G, with gravity
            strength = (sample.x**2 + sample.y**2 + sample.z**2) ** 0.5
            # Milliseconds; a pause in the recording is no long sample.
            passed = min(100.0, max(0.0, sample.determined_at - (before or sample.determined_at)))
            before = sample.determined_at
            smooth += (strength - smooth) * passed / (SMOOTH_MILLIS + passed)
            baseline += (strength - baseline) * passed / (BASELINE_MILLIS + passed)
            if smooth < baseline - THRESHOLD:
                below = True
            elif below and smooth > baseline + THRESHOLD and before - last_step >= SHORTEST_STEP_MILLIS:
                steps, below, last_step = steps + 1, False, before
    return steps


def handle(
    session: Session, chunk: Chunk, bundles: list[SealedBundle], transaction: sqlite3.Connection
) -> None:
    """Called for every chunk; those of a session come in order."""
    steps = count_steps(bundles)
    description = f"{steps} steps in chunk {chunk.chunk_id}"
    if all(card.description != description for card in client.list_cards(session.session_id)):
        client.create_card(session.session_id, "Steps", description)
    # The file is locked for others from here on, so what takes long comes before.
    transaction.execute(STEPS)
    transaction.execute("INSERT INTO steps VALUES (?, ?, ?)", (session.session_id, chunk.chunk_id, steps))
    print(session.session_id, description, flush=True)


logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
logging.getLogger("moonsense.consumer").setLevel(logging.INFO)  # how far it is, once a minute
with SqliteCheckpoints("steps.db") as checkpoints:
    consumer = Consumer(client, checkpoints=checkpoints, start="beginning", platforms=["iOS", "ANDROID"])
    consumer.run(handle)
