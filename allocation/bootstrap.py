"""The composition root: from settings to a workbench. The only place that names concrete adapters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from allocation.adapters.aes_vault import AesVault, key_id_of
from allocation.adapters.alpaca_data import AlpacaKeys, AlpacaSource
from allocation.adapters.alpaca_kind import AlpacaKind, OAuthApp
from allocation.adapters.demo import demo_store, demo_user
from allocation.adapters.ecb import EcbRates
from allocation.adapters.etrade_kind import EtradeKind
from allocation.adapters.etrade_sign_in import ConsumerKey
from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.importers import TEMPLATE, look_at, read_accounts, read_mapped
from allocation.adapters.key_ring import KeyPlace, KeysInFile, KeysInKeyring, KeysInText
from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.paper_kind import PaperKind
from allocation.adapters.samples import SampleRates, sample_quotes
from allocation.adapters.snaptrade_kind import SnaptradeKind
from allocation.adapters.sql.attempts import SqlAttempts
from allocation.adapters.sql.credentials import SqlCredentials
from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.adapters.sql.drafts import SqlDrafts
from allocation.adapters.sql.failures import SqlFailureLog
from allocation.adapters.sql.journal import SqlJournal
from allocation.adapters.sql.links import SqlLinks
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.adapters.sql.paper_books import SqlPaperBooks
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.price_histories import SqlPriceHistories
from allocation.adapters.sql.quote_cache import SqlQuoteCache
from allocation.adapters.sql.sealed import keys_in_use
from allocation.adapters.sql.sessions import SqlSessions
from allocation.adapters.sql.store import SqlStore, utc_now
from allocation.adapters.sql.teams import SqlTeams
from allocation.adapters.sql.trail import SqlTrail
from allocation.adapters.yahoo import YahooSource
from allocation.bookkeeping import Journal, OrderDesk
from allocation.brokers import Mode
from allocation.errors import SettingsError
from allocation.exchanges import exchange_of
from allocation.linking import BrokerKind
from allocation.links import PAPER, Links
from allocation.market import Market
from allocation.model import Account, Portfolio, PriceSource, Quote
from allocation.ports import (
    Credentials,
    Directory,
    FailureLog,
    People,
    QuoteCache,
    QuoteSource,
    Store,
    Teams,
    Trail,
    User,
    Vault,
)
from allocation.presence import AttemptRows, Drafts, Sessions
from allocation.price_history import Histories, HistoryCache
from allocation.settings import Settings
from allocation.trail import EventKind

__all__ = ["TEMPLATE", "Workbench", "look_at", "read_accounts", "read_mapped", "workbench"]


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything the pages work with, once per process and shared by all its users."""

    settings: Settings
    directory: Directory
    store: Store
    teams: Teams
    market: Market
    trail: Trail
    vault: Vault
    credentials: Credentials
    people: People
    failures: FailureLog
    sessions: Sessions
    attempts: AttemptRows
    drafts: Drafts
    links: Links
    orders: OrderDesk
    journal: Journal
    check_database: Callable[[], None]

    def dealing_quotes(self, user_id: str, symbols: tuple[str, ...]) -> Mapping[str, Quote]:
        """What a user's orders are held against: the prices their pages show, fetched anew where they are not fresh."""
        return paper_quotes(self.store, self.market, user_id, symbols)

    def closed_now(self, symbol: str, currency: str, now: datetime) -> str:
        """Why a symbol cannot be traded at a moment; empty when its exchange is open."""
        exchange = exchange_of(symbol, currency)
        return "" if is_open(exchange, now) else f"{exchange} is closed."

    def demo(self) -> tuple[User, Store, Market]:
        """A visitor with a store of their own and sample prices: no network, nothing kept, nothing shared."""
        return demo_user(), demo_store(), Market(None, MemoryQuoteCache(), sample_quotes(), reference=SampleRates())


def workbench(settings: Settings) -> Workbench:
    """Open the database and put the parts together.

    Raises:
        SettingsError: the database cannot be opened, or the settings contradict one another.
    """
    database = open_database(settings.database_url.get_secret_value())
    trail = SqlTrail(database)
    vault = open_vault(key_place(settings), database, trail)
    store, market = (
        SqlStore(database, trail),
        open_market(settings, SqlQuoteCache(database), SqlPriceHistories(database)),
    )
    return Workbench(
        settings,
        SqlDirectory(database),
        store,
        SqlTeams(database, trail),
        market,
        trail,
        vault,
        SqlCredentials(database),
        SqlPeople(database),
        SqlFailureLog(database),
        SqlSessions(database, vault, settings.idle_limit, settings.absolute_limit),
        SqlAttempts(database),
        SqlDrafts(database),
        open_links(settings, database, vault, trail, store, market),
        SqlOrderDesk(database, trail),
        SqlJournal(database),
        database.check,
    )


