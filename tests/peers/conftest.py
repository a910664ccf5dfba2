"""A cloud with what was recorded over HTTP, one with real recordings, and published clients on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.published import Connect, Imported, PublishedClient, Recorded

from moonsense.cloud import admin
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.importer import import_tree
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract import media
from moonsense.models import Bundle, BundleCreateRequest, BundleCreateResponse, Session
from moonsense.simulator import walking_phone

VERSIONS = ("0.5.0", "0.13.1")

CHUNK_BUNDLES = 4
"""So few that sessions have several chunks, and long ones more than the published clients ask for a page."""


@pytest.fixture(scope="package", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The version of a published client."""
    name: str = request.param
    return name


@pytest.fixture(scope="package")
def connect(
    version: str, published_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connect]:
    """Starts the published client on a cloud, as its documentation and ours say."""
    python = published_python(version)
    with ExitStack() as clients:

        def start(cloud: EmbeddedCloud) -> PublishedClient:
            client = PublishedClient(
                python,
                tmp_path_factory.mktemp(f"published-{version}"),
                secret_token=cloud.secret_token,
                root_domain=cloud.root_domain,
                protocol="http",
                default_region="",
            )
            clients.enter_context(client)
            assert client.version == version
            return client

        yield start


@pytest.fixture(scope="package")
def recording_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud that seals full chunks and ended sessions, and nothing else."""
    folder = tmp_path_factory.mktemp("recording") / "data"
    with EmbeddedCloud(folder, seal_bundles=CHUNK_BUNDLES, seal_age_seconds=3600) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def record(recording_cloud: EmbeddedCloud) -> Iterator[Callable[..., Recorded]]:
    """Records a session over HTTP: its fields, and the bundles to send."""
    headers = {"Authorization": f"Bearer {recording_cloud.public_token}", "Accept": media.PROTOBUF}
    with httpx2.Client(base_url=recording_cloud.url, headers=headers) as http:

        def post(path: str, message: Any, answer: type[Any]) -> Any:
            body = message.SerializeToString()
            response = http.post(path, content=body, headers={"Content-Type": media.PROTOBUF})
            assert response.status_code == 200, response.text
            return answer.FromString(response.content)

        def record(session: Session, bundles: list[Bundle]) -> Recorded:
            opened = post("/v2/sessions", session, Session)
            for first in range(0, len(bundles), 50):
                part = bundles[first : first + 50]
                request = BundleCreateRequest(session_id=opened.session_id, bundles=part)
                assert post("/v2/bundles", request, BundleCreateResponse).success_count == len(part)
            return Recorded(opened, bundles)

        yield record


@pytest.fixture(scope="package")
def walk(
    record: Callable[..., Recorded], recording_cloud: EmbeddedCloud, eventually: Callable[..., Any]
) -> Callable[..., Recorded]:
    """Records a walk of so many seconds, each a bundle, and waits until its chunks are there."""

    def walk(seconds: int, *, final: bool) -> Recorded:
        simulated = walking_phone(seed=seconds, duration=seconds, rate=2)
        bundles = list(simulated.bundles())
        bundles[-1].is_final_bundle = final
        recorded = record(simulated.session, bundles)
        chunks = -(-seconds // CHUNK_BUNDLES) if final else seconds // CHUNK_BUNDLES
        reader = {"Authorization": f"Bearer {recording_cloud.secret_token}"}
        path = f"{recording_cloud.url}/v2/sessions/{recorded.id}/chunks"

        def listed() -> int:
            total: int = httpx2.get(path, headers=reader).json()["pagination"].get("total_count", 0)
            return total

        eventually(lambda: listed() == chunks)
        return recorded

    return walk


@pytest.fixture(scope="package")
def sealed(walk: Callable[..., Recorded]) -> Recorded:
    """A session that has ended, with more chunks than the published clients ask for a page."""
    return walk(53 * CHUNK_BUNDLES + 1, final=True)


@pytest.fixture(scope="package")
def unsealed(walk: Callable[..., Recorded]) -> Recorded:
    """A session that goes on: two chunks, and three bundles that are in no chunk yet."""
    return walk(2 * CHUNK_BUNDLES + 3, final=False)


@pytest.fixture(scope="package")
def import_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Imported]]:
    """Imports all recordings of a tree into a cloud of their own."""
    with ExitStack() as clouds:

        def run(root: Path) -> Imported:
            folder = tmp_path_factory.mktemp("imported") / "data"
            credentials = admin.init(folder)
            settings = Settings.of(data_dir=folder, seal_bundles=CHUNK_BUNDLES)
            with closing(Store.open(settings, serving=False)) as store:
                report = import_tree(store, root, credentials.project_id)
            assert report.failed == []
            folders = {path.parent.name: path.parent for path in root.rglob("metadata.json")}
            assert sorted(report.imported) == sorted(folders)
            return Imported(clouds.enter_context(EmbeddedCloud(folder)), folders)

        yield run


@pytest.fixture(scope="package")
def imported(web_sessions: Path, import_all: Callable[[Path], Imported]) -> Imported:
    """A cloud with all the real recordings."""
    return import_all(web_sessions)


@pytest.fixture(scope="package")
def imported_old(
    web_sessions: Path, import_all: Callable[[Path], Imported], tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    """A cloud with the real recordings whose metadata names no sensor that came after 0.5.0."""
    tree = tmp_path_factory.mktemp("old")
    for path in web_sessions.rglob("metadata.json"):
        if b'"CLICK"' not in path.read_bytes():
            shutil.copytree(path.parent, tree / path.parent.relative_to(web_sessions))
    return import_all(tree)
