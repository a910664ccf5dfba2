"""A cloud that serves HTTPS on region hosts, as clients need it that know nothing else."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trustme

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.settings import Settings
from moonsense.errors import ConfigurationError

DOMAIN = "example.test"
REGION = "us-central1.gcp"
DATA_PLANE = f"{REGION}.data-api.{DOMAIN}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def https(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1", DATA_PLANE, f"api.{DOMAIN}")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    with EmbeddedCloud(
        folder / "data",
        domain=DOMAIN,
        region=REGION,
        tls_cert=folder / "cert.pem",
        tls_key=folder / "key.pem",
        in_process=True,
    ) as cloud:
        yield cloud


@pytest.fixture
def http(https: EmbeddedCloud, authority: trustme.CA) -> Iterator[httpx2.Client]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    headers = {"Authorization": f"Bearer {https.secret_token}"}
    with httpx2.Client(base_url=https.url, verify=context, headers=headers) as client:
        yield client


def test_it_serves_https_and_says_so(https: EmbeddedCloud, http: httpx2.Client) -> None:
    assert https.url.startswith("https://127.0.0.1:")
    assert https.environment["MOONSENSE_PROTOCOL"] == "https"
    assert http.get("/healthz").status_code == 200
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://{https.root_domain}/healthz")


def test_on_a_region_s_host_sessions_have_the_region(https: EmbeddedCloud, http: httpx2.Client) -> None:
    recorder = {"Authorization": f"Bearer {https.public_token}"}
    made = http.post("/v2/sessions", json={"journey_id": "j"}, headers=recorder).json()
    assert "region_id" not in made, "on a bare host clients must stay on it"
    on_host = {"Host": DATA_PLANE}
    session = http.get(f"/v2/sessions/{made['session_id']}", headers=on_host).json()
    assert session["region_id"] == REGION
    (listed,) = http.get("/v2/sessions", headers=on_host).json()["sessions"]
    assert listed["region_id"] == REGION
    (journey,) = http.get("/v2/journeys", headers=on_host).json()["journeys"]
    assert journey["primary_region_id"] == REGION


def test_the_control_plane_names_the_region_s_host(https: EmbeddedCloud, http: httpx2.Client) -> None:
    port = https.root_domain.rpartition(":")[2]
    on_host = {"Host": f"api.{DOMAIN}:{port}"}
    (region,) = http.get("/v2/regions", headers=on_host).json()["regions"]
    assert (region["region"], region["url"]) == (REGION, f"https://{DATA_PLANE}:{port}")
    located = http.get("/v2/regions/locate", headers=on_host).json()
    assert located["primary_url"] == f"https://{DATA_PLANE}:{port}"


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    with pytest.raises(ConfigurationError, match="cloud settings: tls_cert and tls_key go together"):
        Settings.of(tls_cert=tmp_path / "cert.pem")
    with pytest.raises(ConfigurationError, match="there is no file"):
        Settings.of(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "missing.pem")
