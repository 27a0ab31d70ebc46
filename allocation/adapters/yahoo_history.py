"""A chart of months or years read as a history: closes by day, and splits. Pure; a day that is not plain is left out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allocation.adapters.yahoo_chart import NoPriceError, answered_as, chart_in
from allocation.guard import MINOR_UNITS, PriceCode
from allocation.model import LARGEST_PRICE, SMALLEST_PRICE, PriceSource, check_currency
from allocation.price_history import Close, Period, PriceHistory, Split

# Yahoo keeps the past in binary fractions of 24 bits: 89.55 comes as 89.55000305175781.
_SINGLE: Final = Context(prec=7, rounding=ROUND_HALF_EVEN)


def read_history(symbol: str, ticker: str, period: Period, status: int, text: str, now: datetime) -> PriceHistory:
    """The history in Yahoo's answer, under our spelling of the symbol and in whole currency units.

    Raises:
        NoPriceError: there is none that we would stand behind.
    """
    chart = chart_in(status, text)
    meta = chart["meta"]
    said = answered_as(ticker, meta.get("symbol"))
    if not isinstance(said, str) or said.upper() != ticker.upper():
        raise NoPriceError("the answer is about another security", PriceCode.SYMBOL)
    currency, unit = _currency(meta.get("currency"))
    zone = _zone(meta.get("exchangeTimezoneName"))
    closes = tuple(_closes(chart, zone, unit, _open_day(meta, zone, now)))
    if not closes:
        raise NoPriceError("it knows no close of that time", PriceCode.INVALID)
    splits = tuple(sorted(_splits(chart, zone), key=lambda split: split.day))
    return PriceHistory(symbol, currency, period, closes, splits, now, PriceSource.YAHOO)


def _closes(chart: Mapping[str, Any], zone: ZoneInfo, unit: Decimal, open_day: date | None) -> Iterator[Close]:
    match chart:
        case {
            "timestamp": [*times],
            "indicators": {"quote": [{"close": [*prices]}], "adjclose": [{"adjclose": [*adjusted]}]},
        } if len(times) == len(prices) == len(adjusted):
            days = [_day(time, zone) for time in times]
            yield from _plain_days(
                days, [_price(p, unit) for p in prices], [_price(p, unit) for p in adjusted], open_day
            )
        case {"indicators": {"quote": [{**columns}]}} if not columns.get("close"):
            return
        case _:
            raise NoPriceError("its answer is not a chart of days", PriceCode.MALFORMED)


def _plain_days(
    days: Sequence[date | None],
    prices: Sequence[Decimal | None],
    adjusted: Sequence[Decimal | None],
    open_day: date | None,
) -> Iterator[Close]:
    """Yahoo may tell the last day twice, the second time as it stands now; the later counts."""
    closes: dict[date, Close] = {}
    for day, price, without_dividends in zip(days, prices, adjusted, strict=True):
        if day is None or price is None or without_dividends is None or day == open_day:
            continue
        if closes and day < next(reversed(closes)):
            raise NoPriceError("its days are out of order", PriceCode.MALFORMED)
        closes[day] = Close(day, price, without_dividends)
    yield from closes.values()


def _splits(chart: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Split]:
    events = chart.get("events")
    splits = events.get("splits") if isinstance(events, dict) else None
    for event in splits.values() if isinstance(splits, dict) else ():
        match event:
            case {"date": date_said, "numerator": int() | Decimal() as new, "denominator": int() | Decimal() as old}:
                day = _day(date_said, zone)
                if day is not None and Decimal(new) > 0 and Decimal(old) > 0:
                    yield Split(day, Decimal(new), Decimal(old))


def _currency(said: object) -> tuple[str, Decimal]:
    code = said if isinstance(said, str) else ""
    if code in MINOR_UNITS:
        return MINOR_UNITS[code], Decimal("0.01")
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise NoPriceError("it does not say its currency", PriceCode.CURRENCY)
    return check_currency(code), Decimal(1)


def _zone(said: object) -> ZoneInfo:
    try:
        return ZoneInfo(said if isinstance(said, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NoPriceError("it does not say the time zone of its days", PriceCode.TIMESTAMP) from None


def _open_day(meta: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> date | None:
    """The day whose session is not over: today, unless Yahoo says that it ended."""
    match meta:
        case {"currentTradingPeriod": {"regular": {"end": int() as end}}} if end <= now.timestamp():
            return None
    return now.astimezone(zone).date()


def _day(said: object, zone: ZoneInfo) -> date | None:
    if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said < 10**11:
        return None
    return datetime.fromtimestamp(said, UTC).astimezone(zone).date()


def _price(said: object, unit: Decimal) -> Decimal | None:
    if isinstance(said, bool) or not isinstance(said, int | Decimal) or not Decimal(said).is_finite():
        return None
    price = _SINGLE.plus(Decimal(said)) * unit
    return price.normalize() if SMALLEST_PRICE <= price <= LARGEST_PRICE else None
