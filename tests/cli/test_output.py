"""Tables: whole ids, fewer columns on a narrow terminal, one row a line in a pipe."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from moonsense.cli import output
from moonsense.cli.output import Column, Listing, show_json_lines, show_json_list, show_json_value, show_table
from moonsense.models.data_plane_v2_pb2 import Card

COLUMNS = [
    Column("SESSION", whole=True),
    Column("LABELS"),
    Column("ITEMS", right=True, rank=1),
    Column("JOURNEY", whole=True, rank=2),
]
ROWS = [
    ("EpQ7Lcv4pEEHCQsFnKHJ2g", "motion, walking", "18,060", "mdHAbnakubRW5NMdbii8g8"),
    ("x" * 22, "a rather long label, another label of some length", "7", ""),
]


def shown(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the table on a terminal of that width."""
    terminal = Console(
        file=io.StringIO(), force_terminal=True, width=width, color_system=None, markup=False, highlight=False
    )
    monkeypatch.setattr(output, "out", lambda: terminal)
    show_table(COLUMNS, ROWS)
    file = terminal.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_wide_terminal_shows_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(160, monkeypatch)
    assert lines[0].split() == ["SESSION", "LABELS", "ITEMS", "JOURNEY"]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("width", "titles"),
    [(100, ["SESSION", "LABELS", "ITEMS"]), (76, ["SESSION", "LABELS"]), (50, ["SESSION", "LABELS"])],
)
def test_a_narrow_terminal_leaves_out_the_least_important(
    width: int, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(width, monkeypatch)
    assert lines[0].split() == titles
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_ids_are_never_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(shown(width, monkeypatch))
    assert "EpQ7Lcv4pEEHCQsFnKHJ2g" in text
    assert "x" * 22 in text


def test_piped_every_row_is_a_line_with_all_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SESSION", "LABELS", "ITEMS", "JOURNEY"]
    assert len(lines) == 3
    assert "another label of some length" in lines[2]
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, ["accelerometer 6,000, gyroscope 6,000, battery 6"]),
        (36, ["accelerometer 6,000,", "gyroscope 6,000, battery 6"]),
        (20, ["accelerometer 6,000,", "gyroscope 6,000,", "battery 6"]),
    ],
)
def test_a_listing_breaks_between_its_pieces_only(width: int, lines: list[str]) -> None:
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(Listing(["accelerometer 6,000", "gyroscope 6,000", "battery 6"]))
    assert console.file.getvalue().splitlines() == lines  # type: ignore[attr-defined]


def test_a_listing_takes_no_more_of_a_table_than_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([Column("ITEMS"), Column("READ", right=True)], [(Listing(["a 1", "b 2"]), "7/s")])
    assert capsys.readouterr().out == "ITEMS     READ\na 1, b 2   7/s\n"


def test_a_table_without_titles_has_no_heading(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([Column(""), Column("")], [("project", "p1"), ("app", "a1")])
    assert capsys.readouterr().out == "project  p1\napp      a1\n"


def test_text_is_not_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([Column("LABEL")], [("[red]not red[/red] :smile:",)])
    assert "[red]not red[/red] :smile:" in capsys.readouterr().out


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_is_one_json_document(count: int, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    show_json_list(Card(card_id=str(n)) for n in range(count))
    assert json.loads(capfdbinary.readouterr().out) == [{"card_id": str(n)} for n in range(count)]


def test_a_stream_is_a_document_a_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    show_json_lines(Card(card_id=str(n)) for n in range(2))
    assert capfdbinary.readouterr().out.splitlines() == [b'{"card_id":"0"}', b'{"card_id":"1"}']


def test_a_value_is_one_document(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    show_json_value({"a": [1, 2]})
    assert json.loads(capfdbinary.readouterr().out) == {"a": [1, 2]}
