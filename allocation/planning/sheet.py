"""The facts and the rules laid out line by line, in exact numbers: what is held, what is wanted, what may be traded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from allocation.errors import (
    BadPriceError,
    EmptyPortfolioError,
    MissingPriceError,
    TargetError,
    WithdrawalError,
    listed,
)
from allocation.model import Portfolio, TaxTreatment, check_price
from allocation.money import to_decimal
from allocation.planning.exact import money_text
from allocation.rules import OutsideTarget, Rules, Selling
from allocation.targets import TargetAllocation

# Beyond this many lines an answer would take minutes.
MOST_LINES = 5_000


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One security: its holding, its target weight, and how far the rules let it be traded.

    Attributes:
        increment: the smallest tradable quantity; a trade is a whole number of these steps.
        most_sold: steps that may be sold; 0 where a rule, or the holding itself, forbids any sale.
        least: a trade is zero or at least this many steps.
        kept_by: the rule that forbids selling, or "".
    """

    symbol: str
    quantity: Fraction
    price: Fraction
    weight: Fraction
    increment: Fraction
    most_sold: int
    may_buy: bool
    least: int
    kept_by: str

    @property
    def value(self) -> Fraction:
        """What the holding is worth."""
        return self.price * self.quantity

    @property
    def step(self) -> Fraction:
        """What one step costs."""
        return self.price * self.increment


@dataclass(frozen=True, slots=True)
class Sheet:
    """One account before trading, the cash flow included. Lines stand in the order of their symbols.

    Attributes:
        total: everything in money, the reserve included.
        cash: all cash; `reserve` is the part of it that is to stay.
        excluded: holdings left out of the total by the rules.
        outside: holdings that the target does not name.
    """

    lines: tuple[SheetLine, ...]
    total: Fraction
    cash: Fraction
    cash_flow: Fraction
    reserve: Fraction
    cash_weight: Fraction
    taxable: bool
    excluded: tuple[str, ...]
    outside: tuple[str, ...]

    @property
    def invested(self) -> Fraction:
        """V: what the weights are fractions of."""
        return self.total - self.reserve

    @property
    def free_cash(self) -> Fraction:
        """Cash that may be spent; negative when sales must raise some."""
        return self.cash - self.reserve


def lay_out(
    portfolio: Portfolio,
    target: TargetAllocation,
    prices: Mapping[str, Decimal],
    rules: Rules,
    cash_flow: Decimal,
) -> Sheet:
    """The sheet of an account, or a refusal that names what is missing or impossible."""
    _refuse_spelling_twice(portfolio, target)
    held = {s: _exact(q, f"The quantity of {s}") for s, q in portfolio.quantities.items() if q}
    outside = tuple(sorted(held.keys() - target.weights.keys()))
    excluded = outside if rules.outside_target == OutsideTarget.EXCLUDE else ()
    weights = target.exact_weights
    symbols = sorted((held.keys() - set(excluded)) | {s for s, w in weights.items() if w})
    _refuse_too_many(symbols)
    priced = _prices_of(symbols, prices)
    flow = _exact(cash_flow, "cash_flow")
    cash = _exact(portfolio.cash, "The cash") + flow
    lines = tuple(
        _line(s, held.get(s, Fraction(0)), priced[s], weights.get(s, Fraction(0)), rules, s in outside) for s in symbols
    )
    sheet = Sheet(
        lines=lines,
        total=sum((line.value for line in lines), cash),
        cash=cash,
        cash_flow=flow,
        reserve=_exact(rules.cash_reserve, "cash_reserve"),
        cash_weight=target.cash_weight,
        taxable=portfolio.account.tax_treatment == TaxTreatment.TAXABLE,
        excluded=excluded,
        outside=outside,
    )
    _refuse_nothing_to_divide(sheet)
    _refuse_no_target(target)
    return sheet


