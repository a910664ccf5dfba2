"""What can be set about a cloud. Each setting is also an environment variable, ``MOONSENSE_CLOUD_<NAME>``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from moonsense.cloud.webhooks import addresses
from moonsense.contract import hosts, limits
from moonsense.errors import ConfigurationError

__all__ = ["Settings"]

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """The settings of a cloud; arguments win over the environment.

    The sentence under each setting is its documentation.
    """

    model_config = SettingsConfigDict(
        env_prefix="MOONSENSE_CLOUD_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    # Where things are kept.

    data_dir: Path = Path("moonsense-data")
    """The folder of the catalog and, without ``objects_url``, of the chunks."""

    objects_url: str | None = None
    """Where chunks are kept (``file:///…``, ``s3://…``, ``gs://…``, ``az://…``); else in the data folder."""

    # Where it is reached.

    host: str = "127.0.0.1"
    """The address to listen on; ``0.0.0.0`` is all of IPv4."""

    port: int = Field(default=8090, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    domain: str = ""
    """The root domain, when regions have hosts (``<region>.data-api.<domain>``); empty: one host for all."""

    tls_cert: Path | None = None
    """A PEM file with the certificate and those above it; with it and ``tls_key``, HTTPS is served."""

    tls_key: Path | None = None
    """The file with the certificate's private key, in PEM."""

    region: str = Field(default="local", min_length=1)
    """The name of this cloud's one region."""

    backlog: Count = 2048
    """Connections that may wait to be accepted before the system refuses more."""

    keep_alive_seconds: Count = 75
    """How long an idle connection stays open; longer than clients keep theirs, so that they close first."""

    stall_seconds: Seconds = 30.0
    """How long a request may fall silent before it is whole; then it is answered 408."""

    shutdown_seconds: Count = 20
    """How long requests under way may go on after the order to stop."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""

    access_log: bool = False
    """Whether every request is logged, at INFO under ``moonsense.cloud.access``, without its query."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least level that ``moonsense cloud serve`` logs."""

    # What a request may hold.

    max_body_bytes: Count = limits.MAX_BODY_BYTES
    """The largest request body, as sent and unpacked; a body is in memory whole while it is checked."""

    max_bundles_per_request: Count = limits.MAX_BUNDLES_PER_REQUEST
    """The most bundles in one request; they are stored in one transaction, which others wait for."""

    max_items_per_bundle: Count = limits.MAX_ITEMS_PER_BUNDLE
    """The most sensor items in one bundle; a reader must be able to hold any bundle in memory."""

    # How bundles become chunks.

    ingest_queue_bundles: Count = 20_000
    """Bundles that may wait to be stored; past it, requests are answered 503 with ``Retry-After``."""

    seal_bundles: Count = 500
    """Bundles of a session after which a chunk is sealed."""

    seal_bytes: Count = 4 * 1024 * 1024
    """Bytes of a session's bundles after which a chunk is sealed."""

    seal_age_seconds: Seconds = 30.0
    """How long a bundle waits for others before its chunk is sealed."""

    sealer_process: bool = True
    """Whether chunks are made in a process of their own, so that compressing does not slow ingest."""

    # Where webhooks go, and when.

    webhook_allowed_networks: tuple[str, ...] = ()
    """Networks off the internet that webhooks may go to all the same, by http too (`["10.1.0.0/16"]`)."""

    webhook_timeout_seconds: Seconds = 15.0
    """How long one try to deliver may take in all."""

    webhook_retry_seconds: tuple[Seconds, ...] = (
        5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    )  # fmt: skip
    """The pauses before the second and further tries; up to a tenth longer each, so that they spread."""

    webhook_switch_off_seconds: Seconds = 5 * 86_400
    """How long an endpoint may fail, without one success, before it is switched off."""

    session_inactive_seconds: Seconds = 300.0
    """How long a session has no bundle before SESSION_INACTIVE tells so; longer than `seal_age_seconds`."""

    # How answers are made.

    token_cache_seconds: float = Field(default=2.0, ge=0)
    """How long a token once looked up is believed; a token revoked elsewhere works that much longer."""

    page_pin_seconds: Seconds = 900.0
    """How long the place of a listing's next page is remembered for a client that pages by number."""

    gzip_level: int = Field(default=1, ge=0, le=9)
    """How hard a session's archive is compressed; 4 makes it a fifth smaller and takes half as long again."""

    @property
    def webhook_networks(self) -> tuple[addresses.Network, ...]:
        """``webhook_allowed_networks``, read."""
        return addresses.networks(self.webhook_allowed_networks)

    @property
    def protocol(self) -> str:
        """What clients speak: ``http`` or ``https``."""
        return "https" if self.tls_cert else "http"

    @model_validator(mode="after")
    def _hosts(self) -> Settings:
        if not hosts.is_region(self.region):
            raise ValueError(f"region must be a name such as {hosts.DEFAULT_REGION}, not {self.region!r}")
        if self.domain and not hosts.is_host(self.domain):
            raise ValueError(f"domain must be a host such as example.org, not {self.domain!r}")
        return self

    @model_validator(mode="after")
    def _networks(self) -> Settings:
        addresses.networks(self.webhook_allowed_networks)
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")
        return self

    @classmethod
    def of(cls, **values: object) -> Settings:
        """Settings from arguments and environment. Raises ConfigurationError naming what cannot be."""
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = first["msg"].removeprefix("Value error, ")
            if not first["loc"]:  # about several settings, which the reason names
                raise ConfigurationError(f"cloud settings: {reason}") from None
            name = ".".join(map(str, first["loc"]))
            raise ConfigurationError(
                f"cloud setting {name}: {reason} (also MOONSENSE_CLOUD_{name.upper()})"
            ) from None
