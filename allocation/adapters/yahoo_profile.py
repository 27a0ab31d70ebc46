"""What Yahoo says a security is: its summary read into classes, sector and region. Pure; takes nothing that is not plain.

A share is of the class of stocks; a fund's shares are those of its holdings as Yahoo has them (`topHoldings`). Yahoo does
not say which stocks a fund holds, so neither do we.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from allocation.adapters.yahoo_chart import NoPriceError, parsed, refuse_status
from allocation.guard import PriceCode
from allocation.securities import LONGEST_NAME, FactsSource, SecurityFacts

MODULES: Final = ("quoteType", "assetProfile", "topHoldings")
_WHOLE_TYPES: Final = {"EQUITY": "Stocks", "CRYPTOCURRENCY": "Crypto"}
_FUNDS: Final = ("ETF", "MUTUALFUND")
_POSITIONS: Final = {
    "stockPosition": "Stocks",
    "bondPosition": "Bonds",
    "cashPosition": "Cash",
    "preferredPosition": "Preferred shares",
    "convertiblePosition": "Convertibles",
    "otherPosition": "Other",
}
_STEP: Final = Decimal("0.0001")
_MOST_OFF: Final = Decimal("0.02")  # what rounding and small debts leave; more, and the shares are not the whole fund


def read_profile(symbol: str, ticker: str, status: int, text: str) -> SecurityFacts:
    """What is known, under our spelling of the symbol; what Yahoo does not say stays empty.

    Raises:
        NoPriceError: there is no summary, or it is another symbol's.
    """
    if status == 404:
        raise NoPriceError("not found", PriceCode.UNKNOWN_SYMBOL)
    refuse_status(status)
    match parsed(text):
        case {"quoteSummary": {"error": {"code": "Not Found"}}}:
            raise NoPriceError("not found", PriceCode.UNKNOWN_SYMBOL)
        case {"quoteSummary": {"result": [dict() as summary]}}:
            return _facts(symbol, ticker, summary)
    raise NoPriceError("its answer is no summary", PriceCode.MALFORMED)


def _facts(symbol: str, ticker: str, summary: Mapping[str, Any]) -> SecurityFacts:
    kind, profile = _part(summary, "quoteType"), _part(summary, "assetProfile")
    said = kind.get("symbol")
    if not isinstance(said, str) or said.upper() != ticker.upper():
        raise NoPriceError(f"it answered about {str(said)[:20]!a}", PriceCode.SYMBOL)
    type_ = str(kind.get("quoteType", ""))
    whole = _WHOLE_TYPES.get(type_)
    classes = {whole: Decimal(1)} if whole else _positions(summary) if type_ in _FUNDS else {}
    return SecurityFacts(
        symbol, classes, _text(profile.get("sector")), _text(profile.get("country")), source=FactsSource.YAHOO
    )


def _positions(summary: Mapping[str, Any]) -> dict[str, Decimal]:
    """The fund's shares to a hundredth of a percent, summing to exactly 1; none where they are not the whole fund."""
    told = {name: _number(_part(summary, "topHoldings").get(key)) for key, name in _POSITIONS.items()}
    if any(share < 0 for share in told.values()) or abs(sum(told.values(), Decimal(0)) - 1) > _MOST_OFF:
        return {}
    whole = sum(told.values(), Decimal(0))
    shares = {name: (share / whole).quantize(_STEP, ROUND_HALF_EVEN) for name, share in told.items()}
    largest = max(shares, key=lambda name: shares[name])
    shares[largest] += 1 - sum(shares.values(), Decimal(0))
    return {name: share for name, share in sorted(shares.items(), key=lambda named: -named[1]) if share}


def _number(value: object) -> Decimal:
    """A share as Yahoo writes it, bare or beside its formatted text; 0 where it says nothing."""
    bare = value.get("raw") if isinstance(value, dict) else value
    if isinstance(bare, bool) or not isinstance(bare, int | Decimal):
        return Decimal(0)
    number = Decimal(bare)
    return number if number.is_finite() and abs(number) <= 10 else Decimal(-1)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_NAME else ""


def _part(summary: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = summary.get(name)
    return part if isinstance(part, dict) else {}
