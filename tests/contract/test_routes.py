"""The table of routes: paths that cannot be led astray, and queries that come back as they went."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense import Platform
from moonsense.contract import media, times
from moonsense.contract.problems import Problem
from moonsense.contract.routes import BY_NAME, EVENTS, ROUTES, STATES, Kind, Param, Route, Scope, Time

WITH_IDS = [route for route in ROUTES if "{" in route.path]


def placeholders(route: Route) -> list[str]:
    return re.findall(r"{(\w+)}", route.path)


def named(path: str) -> list[str]:
    """The routes whose pattern a raw path has, segment by segment as a server splits it."""
    segments = path.split("/")
    return [
        route.path
        for route in ROUTES
        if len(pattern := route.path.split("/")) == len(segments)
        and all(one.startswith("{") or one == other for one, other in zip(pattern, segments, strict=True))
    ]


def test_names_and_places_are_there_once() -> None:
    assert len(BY_NAME) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_row_is_whole(route: Route) -> None:
    assert route.path.startswith("/")
    assert not route.path.endswith("/")
    assert route.summary[0].isupper()
    assert not route.summary.endswith(".")
    assert route.success == 200  # the published clients take nothing else for success
    assert route.produces
    assert route.has_body == (route.method == "POST")
    if route.response is not None:
        assert route.produces[0] == media.JSON
    assert (
        len({param.name for param in route.params})
        == len({p.wire for p in route.params})
        == len(route.params)
    )
    assert not {param.name for param in route.params} & set(placeholders(route))
    assert named(route.path) == [route.path] * len([other for other in ROUTES if other.path == route.path])


def test_only_what_is_meant_to_be_open_is() -> None:
    assert {route.name for route in ROUTES if not route.scopes} == {
        "list_regions",
        "locate_region",
        "healthz",
        "readyz",
        "metrics",
        "openapi",
    }


def test_a_token_that_records_cannot_read() -> None:
    collecting = {route.name for route in ROUTES if route.scopes == (Scope.COLLECT,)}
    assert collecting == {"create_session", "create_bundles", "upload_packets"}
    assert all(
        Scope.QUERY in BY_NAME[name].scopes for name in ("list_sessions", "read_session", "list_cards")
    )


@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.name)
@given(data=st.data())
def test_no_id_leads_to_another_route(route: Route, data: st.DataObject) -> None:
    nasty = st.sampled_from(
        [
            "../journeys?x=1#",
            "a/b",
            "a%2Fb",
            "%2e%2e",
            "a?b=c",
            "a#b",
            "a;b",
            "a b",
            "\\",
            "ü",
            "a\nb",
            "{x}",
            ".",
        ]
    )
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | nasty
    ids = {name: data.draw(text.filter(lambda t: t not in (".", ".."))) for name in placeholders(route)}
    path = route.fill(**ids)
    split = urlsplit(f"https://host{path}")
    assert (split.netloc, split.path, split.query, split.fragment) == ("host", path, "", "")
    assert path.isascii()
    assert route.path in named(path)
    assert path.count("/") == route.path.count("/")
    pattern = re.sub(r"{\w+}", "([^/]+)", re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}"))
    match = re.fullmatch(pattern, path)
    assert match is not None
    assert [unquote(part) for part in match.groups()] == list(ids.values())


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_ids_that_no_quoting_helps_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="session_id"):
        BY_NAME["describe_session"].fill(session_id=value)


def test_an_id_left_out_is_an_error() -> None:
    with pytest.raises(KeyError):
        BY_NAME["read_chunk"].fill(session_id="a")


def values(param: Param) -> st.SearchStrategy[object]:
    """What a client may give for a parameter, with what a cloud must read."""
    match param.kind:
        case Kind.INTEGER:
            one = st.integers(-(10**8), 10**8).map(lambda n: (n, n))
        case Kind.TIME:
            moments = st.datetimes(
                min_value=datetime(1970, 1, 2),  # noqa: DTZ001 (hypothesis takes naive bounds)
                timezones=st.sampled_from([UTC, None]),
            )
            one = moments.map(lambda m: (m, Time(times.aware(m), 6)))
        case Kind.PLATFORM:
            one = st.sampled_from([*Platform]).map(lambda p: (p, p.value))
        case Kind.VIEW:
            one = st.sampled_from(["minimal", "full"]).map(lambda v: (v, v))
        case Kind.EVENT:
            one = st.sampled_from(EVENTS).map(lambda e: (e, e))
        case Kind.STATE:
            one = st.sampled_from(STATES).map(lambda s: (s, s))
        case Kind.TEXT:
            one = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda t: (t, t))
    return st.lists(one, min_size=1, max_size=3) if param.many else one


@pytest.mark.parametrize("route", [route for route in ROUTES if route.params], ids=lambda route: route.name)
@given(data=st.data())
def test_a_query_comes_back_as_it_went(route: Route, data: st.DataObject) -> None:
    given_values: dict[str, object] = {}
    expected: dict[str, object] = {}
    for param in route.params:
        if not param.required and data.draw(st.booleans()):
            given_values[param.name] = None
            continue
        drawn = data.draw(values(param))
        if param.many:
            given_values[param.name] = [sent for sent, _ in drawn]
            expected[param.name] = [read for _, read in drawn]
        else:
            given_values[param.name], expected[param.name] = drawn
    query = urlencode(route.query(given_values))
    assert route.read_query(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))) == expected


LIST = BY_NAME["list_sessions"]


def test_one_label_as_a_text_is_one_label() -> None:
    assert LIST.query({"labels": "checkout"}) == [("filter[labels][]", "checkout")]
    assert LIST.query({"labels": ("a", "b")}) == [("filter[labels][]", "a"), ("filter[labels][]", "b")]
    assert LIST.query({"labels": []}) == []


def test_unknown_and_empty_parameters_are_ignored_and_the_last_counts() -> None:
    pairs = [("x", "1"), ("page", ""), ("per_page", "3"), ("per_page", "4"), ("filter[labels][]", "a")]
    assert LIST.read_query(pairs) == {"per_page": 4, "labels": ["a"]}


def test_the_platform_that_a_published_client_writes_is_read() -> None:
    pairs = [("filter[platforms][]", "Platform.iOS"), ("filter[platforms][]", "ANDROID")]
    assert LIST.read_query(pairs) == {"platforms": ["iOS", "ANDROID"]}


def test_a_time_keeps_its_number_of_digits() -> None:
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    read = LIST.read_query([("filter[max_created_at]", "2023-01-01T00:00:00.250Z")])
    assert read == {"until": Time(moment + timedelta(milliseconds=250), 3)}


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("page", "two"),
        ("page", "1.5"),
        ("page", "--1"),
        ("page", "9999999999"),
        ("page", "1_0"),
        ("page", "٣"),
        ("per_page", "1e3"),
        ("filter[platforms][]", "web"),
        ("filter[platforms][]", "UNKNOWN"),
        ("filter[min_created_at]", "yesterday"),
        ("filter[max_created_at]", "2023-01-01"),
    ],
)
def test_a_value_that_cannot_be_is_422_and_named(wire: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        LIST.read_query([(wire, text)])
    assert caught.value.status == 422
    assert caught.value.param == wire
    assert wire in caught.value.message


def test_a_view_that_is_none_is_422() -> None:
    with pytest.raises(Problem, match="minimal, full"):
        BY_NAME["describe_session"].read_query([("view", "all")])


@pytest.mark.parametrize("pairs", [[], [("session_id", "")]])
def test_a_parameter_that_must_be_there_is_422(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Problem) as caught:
        BY_NAME["list_cards"].read_query(pairs)
    assert (caught.value.status, caught.value.param) == (422, "session_id")
