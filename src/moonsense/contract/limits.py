"""Limits of the wire, each with what it protects. A cloud's settings may lower or raise the sizes."""

from __future__ import annotations

DEFAULT_PER_PAGE = 25
"""Items a page when a client does not say."""

MAX_PER_PAGE = 100
"""Items a page at most: keeps one list answer small enough to build at once."""

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A request body after decompression: a request is held in memory whole while it is checked."""

MAX_SMALL_BODY_BYTES = 256 * 1024
"""The body of a request without bundles: it becomes a row, and rows are listed by the hundred."""

MAX_BUNDLES_PER_REQUEST = 1_000
"""Bundles in one POST: they are stored in one transaction, which others wait for."""

MAX_ITEMS_PER_BUNDLE = 100_000
"""Sensor items in one bundle: a reader must be able to hold any bundle in memory."""

MAX_LABELS_PER_SESSION = 100
"""Labels of one session: they are part of every listing of it."""

MAX_LABEL_BYTES = 256
"""UTF-8 bytes of one label's name."""

MAX_CARD_BYTES = 64 * 1024
"""UTF-8 bytes of a card's title and description together."""

MAX_WEBHOOK_URL = 2_048
"""Characters of an endpoint's URL: more than servers and proxies take."""

MAX_WEBHOOK_DESCRIPTION = 1_000
"""Characters of an endpoint's description: it is part of every listing of it."""

MAX_WEBHOOK_ENDPOINTS = 100
"""Webhook endpoints of one project: every event becomes a row for each that wants it."""
