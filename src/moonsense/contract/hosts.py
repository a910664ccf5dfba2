"""Where a cloud is: hosts of its two planes.

The data plane of a region is at ``{region}.data-api.{root_domain}``, the
control plane at ``api.{root_domain}``. With an empty region everything is at
``{root_domain}`` itself (single-origin): a self-hosted cloud on one host.
"""

from __future__ import annotations

DEFAULT_ROOT_DOMAIN = "moonsense.cloud"
DEFAULT_PROTOCOL = "https"
DEFAULT_REGION = "us-central1.gcp"


def data_plane(protocol: str, root_domain: str, region: str) -> str:
    """The origin, without a final slash, that holds the sessions of a region."""
    if region == "":
        return f"{protocol}://{root_domain}"
    return f"{protocol}://{region}.data-api.{root_domain}"


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
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    suffix = f".data-api.{domain}".lower()
    name = name.lower()
    return name[: -len(suffix)] if domain and name.endswith(suffix) else ""
