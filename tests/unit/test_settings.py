"""Settings are read once, and what cannot work is refused by name, never with its value."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from allocation.errors import SettingsError
from allocation.settings import load_settings
from allocation.sign_in.providers import is_loopback, is_safe_url

ACME = {"issuer": "https://id.example.com", "client_id": "evenkeel", "client_secret": "hush"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_DIR", "DATABASE_URL", "PRICES", "BASE_URL", "IDLE_MINUTES", "LOCAL_ACCOUNTS"):
        monkeypatch.delenv(f"EVENKEEL_{name}", raising=False)


def test_without_any_setting_everything_has_a_default() -> None:
    settings = load_settings()

    assert settings.prices == "yahoo"
    assert settings.price_deadline_seconds == 5
    assert (settings.idle_limit.total_seconds(), settings.absolute_limit.total_seconds()) == (1800, 43200)
    assert settings.providers == ()
    assert settings.database_url.get_secret_value().startswith("sqlite:///")


def test_the_database_is_in_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path))

    settings = load_settings()

    assert settings.database_url.get_secret_value() == f"sqlite:///{tmp_path.as_posix()}/evenkeel.sqlite"


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_PRICES", "")

    assert load_settings().prices == "yahoo"


def test_settings_do_not_change() -> None:
    settings = load_settings()

    with pytest.raises(ValidationError):
        settings.prices = "off"  # type: ignore[misc]


def test_each_table_under_oidc_is_a_provider() -> None:
    settings = load_settings({"oidc": {"acme": ACME, "other": {**ACME, "label": "Other Inc"}}, "unrelated": 1})

    assert [p.title for p in settings.providers] == ["Acme", "Other Inc"]
    assert settings.providers[0].scopes == "openid email profile"
    assert settings.providers[0].discovery_url == "https://id.example.com/.well-known/openid-configuration"


def test_secrets_are_not_shown() -> None:
    settings = load_settings({"oidc": {"acme": ACME}})

    assert "hush" not in repr(settings)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "plain http": ({"issuer": "http://id.example.com"}, "issuer"),
    "no address": ({"issuer": "id.example.com"}, "issuer"),
    "with a password": ({"issuer": "https://user:hush@id.example.com"}, "issuer"),
    "with a query": ({"issuer": "https://id.example.com/?x=1"}, "issuer"),
    "any Microsoft directory": ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "issuer"),
    "any organisation": ({"issuer": "https://login.microsoftonline.com/organizations/v2.0"}, "issuer"),
    "empty secret": ({"client_secret": ""}, "client_secret"),
    "empty id": ({"client_id": " "}, "client_id"),
    "misspelt key": ({"client_secrt": "hush"}, "client_secrt"),
    "no openid": ({"scopes": "email"}, "scopes"),
}


@pytest.mark.parametrize(("change", "culprit"), FAULTS.values(), ids=FAULTS.keys())
def test_a_provider_that_cannot_work_is_refused_by_name(change: dict[str, Any], culprit: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({"oidc": {"acme": {**ACME, **change}}})

    assert refusal.value.culprits == (f"[oidc.acme] {culprit}",)
    assert "hush" not in str(refusal.value)


def test_every_fault_of_a_provider_is_named() -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({"oidc": {"acme": {}}})

    assert refusal.value.culprits == ("[oidc.acme] issuer", "[oidc.acme] client_id")


@pytest.mark.parametrize("tables", ["text", {"issuer": "https://id.example.com"}, [ACME]], ids=str)
def test_providers_outside_tables_are_refused(tables: Any) -> None:
    with pytest.raises(SettingsError, match=r"\[oidc\.google\]"):
        load_settings({"oidc": tables})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRICES", "bloomberg"),
        ("IDLE_MINUTES", "0"),
        ("IDLE_MINUTES", "soon"),
        ("BASE_URL", "http://evenkeel.example.com"),
    ],
)
def test_a_variable_that_cannot_work_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EVENKEEL_{name}", value)

    with pytest.raises(SettingsError) as refusal:
        load_settings()

    assert refusal.value.culprits == (f"EVENKEEL_{name}",)


def test_the_base_address_ends_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_BASE_URL", "https://evenkeel.example.com/")

    assert load_settings().base_url == "https://evenkeel.example.com"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_has_several_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.evil.com", "127.0.0.1.evil.com", "0.0.0.0", "10.0.0.1", "example.com"])
def test_no_other_machine_is_taken_for_this_one(host: str) -> None:
    assert not is_loopback(host)


def test_plain_http_is_safe_on_this_machine_only() -> None:
    assert is_safe_url("http://localhost:8080/realms/main")
    assert not is_safe_url("http://localhost.evil.com")
    assert not is_safe_url("ftp://localhost")
