"""Which cloud and which token: arguments, then environment, then the published service."""

from __future__ import annotations

import pytest

from moonsense.contract import environment
from moonsense.contract.environment import resolve
from moonsense.errors import ConfigurationError

SECRET = "msk_canary"  # a made-up token, to look for where it must not be


def test_without_anything_but_a_token_it_is_the_published_service() -> None:
    address = resolve(SECRET, environment={})
    assert address.data_plane() == "https://us-central1.gcp.data-api.moonsense.cloud"
    assert address.data_plane("eu.gcp") == "https://eu.gcp.data-api.moonsense.cloud"
    assert address.control_plane() == "https://api.moonsense.cloud"


VARIABLES = {
    environment.SECRET_TOKEN: SECRET,
    environment.ROOT_DOMAIN: "127.0.0.1:8080",
    environment.PROTOCOL: "http",
    environment.DEFAULT_REGION: "",
}


def test_the_four_variables_name_an_embedded_cloud() -> None:
    address = resolve(environment=VARIABLES)
    assert address.token == SECRET
    assert address.data_plane() == address.control_plane() == "http://127.0.0.1:8080"


def test_they_are_read_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert resolve() == resolve(environment=VARIABLES)


def test_arguments_win() -> None:
    address = resolve("other", "example.test", "https", "eu.gcp", environment=VARIABLES)
    assert address.token == "other"
    assert address.data_plane() == "https://eu.gcp.data-api.example.test"


def test_an_empty_region_given_wins_over_the_variable() -> None:
    variables = VARIABLES | {environment.DEFAULT_REGION: "eu.gcp"}
    assert resolve(environment=variables).default_region == "eu.gcp"
    assert resolve(default_region="", environment=variables).default_region == ""


def test_an_empty_variable_is_unset_but_for_the_region() -> None:
    variables = dict.fromkeys(VARIABLES, "") | {environment.SECRET_TOKEN: SECRET}
    address = resolve(environment=variables)
    assert (address.protocol, address.root_domain, address.default_region) == ("https", "moonsense.cloud", "")


@pytest.mark.parametrize("variables", [{}, {environment.SECRET_TOKEN: ""}])
def test_a_missing_token_is_an_error_with_both_ways_out(variables: dict[str, str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        resolve(environment=variables)
    assert isinstance(caught.value, ConfigurationError)
    assert environment.SECRET_TOKEN in str(caught.value)
    assert "moonsense cloud serve" in str(caught.value)


def test_the_recording_token_has_its_own_variable() -> None:
    variables = {environment.PUBLIC_TOKEN: "public"}
    assert resolve(token_variable=environment.PUBLIC_TOKEN, environment=variables).token == "public"
    with pytest.raises(ConfigurationError, match=environment.PUBLIC_TOKEN):
        resolve(token_variable=environment.PUBLIC_TOKEN, environment={environment.SECRET_TOKEN: SECRET})


@pytest.mark.parametrize("token", [f"{SECRET}\n", f" {SECRET}", f"{SECRET}\r\nX-Other: 1", "ключ", "a\x00b"])
def test_a_token_that_cannot_be_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(token, environment={})
    assert SECRET not in str(caught.value)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"protocol": "ftp"}, "protocol"),
        ({"protocol": ""}, "protocol"),
        ({"root_domain": ""}, "root domain"),
        ({"root_domain": "https://moonsense.cloud"}, "root domain"),
        ({"root_domain": "me@evil.test"}, "root domain"),
        ({"root_domain": "moonsense.cloud?"}, "root domain"),
        ({"default_region": "evil.test/"}, "region"),
        ({"default_region": "a b"}, "region"),
    ],
)
def test_a_value_that_cannot_be_is_named(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        resolve(SECRET, environment={}, **wrong)


def test_the_token_is_not_shown() -> None:
    assert SECRET not in repr(resolve(SECRET, environment={}))
    assert SECRET not in str(resolve(SECRET, environment={}))
