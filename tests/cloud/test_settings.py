"""Settings: documented, from arguments and environment, and clear about what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonsense.cloud.settings import Settings
from moonsense.contract import limits
from moonsense.errors import ConfigurationError


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_has_one_sentence(name: str) -> None:
    doc = Settings.model_fields[name].description

    assert doc, name
    assert doc.endswith(".")
    assert "\n" not in doc


def test_a_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOONSENSE_CLOUD_PORT", "4711")
    monkeypatch.setenv("MOONSENSE_CLOUD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MOONSENSE_CLOUD_TRUSTED_PROXIES", '["10.0.0.1"]')

    settings = Settings.of()

    assert (settings.port, settings.data_dir, settings.trusted_proxies) == (4711, tmp_path, ("10.0.0.1",))


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSENSE_CLOUD_PORT", "4711")

    assert Settings.of(port=0).port == 0


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSENSE_CLOUD_PORT", "")

    assert Settings.of().port == Settings.model_fields["port"].default


@pytest.mark.parametrize(("name", "value"), [("region", "a b/"), ("domain", "evil.test/"), ("domain", "a b")])
def test_what_can_be_no_host_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cloud settings: {name} must be"):
        Settings.of(**{name: value})


def test_the_limits_are_the_contract_s() -> None:
    settings = Settings.of()

    assert settings.max_body_bytes == limits.MAX_BODY_BYTES
    assert settings.max_bundles_per_request == limits.MAX_BUNDLES_PER_REQUEST
    assert settings.max_items_per_bundle == limits.MAX_ITEMS_PER_BUNDLE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 65_536),
        ("port", -1),
        ("max_body_bytes", 0),
        ("seal_age_seconds", 0),
        ("gzip_level", 10),
        ("log_level", "LOUD"),
        ("no_such_setting", 1),
    ],
)
def test_what_cannot_be_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}.*MOONSENSE_CLOUD_{name.upper()}"):
        Settings.of(**{name: value})


def test_a_bad_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSENSE_CLOUD_PORT", "canary")

    with pytest.raises(ConfigurationError) as caught:
        Settings.of()

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_do_not_change() -> None:
    settings = Settings.of()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
