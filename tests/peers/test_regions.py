"""The published clients on region hosts over HTTPS, the only way in which they list regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from support.published import PublishedClient, only

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.models import Bundle, Session
from moonsense.models.data_plane_v2_pb2 import SignalsResponse

pytestmark = pytest.mark.peers

DOMAIN = "example.test"
REGION = "us-central1.gcp"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for the hosts of a domain, its key and who issued it."""
    folder = tmp_path_factory.mktemp("authority")
    issuer = trustme.CA()
    issued = issuer.issue_cert("127.0.0.1", f"{REGION}.data-api.{DOMAIN}", f"api.{DOMAIN}")
    issuer.cert_pem.write_to_path(folder / "issuer.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder


@pytest.fixture(scope="module")
def regional(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud of one region, over HTTPS."""
    with EmbeddedCloud(
        tmp_path_factory.mktemp("regional") / "data",
        domain=DOMAIN,
        region=REGION,
        tls_cert=authority / "cert.pem",
        tls_key=authority / "key.pem",
        seal_bundles=2,
        in_process=True,
    ) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def published(
    version: str,
    published_python: Callable[[str], Path],
    regional: EmbeddedCloud,
    authority: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PublishedClient]:
    """A published client that is told the domain and the region, and whom to trust."""
    port = regional.root_domain.rpartition(":")[2]
    with PublishedClient(
        published_python(version),
        tmp_path_factory.mktemp("published"),
        authority=authority / "issuer.pem",
        secret_token=regional.secret_token,
        root_domain=f"{DOMAIN}:{port}",
        protocol="https",
        default_region=REGION,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def recorded(regional: EmbeddedCloud, authority: Path) -> Session:
    """A session with two bundles and a signal."""
    trusted = str(authority / "issuer.pem")
    where = (regional.root_domain, "https", "")
    with (
        Client(regional.public_token, *where, verify=trusted) as recorder,
        Client(regional.secret_token, *where, verify=trusted) as client,
    ):
        session = recorder.create_session(Session(journey_id=new_id()))
        recorder.send_bundles(session.session_id, [Bundle(index=1), Bundle(index=2, is_final_bundle=True)])
        client.set_session_signals(session.session_id, SignalsResponse(os={"predicted_os_family": "iOS"}))
        return session


def test_regions_are_listed(published: PublishedClient, regional: EmbeddedCloud) -> None:
    (region,) = published.call("list_regions")["regions"]
    port = regional.root_domain.rpartition(":")[2]
    assert region["region"] == REGION
    assert region["url"] == f"https://{REGION}.data-api.{DOMAIN}:{port}"


def test_calls_find_the_region_of_a_session(
    published: PublishedClient, recorded: Session, tmp_path: Path, eventually: Callable
) -> None:
    session = recorded.session_id
    assert published.call("whoami")["project_id"]
    assert published.call("describe_session", session_id=session)["region_id"] == REGION
    assert session in [one["session_id"] for one in published.call("list_sessions")]
    (chunk,) = eventually(lambda: published.call("list_chunks", session_id=session))
    read = published.call("read_chunk", session_id=session, chunk_id=chunk["chunk_id"])
    assert [bundle["bundle"]["index"] for bundle in read] == [1, 2]
    assert published.call("read_session", session_id=session) == read
    target = tmp_path / "session.json"
    published.call("download_session", session_id=session, output_file=str(target))
    assert len(target.read_bytes().splitlines()) == 2
    published.call("create_card", session_id=session, title="a card", description=published.version)
    cards = published.call("list_cards", session_id=session)
    assert published.version in [card["description"] for card in cards]


@only("0.13.1")
def test_calls_find_the_region_of_a_journey(published: PublishedClient, recorded: Session) -> None:
    described = published.call("describe_journey", journey_id=recorded.journey_id)
    assert described["journey"]["primary_region_id"] == REGION
    features = published.call("list_journey_features", journey_id=recorded.journey_id)
    assert features == {"journey_id": recorded.journey_id}
    signals = published.call("list_session_signals", session_id=recorded.session_id)
    assert signals == {"os": {"predicted_os_family": "iOS"}}
