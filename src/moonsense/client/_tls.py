"""The TLS settings of connections."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpcore2

from moonsense.errors import ConfigurationError

if TYPE_CHECKING:
    from moonsense.client._core.options import Network


def tls_context(network: Network) -> ssl.SSLContext:
    """The trusted authorities and the certificate to show.

    Raises ConfigurationError when a file of them cannot be read.
    """
    verify, cert = network.verify, network.cert
    if isinstance(verify, ssl.SSLContext):
        if cert is not None:
            raise ConfigurationError("give cert, or an SSLContext that has it loaded, not both")
        return verify
    named = "verify or cert" if network.has_own_tls else "what SSL_CERT_FILE or SSL_CERT_DIR names"
    try:
        if not network.has_own_tls:
            return _shared()
        if isinstance(verify, bool):
            context = httpcore2.default_ssl_context() if verify else _trusting()
        else:
            path = os.fspath(verify)
            is_folder = Path(path).is_dir()
            context = ssl.create_default_context(
                cafile=None if is_folder else path, capath=path if is_folder else None
            )
        if cert is not None:
            context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    except OSError as error:  # ssl.SSLError too
        raise ConfigurationError(f"{named} cannot be used: {error}") from None
    return context


def _trusting() -> ssl.SSLContext:
    """For who trusts anyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _shared() -> ssl.SSLContext:
    """The system's authorities, or those of ``SSL_CERT_FILE``, read once: that takes a while."""
    return httpcore2.default_ssl_context()
