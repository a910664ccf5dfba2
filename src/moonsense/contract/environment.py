"""The environment variables that name a cloud and the tokens for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from moonsense.contract import hosts
from moonsense.errors import ConfigurationError

SECRET_TOKEN = "MOONSENSE_SECRET_TOKEN"
ROOT_DOMAIN = "MOONSENSE_ROOT_DOMAIN"
PROTOCOL = "MOONSENSE_PROTOCOL"
DEFAULT_REGION = "MOONSENSE_DEFAULT_REGION"

PUBLIC_TOKEN = "MOONSENSE_PUBLIC_TOKEN"
"""Ours: the token that records. The secret token reads."""

WEBHOOK_SECRET = "MOONSENSE_WEBHOOK_SECRET"
"""Ours: what a receiver verifies webhooks with; several with spaces between while they change."""


@dataclass(frozen=True)
class Address:
    """Which cloud, and the token to show it. The token never shows in ``repr``."""

    root_domain: str
    protocol: str
    default_region: str
    token: str = field(repr=False)

    def data_plane(self, region: str | None = None) -> str:
        """The origin of a region's data plane; the default region's without one."""
        return hosts.data_plane(
            self.protocol, self.root_domain, self.default_region if region is None else region
        )

    def control_plane(self) -> str:
        """The origin of the control plane."""
        return hosts.control_plane(self.protocol, self.root_domain, self.default_region)


def resolve(
    token: str | None = None,
    root_domain: str | None = None,
    protocol: str | None = None,
    default_region: str | None = None,
    *,
    token_variable: str = SECRET_TOKEN,
    environment: Mapping[str, str] | None = None,
) -> Address:
    """The cloud that arguments and environment name; arguments win, even an empty region.

    An empty variable counts as unset, but for the region's: there it means
    that everything is at the root domain.

    Raises ConfigurationError when there is no token, saying both ways out, or
    when a value cannot be.
    """
    env = os.environ if environment is None else environment
    token = token or env.get(token_variable)
    if not token:
        raise ConfigurationError(
            f"there is no token: pass one, or set {token_variable}; "
            "without a cloud of your own, start one with: moonsense cloud serve"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError("the token has characters that no token has; was it copied whole?")
    protocol = _first(protocol, env.get(PROTOCOL) or None, hosts.DEFAULT_PROTOCOL)
    if protocol not in ("http", "https"):
        raise ConfigurationError(f"the protocol must be http or https, not {protocol!r}")
    root_domain = _first(root_domain, env.get(ROOT_DOMAIN) or None, hosts.DEFAULT_ROOT_DOMAIN)
    if not hosts.is_host(root_domain):
        raise ConfigurationError(
            f"the root domain must be a host such as {hosts.DEFAULT_ROOT_DOMAIN} or 127.0.0.1:8080, "
            f"not {root_domain!r}"
        )
    region = _first(default_region, env.get(DEFAULT_REGION), hosts.DEFAULT_REGION)
    if region and not hosts.is_region(region):
        raise ConfigurationError(
            f"the region must be one such as {hosts.DEFAULT_REGION}, or empty, not {region!r}"
        )
    return Address(root_domain, protocol, region, token)


def _first(*values: str | None) -> str:
    return next(value for value in values if value is not None)
