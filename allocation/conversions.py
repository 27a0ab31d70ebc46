"""The currency exchanges that settle a plan's trades: what is short is bought, and nothing that need not be is exchanged.

Trades in a security are paid and received in the currency of its price, costs included. Then:

- a currency with a target is brought to what the plan leaves of it;
- any other that is below zero is bought with the account's own currency first, then with the largest surplus;
- the account's own currency, where it is below zero, is bought with the largest surpluses;
- a surplus that nothing needs stays where it is.

What is bought is rounded up to the smallest unit of its currency, and so is what it costs, so that nothing is overdrawn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final

from allocation.base_currency import InBase
from allocation.currencies import Rate, Rates, smallest_unit
from allocation.model import Portfolio, Quote
from allocation.trade_plan import Side, Trade, TradePlan

_WORTH_AN_EXCHANGE: Final = Fraction(1)  # of the account's own currency


@dataclass(frozen=True, slots=True)
class Conversion:
    """One exchange of money: `sold_amount` of `sold` for `bought_amount` of `bought`, both above zero, in whole units.

    Attributes:
        rate: what one unit of `bought` costs in `sold`.
    """

    sold: str
    sold_amount: Decimal
    bought: str
    bought_amount: Decimal
    rate: Rate


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the trades of a plan are paid for. Money by currency, the account's own first.

    Attributes:
        before: cash now, money put in or taken out included.
        traded: what buying and selling securities, and their costs, bring or take.
        after: cash when trades and exchanges are done; below zero by a cent or so where a plan leaves less than rounding takes.
    """

    conversions: tuple[Conversion, ...]
    before: Mapping[str, Decimal]
    traded: Mapping[str, Decimal]
    after: Mapping[str, Decimal]

    @property
    def short(self) -> dict[str, Decimal]:
        """By currency, what is missing; empty when everything is paid for."""
        return {code: -amount for code, amount in self.after.items() if amount < 0}


def settle(
    plan: TradePlan,
    portfolio: Portfolio,
    told: InBase,
    quotes: Mapping[str, Quote],
    rates: Rates,
    cash_flow: Decimal = Decimal(0),
) -> Settlement:
    """The exchanges that settle a plan.

    Args:
        plan: what was planned for `told`.
        portfolio: the account as it is held, each currency by itself.
        told: the same account in its own currency.
        quotes: the prices the plan was made from, each in its own currency.
        cash_flow: money of the account's own currency in (+) or out (−).
    """
    base = portfolio.account.currency
    before = {base: portfolio.cash + cash_flow, **dict.fromkeys(told.lines, Decimal(0)), **portfolio.balances}
    traded = _traded(plan.trades, told, quotes)
    codes = tuple(dict.fromkeys((*before, *traded)))
    held = {code: Fraction(before.get(code, Decimal(0))) + traded.get(code, Fraction(0)) for code in codes}
    purse = _Purse(base, held, _planned(plan.trades, told), rates)
    purse.bring_lines_down()
    for code in purse.below():
        purse.fill(code)
    return Settlement(
        tuple(purse.conversions),
        {code: before.get(code, Decimal(0)) for code in codes},
        {code: _decimal(traded.get(code, Fraction(0))) for code in codes},
        {code: _decimal(purse.held[code]) for code in codes},
    )


