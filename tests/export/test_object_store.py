"""An export into an object store that is spoken to over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pytest
from support import s3 as servers
from support.export_recordings import killed_after, write_session
from support.wire import Received, Reply, WireServer, reply

from moonsense.errors import StoreError
from moonsense.export import export
from moonsense.frames import read
from moonsense.simulator import checkout_person, walking_phone


@pytest.fixture
def dataset(s3: servers.S3, bucket: str) -> pa.dataset.Dataset:
    """The pointer table there, through Arrow's own client of S3."""
    return lambda: pa.dataset.dataset(
        f"{bucket}/lakes/one/sensor=pointer",
        format="parquet",
        partitioning="hive",
        filesystem=pa.fs.S3FileSystem(
            endpoint_override=s3.url.removeprefix("http://"), scheme="http", region="us-east-1"
        ),
    )


def rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.drop_columns(["date"] if "date" in table.column_names else []).to_pylist()))


def test_it_is_gone_on_with_and_read_back(s3: servers.S3, bucket: str, dataset, recordings: Path) -> None:
    to = f"s3://{bucket}/lakes/one"
    with pytest.raises(KeyboardInterrupt), killed_after(5):
        export(recordings, to)
    assert 0 < len(s3.keys(bucket)) <= 5
    grown = write_session(recordings, walking_phone(7, 1.0, rate=10))
    assert export(recordings, to).ok
    before = s3.keys(bucket)
    assert all(key.startswith("lakes/one/") for key in before)
    report = export(recordings, to)
    assert (report.sessions, report.unchanged, s3.keys(bucket)) == (0, 7, before)
    write_session(recordings, checkout_person(7), session_id=grown)
    write_session(recordings, checkout_person(8))
    assert export(recordings, to).ok
    found = dataset()
    expected = read(recordings, "pointer").arrow
    assert rows(found.to_table()) == rows(expected)
    with duckdb.connect() as connection:
        connection.register("pointer", found)
        (counted,) = connection.sql(
            "SELECT count(*), count(DISTINCT session_id) FROM pointer WHERE date = '2026-03-01'"
        ).fetchall()
    first_day = read(recordings / "2026-03-01", "pointer").arrow
    assert counted == (len(first_day), len(first_day["session_id"].unique()))


def test_processes_find_it(bucket: str, s3: servers.S3, recordings: Path, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("moonsense")
    options = ("--format", "mcap", "--json", "--executor", "processes", "--workers", "2")
    result = subprocess.run(
        [command, "export", "--from", recordings, "--to", f"s3://{bucket}", *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert json.loads(result.stdout)["sessions"] == 6
    export(recordings, tmp_path / "here", format="mcap")
    here = [path.relative_to(tmp_path / "here").as_posix() for path in (tmp_path / "here").rglob("*.*")]
    assert s3.keys(bucket) == sorted(here)
    assert s3.content(bucket, sorted(here)[-1]) == (tmp_path / "here" / sorted(here)[-1]).read_bytes()


@pytest.fixture
def suspicious(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """A store that refuses, and repeats in its answer all that it was asked with, as S3 does."""

    def answer(request: Received) -> Reply:
        told = "".join(f"{name}:{value}\n" for name, value in request.headers.items())
        body = (
            "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message>"
            f"<AWSAccessKeyId>{servers.KEY_ID}</AWSAccessKeyId><CanonicalRequest>{told}</CanonicalRequest></Error>"
        )
        return reply(body.encode(), 403)

    with WireServer(answer) as server:
        for name, value in servers.variables(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


def test_no_error_shows_credentials(suspicious: WireServer, recordings: Path) -> None:
    with pytest.raises(StoreError, match="403 Forbidden: SignatureDoesNotMatch: The signature") as caught:
        export(recordings, "s3://bucket/lake")
    error: BaseException = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert suspicious.requests[0].headers["x-amz-security-token"] == servers.SESSION
    command = Path(sys.executable).with_name("moonsense")
    for options in ((), ("--debug",)):
        result = subprocess.run(
            [command, *options, "export", "--from", recordings, "--to", "s3://bucket/lake"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 1
        assert options or result.stderr.count("\n") == 2
        shown += result.stdout + result.stderr
    assert not [canary for canary in servers.CANARIES if canary in shown]


def test_a_shared_access_signature_is_not_shown(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(reply(b"<Error><Code>AuthenticationFailed</Code></Error>", 403)) as server:
        for name, value in {
            "AZURE_STORAGE_ACCOUNT_NAME": "account",
            "AZURE_STORAGE_SAS_KEY": "sv=2024&sig=canary%2Bsignature",
            "AZURE_STORAGE_ENDPOINT": server.url,
            "AZURE_ALLOW_HTTP": "true",
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StoreError, match="AuthenticationFailed") as caught:
            export(recordings, "az://container/lake")
        assert "canary" in server.requests[0].target
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_no_such_bucket(bucket: str, recordings: Path) -> None:
    with pytest.raises(StoreError, match="NoSuchBucket"):
        export(recordings, f"s3://{bucket}-x/lake")
