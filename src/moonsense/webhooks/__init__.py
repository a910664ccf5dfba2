"""Webhooks: sign, verify and receive what a cloud pushes. Loads no HTTP client and no web framework."""

from __future__ import annotations

from moonsense.webhooks.answers import Answer
from moonsense.webhooks.payload import parse
from moonsense.webhooks.receiver import WebhookReceiver
from moonsense.webhooks.signatures import Verified, new_secret, sign, verify

__all__ = ["Answer", "Verified", "WebhookReceiver", "new_secret", "parse", "sign", "verify"]
