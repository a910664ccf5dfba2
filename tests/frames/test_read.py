"""Reading tables: sources, choices, order, faults."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from moonsense import frames
from moonsense.client import AsyncClient, Client
from moonsense.codec.json import write, write_line
from moonsense.errors import DecodeError, IncompleteError, IntegrityError, NotFoundError
from moonsense.frames import _lines, _reading
from moonsense.models import Bundle, SealedBundle, Session

START = 1_700_000_000_000
MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def sealed(index: int, session_id: str = "s1", items: int = 3) -> SealedBundle:
    """A bundle of one second, its readings 100 ms apart."""
    one = SealedBundle(session_id=session_id, bundle=Bundle(index=index))
    one.bundle.client_time.wall_time_millis = START + 1000 * index
    for item in range(items):
        at = START + 1000 * (index - 1) + 100 * item
        one.bundle.accelerometer_data.add(determined_at=at, x=index, y=item, z=1)
        one.bundle.pointer_data.add(determined_at=at)
    return one


def text(*bundles: SealedBundle) -> bytes:
    return b"".join(map(write_line, bundles))


def folder(root: Path, session_id: str, *bundles: SealedBundle, session: Session | None = None) -> Path:
    """A recording of the on-disk layout."""
    path = root / "2023-11-14" / "missing-journey-id" / session_id
    path.mkdir(parents=True)
    (path / "raw_sealed_bundles.json").write_bytes(text(*bundles))
    (path / "metadata.json").write_bytes(write(session or Session(session_id=session_id), camel=True))
    return path


def xs(frame: frames.Frame) -> list[float]:
    return frame.arrow["x"].to_pylist()


class TestSources:
    def test_each_gives_the_same(self, tmp_path: Path) -> None:
        bundles = [sealed(index) for index in (1, 2, 3)]
        path = folder(tmp_path, "s1", *bundles) / "raw_sealed_bundles.json"
        data = path.read_bytes()
        wanted = frames.read(bundles, "accelerometer").arrow
        assert wanted.num_rows == 9

        for source in (
            path,
            str(path),
            tmp_path,
            str(tmp_path / "2023-*"),
            str(tmp_path / "**" / "*.json")[:-5] + "s.json",  # **/*s.json
            [path],
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            iter(bundles),
            (one for one in bundles),
        ):
            assert frames.read(source, "accelerometer").arrow == wanted, source

    def test_bundles_that_were_not_sealed(self) -> None:
        frame = frames.read([sealed(1).bundle], "accelerometer")
        assert frame.arrow["session_id"].to_pylist() == ["", "", ""]

    def test_a_folder_names_the_session_where_its_bundles_do_not(self, tmp_path: Path) -> None:
        folder(tmp_path, "abc", sealed(1, session_id=""))
        assert set(frames.read(tmp_path, "accelerometer").arrow["session_id"].to_pylist()) == {"abc"}

    def test_a_download_under_way_is_left_out(self, tmp_path: Path) -> None:
        folder(tmp_path, "abc", sealed(1))
        folder(tmp_path / "2023-11-14", ".def.partial", sealed(2))
        assert xs(frames.read(tmp_path, "accelerometer")) == [1, 1, 1]

    def test_nothing_there(self, tmp_path: Path) -> None:
        for source in (tmp_path, tmp_path / "no.json", str(tmp_path / "*.json")):
            with pytest.raises(FileNotFoundError, match="no recording"):
                frames.read(source, "accelerometer")

    def test_what_is_no_source(self) -> None:
        with pytest.raises(TypeError, match="a source is"):
            frames.read(5, "accelerometer")
        with pytest.raises(TypeError, match="neither a bundle nor a path: int"):
            frames.read([5], "accelerometer")
        with pytest.raises(TypeError, match="only a client's sessions can be filtered by labels"):
            frames.read(b"", "accelerometer", labels=["a"])

    def test_a_cut_off_archive_is_no_short_table(self, tmp_path: Path) -> None:
        whole = gzip.compress(text(*[sealed(index) for index in range(1, 200)]))
        (tmp_path / "one.json.gz").write_bytes(whole[:-300])
        with pytest.raises(IntegrityError, match=r"one\.json\.gz"):
            frames.read(tmp_path / "one.json.gz", "accelerometer")


class TestClients:
    @pytest.fixture
    def recorded(self, recording_client: Client) -> list[str]:
        ids = []
        for number in range(2):
            session = Session()
            session.labels.add(name=f"frames-{number}")
            session_id = recording_client.create_session(session).session_id
            recording_client.send_bundles(session_id, [sealed(index).bundle for index in (2, 1, 3)])
            ids.append(session_id)
        return ids

    def test_a_session_by_id(self, client: Client, recorded: list[str]) -> None:
        frame = frames.read(client, "accelerometer", sessions=recorded[0])
        assert xs(frame) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert set(frame.arrow["session_id"].to_pylist()) == {recorded[0]}

    def test_sessions_by_filters(self, client: Client, recorded: list[str]) -> None:
        frame = frames.read(client, "accelerometer", labels=["frames-0", "frames-1"], limit=2)
        assert frame.arrow["session_id"].unique().to_pylist() == recorded[::-1]
        listed = client.list_sessions(labels=["frames-1"], limit=1)
        assert len(frames.read(client, "accelerometer", sessions=listed)) == 9

    def test_text_and_bundles_of_a_cloud_say_the_same(
        self, client: Client, recorded: list[str], tmp_path: Path
    ) -> None:
        client.download_session(recorded[0], tmp_path / "raw_sealed_bundles.json")
        for sensor in ("accelerometer", "pointer", "bundles"):
            there = frames.read(client, sensor, sessions=recorded[0]).arrow
            assert frames.read(tmp_path / "raw_sealed_bundles.json", sensor).arrow == there

    def test_no_such_session(self, client: Client) -> None:
        with pytest.raises(NotFoundError):
            frames.read(client, "accelerometer", sessions="2" * 22)

    def test_a_client_for_asyncio_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"moonsense\.Client, not by one for asyncio"):
            frames.read(AsyncClient("token"), "accelerometer", sessions="2" * 22)

    def test_sessions_or_filters(self, client: Client) -> None:
        with pytest.raises(TypeError, match="not both"):
            frames.read(client, "accelerometer", sessions="a", labels=["b"])


class TestChoices:
    def test_several_sensors_are_read_in_one_go(self) -> None:
        source = iter([sealed(1), sealed(2)])
        tables = frames.read(source, ["pointer", "accelerometer"])
        assert list(tables) == ["pointer", "accelerometer"]
        assert [len(table) for table in tables.values()] == [6, 6]

    def test_no_such_sensor(self) -> None:
        with pytest.raises(ValueError, match="no sensor 'acceleration'; there are location, accelerometer"):
            frames.read(b"", "acceleration")

    def test_columns(self) -> None:
        data = text(sealed(2), sealed(1))
        frame = frames.read(data, "accelerometer", columns=["y", "x"])
        assert frame.arrow.column_names == ["y", "x"]
        assert xs(frame) == [1, 1, 1, 2, 2, 2]  # in order, though what makes it was not asked for
        assert frames.read(data, "accelerometer", columns=["session_id"]).arrow.num_rows == 6
        assert frames.read(data, "custom_event", columns=["at"]).arrow.schema.names == ["at"]

    def test_columns_of_several_sensors(self) -> None:
        data = text(sealed(1))
        tables = frames.read(data, ["accelerometer", "pointer"], columns=["at", "x", "buttons"])
        assert {name: table.arrow.column_names for name, table in tables.items()} == {
            "accelerometer": ["at", "x"],
            "pointer": ["at", "buttons"],
        }
        tables = frames.read(data, ["accelerometer", "pointer"], columns={"pointer": ["at"]})
        assert tables["pointer"].arrow.column_names == ["at"]
        assert "x" in tables["accelerometer"].arrow.column_names

    def test_no_such_column(self) -> None:
        with pytest.raises(ValueError, match="no column 'w': accelerometer has session_id"):
            frames.read(b"", "accelerometer", columns=["x", "w"])
        with pytest.raises(ValueError, match="no column 'accelerometer': pointer has"):
            frames.read(b"", "pointer", columns={"accelerometer": ["x"]})

    def test_sessions_of_files(self, tmp_path: Path) -> None:
        folder(tmp_path, "a1", sealed(1, "a1"))
        folder(tmp_path, "b1", sealed(2, "b1"))
        assert xs(frames.read(tmp_path, "accelerometer", sessions=["b1"])) == [2, 2, 2]
        both = text(sealed(1, "a1"), sealed(2, "b1"))
        assert xs(frames.read(both, "accelerometer", sessions="b1")) == [2, 2, 2]
        assert xs(frames.read([sealed(1, "a1"), sealed(2, "b1")], "accelerometer", sessions="a1")) == [
            1,
            1,
            1,
        ]

    def test_a_time_range(self) -> None:
        data = text(sealed(1), sealed(2), sealed(3))
        from_second = frames.read(data, "accelerometer", between=(MOMENT + timedelta(seconds=1), None))
        assert xs(from_second) == [2, 2, 2, 3, 3, 3]
        naive = (MOMENT + timedelta(seconds=1)).replace(tzinfo=None)
        assert xs(frames.read(data, "accelerometer", between=(None, naive), columns=["x"])) == [1, 1, 1]
        edge = MOMENT + timedelta(milliseconds=1100)
        frame = frames.read(data, "accelerometer", between=(edge, edge + timedelta(milliseconds=100)))
        assert frame.arrow["at"].to_pylist() == [edge]  # the first time is within, the second is not

    def test_what_has_no_time_is_in_no_range(self) -> None:
        one = sealed(1)
        one.bundle.accelerometer_data.add(x=9)
        assert 9 in xs(frames.read([one], "accelerometer"))
        assert 9 not in xs(frames.read([one], "accelerometer", between=(datetime(1970, 1, 1), None)))  # noqa: DTZ001

    def test_sessions_of_another_time_are_not_opened(self, tmp_path: Path) -> None:
        old = Session(session_id="old")
        old.newest_event.FromDatetime(MOMENT - timedelta(days=9))
        broken = folder(tmp_path, "old", session=old)
        (broken / "raw_sealed_bundles.json").write_bytes(b"not opened")
        folder(tmp_path, "new", sealed(1))
        assert xs(frames.read(tmp_path, "accelerometer", between=(MOMENT, None))) == [1, 1, 1]
        with pytest.raises(DecodeError):
            frames.read(tmp_path, "accelerometer")

    def test_a_session_that_is_named_is_there(self, tmp_path: Path) -> None:
        folder(tmp_path, "2" * 22, sealed(1, "2" * 22))
        empty = folder(tmp_path, "3" * 22)
        assert (empty / "raw_sealed_bundles.json").read_bytes() == b""
        both = [sealed(1, "a"), sealed(2, "b")]
        for source, there in ((tmp_path, "2" * 22), (both, "a"), (text(*both), "b")):
            assert len(frames.read(source, "accelerometer", sessions=[there])) == 3
            for missing in ("typo", [there, "typo"]):
                with pytest.raises(NotFoundError, match="there is no session typo"):
                    frames.read(source, "accelerometer", sessions=missing)
        # One without bundles is there, and so is one that is not of the time.
        assert len(frames.read(tmp_path, "accelerometer", sessions="3" * 22)) == 0
        assert len(frames.read(tmp_path, "accelerometer", sessions="2" * 22, between=(None, MOMENT))) == 0
        # What is there comes first.
        reader = frames.batches(both, "accelerometer", sessions=["b", "typo"])
        assert reader.read_next_batch().num_rows == 3
        with pytest.raises(NotFoundError):
            reader.read_next_batch()

    def test_slips_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "some.json"
        path.write_bytes(text(sealed(1)))
        with path.open(encoding="utf-8") as file, pytest.raises(TypeError, match="mode 'rb'"):
            frames.read(file, "accelerometer")
        with pytest.raises(TypeError, match="mode 'rb'"):
            frames.read(io.StringIO("{}"), "accelerometer")
        with pytest.raises(TypeError, match="give it as bytes"):
            frames.read(text(sealed(1)).decode(), "accelerometer")
        for odd in ("2026-01-01", MOMENT.date(), 5):
            with pytest.raises(TypeError, match="two datetimes"):
                frames.read(path, "accelerometer", between=(odd, None))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="asked for twice: x, y, x"):
            frames.read(path, "accelerometer", columns=["x", "y", "x"])

    def test_a_pattern_finds_each_recording_once(self, tmp_path: Path) -> None:
        folder(tmp_path, "2" * 22, sealed(1, "2" * 22), session=Session(session_id="2" * 22))
        for pattern in ("**", "*", "*/*", "**/*.json"):
            assert len(frames.read(str(tmp_path / pattern), "accelerometer")) == 3

    def test_names_of_packed_files_are_in_any_letters(self, tmp_path: Path) -> None:
        path = tmp_path / "SOME.JSON.GZ"
        path.write_bytes(gzip.compress(text(sealed(1))))
        assert len(frames.read(path, "accelerometer")) == 3


class TestOrder:
    def test_by_session_and_index(self) -> None:
        some = [sealed(3, "b"), sealed(1, "a"), sealed(2, "b"), sealed(1, "b")]
        for source in (iter(some), text(*some)):
            arrow = frames.read(source, "accelerometer").arrow
            seen = list(zip(arrow["session_id"].to_pylist(), arrow["bundle_index"].to_pylist(), strict=True))
            assert seen[::3] == [("b", 1), ("b", 2), ("b", 3), ("a", 1)]
            assert arrow["y"].to_pylist() == [0, 1, 2] * 4

    def test_streams_come_as_received(self) -> None:
        reader = frames.batches(text(sealed(2), sealed(1)), "accelerometer")
        assert isinstance(reader, pa.RecordBatchReader)
        assert reader.schema == frames.schema("accelerometer")
        assert reader.read_all()["x"].to_pylist() == [2, 2, 2, 1, 1, 1]

    def test_streams_of_several_sensors(self) -> None:
        [group] = frames.batches(text(sealed(1)), ["accelerometer", "click"])
        assert {name: batch.num_rows for name, batch in group.items()} == {"accelerometer": 3, "click": 0}

    def test_a_stream_holds_one_piece(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_lines, "BUFFER_BYTES", 2_000)
        monkeypatch.setattr(_reading, "GROUP_BYTES", 2_000)
        data = text(*[sealed(index) for index in range(1, 101)])
        sizes = [batch.num_rows for batch in frames.batches(data, "accelerometer")]
        assert sum(sizes) == 300
        assert len(sizes) > 10
        assert xs(frames.read(data, "accelerometer")) == [index for index in range(1, 101) for _ in range(3)]


class TestFaults:
    @pytest.mark.parametrize(
        "line",
        [
            b'{"bundle":{"accelerometer_data":[{"determined_at":"17',
            b'{"bundle":{"accelerometer_data":[{"determined_at":"x"}],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"determined_at":"0x10"}],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"x":NaN}],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"x":1}]"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[null],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"x":"]"}],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"x":1,"determinedAt":"1","determined_at":"1"}],"index":9}}\n',
            b'{"bundle":{"accelerometer_data":[{"x":1}],"index":9}} {}\n',
            b'{"bundle":{"pointer_data":[{"target":{"target_id":"\xff"}}],"accelerometer_data":[{"x":"\xff"}]}}\n',
            b"[]\n",
            b"{}{}\n",
        ],
    )
    def test_all_before_a_fault_comes_and_then_the_fault(self, line: bytes, tmp_path: Path) -> None:
        path = tmp_path / "one.json"
        path.write_bytes(text(sealed(1), sealed(2)) + b"\n" + line)
        rows = 0
        with pytest.raises(DecodeError, match=r"one\.json: line 4") as caught:  # noqa: PT012
            for batch in frames.batches(path, "accelerometer"):
                rows += batch.num_rows
        assert caught.value.line == 4
        assert rows == 6
        with pytest.raises(DecodeError):
            frames.read(path, "accelerometer")

    def test_bundles_that_came_before_the_reader_failed(self) -> None:
        def broken() -> Iterator[SealedBundle]:
            yield sealed(1)
            raise IncompleteError("the answer broke off")

        reader = frames.batches(broken(), "accelerometer")
        assert reader.read_next_batch().num_rows == 3
        with pytest.raises(IncompleteError, match="broke off"):
            reader.read_next_batch()

    def test_what_was_not_asked_for_is_not_looked_into(self) -> None:
        line = b'{"bundle":{"accelerometer_data":[{"x":1}],"gyroscope_data":[{"x":"no number"}],"index":1}}\n'
        assert xs(frames.read(line, "accelerometer")) == [1]
        with pytest.raises(DecodeError, match=r"gyroscope_data\[0\]\.x"):
            frames.read(line, "gyroscope")

    @pytest.mark.parametrize(
        "inside",
        [
            '{"target":{"target_id":"a]"}}',
            '{"target":{"target_id":"]"}},{"target":{"target_id":"],"}}',
            r'{"target":{"target_id":"],\"accelerometer_data\":[{\"x\":5}],\""}}',
            '{"target":{"target_id":"[{]}"}},{"a_list":["]",[]]}',
        ],
    )
    def test_brackets_in_texts_lead_nowhere(self, inside: str) -> None:
        line = f'{{"bundle":{{"pointer_data":[{inside}],"accelerometer_data":[{{"x":1}}],"index":1}}}}\n'
        tables = frames.read(line.encode(), ["accelerometer", "pointer"])
        assert xs(tables["accelerometer"]) == [1]
        assert xs(frames.read(line.encode(), "accelerometer")) == [1]
        assert len(tables["pointer"]) == inside.count("target_id") + inside.count("a_list")


def test_what_is_written_here_goes_the_fast_way(monkeypatch: pytest.MonkeyPatch, web_sessions: Path) -> None:
    def slow(*_: Any) -> Any:
        raise AssertionError("read as messages")

    monkeypatch.setattr(_reading.Reading, "_exactly", slow)
    assert len(frames.read(web_sessions, [*frames.sensors()])["pointer"]) == 14_705
    assert len(frames.read(text(sealed(1)), "accelerometer")) == 3


class TestFrame:
    frame = frames.read([sealed(1), sealed(2, "s2")], "accelerometer")

    def test_pandas(self) -> None:
        table = self.frame.to_pandas()
        assert table["x"].tolist() == [1, 1, 1, 2, 2, 2]
        assert str(table["at"].dtype) == "datetime64[us, UTC]"
        assert table["at"][0] == pd.Timestamp(MOMENT)
        assert table["session_id"].dtype == "category"
        for sensor in frames.sensors():
            empty = frames.read(b"", sensor).to_pandas()
            assert list(empty.columns) == frames.schema(sensor).names
        types = frames.read([sealed(1)], "pointer").to_pandas().dtypes.map(str)
        assert types.equals(frames.read(b"", "pointer").to_pandas().dtypes.map(str))

    def test_polars(self) -> None:
        table = self.frame.to_polars()
        assert table["x"].to_list() == [1, 1, 1, 2, 2, 2]
        assert table.schema["at"] == pl.Datetime("us", "UTC")
        assert pl.DataFrame(self.frame).equals(table)
        for sensor in frames.sensors():
            assert frames.read(b"", sensor).to_polars().columns == frames.schema(sensor).names

    def test_a_map_is_in_the_order_of_its_keys(self) -> None:
        bundle = Bundle(index=1)
        properties = {f"{number:x}": "1" for number in range(40, 0, -1)}
        bundle.custom_events.add(properties=properties)
        made = [text(SealedBundle(bundle=bundle)), [SealedBundle(bundle=bundle)]]
        for source in made:
            (found,) = frames.read(source, "custom_event").arrow["properties"].to_pylist()
            assert found == sorted(properties.items())

    def test_units(self) -> None:
        assert self.frame.units == {"determined_at": "ms", "x": "G", "y": "G", "z": "G"}
        assert self.frame.sensor == "accelerometer"
        assert repr(self.frame) == "<Frame accelerometer: 6 rows, 8 columns>"

    def test_a_notebook_shows_it(self) -> None:
        page = self.frame._repr_html_()
        assert "<b>accelerometer</b> 6 rows, 8 columns, 2 sessions" in page
        assert "2023-11-14 22:13:20 to 2023-11-14 22:13:21 UTC" in page
        assert "<th>x<br><small>G</small></th>" in page
        assert "at<br><small>UTC</small>" in page
        evil = frames.read([sealed(1, "<script>")], "accelerometer")._repr_html_()
        assert "<script>" not in evil
        assert "0 rows" in frames.read(b"", "pointer")._repr_html_()


@pytest.mark.parametrize("missing", ["pyarrow", "pandas", "polars"])
def test_a_missing_dependency_names_the_extra(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import moonsense.frames"

    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.stderr.splitlines()[-1] == (
        "moonsense.errors.MissingExtraError: "
        "moonsense.frames needs the extra 'frames': pip install 'moonsense[frames]'"
    )
