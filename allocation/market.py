"""Prices for whoever asks: the best quote known for each symbol, and a refresh from the network when told to."""

from collections.abc import Iterable, Mapping

from allocation.model import Portfolio, Quote
from allocation.ports import QuoteAnswer, QuoteCache, QuoteSource


class Market:
    """Where a session's prices come from. Only `refresh` talks to the network."""

    def __init__(
        self, source: QuoteSource | None, cache: QuoteCache, samples: Mapping[str, Quote] | None = None
    ) -> None:
        self._source = source
        self._cache = cache
        self._samples = dict(samples or {})

    def known(self, symbols: Iterable[str], portfolio: Portfolio, manual: Mapping[str, Quote]) -> dict[str, Quote]:
        """The best quote at hand for each symbol that has one: manual first, then the newest of Yahoo and file, then sample."""
        raise NotImplementedError

    def refresh(self, symbols: Iterable[str]) -> QuoteAnswer:
        """Fetch current quotes within the source's deadline and keep the good ones in the cache."""
        raise NotImplementedError
