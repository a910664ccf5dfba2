"""Where a cloud is: hosts of its two planes.

The data plane of a region is at ``{region}.data-api.{root_domain}``, the
control plane at ``api.{root_domain}``. With an empty region everything is at
``{root_domain}`` itself (single-origin): a self-hosted cloud on one host.
"""

from __future__ import annotations

import re

from moonsense.errors import ConfigurationError

DEFAULT_ROOT_DOMAIN = "moonsense.cloud"
DEFAULT_PROTOCOL = "https"
DEFAULT_REGION = "us-central1.gcp"

_REGION = re.compile(
    r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE | re.ASCII
)

# A name, an IPv4 address or an IPv6 one in brackets; underscores are in names of containers.
_HOST = re.compile(r"([a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)


def data_plane(protocol: str, root_domain: str, region: str) -> str:
    """The origin, without a final slash, that holds the sessions of a region.

    Raises ConfigurationError when the region cannot be part of a host name:
    with ``evil.example/`` for a region, the token would go to that host.
    """
    if region == "":
        return f"{protocol}://{root_domain}"
    if not is_region(region):
        raise ConfigurationError(f"{region!r} is not the name of a region, such as {DEFAULT_REGION}")
    return f"{protocol}://{region}.data-api.{root_domain}"


def is_region(text: str) -> bool:
    """Whether a text can be the name of a region: labels of a host name, with dots between."""
    return len(text) <= 128 and _REGION.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether a text is a host, with or without a port."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def control_plane(protocol: str, root_domain: str, default_region: str) -> str:
    """The origin that knows the regions."""
    if default_region == "":
        return f"{protocol}://{root_domain}"
    return f"{protocol}://api.{root_domain}"


def region_of_host(host: str, domain: str) -> str:
    """The region a request's ``Host`` names, or "" for a bare host or another domain.

    A cloud answers ``region_id`` by this: the published clients go on to the
    host that the answer names, so on a bare host it must stay empty.
    """
    name, colon, port = host.lower().rpartition(":")
    if not colon or not (port == "" or port.isdecimal()):
        name = host.lower()
    region, found, rest = name.removesuffix(".").partition(f".data-api.{domain.lower()}")
    return region if domain and found and not rest and is_region(region) else ""
