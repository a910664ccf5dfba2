"""Record a session: sensor readings in, numbered bundles out, sent in the background."""

from __future__ import annotations

from moonsense.recorder._recorder import Recorder

__all__ = ["Recorder"]
