"""A cloud over real sockets, and projects in it that do not see each other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import httpx2
import pytest
from support.tenants import SEAL_BUNDLES, Tenant

from moonsense.cloud import auth
from moonsense.cloud.auth import TokenKind
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud in a thread, which seals a chunk every five bundles. Tests share it."""
    folder = tmp_path_factory.mktemp("http") / "data"
    with EmbeddedCloud(
        folder,
        in_process=True,
        seal_bundles=SEAL_BUNDLES,
        domain="example.test",
        region="here",
        max_body_bytes=1 << 20,
    ) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def tenants(running: EmbeddedCloud) -> Iterator[Callable[[], Tenant]]:
    """Makes projects in the running cloud, each with clients of its own.

    Through a second store on the folder, as the commands have that manage a
    cloud while it runs.
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(
            contextlib.closing(Store.open(Settings.of(data_dir=running.data_dir), serving=False))
        )

        def client(project_id: str, app_id: str, kind: TokenKind) -> httpx2.Client:
            token = auth.new_token(kind)
            store.access.add_token(
                project_id=project_id,
                app_id=app_id,
                scopes=kind.scopes,
                digest=auth.digest(token),
                hint=auth.hint(token),
            )
            headers = {"Authorization": f"Bearer {token}"}
            return stack.enter_context(httpx2.Client(base_url=running.url, headers=headers))

        def make() -> Tenant:
            project_id = store.access.create_project("one of many")
            app_id = store.access.create_app(project_id, "app")
            return Tenant(
                project_id,
                app_id,
                reader=client(project_id, app_id, TokenKind.SECRET),
                recorder=client(project_id, app_id, TokenKind.PUBLIC),
            )

        yield make


@pytest.fixture
def tenant(tenants: Callable[[], Tenant]) -> Iterator[Tenant]:
    """A project that no other test sees."""
    with contextlib.closing(tenants()) as tenant:
        yield tenant


@pytest.fixture
def other(tenants: Callable[[], Tenant]) -> Iterator[Tenant]:
    """A second such project."""
    with contextlib.closing(tenants()) as tenant:
        yield tenant


@pytest.fixture
def anonymous(running: EmbeddedCloud) -> Iterator[httpx2.Client]:
    """A client without a token."""
    with httpx2.Client(base_url=running.url) as client:
        yield client
