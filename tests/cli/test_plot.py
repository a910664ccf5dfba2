"""``moonsense plot``: pictures of sessions in a cloud, of files and of what comes through a pipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moonsense.client import Client
from moonsense.simulator import checkout_bot, walking_phone

PHONE = walking_phone(1, 3.0)
PNG = b"\x89PNG\r\n\x1a\n"


def unboxed(text: str) -> str:
    """What stands in the box around an option's error, however its lines are broken."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def recording(tmp_path: Path, write_recording: Callable) -> Path:
    """A phone's recording on disk."""
    return write_recording(tmp_path / "data", "s1", PHONE)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return tmp_path / "out.png"


def test_of_a_session_in_a_cloud(on_cloud: Callable, record: Callable, picture: Path) -> None:
    session_id = record(PHONE)
    result = on_cloud("plot", session_id, "--sensor", "accelerometer", "-o", picture)
    assert result.exit_code == 0, result.stderr
    assert picture.read_bytes().startswith(PNG)
    assert result.stdout == ""
    said = f"{picture}: Session {session_id}  ·  ANDROID  ·  "
    assert result.stderr.startswith(said)


def test_of_a_session_without_a_bundle(on_cloud: Callable, recording_client: Client, picture: Path) -> None:
    session_id = recording_client.create_session(checkout_bot(1).session).session_id
    assert on_cloud("plot", session_id, "-o", picture).exit_code == 0
    assert picture.read_bytes().startswith(PNG)


@pytest.mark.parametrize(("suffix", "start"), [("png", PNG), ("SVG", b"<?xml"), ("pdf", b"%PDF")])
def test_the_name_says_the_form(
    run: Callable, recording: Path, tmp_path: Path, suffix: str, start: bytes
) -> None:
    out = tmp_path / f"out.{suffix}"
    out.write_text("an older one")
    assert run("plot", recording, "-s", "battery", "-s", "location", "-o", out).exit_code == 0
    assert out.read_bytes().startswith(start)


def test_a_folder_a_file_and_a_pattern_are_one_session(run: Callable, recording: Path, picture: Path) -> None:
    for source in (recording, recording / "raw_sealed_bundles.json", recording.parent.parent / "*" / "s1"):
        result = run("plot", source, "-s", "battery", "-o", picture)
        assert result.exit_code == 0, result.stderr
        assert "Session s1  ·  ANDROID" in result.stderr


def test_without_a_name_it_is_session_png(
    run: Callable, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("plot", recording, "-s", "battery").exit_code == 0
    assert (tmp_path / "session.png").read_bytes().startswith(PNG)


def test_through_pipes(recording: Path, start_script: Callable) -> None:
    script = start_script("plot", recording, "-s", "battery", "-o", "-")
    out, err = script.communicate(timeout=60)
    assert (script.returncode, err) == (0, b"")
    assert out.startswith(PNG)
    assert out.endswith(b"IEND\xaeB`\x82")


def test_of_bundles_on_stdin(run: Callable, recording: Path, picture: Path) -> None:
    bundles = (recording / "raw_sealed_bundles.json").read_text(encoding="utf-8")
    result = run("plot", "-", "-s", "battery", "-o", picture, input=bundles)
    assert result.exit_code == 0, result.stderr
    assert picture.read_bytes().startswith(PNG)


def test_several_sessions_are_to_be_chosen_from(
    run: Callable, recording: Path, tmp_path: Path, write_recording: Callable, picture: Path
) -> None:
    write_recording(tmp_path / "data", "s2", checkout_bot(1))
    result = run("plot", tmp_path / "data", "-o", picture)
    assert result.exit_code == 2
    assert "choose one of them: s1, s2" in result.stderr
    assert not picture.exists()
    result = run("plot", tmp_path / "data", "--session", "s1", "-s", "battery", "-o", picture)
    assert result.exit_code == 0
    assert "Session s1" in result.stderr


class TestErrors:
    def test_an_unknown_sensor_names_the_known(self, run: Callable, recording: Path, picture: Path) -> None:
        result = run("plot", recording, "--sensor", "nose", "-o", picture)
        assert result.exit_code == 2
        assert "no sensor 'nose'; there are" in result.stderr
        assert "gyroscope" in result.stderr
        assert not picture.exists()

    def test_an_unknown_form_names_the_known_before_anything_is_read(self, run: Callable) -> None:
        result = run("plot", "/nowhere/a.json", "-o", "out.jpeg")
        assert result.exit_code == 2
        assert "'out.jpeg' does not end in one of .png, .svg, .pdf" in unboxed(result.stderr)

    def test_a_session_that_is_not_there(self, on_cloud: Callable, picture: Path) -> None:
        result = on_cloud("plot", "nosuchsession", "-o", picture)
        assert result.exit_code == 4
        assert "try:   moonsense sessions list" in result.stderr
        assert not picture.exists()

    def test_a_file_that_is_not_there(self, run: Callable, picture: Path) -> None:
        result = run("plot", "no/such.json", "-o", picture)
        assert result.exit_code == 1
        assert "no/such.json" in result.stderr

    def test_without_a_token_says_how_to_have_one(self, run: Callable, picture: Path) -> None:
        result = run("plot", "somesession", "-o", picture)
        assert result.exit_code == 2
        assert "MOONSENSE_SECRET_TOKEN" in result.stderr

    def test_damaged_data_makes_no_picture(self, run: Callable, tmp_path: Path, picture: Path) -> None:
        (tmp_path / "bad.json").write_text('{"bundle": tru\n')
        result = run("plot", tmp_path / "bad.json", "-o", picture)
        assert result.exit_code == 7
        assert "line 1" in result.stderr
        assert not picture.exists()

    def test_a_place_that_cannot_be_written(self, run: Callable, recording: Path) -> None:
        result = run("plot", recording, "-s", "battery", "-o", "/nowhere/out.png")
        assert result.exit_code == 1
        assert "/nowhere/out.png" in result.stderr

    def test_a_session_of_a_cloud_is_named_once(self, on_cloud: Callable) -> None:
        result = on_cloud("plot", "somesession", "--session", "another")
        assert result.exit_code == 2
        assert "the session is named already" in unboxed(result.stderr)
