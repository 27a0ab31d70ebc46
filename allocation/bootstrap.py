"""The composition root: from settings to a workbench. The only place that names concrete adapters."""

from dataclasses import dataclass

from allocation.adapters.aes_vault import AesVault
from allocation.adapters.demo import demo_store, demo_user
from allocation.adapters.importers import TEMPLATE, read_accounts
from allocation.adapters.key_ring import keys_in_file, keys_in_keyring, keys_in_text
from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.samples import sample_quotes
from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.adapters.sql.quote_cache import SqlQuoteCache
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.trail import SqlTrail
from allocation.adapters.yahoo import YahooSource
from allocation.market import Market
from allocation.ports import Directory, QuoteSource, Store, Trail, User, Vault
from allocation.settings import Settings
from allocation.vault import SealingKey

__all__ = ["TEMPLATE", "Workbench", "read_accounts", "workbench"]


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything the pages work with, once per process and shared by all its users."""

    settings: Settings
    directory: Directory
    store: Store
    market: Market
    trail: Trail
    vault: Vault

    def demo(self) -> tuple[User, Store, Market]:
        """A visitor with a store of their own and sample prices: no network, nothing kept, nothing shared."""
        return demo_user(), demo_store(), Market(None, MemoryQuoteCache(), sample_quotes())


def workbench(settings: Settings) -> Workbench:
    """Open the database and put the parts together.

    Raises:
        SettingsError: the database cannot be opened, or the settings contradict one another.
    """
    database = open_database(settings.database_url.get_secret_value())
    return Workbench(
        settings,
        SqlDirectory(database, settings.idle_limit, settings.absolute_limit),
        SqlStore(database),
        Market(_quote_source(settings), SqlQuoteCache(database)),
        SqlTrail(database),
        AesVault(sealing_keys(settings)),
    )


def sealing_keys(settings: Settings) -> tuple[SealingKey, ...]:
    """The keys of an installation, the one that seals first.

    Raises:
        SettingsError: there are none to be had, or others can read them.
    """
    if settings.secret_keys is not None:
        return keys_in_text(settings.secret_keys.get_secret_value())
    return keys_in_keyring() if settings.keys_from == "keyring" else keys_in_file(settings.key_file)


def _quote_source(settings: Settings) -> QuoteSource | None:
    if settings.prices == "off":
        return None
    return YahooSource(deadline=settings.price_deadline_seconds)
