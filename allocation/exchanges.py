"""Where a symbol is traded: its exchange by Yahoo's suffix, or else by its currency; and weekdays where no calendar is known."""

import re
from datetime import datetime, time, timedelta
from typing import Final

# Exchanges by their market identifier codes (ISO 10383).
ALWAYS_OPEN: Final = "24/7"
CURRENCIES: Final = "24/5"  # rates are made on every weekday
DEFAULT: Final = "XNYS"  # no suffix is an American listing
_BY_SUFFIX: Final = {
    "L": "XLON", "IL": "XLON", "IR": "XDUB", "DE": "XETR", "F": "XFRA", "PA": "XPAR", "AS": "XAMS", "BR": "XBRU", "LS": "XLIS",
    "MI": "XMIL", "MC": "XMAD", "HE": "XHEL", "VI": "XWBO", "SW": "XSWX", "ST": "XSTO", "OL": "XOSL", "CO": "XCSE", "WA": "XWAR",
    "TO": "XTSE", "V": "XTSE", "SA": "BVMF", "MX": "XMEX", "T": "XTKS", "HK": "XHKG", "SS": "XSHG", "SZ": "XSHG", "KS": "XKRX",
    "KQ": "XKRX", "TW": "XTAI", "TWO": "XTAI", "SI": "XSES", "AX": "XASX", "NZ": "XNZE", "BO": "XBOM", "NS": "XBOM",
    "JO": "XJSE", "TA": "XTAE",
}  # fmt: skip
_BY_CURRENCY: Final = {
    "GBP": "XLON", "EUR": "XETR", "CHF": "XSWX", "SEK": "XSTO", "NOK": "XOSL", "DKK": "XCSE", "PLN": "XWAR", "CAD": "XTSE",
    "BRL": "BVMF", "MXN": "XMEX", "JPY": "XTKS", "HKD": "XHKG", "CNY": "XSHG", "KRW": "XKRX", "TWD": "XTAI", "SGD": "XSES",
    "AUD": "XASX", "NZD": "XNZE", "INR": "XBOM", "ZAR": "XJSE", "ILS": "XTAE",
}  # fmt: skip
_SUFFIX = re.compile(r".+\.([A-Z]{1,3})")
_COIN = re.compile(r"[A-Z0-9]+-(USD|EUR|GBP|JPY|CAD|AUD|CHF)")


def exchange_of(symbol: str, currency: str) -> str:
    """The exchange whose days count for a symbol: by suffix, else by currency, else New York."""
    text = symbol.strip().upper()
    if text.endswith("=X"):
        return CURRENCIES
    if _COIN.fullmatch(text):
        return ALWAYS_OPEN
    suffix = _SUFFIX.fullmatch(text)
    by_currency = _BY_CURRENCY.get(currency, DEFAULT)
    return _BY_SUFFIX.get(suffix[1], by_currency) if suffix else by_currency


class Weekdays:
    """Sessions where no calendar is at hand: every weekday is one, in the price's own time zone."""

    def missed(self, exchange: str, struck: datetime, now: datetime) -> int:
        """Days of trade that began after the price was struck and are over by now."""
        first, last = struck.date() + timedelta(days=1), now.astimezone(struck.tzinfo).date()
        weeks, days = divmod(max(0, (last - first).days), 7)
        if exchange == ALWAYS_OPEN:
            return weeks * 7 + days
        return weeks * 5 + sum((first + timedelta(days=n)).weekday() < 5 for n in range(days))

    def traded(self, exchange: str, struck: datetime, now: datetime) -> timedelta:
        """All hours of the weekdays between the two: without a calendar nothing is known of openings."""
        if exchange == ALWAYS_OPEN or now - struck >= timedelta(days=7):
            return max(now - struck, timedelta(0))
        passed, moment = timedelta(0), struck
        while moment < now:
            midnight = datetime.combine(moment.date() + timedelta(days=1), time.min, moment.tzinfo)
            passed += min(midnight, now) - moment if moment.weekday() < 5 else timedelta(0)
            moment = midnight
        return passed
