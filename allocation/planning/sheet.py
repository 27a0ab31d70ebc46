"""The facts laid out in whole grains of money: what every account holds, what is wanted, what may be traded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from allocation.facts import Facts
from allocation.model import Portfolio, TaxTreatment
from allocation.money import to_decimal
from allocation.planning.cells import Aim, aim_at, half_widths
from allocation.planning.exact import common_denominator, in_units, ratio
from allocation.planning.harvesting import harvest_of, without_buying
from allocation.planning.missing import (
    checked_prices,
    refuse_no_target,
    refuse_nothing_to_divide,
    refuse_spelling_twice,
    refuse_too_many,
)
from allocation.rules import Band, Destination, OutsideTarget, Rules, Selling, TradeScope
from allocation.taxes import Harvested

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class SheetAccount:
    """One account. `cash` stands after its cash flow; both in grains."""

    portfolio: Portfolio
    cash: int
    flow: int

    @property
    def id(self) -> str:
        """The account's own name."""
        return self.portfolio.account.id

    @property
    def taxable(self) -> bool:
        """Whether gains are taxed here."""
        return self.portfolio.account.tax_treatment == TaxTreatment.TAXABLE


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A security or a class that the target gives a weight; money in grains.

    Attributes:
        target: weight times `Sheet.invested`.
        aim: what the objective wants: the target, or the nearer edge of its band.
        held: value before trading.
        rests: whether it is inside its band while only lines outside theirs trade.
    """

    name: str
    target: int
    aim: int
    held: int
    rests: bool


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One security in one account: its holding and how far the rules let it be traded.

    Attributes:
        account: index into `Sheet.accounts`.
        quantity, increment: in quanta; a trade is a whole number of increments.
        held, step: value of the holding and of one increment, in grains.
        worth: by cell, what one step adds to it, in grains.
        rate_fee, spread_fee: what a step adds to the cost of a trade by the rate and by the half-spread, in grains.
        must_sell: steps that have to be sold at least.
        most_sold: steps that may be sold; 0 where a rule, or the holding itself, forbids any sale.
        least: a trade is zero or at least this many steps.
        no_sale, no_buy: the rule that forbids it, or "".
    """

    account: int
    symbol: str
    price: Decimal
    quantity: int
    increment: int
    held: int
    step: int
    worth: tuple[tuple[int, int], ...]
    rate_fee: int
    spread_fee: int
    must_sell: int
    most_sold: int
    least: int
    no_sale: str
    no_buy: str


@dataclass(frozen=True, slots=True)
class Fees:
    """A commission: `per_trade` and a part of the value, at least `minimum`, at most `maximum`; in grains."""

    per_trade: int
    minimum: int
    maximum: int | None

    @property
    def charged(self) -> bool:
        """Whether trades may cost a commission that does not depend on their value."""
        return bool(self.per_trade or self.minimum)

    def cost(self, line: SheetLine, steps: int) -> int:
        """What trading so many steps costs, the half-spread included."""
        steps = abs(steps)
        if not steps:
            return 0
        commission = max(self.minimum, self.per_trade + line.rate_fee * steps)
        if self.maximum is not None:
            commission = min(self.maximum, commission)
        return commission + line.spread_fee * steps


@dataclass(frozen=True, slots=True)
class Sheet:
    """All accounts before trading, cash flows included. Lines stand in the order of symbols, then of accounts.

    Attributes:
        grains: grains in one unit of money.
        quanta: quanta in one unit of quantity.
        total: everything in grains, the reserve included.
        reserve: the cash that is to stay over all accounts together.
        cash_target: the money meant to stay in cash beside the reserve.
        excluded: holdings left out of the total by the rules.
        outside: holdings that the target does not speak of.
        harvested: what has to be sold for its loss.
    """

    facts: Facts
    aim: Aim
    accounts: tuple[SheetAccount, ...]
    cells: tuple[SheetCell, ...]
    lines: tuple[SheetLine, ...]
    fees: Fees
    grains: int
    quanta: int
    total: int
    reserve: int
    cash_target: int
    excluded: tuple[str, ...]
    outside: tuple[str, ...]
    harvested: Harvested

    @property
    def rules(self) -> Rules:
        """The rules of the facts."""
        return self.facts.rules

    @property
    def invested(self) -> int:
        """V: what the weights are fractions of, in grains."""
        return self.total - self.reserve

    @property
    def cash(self) -> int:
        """All cash, in grains."""
        return sum(account.cash for account in self.accounts)

    @property
    def free_cash(self) -> int:
        """Cash that may be spent; negative when sales must raise some."""
        return self.cash - self.reserve

    def money(self, grains: int) -> Fraction:
        """Grains as money."""
        return Fraction(grains, self.grains)

    def units(self, steps: int, line: SheetLine) -> Decimal:
        """So many steps of a line as a quantity."""
        return ratio(steps * line.increment, self.quanta)


