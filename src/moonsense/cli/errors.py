"""The table of errors: what each says on one line, the next thing to try, and the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from moonsense import errors
from moonsense.cli.output import complain
from moonsense.contract.environment import SECRET_TOKEN
from moonsense.contract.problems import Problem

EXIT_CODES: dict[int, str] = {
    0: "success",
    1: "an error of no other kind",
    2: "a wrong option, setting or token variable",
    3: "the token is not accepted, or not for this",
    4: "no such thing",
    5: "no connection, or no answer in time",
    6: "the cloud failed or is too busy",
    7: "data is damaged or incomplete",
    130: "Ctrl-C",
}


@dataclass(frozen=True)
class Advice:
    """What to do about a kind of error. ``next`` is a command or a short sentence, or "" for nothing."""

    code: int
    next: str | Callable[[errors.MoonsenseError], str] = ""


def _wait(error: errors.MoonsenseError) -> str:
    seconds = getattr(error, "retry_after", None)
    return f"again in {seconds:g} seconds" if seconds else "again in a while"


def _trace(error: errors.MoonsenseError) -> str:
    request_id = getattr(error, "request_id", "")
    return f"again in a while; the cloud's log has it as request {request_id}" if request_id else _wait(error)


def _set_up(error: errors.MoonsenseError) -> str:
    if SECRET_TOKEN in error.message:
        return "moonsense demo --keep, which starts a cloud and shows what to export"
    return "" if "moonsense " in error.message else "the command with --help"


def _name_checkpoints(error: errors.MoonsenseError) -> str:
    told = "moonsense " in error.message
    return "" if told else "moonsense consumer status --help, which says how to name checkpoints"


def _remove_ledger(error: errors.MoonsenseError) -> str:
    return f"rm {shlex.quote(getattr(error, 'where', '') or 'LEDGER')}, then the command again"


ADVICE: dict[type[errors.MoonsenseError], Advice] = {
    errors.MissingExtraError: Advice(2),  # its message is the command
    errors.ConfigurationError: Advice(2, _set_up),
    errors.AuthenticationError: Advice(
        3, "moonsense cloud token create --data-dir DIR, or copy the token again, whole"
    ),
    errors.PermissionDeniedError: Advice(3, "moonsense whoami, which shows what the token may do"),
    errors.NotFoundError: Advice(4, "moonsense sessions list"),
    errors.BadRequestError: Advice(1, "the command with --help"),
    errors.ConflictError: Advice(1, "moonsense sessions show SESSION, which shows what is there"),
    errors.TooLargeError: Advice(1, "it in smaller parts"),
    errors.UnprocessableError: Advice(1, "the command with --help"),
    errors.RateLimitError: Advice(6, _wait),
    errors.ServerError: Advice(6, _trace),
    errors.ResponseError: Advice(1, "moonsense whoami, which shows whether this is a Moonsense Cloud"),
    errors.RequestTimeout: Advice(
        5, "again; MOONSENSE_ROOT_DOMAIN and MOONSENSE_PROTOCOL say where the cloud is"
    ),
    errors.ConnectionFailed: Advice(
        5, "moonsense cloud serve, or set MOONSENSE_ROOT_DOMAIN and MOONSENSE_PROTOCOL to where the cloud is"
    ),
    errors.RequestError: Advice(5, "again"),
    errors.IncompleteError: Advice(7, "again: the connection may have broken"),
    errors.IntegrityError: Advice(7, "again; if it stays, the stored data is damaged"),
    errors.DamagedLedgerError: Advice(7, _remove_ledger),
    errors.SignatureError: Advice(7, "the secret of the endpoint that sends it"),
    errors.DecodeError: Advice(7, "moonsense sessions download SESSION, which takes the bytes as they are"),
    errors.DataError: Advice(7, "again"),
    errors.RecordingError: Advice(1, "again: nothing that was acknowledged is lost"),
    errors.StoreError: Advice(
        1, "again with the store's credentials and region in the environment; docs/export.md names them"
    ),
    errors.SessionsError: Advice(1, "again: what is done is not done twice"),
    errors.DownloadError: Advice(1, "again: what is complete is not downloaded twice"),
    errors.ExportError: Advice(1, "again: what is exported is not exported twice"),
    errors.LeaseLostError: Advice(1, "again"),
    errors.CheckpointError: Advice(1, _name_checkpoints),
    errors.MoonsenseError: Advice(1, "the command again with moonsense --debug"),
}

_ABOUT_A_FIELD = (errors.BadRequestError, errors.UnprocessableError)


def explain(error: Exception) -> tuple[str, str, int]:
    """An error's line, the next thing to try (or ""), and the exit code."""
    if isinstance(error, errors.MoonsenseError):
        advice = next(ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE)
        line = _line(error)
        hint = advice.next(error) if callable(advice.next) else advice.next
        return line, hint, advice.code
    if isinstance(error, Problem):
        return error.message, "", 4 if error.status == 404 else 1
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", "", 1
    if isinstance(error, ValueError):
        return str(error), "the command with --help", 2
    # Not foreseen: a defect, and worth its traceback.
    return f"{type(error).__name__}: {error}", "the command again with moonsense --debug", 1


def _line(error: errors.MoonsenseError) -> str:
    """The cloud's own words where there are some: the request they are about was just typed."""
    detail, status = getattr(error, "detail", ""), getattr(error, "status", 0)
    if detail:
        about = f"{error.param}, " if isinstance(error, _ABOUT_A_FIELD) and error.param else ""
        return f"{detail} ({about}{status})"
    return error.message or type(error).__name__


def report(error: Exception) -> int:
    """Writes an error to stderr and answers the exit code."""
    line, hint, code = explain(error)
    complain("error", " ".join(line.split()))
    if hint:
        complain("try", hint)
    return code
