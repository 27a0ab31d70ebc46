"""The store and the quote cache in memory: for the demo, which keeps nothing, and for tests."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from allocation.adapters.stores import account_name, each_account_once
from allocation.authorisation import Role, Verb, require
from allocation.errors import AccountNotFoundError
from allocation.mapping import ColumnMapping
from allocation.model import Account, Portfolio, PriceSource, Quote
from allocation.price_history import PriceHistory
from allocation.price_order import DEFAULT_ORDER, PriceOrder, check_order
from allocation.securities import SecurityFacts
from allocation.symbols import canonical
from allocation.targets import TargetAllocation


class MemorySecurities:
    """`Securities` that are gone with the process; a part of its store."""

    def __init__(self) -> None:
        self._facts: defaultdict[str, dict[str, SecurityFacts]] = defaultdict(dict)

    def security_facts(self, user_id: str) -> dict[str, SecurityFacts]:
        """What the user said of securities, by canonical symbol."""
        return dict(sorted(self._facts[user_id].items()))

    def save_security_facts(self, user_id: str, facts: SecurityFacts) -> None:
        """Keep what the user says of a security in place of what was there."""
        self._facts[user_id][facts.symbol] = facts

    def remove_security_facts(self, user_id: str, symbol: str) -> None:
        """Forget what the user said of a security; harmless when there is nothing."""
        self._facts[user_id].pop(canonical(symbol), None)


class MemoryStore(MemorySecurities):
    """A `Store` that is gone with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._portfolios: defaultdict[str, dict[str, Portfolio]] = defaultdict(dict)
        self._targets: defaultdict[str, dict[str, TargetAllocation]] = defaultdict(dict)
        self._manual_prices: defaultdict[str, dict[str, Quote]] = defaultdict(dict)
        self._orders: dict[str, PriceOrder] = {}
        self._mappings: dict[tuple[str, str], ColumnMapping] = {}
        self._imported: dict[tuple[str, str], datetime] = {}

    def accounts(self, user_id: str) -> tuple[Account, ...]:
        """The user's accounts, by name."""
        owned = (p.account for p in self._portfolios[user_id].values())
        return tuple(sorted(owned, key=lambda a: (a.name.casefold(), a.id)))

    def authorise(self, user_id: str, account_id: str, verb: Verb) -> Role:
        """Nothing is shared here: whoever has an account owns it."""
        self.portfolio(user_id, account_id)
        require(Role.OWNER, verb)
        return Role.OWNER

    def why_not(self, user_id: str, account_id: str, verb: Verb) -> str:
        """Nothing is in the way of whoever has the account."""
        self.authorise(user_id, account_id, verb)
        return ""

    def portfolio(self, user_id: str, account_id: str) -> Portfolio:
        """What the account holds."""
        if account_id not in self._portfolios[user_id]:
            raise AccountNotFoundError(account_id)
        return self._portfolios[user_id][account_id]

    def save_portfolios(self, user_id: str, portfolios: Iterable[Portfolio]) -> None:
        """Save all of them or none."""
        self._portfolios[user_id].update({p.account.id: p for p in each_account_once(portfolios)})

    def rename_account(self, user_id: str, account_id: str, name: str) -> None:
        """Give the account another name."""
        known = self.portfolio(user_id, account_id)
        account = replace(known.account, name=account_name(name))
        self._portfolios[user_id][account_id] = replace(known, account=account)

    def remove_account(self, user_id: str, account_id: str) -> None:
        """Forget the account with its holdings and target."""
        self.portfolio(user_id, account_id)
        del self._portfolios[user_id][account_id]
        self._targets[user_id].pop(account_id, None)

    def target(self, user_id: str, account_id: str) -> TargetAllocation | None:
        """The saved target, or None before the first one was saved."""
        self.portfolio(user_id, account_id)
        return self._targets[user_id].get(account_id)

    def save_target(self, user_id: str, account_id: str, target: TargetAllocation) -> None:
        """Save the target of an account in place of the one before."""
        self.portfolio(user_id, account_id)
        self._targets[user_id][account_id] = target

    def manual_prices(self, user_id: str) -> dict[str, Quote]:
        """Prices the user entered by hand, by symbol."""
        return dict(self._manual_prices[user_id])

    def save_manual_price(self, user_id: str, quote: Quote) -> None:
        """Keep a price entered by hand."""
        self._manual_prices[user_id][quote.symbol] = replace(quote, source=PriceSource.MANUAL)

    def remove_manual_price(self, user_id: str, symbol: str) -> None:
        """Forget a price entered by hand; harmless when there is none."""
        self._manual_prices[user_id].pop(symbol, None)

    def price_order(self, user_id: str) -> PriceOrder:
        """The order in which the user trusts the sources of prices; the usual one before they changed it."""
        return self._orders.get(user_id, DEFAULT_ORDER)

    def save_price_order(self, user_id: str, order: PriceOrder) -> None:
        """Keep another order."""
        self._orders[user_id] = check_order(order)

    def column_mapping(self, user_id: str, fingerprint: str) -> ColumnMapping | None:
        """What the user said the columns of tables with this header mean."""
        return self._mappings.get((user_id, fingerprint))

    def save_column_mapping(self, user_id: str, fingerprint: str, mapping: ColumnMapping) -> None:
        """Keep it, in place of what was said before."""
        self._mappings[user_id, fingerprint] = mapping

    def imported_at(self, user_id: str, digest: str) -> datetime | None:
        """When the user last saved what a file with this SHA-256 holds."""
        return self._imported.get((user_id, digest))

    def note_import(self, user_id: str, digest: str) -> None:
        """Remember that the user saved what this file holds."""
        self._imported[user_id, digest] = datetime.now(UTC)


class MemoryQuoteCache:
    """A `QuoteCache` that is gone with the process."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The cached quotes among these symbols, however old."""
        return {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}

    def save(self, quotes: Iterable[Quote]) -> None:
        """Keep these in place of older ones."""
        for quote in quotes:
            kept = self._quotes.get(quote.symbol)
            if kept is None or kept.time <= quote.time:
                self._quotes[quote.symbol] = quote


class MemoryPriceHistories:
    """A `HistoryCache` that is gone with the process."""

    def __init__(self) -> None:
        self._histories: dict[str, PriceHistory] = {}

    def load(self, symbols: Iterable[str]) -> dict[str, PriceHistory]:
        """The histories kept of these symbols, however old."""
        return {symbol: self._histories[symbol] for symbol in symbols if symbol in self._histories}

    def save(self, history: PriceHistory) -> None:
        """Keep this in place of the one before."""
        self._histories[history.symbol] = history
