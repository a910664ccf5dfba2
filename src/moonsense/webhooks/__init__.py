"""Webhooks: sign, verify and read what a cloud pushes. Loads no HTTP client and no server."""

from __future__ import annotations

from moonsense.webhooks.payload import parse
from moonsense.webhooks.signatures import Verified, new_secret, sign, verify

__all__ = ["Verified", "new_secret", "parse", "sign", "verify"]