def lay_out(facts: Facts) -> Sheet:
    """The sheet of the facts, or a refusal that names what is missing or impossible."""
    rules = facts.rules
    portfolios = sorted(facts.portfolios, key=lambda p: p.account.id)
    held = {
        (a, p.symbol): to_decimal(p.quantity, f"The quantity of {p.symbol}")
        for a, own in enumerate(portfolios)
        for p in own.positions
        if p.quantity
    }
    refuse_spelling_twice({s for _, s in held}, facts.target)
    excluding = rules.outside_target == OutsideTarget.EXCLUDE
    priced, symbols = [s for s, price in facts.prices.items() if price is not None], {s for _, s in held}
    aim = aim_at(facts.target, symbols, priced, rules, excluding)
    held = {key: quantity for key, quantity in held.items() if key[1] in aim.exposures}
    harvested = harvest_of(facts, portfolios, held, aim)
    if harvested.sales:
        rules = without_buying(rules, harvested.not_to_buy)
        aim = aim_at(facts.target, symbols, priced, rules, excluding, harvested.weights)
    excluded = aim.outside if excluding else ()
    keys = sorted({*held, *((a, s) for a in range(len(portfolios)) for s in aim.buyable)}, key=lambda key: key[::-1])
    refuse_too_many(keys)
    prices = checked_prices(dict.fromkeys(s for _, s in keys), facts.prices)
    sheet = _Counting(facts, portfolios, held, prices, aim, harvested).sheet(keys, excluded)
    refuse_nothing_to_divide(sheet.total, sheet.reserve, sum(a.flow for a in sheet.accounts), sheet.grains)
    refuse_no_target(facts.target)
    return sheet


