"""`oauth`, where the article puts it: sign in with a provider, in two steps."""

from allocation.sign_in.discovery import server_of
from allocation.sign_in.handshake import Handshake
from allocation.sign_in.id_token import Identity
from allocation.sign_in.providers import Provider

__all__ = ["Handshake", "Identity", "Provider", "oauth"]


def oauth(provider: Provider, state: str = "", *, fresh: bool = False) -> Handshake:
    """A new attempt to sign in: open `authorize_url(redirect_uri)`, then `exchange(code, state)` proves who it is."""
    return Handshake(server_of(provider), state, fresh=fresh)
