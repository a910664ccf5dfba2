"""Whole pictures: which panels, what they are titled, where they are from, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from matplotlib.dates import num2date
from support.pictures import START, bundle, panel, pointer, rendered, texts, ticks, titles

from moonsense import frames
from moonsense.client import AsyncClient, Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec.json import write, write_line
from moonsense.errors import NotFoundError
from moonsense.models import AppLifeCycleEvent, Bundle, SealedBundle, Session
from moonsense.simulator import SimulatedSession, checkout_bot, checkout_person, walking_phone

PHONE = walking_phone(seed=1, duration=8)


def sealed(simulated: SimulatedSession, session_id: str) -> list[SealedBundle]:
    return [SealedBundle(bundle=one, session_id=session_id) for one in simulated.bundles()]


def folder(root: Path, session_id: str, bundles: list[SealedBundle]) -> Path:
    """A recording of the on-disk layout, of a phone."""
    path = root / "2026-03-02" / "missing-journey-id" / session_id
    path.mkdir(parents=True)
    (path / "raw_sealed_bundles.json").write_bytes(b"".join(map(write_line, bundles)))
    session = Session(session_id=session_id, metadata=PHONE.session.metadata)
    session.created_at.FromJsonString("2026-03-02T10:59:00.5Z")
    (path / "metadata.json").write_bytes(write(session, camel=True))
    return path


class TestPanels:
    def test_of_a_phone(self) -> None:
        figure = frames.plot(PHONE.bundles())
        assert titles(figure) == [
            "accelerometer", "gyroscope", "magnetometer", "battery", "events", "location",
        ]  # fmt: skip
        assert rendered(figure).startswith(b"\x89PNG")

    @pytest.mark.parametrize("simulated", [checkout_person(1), checkout_bot(1)], ids=["person", "bot"])
    def test_of_a_page(self, simulated: SimulatedSession) -> None:
        figure = frames.plot(simulated.bundles())
        assert titles(figure) == ["key press", "events", "pointer"]
        assert rendered(figure)

    def test_are_those_that_were_asked_for_in_that_order(self) -> None:
        figure = frames.plot(PHONE.bundles(), ["location", "gyroscope", "accelerometer"])
        assert titles(figure) == ["gyroscope", "accelerometer", "location"]
        assert titles(frames.plot(PHONE.bundles(), "battery")) == ["battery"]

    def test_over_time_share_one_axis_in_utc(self) -> None:
        figure = frames.plot(PHONE.bundles(), ["accelerometer", "battery", "app_life_cycle"])
        axes = [panel(figure, name) for name in ("accelerometer", "battery", "events")]
        at = frames.read(PHONE.bundles(), "accelerometer").arrow["at"].to_pylist()
        assert len({ax.get_xlim() for ax in axes}) == 1
        first, last = map(num2date, axes[0].get_xlim())
        assert at[0] - timedelta(seconds=1) < first <= at[0]
        assert at[-1] <= last < at[-1] + timedelta(seconds=1)
        assert f"{at[0]:%H:%M}:02" in ticks(axes[-1])
        assert axes[-1].xaxis.get_offset_text().get_text() == "2026-03-02 UTC"
        assert not any(label.get_visible() for label in axes[0].get_xticklabels())

    def test_of_events_are_rows_of_ticks(self) -> None:
        foreground = AppLifeCycleEvent(determined_at=START + 250, app_life_cycle_status=1)
        one = bundle(app_life_cycle_events=[foreground], pointer_data=[pointer(0, 5, 5), pointer(750, 6, 5)])
        ax = panel(frames.plot([one]), "events")
        assert [label.get_text() for label in ax.get_yticklabels()] == ["app life cycle  1", "pointer  2"]
        assert [len(line.get_positions()) for line in ax.collections] == [1, 2]
        assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is the top one"

    def test_of_a_lone_event_have_seconds_around_it(self) -> None:
        figure = frames.plot([bundle(accelerometer_data=[{"determined_at": START, "x": 1, "y": 2, "z": 3}])])
        first, last = map(num2date, panel(figure, "accelerometer").get_xlim())
        assert last - first == timedelta(seconds=1)
        assert rendered(figure)

    def test_span_days_with_dates_on_the_axis(self) -> None:
        hours = [{"determined_at": START + hour * 3_600_000, "x": hour} for hour in range(60)]
        ax = panel(frames.plot([bundle(accelerometer_data=hours)]), "accelerometer")
        assert "02-03" in ticks(ax)
        assert "12:00" in ticks(ax)


class TestNothing:
    @pytest.mark.parametrize("source", [[], b"", [Bundle(index=1)]], ids=["none", "text", "bundle"])
    def test_is_a_picture_that_says_so(self, source: object) -> None:
        figure = frames.plot(source)
        assert texts(figure).strip() == "nothing was recorded"
        assert rendered(figure)

    def test_of_what_was_asked_for(self) -> None:
        figure = frames.plot(PHONE.bundles(), ["light", "key_press"])
        assert texts(figure).strip() == "nothing was recorded of light, key press"

    def test_beside_what_there_is(self) -> None:
        figure = frames.plot(PHONE.bundles(), ["battery", "light"])
        assert titles(figure) == ["battery"]
        assert texts(figure).strip() == "Nothing was recorded of light."

    def test_of_a_folder_still_has_its_session(self, tmp_path: Path) -> None:
        figure = frames.plot(folder(tmp_path, "s1", []))
        assert figure.get_suptitle() == "Session s1  ·  ANDROID  ·  2026-03-02 10:59:00 UTC"

    def test_rows_without_a_time_are_counted(self) -> None:
        lost = Bundle(index=2, accelerometer_data=[{"x": 1}, {"x": 2}])
        figure = frames.plot([*PHONE.bundles(), lost], "accelerometer")
        assert texts(figure).strip() == "Not drawn, as nothing says when they were: 2 rows."


class TestOddValues:
    @pytest.mark.parametrize("odd", [float("inf"), float("nan"), 1e308, -1e308, 1e299])
    def test_make_a_picture(self, odd: float) -> None:
        one = bundle(
            accelerometer_data=[
                {"determined_at": START + at, "x": x} for at, x in enumerate((0, odd, -odd, 1))
            ],
            pointer_data=[pointer(at, x, 5) for at, x in enumerate((0, odd, -odd, 1))],
            click_data=[{"determined_at": START, "position": {"dx": odd, "dy": odd}}],
            location_data=[{"determined_at": START, "latitude": odd, "longitude": 13}],
        )
        figure = frames.plot([one])
        assert rendered(figure)
        assert "no place was determined" in texts(figure)

    def test_of_a_clock_that_was_set_in_between(self) -> None:
        """From 1970 to the last year that there is a date in."""
        readings = [{"determined_at": at} for at in (1, START, 253_402_300_799_999)]
        assert rendered(frames.plot([bundle(accelerometer_data=readings)]))


class TestTitle:
    def test_is_the_session_its_platform_and_when_it_was(self, tmp_path: Path) -> None:
        figure = frames.plot(folder(tmp_path, "s1", sealed(PHONE, "s1")))
        assert figure.get_suptitle() == "Session s1  ·  ANDROID  ·  2026-03-02 10:59:00 UTC  ·  8.0 s"

    def test_without_metadata_is_what_the_rows_say(self) -> None:
        assert (
            frames.plot(sealed(PHONE, "s1"), "battery").get_suptitle().startswith("Session s1  ·  2026-03-02")
        )
        assert frames.plot(PHONE.bundles()).get_suptitle().startswith("A session without an id  ·  ")

    def test_can_be_given_and_is_no_formula(self) -> None:
        figure = frames.plot(PHONE.bundles(), "battery", title="costs $5 or $\\frac{6$")
        assert figure.get_suptitle() == "costs $5 or $\\frac{6$"
        assert rendered(figure)


class TestSources:
    def test_tables(self) -> None:
        tables = frames.read(PHONE.bundles(), ["gyroscope", "accelerometer", "light"])
        assert titles(frames.plot(tables)) == ["accelerometer", "gyroscope"]
        assert titles(frames.plot(tables, "gyroscope")) == ["gyroscope"]
        assert titles(frames.plot(tables["gyroscope"])) == ["gyroscope"]

    def test_tables_of_one_sensor_by_their_names(self) -> None:
        raw = frames.read(PHONE.bundles(), "gyroscope")
        figure = frames.plot({"gyroscope": raw, "at 20 Hz": frames.resample(raw, 20)})
        assert titles(figure) == ["gyroscope", "at 20 Hz"]
        assert len(panel(figure, "at 20 Hz").lines[0].get_xdata()) < len(
            panel(figure, "gyroscope").lines[0].get_xdata()
        )

    def test_a_part_of_the_time(self) -> None:
        begin = datetime(2026, 3, 2, 10, 59, 2, tzinfo=UTC)
        figure = frames.plot(PHONE.bundles(), "accelerometer", between=(begin, begin + timedelta(seconds=2)))
        first, last = map(num2date, panel(figure, "accelerometer").get_xlim())
        assert begin - timedelta(seconds=0.1) < first < last < begin + timedelta(seconds=2.1)

    def test_a_cloud(self, client: Client, recording_client: Client) -> None:
        session_id = recording_client.create_session(PHONE.session).session_id
        recording_client.send_bundles(session_id, PHONE.bundles())
        empty = recording_client.create_session(checkout_bot(1).session)
        figure = frames.plot(client, "accelerometer", session=session_id)
        assert figure.get_suptitle().startswith(
            f"Session {session_id}  ·  ANDROID  ·  2026-03-02 10:59:00 UTC"
        )
        assert len(panel(figure, "accelerometer").lines[0].get_xdata()) == 800
        for named in (empty, empty.session_id):
            nothing = frames.plot(client, session=named)
            assert nothing.get_suptitle().startswith(f"Session {empty.session_id}  ·  WEB  ·  ")
            assert texts(nothing).strip() == "nothing was recorded"
        with pytest.raises(NotFoundError):
            frames.plot(client, session="nosuchsession")
        with pytest.raises(ValueError, match=rf"several; choose one of them: .*{empty.session_id}"):
            frames.plot(client)

    def test_a_cloud_with_one_session(self, tmp_path: Path) -> None:
        with (
            EmbeddedCloud(tmp_path) as cloud,
            Client(cloud.secret_token, cloud.root_domain, "http", "") as own,
        ):
            with pytest.raises(ValueError, match="there is no session yet"):
                frames.plot(own)
            with Client(cloud.public_token, cloud.root_domain, "http", "") as recording:
                session_id = recording.create_session(PHONE.session).session_id
            assert frames.plot(own).get_suptitle().startswith(f"Session {session_id}")

    @pytest.mark.anyio
    async def test_a_client_for_asyncio_is_none(self) -> None:
        async with AsyncClient("t", "127.0.0.1:1", "http", "") as client:
            with pytest.raises(TypeError, match="asyncio"):
                frames.plot(client)


class TestSeveralSessions:
    @pytest.fixture
    def both(self) -> list[SealedBundle]:
        return sealed(PHONE, "s1") + sealed(checkout_bot(1), "s2")

    def test_are_an_error_that_names_them(self, both: list[SealedBundle]) -> None:
        tables = frames.read(both, ["accelerometer", "pointer"])
        for source in (both, tables, iter(both)):
            with pytest.raises(ValueError, match="choose one of them: s1, s2"):
                frames.plot(source)

    def test_are_not_all_read_for_that(self, both: list[SealedBundle]) -> None:
        def many() -> Iterator[SealedBundle]:
            yield from both * 30
            pytest.fail("read on, though there were two sessions")

        with pytest.raises(ValueError, match="s1, s2"):
            frames.plot(many(), "accelerometer")

    def test_one_can_be_chosen(self, both: list[SealedBundle], tmp_path: Path) -> None:
        assert titles(frames.plot(both, session="s2")) == ["key press", "events", "pointer"]
        tables = frames.read(both, ["accelerometer", "pointer"])
        assert titles(frames.plot(tables, session="s1")) == ["accelerometer"]
        for one in ("s1", "s2"):
            folder(tmp_path, one, [bundle for bundle in both if bundle.session_id == one])
        assert frames.plot(tmp_path, session="s1").get_suptitle().startswith("Session s1  ·  ANDROID")

    def test_one_that_is_not_there_is_an_error(self, both: list[SealedBundle]) -> None:
        with pytest.raises(ValueError, match="there is no session s3"):
            frames.plot(both, session="s3")


class TestRefused:
    def test_an_unknown_sensor_names_the_known(self) -> None:
        with pytest.raises(ValueError, match=r"no sensor 'nose'; there are .*accelerometer.*key_press"):
            frames.plot([], ["accelerometer", "nose"])

    def test_an_unknown_table_names_the_known(self) -> None:
        tables = frames.read(PHONE.bundles(), ["gyroscope"])
        with pytest.raises(ValueError, match="no table 'light'; there are gyroscope"):
            frames.plot(tables, "light")

    def test_a_table_of_several_sensors(self) -> None:
        tables = frames.read(PHONE.bundles(), ["gyroscope", "accelerometer"])
        with pytest.raises(ValueError, match="was made out of several"):
            frames.plot({"both": frames.align(tables, on="gyroscope")})

    def test_a_table_without_what_is_drawn(self) -> None:
        for column, columns in (("at", ["session_id", "x", "y", "z"]), ("y", ["session_id", "at", "x"])):
            table = frames.read(PHONE.bundles(), "gyroscope", columns=columns)
            with pytest.raises(ValueError, match=f"gyroscope has no column '{column}'"):
                frames.plot(table)

    def test_what_is_neither_source_nor_table(self) -> None:
        with pytest.raises(TypeError, match="a source is"):
            frames.plot(7)
        with pytest.raises(TypeError, match=r"frames\.read"):
            frames.plot({"accelerometer": [1, 2]})


class TestFigure:
    def test_a_notebook_gets_it_as_png_at_twice_its_size(self) -> None:
        data, size = frames.plot(PHONE.bundles(), "battery")._repr_png_()
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20]) == 2 * size["width"] == 1920

    @pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
    def test_other_forms(self, kind: str, start: bytes) -> None:
        assert rendered(frames.plot(checkout_person(2).bundles()), kind).startswith(start)

    def test_text_is_large_enough_to_read(self) -> None:
        figure = frames.plot(checkout_person(1).bundles())
        rendered(figure)
        sizes = [
            text.get_fontsize()
            for ax in figure.axes
            for text in (*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label)
        ]
        assert min(sizes) >= 9

    def test_needs_no_display_and_leaves_pyplot_alone(self, tmp_path: Path) -> None:
        program = (
            "import sys\n"
            "from moonsense import frames\n"
            "from moonsense.simulator import walking_phone\n"
            "assert 'matplotlib' not in sys.modules\n"
            "frames.plot(walking_phone(1, 2).bundles()).savefig('a.png')\n"
            "assert 'matplotlib.pyplot' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, env={}, check=True)
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def test_without_the_extra_says_so_in_a_line(self) -> None:
        program = (
            "import sys; sys.modules['matplotlib'] = None; from moonsense import frames; frames.plot([])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.stderr.splitlines()[-1] == (
            "moonsense.errors.MissingExtraError: "
            "frames.plot needs the extra 'plot': pip install 'moonsense[plot]'"
        )


def test_real_recordings(web_sessions: Path) -> None:
    """Some of each size, from the smallest, which hold next to nothing, to the largest."""
    recordings = sorted(web_sessions.rglob("raw_sealed_bundles.json"), key=lambda path: path.stat().st_size)
    for path in [*recordings[::60], recordings[-1]]:
        figure = frames.plot(path)
        assert rendered(figure)
        assert figure.get_suptitle().startswith(f"Session {path.parent.name}  ·  WEB  ·  2022-08-0")
        assert titles(figure)
