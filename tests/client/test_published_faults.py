"""What the published clients get wrong, each with the test that fails on their behaviour.

The table names the tests of other files; those that nothing else tests follow it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.calls import ALL, CALLS, taken
from support.wire import TOKEN, WireServer, connect, reply

from moonsense.client import Client
from moonsense.errors import PermissionDeniedError

ROOT = Path(__file__).resolve().parent.parent.parent

_CALLS = "client/_async/test_calls.py"
_NETWORK = "client/_async/test_network.py"
_LISTS = "client/_async/test_lists.py"
_READING = "client/_async/test_reading.py"
_RESUMING = "client/_async/test_resuming.py"
_DOWNLOADS = "client/_async/test_downloads.py"
_ERRORS = "client/_async/test_errors.py"
_FAULTS = "client/_async/test_faults.py"
_OPTIONS = "client/_async/test_options.py"
_BULK = "download/test_all_sessions.py"
_LEDGER = "download/test_ledger_runs.py"
_HERE = "client/test_published_faults.py"

BOTH = {
    "waits for ever, on every call": f"{_FAULTS}::test_a_server_that_never_answers_is_a_timeout",
    "opens a connection for each request": f"{_CALLS}::test_connections_are_kept_and_closed",
    "asks regions by https whatever it is told": f"{_NETWORK}::test_the_control_plane_is_asked_for_regions",
    "takes a refusal for an empty answer": f"{_HERE}::test_a_refusal_is_an_error_of_every_call",
    "throws the server's words away": f"{_ERRORS}::test_what_the_cloud_said_is_on_the_error",
    "knows one error for every status": f"{_ERRORS}::test_the_status_makes_the_class",
    "gives up at the first 429 or 503": f"{_NETWORK}::test_a_passing_failure_is_not_seen",
    "does not wait as long as it is asked to": f"{_NETWORK}::test_retry_after_is_waited_for",
    "lists a session twice when one arrives": (
        f"{_LISTS}::test_what_arrives_meanwhile_brings_no_repeats_and_hides_nothing"
    ),
    "misses a session when one is deleted": "client/test_in_a_cloud.py::test_lists_by_link",
    "breaks on a blank line": f"{_READING}::test_blank_lines_and_no_last_newline_are_fine",
    "never compares the md5 of the list": f"{_READING}::test_the_md5_of_the_list_is_compared",
    "never compares the md5 of an answer": f"{_READING}::test_the_md5_of_the_answer_is_compared",
    "lets an id lead to another route": f"{_CALLS}::test_ids_stay_one_segment_of_the_path",
    "makes a text a label a letter": f"{_CALLS}::test_one_string_is_not_a_label_a_letter",
    "reads the first page of cards": f"{_CALLS}::test_list_cards_reads_every_page",
    "gives no id of a new card": f"{_CALLS}::test_create_card_gives_the_card_back",
    "needs a protobuf of long ago": (
        "models/test_package.py::test_it_works_on_the_oldest_protobuf_without_a_warning"
    ),
    "logs nothing": "client/test_observing.py::test_each_request_is_a_line_and_each_repeat_another",
    "cannot be closed, and is no context manager": f"{_CALLS}::test_connections_are_kept_and_closed",
    "has no types": "models/test_package.py::test_the_published_modules_are_there_with_stubs",
}

OF_0_5_0 = {
    "stops at page 1 when no number of pages is given": f"{_LISTS}::test_numbers_that_are_left_out",
    "empties the target before it asks": f"{_DOWNLOADS}::test_a_failure_leaves_the_target_as_it_was",
    "leaves an empty file of what is not there": f"{_DOWNLOADS}::test_a_failure_makes_no_target",
    "puts two documents on a line": f"{_DOWNLOADS}::test_every_line_is_one_document",
    "cannot be installed on a Python of today": "project/test_package.py::test_the_wheel_says_what_it_is",
    "makes no table where no bundle has the sensor": (
        "frames/test_pd.py::test_a_session_without_the_sensor_is_an_empty_table"
    ),
    "puts the readings of timers into 1970": "frames/test_pd.py::test_timers_are_not_in_1970",
    "reads a whole file to make a table": "frames/test_read.py::test_a_stream_holds_one_piece",
}

OF_0_13_1 = {
    "needs a package that it does not name": (
        "project/test_imports.py::test_an_import_loads_no_more_than_it_must"
    ),
    "writes where an archive tells it to": "client/core/test_tar.py::test_a_path_outside_is_only_a_name",
    "takes a link in an archive for a file": "client/core/test_tar.py::test_what_is_no_file_is_refused",
    "writes files that are half there": f"{_FAULTS}::test_a_cut_at_any_byte_is_an_error",
    "reads local times as others, and refuses those with a zone": (
        f"{_CALLS}::test_list_sessions_sends_its_filters"
    ),
    "sends a platform that no cloud knows, for journeys": f"{_CALLS}::test_journeys",
    "prints to the standard output": f"{_HERE}::test_no_call_prints",
    "drops journeys of the same moment": f"{_LISTS}::test_journeys_go_on_by_time_and_no_tie_is_lost",
    "never ends where a page has no number": f"{_LISTS}::test_a_cloud_that_always_gives_the_first_page",
    "refuses feedback that is a message": f"{_CALLS}::test_feedback_may_be_empty_and_must_be_feedback",
    "holds a whole session in memory": (
        "client/test_in_a_cloud.py::test_memory_does_not_grow_with_the_session"
    ),
    "reads text in the encoding of the locale": f"{_HERE}::test_text_is_the_same_in_every_locale",
    "repeats at once": (
        "client/core/test_retries.py::test_pauses_double_up_to_half_a_minute_and_all_is_chance"
    ),
    "repeats two calls only": f"{_FAULTS}::test_a_storm_of_refusals",
    "shows no help without a token": "cli/test_command.py::test_help_needs_no_token_and_no_server",
    "lets a session that fails end its worker": f"{_BULK}::test_one_that_fails_does_not_keep_the_others",
    "never ends when all its workers are gone": f"{_BULK}::test_a_list_that_fails_ends_the_download",
    "passes over for good what an interrupted run listed": (
        f"{_LEDGER}::test_ctrl_c_leaves_whole_sessions_and_the_next_run_goes_on"
    ),
    "passes over what an interrupted run of its own listed": (
        "download/test_earlier_versions.py::test_what_an_interrupted_run_passed_over_is_found"
    ),
    "loses sessions of one second": f"{_LEDGER}::test_late_ones_are_found",
    "does not start again from a whole second": f"{_LEDGER}::test_only_what_is_new_is_listed_again",
    "takes local days for those of the cloud": f"{_BULK}::test_days_and_times_are_utc",
    "does not end at Ctrl-C": "cli/test_download.py::test_a_signal_ends_it_at_once",
    "leaves sessions that are half there": ("torture/test_download_kill.py::test_kills_while_downloading"),
    "hides a builtin behind its names": (
        "models/test_package.py::test_a_star_import_brings_every_name_and_hides_no_builtin"
    ),
    "forgets what old bundles held": "models/test_schema.py::test_its_messages_are_those_described",
}

WISHED_FOR = {
    "a break that is not seen, and integrity with it": f"{_RESUMING}::test_a_break_at_any_byte_is_not_seen",
    "a download that outlives a read timeout": f"{_RESUMING}::test_an_answer_that_stops_is_gone_on_with",
    "a download that goes on": "client/test_faults_in_a_cloud.py::test_a_download_is_gone_on_with",
    "the same for asyncio": "client/test_surface.py::test_both_clients_have_the_same_calls",
    "times of one's own": f"{_OPTIONS}::test_steps_have_times_of_their_own",
    "a backoff of one's own": (
        "client/core/test_retries.py::test_pauses_double_up_to_half_a_minute_and_all_is_chance"
    ),
    "progress that can be switched off": "cli/test_download.py::test_it_goes_into_data_without_a_folder",
    "tables without loading everything": "frames/test_read.py::test_a_stream_holds_one_piece",
    "a listener that misses no event": (
        "cli/test_webhooks_listen.py::test_nothing_is_missed_while_the_listener_is_killed_and_started_again"
    ),
    "webhook bodies verified raw": "webhooks/test_signatures.py::test_one_bit_of_the_body_is_enough",
    "typed models": "models/test_package.py::test_the_published_modules_are_there_with_stubs",
    "output as JSON": "cli/test_output.py::test_a_list_is_one_json_document",
    "completion in the shell": "cli/test_command.py::test_shell_completion_offers_commands",
    "iterators that do not stop early": f"{_READING}::test_a_cut_at_any_byte_is_an_error_after_whole_bundles",
}

OUR_CLOUDS = {
    "crashes on an empty tar (JavaScript)": ("peers/test_other_languages.py::test_a_session_without_bundles"),
    "sends per_page=0 (Go)": "peers/test_other_languages.py::test_a_page_of_unsaid_size_has_25_items",
    "drops a last line without a newline, and what has fields it does not know (Go)": (
        "peers/test_other_languages.py::test_every_call_of_the_service"
    ),
    "pages by milliseconds or seconds": "peers/test_paging.py::test_each_item_that_stays_is_seen_once",
}
"""What our cloud has to be careful of."""

TABLE = BOTH | OF_0_5_0 | OF_0_13_1 | OUR_CLOUDS | WISHED_FOR


@cache
def named_in(file: str) -> frozenset[str]:
    """The names of the tests of a file that are never skipped."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not any("skip" in ast.unparse(decorator) for decorator in node.decorator_list)
    )


