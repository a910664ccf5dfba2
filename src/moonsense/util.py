"""Paths that the published clients had: ``from moonsense.util import json_format``."""

from __future__ import annotations

from google.protobuf import json_format

__all__ = ["json_format"]
