"""What a plan's sales come to in tax: lots sold, gains that count, losses that do not, tax by account and by trade."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from allocation.model import Portfolio, Position, TaxTreatment
from allocation.planning.exact import as_decimal
from allocation.rules import Rules, Taxes
from allocation.taxes.counting import Choice, Line
from allocation.taxes.gains import Gain, Taken
from allocation.taxes.least_tax import choose_lots
from allocation.taxes.lots import LotSlice, elsewhere_pooled, require_day, slices, untaxed_slices
from allocation.taxes.netting import Rates, net_loss, shares_of, tax_on
from allocation.taxes.term import Term
from allocation.taxes.wash import ZERO, bought_units, recently_bought, sold_at_a_loss_lately
from allocation.trade_plan import LotSale


@dataclass(frozen=True, slots=True)
class TaxedSale:
    """One sale: its lots, the gains that count by term, and its share of the tax. Money; a loss is negative.

    Attributes:
        taxed: whether the account is taxable; gains of other accounts are 0.
        disallowed: losses that a wash sale keeps from counting, above zero.
    """

    account: str
    symbol: str
    taxed: bool
    lots: tuple[LotSale, ...]
    short: Fraction
    long: Fraction
    disallowed: Fraction
    tax: Fraction


@dataclass(frozen=True, slots=True)
class Settlement:
    """The taxes of one plan, exact.

    Attributes:
        sales: by account, then symbol.
        short, long: net gains by term over all taxable accounts.
        tax: all tax; `by_account` is how much each taxable account withholds.
        bound: no choice of lots for these sales has less tax; equal to `tax` where that is proved, and for methods
            that leave no choice.
        carried: the net loss, above zero, that pays nothing back now.
        washed: symbols with a loss that does not count.
        washes_before: symbols bought that a taxable account sold at a loss within the window before.
        unknown: symbols sold in a taxable account at a rate above zero without a known cost.
    """

    sales: tuple[TaxedSale, ...]
    short: Fraction
    long: Fraction
    tax: Fraction
    by_account: Mapping[str, Fraction]
    bound: Fraction
    carried: Fraction
    washed: tuple[str, ...]
    washes_before: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def by_trade(self) -> dict[tuple[str, str], TaxedSale]:
        """The sales by account and symbol."""
        return {(sale.account, sale.symbol): sale for sale in self.sales}


def settle(
    portfolios: Iterable[Portfolio],
    prices: Mapping[str, Decimal],
    trades: Mapping[tuple[str, str], Decimal],
    rules: Rules,
) -> Settlement:
    """Tax the sales of a plan.

    With several taxable accounts each pays in proportion to the tax its gains alone would cost; where none alone costs
    any, in proportion to rate·gain of its lots sold at a gain. Within an account each sale bears tax in proportion to
    rate·gain where that is above zero; where no sale's is, in proportion to rate·gain of its lots sold at a gain.

    Args:
        prices: money for one unit, of every symbol sold.
        trades: signed units by account id and symbol, below zero for sales; every account's, in order to see wash sales.

    Raises:
        RulesError: `taxes.as_of` is missing where it is needed.
    """
    portfolios = sorted(portfolios, key=lambda each: each.account.id)
    taxes = rules.taxes
    lines = _lines(portfolios, prices, trades, rules)
    staying = recently_bought(portfolios, taxes)
    for symbol, units in bought_units(trades, taxes).items():
        staying[symbol] = staying.get(symbol, ZERO) + units
    choice = choose_lots(lines, staying, taxes)
    lately = sold_at_a_loss_lately(portfolios, taxes)
    washes_before = tuple(sorted({symbol for (_, symbol), n in trades.items() if n > 0} & lately))
    return _settled(lines, choice, washes_before, taxes)


def _lines(
    portfolios: Sequence[Portfolio],
    prices: Mapping[str, Decimal],
    trades: Mapping[tuple[str, str], Decimal],
    rules: Rules,
) -> list[Line]:
    found, sold_before = [], dict[str, Fraction]()
    for portfolio in portfolios:
        taxed = portfolio.account.tax_treatment == TaxTreatment.TAXABLE
        for position in sorted(portfolio.positions, key=lambda each: each.symbol):
            quantity = -Fraction(trades.get((portfolio.account.id, position.symbol), 0))
            if quantity <= 0:
                continue
            if taxed:
                require_day(rules.taxes, [position])
            price = prices[position.symbol]
            lots = _lots(position, portfolio, portfolios, rules.taxes, price, sold_before)
            if taxed and lots:
                sold_before[position.symbol] = sold_before.get(position.symbol, ZERO) + quantity
            increment = rules.increment_of(position.symbol)
            found.append(Line(portfolio.account.id, position.symbol, price, quantity, lots, taxed, increment))
    return found


def _lots(
    position: Position,
    portfolio: Portfolio,
    portfolios: Sequence[Portfolio],
    taxes: Taxes,
    price: Decimal,
    sold_before: Mapping[str, Fraction],
) -> tuple[LotSlice, ...]:
    if portfolio.account.tax_treatment != TaxTreatment.TAXABLE:
        return untaxed_slices(position, taxes, price)
    pooled = elsewhere_pooled(portfolios, portfolio.account.id, position.symbol)
    return slices(position, taxes, price, pooled, sold_before.get(position.symbol, ZERO))


def _settled(lines: Sequence[Line], choice: Choice, washes_before: tuple[str, ...], taxes: Taxes) -> Settlement:
    rates, gains = Rates.of(taxes), choice.gains
    short, long = sum((g.short for g in gains), ZERO), sum((g.long for g in gains), ZERO)
    tax = tax_on(short, long, rates)
    by_account = _account_taxes(lines, gains, choice, tax, rates)
    by_trade = _trade_taxes(lines, gains, choice, by_account, rates)
    sales = tuple(
        TaxedSale(
            line.account,
            line.symbol,
            line.taxed,
            _sales(line, taken, washed, taxes),
            g.short,
            g.long,
            g.disallowed,
            due,
        )
        for line, taken, washed, g, due in zip(lines, choice.taken, choice.washed, gains, by_trade, strict=True)
    )
    washed = tuple(sorted({sale.symbol for sale in sales if sale.disallowed}))
    unknown = tuple(sorted({line.symbol for line in lines if line.taxed and not line.lots})) if rates.any else ()
    return Settlement(
        sales=sales,
        short=short,
        long=long,
        tax=tax,
        by_account=MappingProxyType(by_account),
        bound=choice.bound,
        carried=net_loss(short, long),
        washed=washed,
        washes_before=washes_before,
        unknown=unknown,
    )


def _account_taxes(
    lines: Sequence[Line], gains: Sequence[Gain], choice: Choice, tax: Fraction, rates: Rates
) -> dict[str, Fraction]:
    at: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        if line.taxed:
            at.setdefault(line.account, []).append(i)
    own = [
        tax_on(sum((gains[i].short for i in each), ZERO), sum((gains[i].long for i in each), ZERO), rates)
        for each in at.values()
    ]

    def winning() -> list[Fraction]:
        return [sum((_winning(lines[i], choice.taken[i], rates) for i in each), ZERO) for each in at.values()]

    return dict(zip(at, shares_of(tax, own, winning), strict=True))


def _trade_taxes(
    lines: Sequence[Line],
    gains: Sequence[Gain],
    choice: Choice,
    by_account: Mapping[str, Fraction],
    rates: Rates,
) -> list[Fraction]:
    found = [ZERO] * len(lines)
    for account, tax in by_account.items():
        at = [i for i, line in enumerate(lines) if line.account == account]
        claims = [max(ZERO, rates.short * gains[i].short + rates.long * gains[i].long) for i in at]

        def winning(at: list[int] = at) -> list[Fraction]:
            return [_winning(lines[i], choice.taken[i], rates) for i in at]

        for i, due in zip(at, shares_of(tax, claims, winning), strict=True):
            found[i] = due
    return found


def _winning(line: Line, taken: Iterable[Taken], rates: Rates) -> Fraction:
    """rate·gain of the lots that a taxable sale sells at a gain."""
    rate = {Term.SHORT: rates.short, Term.LONG: rates.long}
    return sum((rate[t.lot.term] * max(ZERO, t.lot.gain_per_unit(line.price)) * t.quantity for t in taken), ZERO)


def _sales(line: Line, taken: Sequence[Taken], washed: Sequence[Fraction], taxes: Taxes) -> tuple[LotSale, ...]:
    return tuple(
        LotSale(
            acquired=t.lot.acquired,
            quantity=as_decimal(t.quantity),
            unit_cost=t.lot.unit_cost,
            gain=as_decimal(t.lot.gain_per_unit(line.price) * t.quantity),
            term=str(t.lot.term) if line.taxed and t.lot.acquired and taxes.as_of else "",
            disallowed=as_decimal(-t.lot.gain_per_unit(line.price) * units) if line.taxed else Decimal(0),
        )
        for t, units in zip(taken, washed, strict=True)
    )