def _line(symbol: str, quantity: Fraction, price: Fraction, weight: Fraction, rules: Rules, outside: bool) -> SheetLine:
    increment = _exact(rules.increment_of(symbol), f"The increment of {symbol}")
    kept_by = _keeper(symbol, rules, outside)
    least = max(1, ceil(_exact(rules.min_trade_value, "min_trade_value") / (price * increment)))
    most_sold = 0 if kept_by else floor(quantity / increment)
    may_buy = bool(weight) and rules.selling != Selling.TO_RAISE_CASH and symbol not in rules.lock | rules.do_not_buy
    return SheetLine(
        symbol, quantity, price, weight, increment, most_sold if most_sold >= least else 0, may_buy, least, kept_by
    )


def _keeper(symbol: str, rules: Rules, outside: bool) -> str:
    """The rule that forbids selling this line, or ""."""
    if symbol in rules.lock:
        return "lock"
    if symbol in rules.do_not_sell:
        return "do_not_sell"
    if outside and rules.outside_target == OutsideTarget.HOLD:
        return "outside_target"
    return "selling" if rules.selling == Selling.NEVER else ""


def _prices_of(symbols: Iterable[str], prices: Mapping[str, Decimal]) -> dict[str, Fraction]:
    """The price of each symbol; every missing one and every bad one is named."""
    wanted = tuple(symbols)
    missing = [s for s in wanted if prices.get(s) is None]
    if missing:
        raise MissingPriceError(missing)
    bad: list[BadPriceError] = []
    for symbol in wanted:
        try:
            check_price(symbol, to_decimal(prices[symbol], f"The price of {symbol}"))
        except BadPriceError as error:
            bad.append(error)
    if bad:
        raise BadPriceError(" ".join(e.message for e in bad), [name for e in bad for name in e.culprits])
    return {s: _exact(prices[s], f"The price of {s}") for s in wanted}


def _refuse_spelling_twice(portfolio: Portfolio, target: TargetAllocation) -> None:
    """A holding in one spelling and its target in another would be sold and bought again."""
    folded = {s.upper(): s for s in target.weights}
    pairs = [(s, folded[s.upper()]) for s in portfolio.symbols if folded.get(s.upper(), s) != s]
    if pairs:
        spelled = listed(f"{held} (held) and {wanted} (target)" for held, wanted in pairs)
        raise TargetError(
            f"{spelled} differ only in capitals. Spell a symbol the same way in both.", [h for h, _ in pairs]
        )


def _refuse_no_target(target: TargetAllocation) -> None:
    if not target.weights:
        raise TargetError(
            "The target is empty. Give at least one security a weight; to sell everything, give each holding the weight 0.",
            ("target",),
        )


def _refuse_too_many(symbols: Sequence[str]) -> None:
    if len(symbols) > MOST_LINES:
        raise TargetError(
            f"The account and its target come to {len(symbols):,} lines; at most {MOST_LINES:,} are planned together.",
            ("target",),
        )


def _refuse_nothing_to_divide(sheet: Sheet) -> None:
    if sheet.invested > 0:
        return
    worth = sheet.total - sheet.cash_flow
    if sheet.cash_flow < 0 < worth and sheet.total <= 0:
        raise WithdrawalError(
            f"The withdrawal of {money_text(-sheet.cash_flow)} leaves nothing of the account, which is worth {money_text(worth)}. "
            "Withdraw less, or sell everything and close the account at the broker.",
            ("cash_flow",),
        )
    if sheet.reserve > 0 and sheet.total > 0:
        raise EmptyPortfolioError(
            f"The cash reserve of {money_text(sheet.reserve)} is all of the account, which is worth {money_text(sheet.total)} "
            "after the cash flow. Lower the reserve.",
            ("cash_reserve",),
        )
    raise EmptyPortfolioError(
        f"There is nothing to divide: the account comes to {money_text(sheet.total)}. Add positions or cash.",
        ("account",),
    )


def _exact(number: object, what: str) -> Fraction:
    return Fraction(to_decimal(number, what))