def open_links(
    settings: Settings, database: Database, vault: Vault, trail: Trail, store: Store, market: Market
) -> Links:
    """Links to every kind of broker this installation offers, and the paper broker over its own books."""

    def quotes_of(user_id: str, symbols: tuple[str, ...]) -> Mapping[str, Quote]:
        return paper_quotes(store, market, user_id, symbols)

    paper = PaperKind(SqlPaperBooks(database), quotes_of, utc_now, is_open)
    return Links((paper, *broker_kinds(settings)), SqlLinks(database, vault, trail), store, trail, paper)


def is_open(exchange: str, moment: datetime) -> bool:
    """Whether there is trade at an exchange at a moment."""
    return ExchangeDays().traded(exchange, moment, moment + timedelta(seconds=1)) > timedelta(0)


def broker_kinds(settings: Settings) -> tuple[BrokerKind, ...]:
    """Every kind of broker that can be linked; a further one is one more line."""
    return (AlpacaKind(_alpaca_app(settings)), EtradeKind(_etrade_key(settings)), SnaptradeKind())


def paper_quotes(store: Store, market: Market, user_id: str, symbols: tuple[str, ...]) -> Mapping[str, Quote]:
    """What a user's paper accounts deal at: the prices their pages show, fetched anew where they are not fresh."""
    order, manual, now = store.price_order(user_id), store.manual_prices(user_id), utc_now()
    held = [store.portfolio(user_id, a.id) for a in store.accounts(user_id) if a.id.startswith(f"{PAPER}-")]

    def at_hand() -> dict[str, Quote]:
        found: dict[str, Quote] = {}
        for portfolio in (Portfolio(Account(PAPER, PAPER), ()), *held):
            found |= market.at_hand(symbols, portfolio, manual, order, now).quotes
        return found

    if market.can_refresh and symbols:
        market.refresh(symbols, now, known=at_hand(), order=order)
    return at_hand()


def _alpaca_app(settings: Settings) -> OAuthApp | None:
    if settings.alpaca_client_id is None or settings.alpaca_client_secret is None:
        return None
    return OAuthApp(settings.alpaca_client_id, settings.alpaca_client_secret.get_secret_value())


def _etrade_key(settings: Settings) -> ConsumerKey | None:
    key, secret = settings.etrade_consumer_key, settings.etrade_consumer_secret
    return ConsumerKey(key.get_secret_value(), secret.get_secret_value(), Mode.LIVE) if key and secret else None


def key_place(settings: Settings) -> KeyPlace:
    """Where this installation keeps its sealing keys."""
    if settings.secret_keys is not None:
        return KeysInText(settings.secret_keys.get_secret_value())
    return KeysInKeyring() if settings.keys_from == "keyring" else KeysInFile(settings.key_file)


def open_vault(place: KeyPlace, database: Database, trail: Trail | None = None) -> AesVault:
    """The vault with the keys of this place; a first key is made where nothing was sealed yet.

    Raises:
        SettingsError: others can read the keys, or the key of something sealed is not among them.
    """
    in_use = keys_in_use(database, key_id_of, lasting_only=True)
    keys = place.read() or (() if in_use else place.make())
    without_key = sum(in_use[key_id] for key_id in in_use.keys() - {key.id for key in keys})
    if without_key:
        things = "1 secret in the database was" if without_key == 1 else f"{without_key} secrets in the database were"
        message = (
            f"{things} sealed with a key that is not in {place.name}. Put the key back, beside the others. If it is lost, "
            "`python -m allocation keys forget` removes what no key opens, and its owners connect again."
        )
        raise SettingsError(message, ("secret_keys",))
    return AesVault(keys or place.make(), place.read, _noted_in(trail) if trail else _not_noted)


def _noted_in(trail: Trail) -> Callable[[str, str], None]:
    def note(user_id: str, name: str) -> None:
        if user_id:  # an attempt to sign in is nobody's yet
            trail.record(EventKind.TOKEN_UNREADABLE, name.partition(":")[0], user_id=user_id)

    return note


def _not_noted(_user_id: str, _name: str) -> None:
    """Where there is no trail."""


def open_market(settings: Settings, cache: QuoteCache, closes: HistoryCache) -> Market:
    """Prices from Yahoo, from Alpaca where there are keys, and rates of the European Central Bank."""
    sessions, deadline = ExchangeDays(), settings.price_deadline_seconds
    yahoo, others = None, dict[PriceSource, QuoteSource]()
    if settings.prices != "off":
        yahoo = YahooSource(deadline, sessions=sessions)
        if settings.alpaca_data_key_id and settings.alpaca_data_secret_key:
            keys = (settings.alpaca_data_key_id, settings.alpaca_data_secret_key)
            others[PriceSource.ALPACA] = AlpacaSource(
                AlpacaKeys(*(key.get_secret_value() for key in keys)), sessions, deadline
            )
    histories = Histories(yahoo, closes, sessions)
    return Market(
        yahoo,
        cache,
        sessions=sessions,
        reference=EcbRates(),
        others=others,
        deadline=deadline,
        histories=histories,
        describer=yahoo,
    )
