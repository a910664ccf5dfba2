"""``moonsense sessions``, on a real cloud."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moonsense.client import Client
from moonsense.contract.ids import new_id
from moonsense.contract.times import write as time_text
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.simulator import SimulatedSession, checkout_bot, walking_phone

Record = Callable[..., str]

TITLES = ["SESSION", "CREATED", "PLATFORM", "LABELS", "BUNDLES", "ITEMS", "DURATION", "JOURNEY"]


@pytest.fixture
def label() -> str:
    """A label of this test alone: the cloud is shared."""
    return f"only-{new_id()}"


def listed(stdout: str) -> list[str]:
    return [session["session_id"] for session in json.loads(stdout)]


def test_list_shows_a_row_a_session_newest_first(on_cloud: Callable, record: Record, label: str) -> None:
    older = record(walking_phone(1, 2.0), labels=(label,))
    newer = record(checkout_bot(2), labels=(label,))
    result = on_cloud("sessions", "list", "--label", label)
    assert result.exit_code == 0
    title, *rows = result.stdout.splitlines()
    assert title.split() == TITLES
    assert [row.split()[0] for row in rows] == [newer, older]
    assert "ANDROID" in rows[1]
    assert f"{label}, motion, walking" in rows[1] or f"motion, walking, {label}" in rows[1]
    assert walking_phone(1, 2.0).session.journey_id in rows[1]


def test_list_as_json_is_one_document_of_whole_messages(
    on_cloud: Callable, record: Record, label: str
) -> None:
    session_id = record(checkout_bot(1), labels=(label,))
    result = on_cloud("sessions", "list", "-l", label, "--json")
    (session,) = json.loads(result.stdout)
    assert session["session_id"] == session_id
    assert session["metadata"]["platform"] == "WEB"
    assert session["counters"]["form_submit"]["total"] == 1
    assert result.stderr == ""


def test_list_filters(on_cloud: Callable, record: Record, label: str) -> None:
    phone = record(walking_phone(1, 1.0), labels=(label,))
    bot = record(checkout_bot(1), labels=(label,))
    journey = checkout_bot(1).session.journey_id
    tomorrow = time_text(datetime.now(UTC) + timedelta(days=1))

    def ids(*options: str) -> list[str]:
        return listed(on_cloud("sessions", "list", "--label", label, "--json", *options).stdout)

    assert ids() == [bot, phone]
    assert ids("--platform", "web") == [bot]
    assert ids("-p", "ANDROID", "-p", "WEB") == [bot, phone]
    assert ids("--journey", journey) == [bot]
    assert ids("--since", "1h") == [bot, phone]
    assert ids("--until", "1h") == []
    assert ids("--since", tomorrow) == []
    assert ids("--limit", "1") == [bot]


def test_any_of_several_labels(on_cloud: Callable, record: Record, label: str) -> None:
    one, other = record(checkout_bot(1), labels=(label,)), record(checkout_bot(1), labels=(f"{label}-2",))
    result = on_cloud("sessions", "list", "-l", label, "-l", f"{label}-2", "--json")
    assert set(listed(result.stdout)) == {one, other}


def test_no_sessions_is_said_to_people_only(on_cloud: Callable, label: str) -> None:
    result = on_cloud("sessions", "list", "--label", label)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no sessions\n")
    assert json.loads(on_cloud("sessions", "list", "--label", label, "--json").stdout) == []


def test_a_long_list_says_that_there_is_more(
    on_cloud: Callable, record: Record, label: str, recording_client: Client
) -> None:
    wanted = checkout_bot(1).session
    wanted.labels.add(name=label)
    for _ in range(51):
        recording_client.create_session(wanted)
    result = on_cloud("sessions", "list", "--label", label)
    assert len(result.stdout.splitlines()) == 51  # a heading and 50 rows
    assert "--limit shows more" in result.stderr
    assert len(listed(on_cloud("sessions", "list", "--label", label, "--json").stdout)) == 51
    assert on_cloud("sessions", "list", "--label", label, "--limit", "50").stderr == ""


@pytest.mark.parametrize(
    "options", [("--platform", "windows"), ("--since", "yesterday"), ("--limit", "0"), ("--no-such",)]
)
def test_wrong_options_are_usage_errors(on_cloud: Callable, options: tuple[str, ...]) -> None:
    result = on_cloud("sessions", "list", *options)
    assert result.exit_code == 2
    assert options[0] in result.stderr
    assert result.stdout == ""


def test_show_tells_device_labels_and_counters(on_cloud: Callable, record: Record) -> None:
    simulated = walking_phone(1, 3.0)
    session_id = record(simulated)
    shown = dict(
        line.split(maxsplit=1) for line in on_cloud("sessions", "show", session_id).stdout.splitlines()
    )
    assert shown["session"] == session_id
    assert shown["device"] == "Google Pixel 8"
    assert shown["accelerometer"] == "300"
    assert shown["bundles"] == "3"
    assert shown["journey"] == simulated.session.journey_id


def test_show_full_has_the_counters_buckets(on_cloud: Callable, record: Record) -> None:
    session_id = record(checkout_bot(1))
    minimal = json.loads(on_cloud("sessions", "show", session_id, "--json").stdout)
    full = json.loads(on_cloud("sessions", "show", session_id, "--full", "--json").stdout)
    assert "buckets" not in minimal["counters"]["bundle"]
    assert full["counters"]["bundle"]["buckets"]


def test_read_as_json_is_a_bundle_a_line(on_cloud: Callable, record: Record) -> None:
    simulated = checkout_bot(1)
    session_id = record(simulated)
    lines = on_cloud("sessions", "read", session_id, "--json").stdout.splitlines()
    sent = list(simulated.bundles())
    assert [json.loads(line)["bundle"]["index"] for line in lines] == [bundle.index for bundle in sent]
    assert {json.loads(line)["session_id"] for line in lines} == {session_id}


def test_read_sums_up(on_cloud: Callable, record: Record) -> None:
    session_id = record(walking_phone(1, 4.0))
    result = on_cloud("sessions", "read", session_id)
    rows = {row[0]: row[1:] for row in map(str.split, result.stdout.splitlines())}
    assert rows["accelerometer"][0] == "400"
    assert 95 < float(rows["accelerometer"][1]) < 105
    assert rows["location"][0] == "4"
    assert "4 bundles" in result.stderr


def test_read_of_a_session_without_bundles(on_cloud: Callable, recording_client: Client) -> None:
    session_id = recording_client.create_session(checkout_bot(1).session).session_id
    result = on_cloud("sessions", "read", session_id)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no bundles yet\n")
    assert on_cloud("sessions", "read", session_id, "--json").stdout == ""


def test_download_writes_the_lines_to_a_file(on_cloud: Callable, record: Record, tmp_path: Path) -> None:
    session_id = record(checkout_bot(1))
    target = tmp_path / "out.json"
    result = on_cloud("sessions", "download", session_id, "-o", target)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"{target.stat().st_size:,} bytes" in result.stderr
    assert len(target.read_text().splitlines()) == len(list(checkout_bot(1).bundles()))


def test_download_without_a_name_is_named_for_the_session(
    on_cloud: Callable, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session_id = record(checkout_bot(1))
    assert on_cloud("sessions", "download", session_id).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{session_id}.json"]


def test_download_of_what_is_not_there_leaves_the_file_alone(on_cloud: Callable, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("precious")
    result = on_cloud("sessions", "download", new_id(), "-o", target)
    assert result.exit_code == 4
    assert target.read_text() == "precious"


def test_label_replaces_the_labels(on_cloud: Callable, record: Record, client: Client) -> None:
    session_id = record(checkout_bot(1))

    def labels() -> list[str]:
        return sorted(label.name for label in client.describe_session(session_id).labels)

    result = on_cloud("sessions", "label", session_id, "fraud", "confirmed by hand")
    assert result.exit_code == 0
    assert labels() == ["confirmed by hand", "fraud"]
    document = on_cloud("sessions", "label", session_id, "fraud", "--json").stdout
    assert [label["name"] for label in json.loads(document)["labels"]] == ["fraud"]
    assert on_cloud("sessions", "label", session_id, "--clear").stderr == f"{session_id}: no labels\n"
    assert labels() == []


@pytest.mark.parametrize("arguments", [(), ("a", "--clear")])
def test_label_needs_labels_or_clear(on_cloud: Callable, arguments: tuple[str, ...]) -> None:
    result = on_cloud("sessions", "label", new_id(), *arguments)
    assert result.exit_code == 2
    assert "--clear" in result.stderr


def test_delete_asks_first(on_cloud: Callable, record: Record) -> None:
    session_id = record(checkout_bot(1))
    assert on_cloud("sessions", "delete", session_id, input="n\n").exit_code == 1
    assert on_cloud("sessions", "show", session_id).exit_code == 0
    assert on_cloud("sessions", "delete", session_id, input="y\n").exit_code == 0
    assert on_cloud("sessions", "show", session_id).exit_code == 4


def test_delete_takes_several(on_cloud: Callable, record: Record) -> None:
    ids = [record(checkout_bot(n)) for n in range(2)]
    result = on_cloud("sessions", "delete", *ids, "--yes")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"{session_id}: deleted" for session_id in ids]


@pytest.mark.parametrize("command", ["show", "read", "download"])
def test_an_unknown_session_is_exit_code_4_with_the_next_command(
    on_cloud: Callable, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = on_cloud("sessions", command, new_id())
    assert result.exit_code == 4
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint == "try:   moonsense sessions list"


def test_json_lines_are_the_messages(script_on_cloud: Callable, record: Record) -> None:
    """What a program reads from the pipe parses into the messages that were recorded."""
    from moonsense.codec.json import parse

    simulated: SimulatedSession = walking_phone(2, 3.0)
    session_id = record(simulated)
    result: subprocess.CompletedProcess[str] = script_on_cloud("sessions", "read", session_id, "--json")
    assert result.stderr == ""
    got = [parse(line, SealedBundle).bundle for line in result.stdout.splitlines()]
    assert got == list(simulated.bundles())


def test_check_of_a_sound_session(on_cloud: Callable, record: Record) -> None:
    session_id = record(walking_phone(1, 2.0))
    result = on_cloud("sessions", "check", session_id)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].split() == ["result", "sound"]
    report = json.loads(on_cloud("sessions", "check", session_id, "--json").stdout)
    assert report["ok"]
    assert (report["session_id"], report["gaps"], report["repeats"]) == (session_id, [], {})


def test_check_says_what_is_missing_and_exits_with_7(on_cloud: Callable, recording_client: Client) -> None:
    session_id = recording_client.create_session(Session()).session_id
    recording_client.send_bundles(session_id, [Bundle(index=index) for index in (1, 2, 5, 7, 6, 0)])
    result = on_cloud("sessions", "check", session_id)
    assert result.exit_code == 7
    rows = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert ["missing", "3 to 4"] in rows
    assert ["indices", "1 to 7"] in rows
    assert ["result", "not sound"] in rows
    as_json = on_cloud("sessions", "check", session_id, "--json")
    assert as_json.exit_code == 7
    assert json.loads(as_json.stdout)["gaps"] == [[3, 4]]
