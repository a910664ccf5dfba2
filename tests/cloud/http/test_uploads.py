"""Request bodies: unpacked and parsed within a limit, or refused with the reason."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud import uploads
from moonsense.contract import media
from moonsense.contract.problems import Problem
from moonsense.models import BundleCreateRequest, SessionLabelCreateRequest

DATA = bytes(range(256)) * 40


def zstd(data: bytes, **options: object) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)  # type: ignore[arg-type]


def zstd_streamed(data: bytes, *, checksum: bool = False) -> bytes:
    """A frame that does not say how long its content is."""
    writer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=False).compressobj()
    return writer.compress(data) + writer.flush()


SKIPPABLE = (0x184D2A57).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello"

PACKED = {
    "gzip": gzip.compress(DATA),
    "x-gzip": gzip.compress(DATA, 1),
    "zstd": zstd(DATA),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_is_unpacked(encoding: str) -> None:
    assert uploads.unpack(PACKED[encoding], encoding, len(DATA)) == DATA


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_plain_body_is_as_it_is(encoding: str) -> None:
    assert uploads.unpack(DATA, encoding, len(DATA)) == DATA


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_one_byte_too_large_is_413(encoding: str) -> None:
    with pytest.raises(Problem, match=f"larger than {len(DATA) - 1} bytes") as caught:
        uploads.unpack(PACKED[encoding], encoding, len(DATA) - 1)

    assert caught.value.status == 413


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_cut_at_any_byte_is_400(encoding: str) -> None:
    for end in range(len(PACKED[encoding])):
        with pytest.raises(Problem) as caught:
            uploads.unpack(PACKED[encoding][:end], encoding, 1 << 20)
        assert caught.value.status == 400


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(garbage=st.binary(max_size=200))
def test_garbage_is_400(encoding: str, garbage: bytes) -> None:
    with pytest.raises(Problem) as caught:
        uploads.unpack(garbage, encoding, 1 << 20)

    assert caught.value.status == 400


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_follows_the_end_is_400_and_never_dropped(encoding: str) -> None:
    for more in (b"\0", b"garbage", DATA):
        with pytest.raises(Problem) as caught:
            uploads.unpack(PACKED[encoding] + more, encoding, 1 << 20)
        assert caught.value.status == 400


def test_several_gzip_members_are_refused() -> None:
    with pytest.raises(Problem, match="one member") as caught:
        uploads.unpack(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", 1 << 20)

    assert caught.value.status == 400


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.booleans(),
    st.lists(st.booleans(), max_size=4),
)
def test_several_zstd_frames_are_all_read(parts: list[bytes], checksum: bool, skips: list[bool]) -> None:
    body = b"".join(zstd_streamed(part, checksum=checksum) for part in parts)
    body += SKIPPABLE * sum(skips)

    assert uploads.unpack(body, "zstd", 1 << 20) == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 128 * 1024 + 1, 700_000])
@pytest.mark.parametrize("level", [1, 3, 19])
def test_zstd_of_many_blocks_is_read(size: int, level: int) -> None:
    data = (b"the same again and again, " * (size // 26 + 1))[:size]

    assert uploads.unpack(zstd(data, level=level), "zstd", 1 << 20) == data
    assert uploads.unpack(zstd(zlib.compress(data, 0), level=level), "zstd", 1 << 20) == zlib.compress(
        data, 0
    )


@pytest.mark.parametrize("pack", [gzip.compress, zstd, zstd_streamed], ids=["gzip", "zstd", "zstd-streamed"])
def test_a_bomb_is_never_unpacked_beyond_the_limit(pack: object) -> None:
    assert callable(pack)
    bomb = pack(bytes(200_000_000))
    encoding = "gzip" if pack is gzip.compress else "zstd"
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            uploads.unpack(bomb, encoding, 1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert caught.value.status == 413
    assert peak < 8 << 20


def test_a_zstd_frame_that_asks_for_too_much_memory_is_refused() -> None:
    options = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=options).compressobj()
    body = writer.compress(DATA) + writer.flush()

    with pytest.raises(Problem, match="not zstd") as caught:
        uploads.unpack(body, "zstd", 1 << 20)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain", ""),
        ("application/x-www-form-urlencoded", ""),
        ("application/x-ndjson", ""),
        (media.JSON, "br"),
        (media.JSON, "gzip, gzip"),
        (media.PROTOBUF, "deflate"),
    ],
)
def test_any_other_type_or_encoding_is_415(content_type: str, encoding: str) -> None:
    with pytest.raises(Problem) as caught:
        uploads.check_types(content_type, encoding)

    assert caught.value.status == 415


@pytest.mark.parametrize("content_type", [media.JSON, media.PROTOBUF])
@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "x-gzip", "zstd"])
def test_the_contract_s_types_and_encodings_pass(content_type: str, encoding: str) -> None:
    uploads.check_types(content_type, encoding)


def test_a_message_is_read_in_both_forms() -> None:
    message = BundleCreateRequest(session_id="abc")

    from_json = uploads.read_message(
        b'{"sessionId": "abc", "new": 1}', media.JSON, "", 100, BundleCreateRequest
    )
    from_protobuf = uploads.read_message(
        message.SerializeToString(), media.PROTOBUF, "", 100, BundleCreateRequest
    )

    assert from_json == from_protobuf == message


def test_bad_json_is_400_with_the_place() -> None:
    with pytest.raises(Problem, match=r"bundles\[1\]\.index") as caught:
        uploads.read_message(
            b'{"bundles": [{"index": 1}, {"index": "x"}]}', media.JSON, "", 100, BundleCreateRequest
        )

    assert caught.value.status == 400
    assert caught.value.param == "bundles[1].index"


@pytest.mark.parametrize("content_type", [media.JSON, media.PROTOBUF])
def test_what_is_no_message_is_400(content_type: str) -> None:
    with pytest.raises(Problem) as caught:
        uploads.read_message(b"\x0a\xff{", content_type, "", 100, BundleCreateRequest)

    assert caught.value.status == 400


def test_a_broken_rule_is_422_naming_the_field() -> None:
    with pytest.raises(Problem) as caught:
        uploads.read_message(
            b'{"labels": [{"name": "a"}, {"name": ""}]}', media.JSON, "", 100, SessionLabelCreateRequest
        )

    assert caught.value.status == 422
    assert caught.value.param == "labels[1].name"
