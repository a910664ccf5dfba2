"""The error tree is the one that is drawn, and every error survives pickling and copying."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from moonsense import errors
from moonsense.models.bundle_v2_pb2 import Bundle


def tree(root: type[BaseException]) -> list[type[BaseException]]:
    return [root, *(inner for child in root.__subclasses__() for inner in tree(child))]


CLASSES = [cls for cls in tree(errors.MoonsenseError) if cls.__module__ == errors.__name__]


def example(cls: type[BaseException]) -> errors.MoonsenseError:
    """An error of a class with every argument given."""
    place = {"method": "GET", "url": "https://host/v2/sessions", "request_id": "r1"}
    if issubclass(cls, errors.ResponseError):
        return cls(
            "no", status=404, type="not_found_error", param="session_id", detail="d", retry_after=1.5, **place
        )
    if issubclass(cls, errors.RequestError):
        return cls("no", sent=False, **place)
    if issubclass(cls, errors.DecodeError):
        return cls("not a number", line=3, path="bundle.index", offset=17, where="session abc")
    if issubclass(cls, errors.DataError):
        return cls("cut off", where="session abc")
    if issubclass(cls, errors.MissingExtraError):
        return cls("the cloud", "cloud")
    if issubclass(cls, errors.RecordingError):
        return cls("not sent", session_id="abc", unsent=[Bundle(index=1), Bundle(index=2)])
    if issubclass(cls, errors.SessionsError):
        return cls({}, 3)
    plain = (
        errors.MoonsenseError,
        errors.ConfigurationError,
        errors.CheckpointError,
        errors.LeaseLostError,
        errors.StoreError,
    )
    assert cls in plain
    return cls("wrong")


def test_the_tree_is_the_one_drawn() -> None:
    drawn = [
        (len(match[1]), match[2])
        for match in re.finditer(r"^    ([ │├└─]*)([A-Z]\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    ]
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for indent, name in drawn:
        while above and above[-1][0] >= indent:
            above.pop()
        parents[name] = above[-1][1] if above else "RuntimeError"
        above.append((indent, name))
    assert parents == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_every_class_is_exported() -> None:
    assert {cls.__name__ for cls in CLASSES} | {"error_for_status"} == set(errors.__all__)


def test_the_root_is_what_the_published_clients_raised() -> None:
    assert all(issubclass(cls, RuntimeError) for cls in CLASSES)


def test_a_missing_extra_is_an_import_error_that_names_it() -> None:
    with pytest.raises(ImportError, match=r"pip install 'moonsense\[cloud\]'"):
        raise errors.MissingExtraError("the cloud", "cloud")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives(cls, again) -> None:
    error = example(cls)
    error.add_note("while testing")
    copied = again(error)
    assert type(copied) is cls
    assert str(copied) == str(error)
    assert copied.args == error.args
    assert vars(copied) == vars(error)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_an_error(status: int) -> None:
    cls = errors.error_for_status(status)
    assert issubclass(cls, errors.ResponseError)
    documented = re.match(r"(\d\d\d|5xx): ", cls.__doc__ or "")
    if documented:
        assert documented[1] in (str(status), f"{status // 100}xx")
    else:
        assert status not in {400, 401, 403, 404, 409, 413, 422, 429}
        assert status < 500


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "bad"),
        ({"line": 2}, "line 2: bad"),
        ({"path": "bundle.index"}, "bundle.index: bad"),
        ({"offset": 0}, "byte 0: bad"),
        ({"line": 2, "path": "a", "offset": 9, "where": "session s"}, "session s: line 2, a, byte 9: bad"),
    ],
)
def test_a_decode_error_says_where(given, text: str) -> None:
    error = errors.DecodeError("bad", **given)
    assert str(error) == text
    assert error.reason == "bad"


def test_a_failure_without_an_answer_has_the_same_attributes() -> None:
    error = errors.ConnectionFailed("no", method="GET", url="https://host/v2/sessions")
    assert (error.status, error.type, error.param, error.message, error.request_id) == (
        None,
        "",
        "",
        "no",
        "",
    )
    with pytest.raises(errors.RequestError) as caught:
        raise errors.error_for_status(404)("no", status=404, type="not_found_error", param="session_id")
    assert (caught.value.status, caught.value.type) == (404, "not_found_error")
