"""Settings from the environment (EVENKEEL_…) and the secrets file, checked once and frozen."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_dir
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from allocation.errors import SettingsError
from allocation.sign_in.providers import Provider, is_safe_url

ENVIRONMENT_PREFIX = "EVENKEEL_"


def _default_data_dir() -> Path:
    return Path(user_data_dir("evenkeel", appauthor=False))


def _default_database_url(values: dict[str, Any]) -> SecretStr:
    data_dir: Path = values.get("data_dir", _default_data_dir())
    return SecretStr(f"sqlite:///{(data_dir / 'evenkeel.sqlite').as_posix()}")


class Settings(BaseSettings):
    """Everything an installation may choose; each has a default that works on one machine without a network."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    data_dir: Path = Field(default_factory=_default_data_dir)
    database_url: SecretStr = Field(default_factory=_default_database_url)
    prices: Literal["yahoo", "off"] = "yahoo"
    price_deadline_seconds: float = Field(default=5, gt=0, le=60)
    alpaca_data_key_id: SecretStr | None = None
    alpaca_data_secret_key: SecretStr | None = None
    executor: Literal["embedded", "off"] = "embedded"
    idle_minutes: float = Field(default=30, gt=0, le=24 * 60)
    absolute_hours: float = Field(default=12, gt=0, le=7 * 24)
    local_accounts: bool = True
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    secret_keys: SecretStr | None = None
    keys_from: Literal["file", "keyring"] = "file"
    log: Literal["auto", "json", "text"] = "auto"
    log_file: Path | None = None
    base_url: str | None = None
    alpaca_client_id: str | None = None
    alpaca_client_secret: SecretStr | None = None
    etrade_consumer_key: SecretStr | None = None
    etrade_consumer_secret: SecretStr | None = None
    providers: tuple[Provider, ...] = ()

    @field_validator("data_dir")
    @classmethod
    def _whole_path(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("alpaca_data_secret_key")
    @classmethod
    def _both_keys(cls, secret: SecretStr | None, told: ValidationInfo) -> SecretStr | None:
        if (secret is None) != (told.data.get("alpaca_data_key_id") is None):
            msg = "belongs to EVENKEEL_ALPACA_DATA_KEY_ID: set both or neither"
            raise ValueError(msg)
        return secret

    @field_validator("alpaca_client_secret")
    @classmethod
    def _both_of_alpaca(cls, secret: SecretStr | None, told: ValidationInfo) -> SecretStr | None:
        if (secret is None) != (told.data.get("alpaca_client_id") is None):
            msg = "belongs to EVENKEEL_ALPACA_CLIENT_ID: set both or neither"
            raise ValueError(msg)
        return secret

    @field_validator("etrade_consumer_secret")
    @classmethod
    def _both_of_etrade(cls, secret: SecretStr | None, told: ValidationInfo) -> SecretStr | None:
        if (secret is None) != (told.data.get("etrade_consumer_key") is None):
            msg = "belongs to EVENKEEL_ETRADE_CONSUMER_KEY: set both or neither"
            raise ValueError(msg)
        return secret

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str | None) -> str | None:
        if url is not None and not is_safe_url(url):
            msg = "must be an https address such as https://evenkeel.example.com (http only for this machine)"
            raise ValueError(msg)
        if url is not None and urlsplit(url).path.strip("/"):
            msg = "must have no path: Evenkeel needs a host name of its own, such as https://evenkeel.example.com"
            raise ValueError(msg)
        return url and url.rstrip("/")

    @property
    def key_file(self) -> Path:
        """Where the sealing keys are when nothing else is said."""
        return self.data_dir / "secret.key"

    def secrets(self) -> tuple[str, ...]:
        """Every secret value among the settings, for those who must know what never to say."""
        values = (value for part in (self, *self.providers) for _, value in part if isinstance(value, SecretStr))
        told = [value.get_secret_value() for value in values if value is not self.database_url]
        database = urlsplit(self.database_url.get_secret_value()).password or ""
        return tuple(filter(None, (*(text for each in told for text in each.split(",")), database, unquote(database))))

    def shown(self) -> dict[str, Any]:
        """Every setting as a helper may see it: of a secret only whether it is set, of a provider its name and issuer."""
        told = {
            name: "set" if isinstance(value, SecretStr) else value if value is None else str(value)
            for name, value in self
            if name != "providers"
        }
        return told | {"providers": [{"name": each.name, "issuer": each.issuer} for each in self.providers]}

    @property
    def idle_limit(self) -> timedelta:
        """How long a session lives without its user doing anything."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def absolute_limit(self) -> timedelta:
        """How long a session lives at most."""
        return timedelta(hours=self.absolute_hours)


def load_settings(secrets: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment and a secrets file already read; `[oidc.<name>]` tables become providers.

    Raises:
        SettingsError: naming every setting that cannot work; never its value.
    """
    try:
        return Settings(providers=_providers(secrets or {}))
    except ValidationError as error:
        raise _refusal(error, lambda name: f"{ENVIRONMENT_PREFIX}{name.upper()}") from None


def _providers(secrets: Mapping[str, Any]) -> tuple[Provider, ...]:
    tables = secrets.get("oidc", {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        message = "In secrets.toml, write each provider as a table of its own: [oidc.google], [oidc.okta] …"
        raise SettingsError(message, ("oidc",))
    return tuple(_provider(name, table) for name, table in tables.items())


def _provider(name: str, table: Mapping[str, Any]) -> Provider:
    try:
        return Provider.model_validate({**table, "name": name})
    except ValidationError as error:
        raise _refusal(error, lambda field: f"[oidc.{name}] {field}") from None


def _refusal(error: ValidationError, spelled: Callable[[str], str]) -> SettingsError:
    """Every fault as "name: what it must be"; pydantic's own text would show the value, which may be a secret."""
    faults = {spelled(".".join(map(str, fault["loc"]))): _said(fault["msg"]) for fault in error.errors()}
    sentence = "; ".join(f"{name}: {text}" for name, text in faults.items())
    return SettingsError(f"The settings cannot work. {sentence}. Correct them and start again.", faults)


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")
