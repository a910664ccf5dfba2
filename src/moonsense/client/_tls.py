"""The TLS settings that all clients of a process share."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def tls_context() -> ssl.SSLContext:
    """The system's trusted authorities, or those of ``SSL_CERT_FILE``, read once: that takes a while."""
    return httpx2.create_ssl_context()