class _Counting:
    """Everything in quanta and grains so fine that each amount is a whole number of them."""

    def __init__(
        self,
        facts: Facts,
        portfolios: list[Portfolio],
        held: Mapping[tuple[int, str], Decimal],
        prices: Mapping[str, Decimal],
        aim: Aim,
        harvested: Harvested,
    ) -> None:
        self.harvested = harvested
        self.forced = {(sale.account, sale.symbol): sale.quantity for sale in harvested.sales}
        self.facts, self.rules, self.portfolios = facts, facts.rules, portfolios
        self.held, self.prices = held, prices
        self.cash = [to_decimal(p.cash, "The cash") for p in portfolios]
        increments = {s: self.rules.increment_of(s) for s in prices}
        self.quanta = common_denominator([*increments.values(), *held.values()])
        self.increments = {s: in_units(i, self.quanta) for s, i in increments.items()}
        self.money = lcm(
            common_denominator(prices.values()) * self.quanta * common_denominator(self._rates()),
            common_denominator(self._amounts()),
        )
        self.bands = self._bands(aim)
        self.fineness = lcm(*(band.denominator for band in self.bands))
        self.aim = aim.finer(self.fineness) if self.fineness > 1 else aim
        self.grains = self.money * self.aim.whole
        self.price = {s: in_units(p, self.grains) // self.quanta for s, p in prices.items()}
        self.minimum = in_units(self.rules.min_trade_value, self.grains)

    def sheet(self, keys: list[tuple[int, str]], excluded: tuple[str, ...]) -> Sheet:
        """The sheet of these lines."""
        accounts = tuple(map(self._account, self.portfolios, self.cash))
        worth = [0] * len(self.aim.weights)
        total = sum(account.cash for account in accounts)
        for (_, symbol), quantity in self.held.items():
            value = self.price[symbol] * in_units(quantity, self.quanta)
            total += value
            for cell, parts in self.aim.exposures[symbol]:
                worth[cell] += value // self.aim.whole * parts
        reserve = in_units(self.rules.cash_reserve, self.grains)
        cells = tuple(self._cells(worth, total - reserve))
        resting = frozenset(i for i, cell in enumerate(cells) if cell.rests)
        return Sheet(
            facts=self.facts,
            aim=self.aim,
            accounts=accounts,
            cells=cells,
            lines=tuple(self._line(a, s, resting) for a, s in keys),
            fees=self._fees(),
            grains=self.grains,
            quanta=self.quanta,
            total=total,
            reserve=reserve,
            cash_target=(total - reserve) // self.aim.whole * self.aim.cash,
            excluded=excluded,
            outside=self.aim.outside,
            harvested=self.harvested,
        )

    def _rates(self) -> Iterator[Decimal]:
        yield self.rules.costs.rate
        yield from (self.rules.half_spreads.get(s, _NOTHING) for s in self.prices)

    def _amounts(self) -> Iterator[Decimal]:
        costs = self.rules.costs
        yield from (self.rules.cash_reserve, self.rules.min_trade_value, costs.per_trade, costs.minimum)
        yield costs.maximum or _NOTHING
        yield from self.cash
        yield from self.facts.cash_flows.values()

    def _bands(self, aim: Aim) -> list[Fraction]:
        """The half widths of the cells' bands; none where no rule asks for bands."""
        if self.rules.trade == TradeScope.EVERYTHING and self.rules.destination == Destination.TARGET:
            return []
        return [width * aim.whole for width in half_widths(aim, self.rules.band or Band())]

    def _account(self, portfolio: Portfolio, cash: Decimal) -> SheetAccount:
        flow = in_units(self.facts.cash_flows.get(portfolio.account.id, _NOTHING), self.grains)
        return SheetAccount(portfolio, in_units(cash, self.grains) + flow, flow)

    def _cells(self, worth: Iterable[int], invested: int) -> Iterator[SheetCell]:
        share, apart = invested // self.aim.whole, self.rules.trade == TradeScope.OUT_OF_BAND
        for i, (name, weight, held) in enumerate(zip(self.aim.names, self.aim.weights, worth, strict=True)):
            target = aim = share * weight
            inside = True
            if self.bands:
                width = int(self.bands[i] * self.fineness) * share
                inside = abs(held - target) <= width
                if self.rules.destination == Destination.EDGE and not inside:
                    aim = target + width if held > target else target - width
            yield SheetCell(name, target, aim, held, apart and inside)

    def _line(self, account: int, symbol: str, resting: frozenset[int]) -> SheetLine:
        held = self.held.get((account, symbol))
        quantity = in_units(held, self.quanta) if held else 0
        increment, price, exposure = self.increments[symbol], self.price[symbol], self.aim.exposures[symbol]
        step = price * increment
        least = max(1, -(-self.minimum // step))
        at_rest = bool(resting) and all(cell in resting for cell, _ in exposure)
        must_sell = self._must_sell(account, symbol)
        no_sale = "" if must_sell else self._no_sale(symbol, at_rest)
        most_sold = 0 if no_sale else quantity // increment
        rate, spread = self.rules.costs.rate, self.rules.half_spreads.get(symbol, _NOTHING)
        return SheetLine(
            account=account,
            symbol=symbol,
            price=self.prices[symbol],
            quantity=quantity,
            increment=increment,
            held=price * quantity,
            step=step,
            worth=tuple((cell, step // self.aim.whole * parts) for cell, parts in exposure),
            rate_fee=_part(step, rate),
            spread_fee=_part(step, spread),
            must_sell=must_sell,
            most_sold=most_sold if most_sold >= least else 0,
            least=least,
            no_sale=no_sale,
            no_buy=self._no_buy(symbol, at_rest),
        )

    def _must_sell(self, account: int, symbol: str) -> int:
        """Steps to be sold for their loss."""
        quantity = self.forced.get((self.portfolios[account].account.id, symbol)) if self.forced else None
        return in_units(quantity, self.quanta) // self.increments[symbol] if quantity else 0

    def _no_sale(self, symbol: str, at_rest: bool) -> str:
        """The rule that forbids selling a line, or ""."""
        rules = self.rules
        if symbol in rules.lock:
            return "lock"
        if symbol in rules.do_not_sell:
            return "do_not_sell"
        if rules.outside_target == OutsideTarget.HOLD and symbol in self.aim.outside:
            return "outside_target"
        if rules.selling == Selling.NEVER:
            return "selling"
        return "trade" if at_rest else ""

    def _no_buy(self, symbol: str, at_rest: bool) -> str:
        """What forbids buying a line, or ""."""
        rules = self.rules
        if symbol in rules.lock:
            return "lock"
        if symbol in self.harvested.not_to_buy:
            return "harvest"
        if symbol in rules.do_not_buy:
            return "do_not_buy"
        if symbol not in self.aim.buyable:
            return "target"
        if rules.selling == Selling.TO_RAISE_CASH:
            return "selling"
        return "trade" if at_rest else ""

    def _fees(self) -> Fees:
        costs = self.rules.costs
        maximum = None if costs.maximum is None else in_units(costs.maximum, self.grains)
        return Fees(in_units(costs.per_trade, self.grains), in_units(costs.minimum, self.grains), maximum)


def _part(amount: int, rate: Decimal) -> int:
    if not rate:
        return 0
    numerator, denominator = rate.as_integer_ratio()
    return amount // denominator * numerator