@pytest.mark.parametrize("fault", TABLE)
def test_every_fault_has_its_test(fault: str) -> None:
    file, _, name = TABLE[fault].partition("::")
    assert name in named_in(file)


def test_no_fault_is_in_two_tables() -> None:
    assert len(TABLE) == sum(map(len, (BOTH, OF_0_5_0, OF_0_13_1, OUR_CLOUDS, WISHED_FOR)))


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_an_error_of_every_call(call: str, tmp_path: Path) -> None:
    with WireServer(reply({"message": "not for you"}, 403)) as server, connect(Client, server) as client:
        with pytest.raises(PermissionDeniedError, match="not for you"):
            taken(CALLS[call](client, tmp_path))
        assert len(server.requests) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {ALL}


def test_no_call_prints(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with WireServer(reply({"journeys": [], "bundle": {}})) as server, connect(Client, server) as client:
        for name, call in CALLS.items():
            if name != "download_pcap_data":  # that takes an archive only
                taken(call(client, tmp_path))
    assert capfd.readouterr() == ("", "")


def test_text_is_the_same_in_every_locale(tmp_path: Path) -> None:
    line = '{"session_id":"s","bundle":{"custom_events":[{"event_name":"Grüße \U0001f600"}]}}\n'.encode()
    program = (
        "import sys; from moonsense import Client;"
        f"client = Client({TOKEN!r}, sys.argv[1], 'http', '', wire='json');"
        "print(ascii(next(client.read_session('s')).bundle.custom_events[0].event_name));"
        "client.download_session('s', sys.argv[2])"
    )
    latin: dict[str, Any] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with WireServer(reply(line, content_type="application/x-ndjson")) as server:
        printed = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, server.root_domain, tmp_path / "s.json"],
            env=os.environ | latin,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    assert printed.strip() == ascii("Grüße \U0001f600")
    assert (tmp_path / "s.json").read_bytes() == line
