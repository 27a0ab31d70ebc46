"""What people read about a price: where it comes from, how old it is, and why there is none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from allocation.errors import listed
from allocation.model import PriceSource, Quote
from allocation.moments import age_text, date_text, day_text
from allocation.ports import QuoteFailure, QuoteFault

OLD_AFTER_SESSIONS = 1  # a fund's price of the day comes hours after the close

_GROUPS = {
    PriceSource.YAHOO: "Yahoo",
    PriceSource.ALPACA: "Alpaca",
    PriceSource.FILE: "from the file",
    PriceSource.MANUAL: "entered by hand",
    PriceSource.SAMPLE: "sample prices",
}
_NETWORK = (PriceSource.YAHOO, PriceSource.ALPACA)
_SHARED_FAULTS = {
    QuoteFault.OFFLINE: "{source} cannot be reached.",
    QuoteFault.TIMEOUT: "{source} did not answer in time for {names}.",
    QuoteFault.RATE_LIMITED: "{source} takes no more requests from here for now; try again {when}.",
    QuoteFault.SWITCHED_OFF: "Fetching prices is switched off.",
    QuoteFault.UNKNOWN_SYMBOL: "{source} does not know {names}; check the spelling or enter a price by hand.",
}


def price_age_text(quote: Quote, now: datetime) -> str:
    """Where a price comes from and when it was struck: "Yahoo, 4 minutes ago", "sample price, 28 Dec 2022"."""
    if quote.source == PriceSource.MANUAL:
        return f"entered by hand {day_text(quote.time, now)}"
    if quote.source in _NETWORK:
        return f"{_GROUPS[quote.source]}, {age_text(quote.time, now)}"
    label = "sample price" if quote.source == PriceSource.SAMPLE else "file"
    return f"{label}, {date_text(quote.time)}"


def prices_line(
    quotes: Iterable[Quote], missing: Iterable[str], now: datetime, sessions: Mapping[str, int] | None = None
) -> str:
    """All prices in one line: "Prices: Yahoo, 2 minutes ago · 3 from the file, 20 Nov 2026 · GLD missing".

    Args:
        sessions: by symbol, the sessions that have passed since its price; those not named are not spoken of.
    """
    groups: dict[PriceSource, list[Quote]] = defaultdict(list)
    for quote in quotes:
        groups[quote.source].append(quote)
    parts = [
        f"{_group_text(source, groups[source], now)}{_sessions_text(groups[source], now, sessions or {})}"
        for source in _GROUPS
        if groups[source]
    ]
    absent = tuple(dict.fromkeys(missing))
    if absent:
        parts.append(f"{listed(absent)} missing")
    return f"Prices: {' · '.join(parts)}" if parts else "Prices: none needed yet"


def stale_remark(quotes: Iterable[Quote], sessions: Mapping[str, int]) -> str:
    """One sentence naming every price that is older than its exchange explains; empty when none is.

    Args:
        sessions: by symbol, the sessions that have passed since its price; samples, whose label says so, have none.
    """
    old = sorted(
        (q for q in quotes if sessions.get(q.symbol, 0) > OLD_AFTER_SESSIONS), key=lambda q: (q.time, q.symbol)
    )
    if not old:
        return ""
    named = listed(f"{q.symbol} ({date_text(q.time)}, {sessions[q.symbol]} sessions ago)" for q in old)
    return f"Old {'price' if len(old) == 1 else 'prices'}: {named}. Refresh, or enter today's price by hand."


def too_old_remark(quotes: Iterable[Quote], sessions: Mapping[str, int]) -> str:
    """One sentence naming every price that is too old to be used unasked; empty when there is none."""
    old = sorted(quotes, key=lambda q: (q.time, q.symbol))
    if not old:
        return ""
    named = listed(f"{q.symbol} ({date_text(q.time)}, {sessions[q.symbol]} sessions ago)" for q in old)
    it, line = ("it", "line") if len(old) == 1 else ("them", "lines")
    return (
        f"Too old to plan with: {named}. Refresh prices, confirm {it} or enter today's under “Enter a price”, or leave the "
        f"{line} out."
    )


def currency_remark(quotes: Iterable[Quote], currency: str) -> str:
    """One sentence naming every price in another currency, for prices without a rate; empty when there is none."""
    foreign = sorted((q for q in quotes if q.currency != currency), key=lambda q: q.symbol)
    if not foreign:
        return ""
    named = listed(f"{q.symbol} ({q.currency})" for q in foreign)
    return (
        f"Priced in another currency than the account's {currency}, and without its rate: {named}. Refresh, or enter the "
        f"rate, or the price in {currency}, by hand."
    )


def failure_sentences(failures: Mapping[str, QuoteFailure]) -> tuple[str, ...]:
    """What went wrong in a refresh, said once for all symbols that share it and symbol by symbol for the rest."""
    groups: dict[tuple[QuoteFault, PriceSource], list[QuoteFailure]] = defaultdict(list)
    for failure in failures.values():
        groups[failure.fault, failure.source].append(failure)
    shared = [
        sentence.format(source=_GROUPS[source], names=listed(f.symbol for f in group), when=_when_text(group))
        for fault, sentence in _SHARED_FAULTS.items()
        for (met, source), group in groups.items()
        if met == fault
    ]
    alone = [failure.message for failure in failures.values() if failure.fault == QuoteFault.UNUSABLE]
    return tuple(dict.fromkeys((*shared, *alone)))


def _group_text(source: PriceSource, quotes: list[Quote], now: datetime) -> str:
    times = [quote.time for quote in quotes]
    if source in _NETWORK:
        newest, oldest = age_text(max(times), now), age_text(min(times), now)
        name = _GROUPS[source]
        return f"{name}, {newest}" if newest == oldest else f"{name}, {newest}, the oldest {oldest}"
    if source == PriceSource.MANUAL:
        return f"{len(quotes)} {_GROUPS[source]}"
    days = Counter(date_text(time) for time in sorted(times))
    span = " to ".join(dict.fromkeys((next(iter(days)), next(reversed(days)))))
    return f"{len(quotes)} {_GROUPS[source]}, {span}"


def _sessions_text(quotes: list[Quote], now: datetime, sessions: Mapping[str, int]) -> str:
    """Whether these are the last closes there are, where the date alone does not tell."""
    if not all(quote.symbol in sessions and now - quote.time >= timedelta(days=1) for quote in quotes):
        return ""
    most = max(sessions[quote.symbol] for quote in quotes)
    if most == 0:
        return " (the last close)" if len(quotes) == 1 else " (the last closes)"
    return f" ({'up to ' if len(quotes) > 1 else ''}{most} {'session' if most == 1 else 'sessions'} ago)"


def _when_text(failures: list[QuoteFailure]) -> str:
    latest = max((failure.retry_at for failure in failures if failure.retry_at), default=None)
    return f"at {latest.astimezone(UTC):%H:%M} UTC" if latest else "in a few minutes"
