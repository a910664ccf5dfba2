"""The TLS settings of connections."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from moonsense.errors import ConfigurationError

if TYPE_CHECKING:
    from moonsense.client._core.options import Network


def tls_context(network: Network) -> ssl.SSLContext:
    """The trusted authorities and the certificate to show.

    Raises ConfigurationError when a file of them cannot be read.
    """
    verify, cert = network.verify, network.cert
    if verify is True and cert is None:
        return _shared()
    if isinstance(verify, ssl.SSLContext):
        if cert is not None:
            raise ConfigurationError("give cert, or an SSLContext that has it loaded, not both")
        return verify
    try:
        if isinstance(verify, bool):
            context = httpx2.create_ssl_context(verify)
        else:
            path = os.fspath(verify)
            is_folder = Path(path).is_dir()
            context = ssl.create_default_context(
                cafile=None if is_folder else path, capath=path if is_folder else None
            )
        if cert is not None:
            context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    except OSError as error:  # ssl.SSLError too
        raise ConfigurationError(f"verify or cert cannot be used: {error}") from None
    return context


@cache
def _shared() -> ssl.SSLContext:
    """The system's authorities, or those of ``SSL_CERT_FILE``, read once: that takes a while."""
    return httpx2.create_ssl_context()
