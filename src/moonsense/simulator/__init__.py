"""Seeded synthetic sessions that look recorded: a walking phone, a person at a form, a bot at the same form.

    for bundle in walking_phone(seed=1).bundles():
        ...

The same seed gives the same session. Nothing in it comes from a real recording.
"""

from __future__ import annotations

from moonsense.simulator.bot import checkout_bot
from moonsense.simulator.person import checkout_person
from moonsense.simulator.phone import walking_phone
from moonsense.simulator.session import SimulatedSession

__all__ = ["SimulatedSession", "checkout_bot", "checkout_person", "walking_phone"]
