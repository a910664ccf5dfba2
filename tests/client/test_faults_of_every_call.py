"""Every call by its name through a network that fails: an error of ours, in time, and nothing left behind.

``_async/test_faults.py`` has what comes of each kind of call at every byte of
its answer; this is so that no call is forgotten.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.calls import ALL, CALLS, NO_CALLS, taken
from support.faults import Fault, FaultProxy
from support.wire import WireServer, connect, reply

from moonsense.client import Client
from moonsense.errors import MoonsenseError

SOON = 20.0
"""Seconds: far above what the deadline of a call is, for busy machines."""

FAULTS = {
    "never answers": Fault(silent=True),
    "drips": Fault(drip=1, pause=0.05),
    "is cut in the head": Fault(cut=25),
    "is cut before the end": Fault(cut=-1),
    "is reset": Fault(cut=25, reset=True),
    "is garbage": Fault(instead=bytes(range(256)) * 4, cut=1024),
    "says 429 for ever": Fault(instead=reply({"message": "later"}, 429, retry_after="0.01").data),
    "says 503 for ever": Fault(instead=reply({"message": "later"}, 503, retry_after="0.01").data),
}


def test_no_call_is_forgotten() -> None:
    public = {name for name in dir(Client) if not name.startswith("_") and callable(getattr(Client, name))}
    assert {name.partition(" ")[0] for name in CALLS} == public - NO_CALLS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_network_that_fails_is_an_error_of_every_call(fault: str, tmp_path: Path) -> None:
    answer = reply({"session_id": "s"})
    with (
        WireServer(answer) as server,
        FaultProxy(server.root_domain, [FAULTS[fault]]) as proxy,
        connect(Client, proxy, tries=2, deadline=0.1) as client,
    ):
        for name, call in CALLS.items():
            started = time.monotonic()
            with pytest.raises(MoonsenseError):
                print(name, taken(call(client, tmp_path)))  # shown when it raises nothing
            assert time.monotonic() - started < SOON, name
    assert {path.name for path in tmp_path.iterdir()} <= {ALL}
