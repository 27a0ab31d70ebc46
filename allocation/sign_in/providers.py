"""An OpenID Connect provider as the administrator configured it, checked before anyone is sent there."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

DEFAULT_SCOPES = "openid email profile"
_MICROSOFT_HOST = "login.microsoftonline.com"
_SHARED_TENANTS = {"common", "organizations", "consumers"}


class Provider(BaseModel):
    """One way to sign in through somebody else: who issues the identity, and who we are to them."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    issuer: str
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr | None = Field(default=None, min_length=1)
    label: str = Field(default="", max_length=40)
    scopes: str = DEFAULT_SCOPES

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, issuer: str) -> str:
        if not is_safe_url(issuer):
            msg = "must be an https address without query or fragment (http only for this machine)"
            raise ValueError(msg)
        address = urlsplit(issuer)
        if address.hostname == _MICROSOFT_HOST and _SHARED_TENANTS & set(address.path.lower().split("/")):
            msg = "must name your directory: put its tenant id in place of common, organizations or consumers"
            raise ValueError(msg)
        return issuer

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            msg = 'must contain "openid"'
            raise ValueError(msg)
        return scopes

    @property
    def title(self) -> str:
        """What the button calls it: "Google"."""
        return self.label or self.name.capitalize()

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself (OpenID Connect Discovery 1.0, section 4)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def is_safe_url(url: str) -> bool:
    """Whether a server may be spoken to at this address: https, or http on this machine."""
    address = urlsplit(url)
    if not address.hostname or address.query or address.fragment or address.username is not None:
        return False
    return address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname))


def is_loopback(host: str) -> bool:
    """Whether a host name means this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
