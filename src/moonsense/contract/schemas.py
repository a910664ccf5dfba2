"""Schemas that a receiver of webhooks may know."""

from __future__ import annotations

OLD = "0.5.0"
"""Without any field that came later, for receivers that stop at one they do not know."""

LATEST = "latest"
"""All fields."""

VERSIONS = (OLD, LATEST)