@dataclass
class _Purse:
    """Money by currency while it is being exchanged; `levels` is what each is to hold at least, 0 where not named."""

    base: str
    held: dict[str, Fraction]
    levels: Mapping[str, Fraction]
    rates: Rates
    conversions: list[Conversion] = field(default_factory=list)

    def bring_lines_down(self) -> None:
        """Sell what a currency with a target holds beyond it, for the account's own currency."""
        for code in self.levels:
            coins = self._coins(code)
            self._exchange(code, self.base, floor(coins * self._price(code, self.base) / _unit(self.base)))

    def below(self) -> list[str]:
        """What is short, the account's own currency last: it helps out the others, and is helped out then."""
        short = [code for code in self.held if code != self.base and self.over(code) < 0]
        return [*sorted(short, key=self._in_base), self.base]

    def fill(self, code: str) -> None:
        """Buy what is missing: with the account's own currency first, then with the largest surplus.

        Nobody exchanges the last cents of one currency before they turn to the next, unless there is no next.
        """
        for least in (_WORTH_AN_EXCHANGE, Fraction(0)):
            for payer in (self.base, *self._largest_first()):
                if payer != code and self.over(code) < 0 < self.over(payer):
                    self._pay(payer, code, least)

    def _pay(self, payer: str, code: str, least: Fraction) -> None:
        """Buy what is missing, or what the payer's surplus buys of it where that is worth at least so much."""
        coins, missing = self._coins(payer), ceil(-self.over(code) / _unit(code))
        affordable = floor(coins * self._price(payer, code) / _unit(code))
        if affordable >= missing or coins * self._price(payer, self.base) >= least:
            self._exchange(payer, code, min(missing, affordable))

    def over(self, code: str) -> Fraction:
        """What the currency holds beyond its level; negative for what it lacks."""
        return self.held[code] - self.levels.get(code, 0)

    def _largest_first(self) -> list[str]:
        spare = [code for code in self.held if code != self.base and code not in self.levels and self.over(code) > 0]
        return sorted(spare, key=self._in_base, reverse=True)

    def _in_base(self, code: str) -> tuple[Fraction, str]:
        return self.over(code) * self._price(code, self.base), code

    def _coins(self, code: str) -> Fraction:
        """The surplus in whole units of the currency; 0 where there is none."""
        return max(0, floor(self.over(code) / _unit(code))) * _unit(code)

    def _price(self, code: str, counter: str) -> Fraction:
        return self.rates.exactly(code, counter)

    def _exchange(self, sold: str, bought: str, units: int) -> None:
        """Buy so many of the smallest units; what is paid is rounded up to that of the other currency."""
        if units <= 0:
            return
        amount = units * _unit(bought)
        paid = ceil(amount * self._price(bought, sold) / _unit(sold)) * _unit(sold)
        self.held[sold] -= paid
        self.held[bought] += amount
        self.conversions.append(Conversion(sold, _decimal(paid), bought, _decimal(amount), self.rates[bought, sold]))


def _traded(trades: Iterable[Trade], told: InBase, quotes: Mapping[str, Quote]) -> dict[str, Fraction]:
    """What trading securities brings (+) or takes (−), by currency; a currency's own line is settled by exchanges."""
    flows: dict[str, Fraction] = {}
    for trade in trades:
        if trade.symbol in told.lines:
            continue
        quote = quotes[trade.symbol]
        value = Fraction(trade.quantity) * Fraction(quote.price)
        flow = value if trade.side == Side.SELL else -value
        flows[quote.currency] = flows.get(quote.currency, Fraction(0)) + flow - _cost(trade, quote.currency, told)
    return flows


def _cost(trade: Trade, currency: str, told: InBase) -> Fraction:
    rate = told.rates.get(currency)
    return Fraction(trade.cost) / (Fraction(rate.price) if rate else 1)


def _planned(trades: Iterable[Trade], told: InBase) -> dict[str, Fraction]:
    """What the plan leaves of each currency that has a target."""
    left = {code: Fraction(told.portfolio.quantities[code]) for code in told.lines}
    for trade in trades:
        if trade.symbol in left:
            left[trade.symbol] += Fraction(trade.signed_quantity)
    return left


def _unit(currency: str) -> Fraction:
    return Fraction(smallest_unit(currency))


def _decimal(amount: Fraction) -> Decimal:
    """Amounts are sums and products of decimals but for costs told in another currency; those to twelve decimals."""
    return Decimal(round(amount * 10**12)).scaleb(-12).normalize() + 0
