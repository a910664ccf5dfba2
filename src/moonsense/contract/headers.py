"""Headers that the contract names."""

from __future__ import annotations

REQUEST_ID = "X-Request-Id"
"""On every answer; a client's own is kept when it is a plain short text."""

BUNDLE_COUNT = "X-Moonsense-Bundles"
"""Ours, on answers that stream bundles: how many there are."""

CONTENT_MD5 = "X-Moonsense-Content-MD5"
"""Ours, on a chunk: the md5, in hex, of its NDJSON, whatever rendition is sent."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Ours, on a POST: the same key and body again get the first answer again, another body 422."""

SIGNATURE = "X-Moonsense-Signature-256"
"""On a webhook: HMAC-SHA256 of the raw body, in hex."""

WEBHOOK_ID = "webhook-id"
"""Ours, on a webhook, as Standard Webhooks has it, like the next two: the same in every try."""

WEBHOOK_TIMESTAMP = "webhook-timestamp"
"""Ours: when this try was signed, in epoch seconds."""

WEBHOOK_SIGNATURE = "webhook-signature"
"""Ours: ``v1,`` and the base64 of HMAC-SHA256 over id, time and body; several with spaces between."""
