"""Every error becomes one line, the next thing to try, and an exit code."""

from __future__ import annotations

import inspect

import pytest

from moonsense import errors
from moonsense.cli.errors import ADVICE, EXIT_CODES, explain
from moonsense.contract.problems import Problem

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MoonsenseError)
]


def example(kind: type[errors.MoonsenseError]) -> errors.MoonsenseError:
    if issubclass(kind, errors.MissingExtraError):
        return kind("tables", "frames")
    if issubclass(kind, errors.ResponseError):
        return kind("it did not work", status=418)
    if issubclass(kind, errors.SessionsError):
        return kind({"s": errors.ConnectionFailed("no")}, 3)
    return kind("it did not work")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_line_and_a_documented_code(kind: type[errors.MoonsenseError]) -> None:
    line, hint, code = explain(example(kind))
    assert line
    assert "\n" not in hint
    assert code in EXIT_CODES
    assert code != 0
    # The message of a missing extra is itself the command to run.
    assert bool(hint) != (kind is errors.MissingExtraError)


def test_every_kind_has_advice_of_its_own() -> None:
    assert set(ADVICE) == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigurationError, 2),
        (errors.AuthenticationError, 3),
        (errors.PermissionDeniedError, 3),
        (errors.NotFoundError, 4),
        (errors.ConnectionFailed, 5),
        (errors.RequestTimeout, 5),
        (errors.ServerError, 6),
        (errors.RateLimitError, 6),
        (errors.IntegrityError, 7),
    ],
)
def test_codes_that_scripts_rely_on(kind: type[errors.MoonsenseError], code: int) -> None:
    assert explain(example(kind))[2] == code


def test_a_busy_cloud_says_when_to_come_back() -> None:
    busy = errors.RateLimitError("slow down", status=429, retry_after=7.0)
    assert explain(busy)[1] == "again in 7 seconds"


def test_a_failing_cloud_gives_the_request_to_look_for() -> None:
    failed = errors.ServerError("it broke", status=500, request_id="abc123")
    assert "abc123" in explain(failed)[1]


def test_the_clouds_own_words_are_the_line() -> None:
    missing = errors.NotFoundError("GET http://…: 404", status=404, detail="there is no such session")
    assert explain(missing)[0] == "there is no such session (404)"
    refused = errors.UnprocessableError("POST …", status=422, detail="must be one of a, b", param="platform")
    assert explain(refused)[0] == "must be one of a, b (platform, 422)"


def test_a_missing_token_leads_to_the_demo_and_a_message_with_a_command_stands_alone() -> None:
    assert "moonsense demo" in explain(errors.ConfigurationError("set MOONSENSE_SECRET_TOKEN"))[1]
    assert explain(errors.ConfigurationError("no cloud yet; make one: moonsense cloud init"))[1] == ""
    assert explain(errors.ConfigurationError("cannot listen on 127.0.0.1:80"))[1] == "the command with --help"


def test_errors_of_files_name_the_file() -> None:
    assert explain(FileNotFoundError(2, "No such file or directory", "x.json")) == (
        "No such file or directory: x.json",
        "",
        1,
    )


def test_problems_of_a_cloud_in_this_process_keep_their_message() -> None:
    assert explain(Problem(404, "there is no session x")) == ("there is no session x", "", 4)


def test_what_nobody_foresaw_names_its_kind_and_the_way_to_its_traceback() -> None:
    line, hint, code = explain(KeyError("x"))
    assert line == "KeyError: 'x'"
    assert "--debug" in hint
    assert code == 1
