"""Quotes kept on disk, seen through a layer of memory."""

from collections.abc import Iterable
from threading import Lock
from time import monotonic

from allocation.model import Quote
from allocation.ports import QuoteCache

SECONDS_IN_MEMORY = 30.0  # another process may have written newer quotes to the cache


class RecentQuotes:
    """The quote cache behind a layer of memory: it stands on the path of every edit, and an edit costs no disk."""

    def __init__(self, cache: QuoteCache) -> None:
        self._cache = cache
        self._quotes: dict[str, Quote] = {}
        self._read: dict[str, float] = {}
        self._lock = Lock()

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The cached quotes among these symbols, at most half a minute behind the disk."""
        wanted = tuple(symbols)
        with self._lock:
            self._read_again([symbol for symbol in wanted if not self._is_recent(symbol)])
            return {symbol: self._quotes[symbol] for symbol in wanted if symbol in self._quotes}

    def save(self, quotes: Iterable[Quote]) -> None:
        """Keep these, here and on disk."""
        good = tuple(quotes)
        if not good:
            return
        with self._lock:
            self._cache.save(good)
            self._read_again([quote.symbol for quote in good])  # the cache keeps a newer quote, if it has one

    def _is_recent(self, symbol: str) -> bool:
        return symbol in self._read and monotonic() - self._read[symbol] < SECONDS_IN_MEMORY

    def _read_again(self, symbols: list[str]) -> None:
        if symbols:
            self._quotes.update(self._cache.load(symbols))
            self._read.update(dict.fromkeys(symbols, monotonic()))
