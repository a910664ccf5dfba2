"""Chunks over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.tenants import SEAL_BUNDLES, Tenant, indexes

from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import headers, media
from moonsense.models import ChunksListResponse, SealedBundle

Eventually = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def sealed(tenant: Tenant, eventually: Eventually) -> str:
    """A session of two full chunks and a short one."""
    session_id = tenant.record(2 * SEAL_BUNDLES + 1, final=True)
    eventually(lambda: len(chunks(tenant, session_id)) == 3)
    return session_id


def chunks(tenant: Tenant, session_id: str, **params: Any) -> list[dict[str, str]]:
    answer = tenant.reader.get(f"/v2/sessions/{session_id}/chunks", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json().get("chunks", [])
    return found


def raw(client: httpx2.Client, path: str, **said: str) -> tuple[httpx2.Response, bytes]:
    """An answer and its body as it was sent, not decoded."""
    with client.stream("GET", path, headers=said) as answer:
        return answer, b"".join(answer.iter_raw())


def test_chunks_are_listed_oldest_first(tenant: Tenant, sealed: str) -> None:
    answer = tenant.reader.get(f"/v2/sessions/{sealed}/chunks", headers={"Accept": media.PROTOBUF})

    listed = ChunksListResponse.FromString(answer.content)
    assert listed.session_id == sealed
    times = [chunk.created_at.ToNanoseconds() for chunk in listed.chunks]
    assert times == sorted(times)
    assert [chunk["chunk_id"] for chunk in chunks(tenant, sealed)] == [c.chunk_id for c in listed.chunks]


@pytest.mark.parametrize("per_page", [1, 2, 3, 50])
def test_pages_by_number_give_every_chunk_once(tenant: Tenant, sealed: str, per_page: int) -> None:
    seen: list[str] = []
    page = 1
    while True:
        answer = tenant.reader.get(
            f"/v2/sessions/{sealed}/chunks", params={"per_page": per_page, "page": page}
        ).json()
        seen += [chunk["chunk_id"] for chunk in answer["chunks"]]
        numbers = answer["pagination"]
        assert (numbers["current_page"], numbers["total_count"]) == (page, 3)
        assert numbers.get("next_page", 0) == (page + 1 if page < numbers["total_pages"] else 0)
        if numbers["current_page"] >= numbers["total_pages"]:
            break
        page += 1

    assert seen == [chunk["chunk_id"] for chunk in chunks(tenant, sealed)]


def test_the_link_leads_through_all_pages(tenant: Tenant, sealed: str) -> None:
    seen: list[str] = []
    path = f"/v2/sessions/{sealed}/chunks?per_page=1"
    while path:
        answer = tenant.reader.get(path)
        seen += [chunk["chunk_id"] for chunk in answer.json()["chunks"]]
        path = answer.links.get("next", {}).get("url", "")

    assert seen == [chunk["chunk_id"] for chunk in chunks(tenant, sealed)]


def test_a_chunk_is_gzip_ndjson_by_default(tenant: Tenant, sealed: str) -> None:
    seen: list[int] = []
    for chunk in chunks(tenant, sealed):
        answer, body = raw(tenant.reader, f"/v2/sessions/{sealed}/chunks/{chunk['chunk_id']}")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == media.NDJSON
        assert int(answer.headers["Content-Length"]) == len(body)
        member = zlib.decompressobj(wbits=31)
        lines = member.decompress(body)
        assert member.eof
        assert member.unused_data == b""
        assert lines.endswith(b"\n")
        assert hashlib.md5(lines).hexdigest() == chunk["md5"] == answer.headers[headers.CONTENT_MD5]
        parser = NdjsonParser(SealedBundle)
        bundles = [*parser.feed(lines), *parser.close()]
        assert answer.headers[headers.BUNDLE_COUNT] == str(len(bundles))
        seen += indexes(bundles)

    assert seen == list(range(1, 2 * SEAL_BUNDLES + 2))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("", False),
    ],
)
def test_gzip_is_left_out_for_who_refuses_it(
    tenant: Tenant, sealed: str, accepted: str, packed: bool
) -> None:
    path = f"/v2/sessions/{sealed}/chunks/{chunks(tenant, sealed)[0]['chunk_id']}"
    plain = gzip.decompress(raw(tenant.reader, path)[1])

    answer, body = raw(tenant.reader, path, **{"Accept-Encoding": accepted})

    assert ("Content-Encoding" in answer.headers) is packed
    assert int(answer.headers["Content-Length"]) == len(body)
    assert (gzip.decompress(body) if packed else body) == plain


def test_frames_hold_the_same_bundles(tenant: Tenant, sealed: str) -> None:
    path = f"/v2/sessions/{sealed}/chunks/{chunks(tenant, sealed)[0]['chunk_id']}"
    lines = NdjsonParser(SealedBundle).feed(tenant.reader.get(path).content)

    answer, body = raw(tenant.reader, path, Accept=media.FRAMES)

    assert answer.headers["Content-Type"] == media.FRAMES
    assert "Content-Encoding" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(body)
    assert FrameParser(SealedBundle).feed(body) == lines
    assert answer.headers[headers.BUNDLE_COUNT] == str(len(lines))


def test_head_tells_the_size_without_the_content(tenant: Tenant, sealed: str) -> None:
    path = f"/v2/sessions/{sealed}/chunks/{chunks(tenant, sealed)[0]['chunk_id']}"
    get = raw(tenant.reader, path)[0]

    head = tenant.reader.head(path)

    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert head.headers[headers.CONTENT_MD5] == get.headers[headers.CONTENT_MD5]
    assert head.content == b""


def test_a_chunk_of_another_session_or_project_is_404(tenant: Tenant, other: Tenant, sealed: str) -> None:
    chunk_id = chunks(tenant, sealed)[0]["chunk_id"]
    elsewhere = tenant.record(1)

    assert tenant.reader.get(f"/v2/sessions/{elsewhere}/chunks/{chunk_id}").status_code == 404
    assert tenant.reader.get(f"/v2/sessions/{sealed}/chunks/{'a' * 22}").status_code == 404
    assert other.reader.get(f"/v2/sessions/{sealed}/chunks/{chunk_id}").status_code == 404
    assert other.reader.get(f"/v2/sessions/{sealed}/chunks").status_code == 404
