"""What people read about a price: where it comes from, how old it is, and why there is none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from allocation.errors import listed
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteFailure, QuoteFault

STALE_AFTER_WEEKDAYS = 3  # a Thursday close before a four-day Easter is still the last one on Tuesday

_GROUPS = {
    PriceSource.YAHOO: "Yahoo",
    PriceSource.FILE: "from the file",
    PriceSource.MANUAL: "entered by hand",
    PriceSource.SAMPLE: "sample prices",
}
_SHARED_FAULTS = {
    QuoteFault.OFFLINE: "Yahoo cannot be reached.",
    QuoteFault.TIMEOUT: "Yahoo did not answer in time for {names}.",
    QuoteFault.RATE_LIMITED: "Yahoo takes no more requests from here for now; try again in a few minutes.",
    QuoteFault.SWITCHED_OFF: "Fetching prices is switched off.",
    QuoteFault.UNKNOWN_SYMBOL: "Yahoo does not know {names}; check the spelling or enter a price by hand.",
}


def price_age_text(quote: Quote, now: datetime) -> str:
    """Where a price comes from and when it was struck: "Yahoo, 4 minutes ago", "sample price, 28 Dec 2022"."""
    if quote.source == PriceSource.MANUAL:
        return f"entered by hand {_day_text(quote, now)}"
    if quote.source == PriceSource.YAHOO:
        return f"Yahoo, {_age_text(quote.time, now)}"
    label = "sample price" if quote.source == PriceSource.SAMPLE else "file"
    return f"{label}, {_date_text(quote.time)}"


def prices_line(quotes: Iterable[Quote], missing: Iterable[str], now: datetime) -> str:
    """All prices in one line: "Prices: Yahoo, 2 minutes ago · 3 from the file, 20 Nov 2026 · GLD missing"."""
    groups: dict[PriceSource, list[Quote]] = defaultdict(list)
    for quote in quotes:
        groups[quote.source].append(quote)
    parts = [_group_text(source, groups[source], now) for source in _GROUPS if groups[source]]
    absent = tuple(dict.fromkeys(missing))
    if absent:
        parts.append(f"{listed(absent)} missing")
    return f"Prices: {' · '.join(parts)}" if parts else "Prices: none needed yet"


def is_stale(quote: Quote, now: datetime) -> bool:
    """Whether more weekdays have passed since the price was struck than any ordinary holiday explains."""
    return _weekdays_between(quote.time.date(), now.astimezone(quote.time.tzinfo).date()) > STALE_AFTER_WEEKDAYS


def stale_remark(quotes: Iterable[Quote], now: datetime) -> str:
    """One sentence naming every old price but the samples, whose label says so already; empty when none is old."""
    old = sorted(
        (q for q in quotes if q.source != PriceSource.SAMPLE and is_stale(q, now)), key=lambda q: (q.time, q.symbol)
    )
    if not old:
        return ""
    named = listed(f"{q.symbol} ({_date_text(q.time)})" for q in old)
    return f"Old {'price' if len(old) == 1 else 'prices'}: {named}. Refresh, or enter today's price by hand."


def currency_remark(quotes: Iterable[Quote], currency: str) -> str:
    """One sentence naming every price that is of no use to an account in this currency; empty when there is none."""
    foreign = sorted((q for q in quotes if q.currency != currency), key=lambda q: q.symbol)
    if not foreign:
        return ""
    named = listed(f"{q.symbol} ({q.currency})" for q in foreign)
    return f"Priced in another currency than the account's {currency}: {named}. Enter the price in {currency} by hand."


def failure_sentences(failures: Mapping[str, QuoteFailure]) -> tuple[str, ...]:
    """What went wrong in a refresh, said once for all symbols that share it and symbol by symbol for the rest."""
    by_fault: dict[QuoteFault, list[QuoteFailure]] = defaultdict(list)
    for failure in failures.values():
        by_fault[failure.fault].append(failure)
    shared = [
        sentence.format(names=listed(f.symbol for f in by_fault[fault]))
        for fault, sentence in _SHARED_FAULTS.items()
        if by_fault[fault]
    ]
    return (*shared, *(failure.message for failure in by_fault[QuoteFault.UNUSABLE]))


def _group_text(source: PriceSource, quotes: list[Quote], now: datetime) -> str:
    times = [quote.time for quote in quotes]
    if source == PriceSource.YAHOO:
        newest, oldest = _age_text(max(times), now), _age_text(min(times), now)
        return f"Yahoo, {newest}" if newest == oldest else f"Yahoo, {newest}, the oldest {oldest}"
    if source == PriceSource.MANUAL:
        return f"{len(quotes)} {_GROUPS[source]}"
    days = Counter(_date_text(time) for time in sorted(times))
    span = " to ".join(dict.fromkeys((next(iter(days)), next(reversed(days)))))
    return f"{len(quotes)} {_GROUPS[source]}, {span}"


def _day_text(quote: Quote, now: datetime) -> str:
    day, today = quote.time.astimezone(now.tzinfo).date(), now.date()
    if day >= today:
        return "today"
    return "yesterday" if day == today - timedelta(days=1) else _date_text(quote.time)


def _age_text(time: datetime, now: datetime) -> str:
    minutes = int((now - time).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} {'minute' if minutes == 1 else 'minutes'} ago"
    hours = minutes // 60
    return f"{hours} {'hour' if hours == 1 else 'hours'} ago" if hours < 24 else _date_text(time)


def _date_text(time: datetime) -> str:
    return f"{time.day} {time:%b} {time.year}"


def _weekdays_between(earlier: date, later: date) -> int:
    """Weekdays after `earlier` up to and including `later`; 0 when `later` is not later."""
    weeks, days = divmod(max(0, (later - earlier).days), 7)
    rest = (earlier + timedelta(days=n) for n in range(1, days + 1))
    return weeks * 5 + sum(day.weekday() < 5 for day in rest)
