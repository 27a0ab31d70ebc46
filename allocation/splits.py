"""Splits between a holding and its price: the quantity is of the broker's day, Yahoo's price of the units of today."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from allocation.guard import PriceCode
from allocation.model import Portfolio, Position, PriceSource, Quote
from allocation.moments import date_text
from allocation.money import plain
from allocation.ports import QuoteFailure, QuoteFault
from allocation.price_history import Histories, Period, PriceHistory, Split

# A smaller step from the holding's own price than 8 for 7 is taken for the market's doing; nobody is asked about it.
_CALM: Final = (Decimal("0.88"), Decimal("1.14"))
_REACH: Final = {
    Period.MONTH: timedelta(days=27),
    Period.QUARTER: timedelta(days=88),
    Period.HALF_YEAR: timedelta(days=178),
    Period.YEAR: timedelta(days=364),
    Period.TWO_YEARS: timedelta(days=729),
}
WITHIN: Final = 2.5  # seconds; the page has waited for the prices already
_FETCHED: Final = (PriceSource.YAHOO, PriceSource.ALPACA)


class SplitWatch:
    """Which holdings have been split since they were written down. Only `look` talks to the network."""

    def __init__(self, histories: Histories) -> None:
        self._histories = histories
        self._found: dict[str, tuple[Split, ...]] = {}

    def look(self, portfolio: Portfolio, fetched: Mapping[str, Quote], now: datetime) -> dict[str, QuoteFailure]:
        """A failure for every line that was split since; asks for the history of those whose price has moved far.

        Args:
            fetched: prices from the network, those included that were refused for being so different.
        """
        doubtful = {
            position.symbol: written
            for position in portfolio.positions
            if position.symbol in fetched
            and (written := written_down(position, portfolio)) is not None
            and _has_moved(position, fetched[position.symbol])
        }
        period = max(
            (_period_since(written, now) for written in doubtful.values()), key=list(Period).index, default=None
        )
        for step in self._histories.fetch(doubtful, period, now, WITHIN) if period else ():
            if isinstance(step.answer, PriceHistory):
                self._found[step.symbol] = step.answer.splits
        split = self.since(portfolio, doubtful)
        return {
            position.symbol: _failure(position, split[position.symbol], doubtful[position.symbol], fetched)
            for position in portfolio.positions
            if position.symbol in split
        }

    def since(self, portfolio: Portfolio, symbols: Iterable[str]) -> dict[str, Split]:
        """The last split of each of these holdings that came after it was written down, as far as it was looked for."""
        wanted = set(symbols) & self._found.keys()
        last: dict[str, Split] = {}
        for position in portfolio.positions:
            written = written_down(position, portfolio) if position.symbol in wanted else None
            for split in self._found[position.symbol] if written is not None else ():
                if written is not None and split.day > written:
                    last[position.symbol] = split
        return last


def written_down(position: Position, portfolio: Portfolio) -> date | None:
    """The day whose quantity this is, as the broker said; None where nobody said."""
    moment = position.quote.time if position.quote else portfolio.as_of
    return moment.date() if moment else None


def _has_moved(position: Position, quote: Quote) -> bool:
    """Whether the price is far from the holding's own, or there is none to compare with."""
    own = position.quote
    if quote.source not in _FETCHED or (own is not None and own.time >= quote.time):
        return False
    if own is None or own.currency != quote.currency:
        return True
    return not _CALM[0] <= quote.price / own.price <= _CALM[1]


def _period_since(day: date, now: datetime) -> Period:
    age = now.date() - day
    return next((period for period, reach in _REACH.items() if age <= reach), Period.FIVE_YEARS)


def _failure(position: Position, split: Split, written: date, fetched: Mapping[str, Quote]) -> QuoteFailure:
    now_perhaps = position.quantity * split.new / split.old
    message = (
        f"{position.symbol} was split {split} on {date_text(split.day)}, and its {plain(position.quantity)} units are those of "
        f"{date_text(written)}: they may be {plain(now_perhaps)} now. Import a newer file; if the quantity is right, confirm the "
        "price; or leave the line out."
    )
    quote = fetched[position.symbol]
    return QuoteFailure(
        position.symbol, QuoteFault.UNUSABLE, message, PriceCode.JUMP, readings=(quote,), source=quote.source
    )
