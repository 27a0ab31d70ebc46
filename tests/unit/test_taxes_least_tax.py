"""The choice of lots with the least tax, against every choice there is, and against the usual orders."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod

import pytest

from allocation.model import Portfolio, Position, TaxLot, TaxTreatment
from allocation.rules import LotMethod, Rules, Taxes
from allocation.taxes import least_tax, settle
from allocation.taxes.lot_search import Found
from tests.tax_builders import TODAY, an_account_of, held, settled, taxes

Trades = Mapping[tuple[str, str], Decimal]


def test_losses_are_taken_before_gains() -> None:
    account = an_account_of(held("VTI", "5@90 2020-01-05", "5@120 2026-06-01", "5@105 2021-01-05"))

    (sale,) = settled(account, {"VTI": -7}, taxes("0.4", "0.2", wash_sale_days=0)).sales

    assert [(lot.quantity, lot.unit_cost) for lot in sale.lots] == [(5, 120), (2, 105)]


def test_a_loss_elsewhere_makes_the_short_term_gain_the_better_one() -> None:
    """Netted against a short-term loss, a short-term gain costs no more than a long-term one, and it is smaller."""
    losing, choosing = held("BND", "10@130 2026-06-01"), held("VTI", "10@88 2026-06-01", "10@80 2020-01-05")

    alone = settled(an_account_of(choosing), {"VTI": -10}, taxes())
    together = settled(an_account_of(losing, choosing), {"BND": -10, "VTI": -10}, taxes())

    assert [lot.unit_cost for lot in alone.sales[0].lots] == [80]
    assert alone.tax == 40
    assert together.tax == 0


def test_where_the_best_weighting_would_split_a_share_whole_shares_are_searched() -> None:
    """One share too many of short-term gains is taxed at 40 %; the least tax lies between two whole choices."""
    losing = held("BND", "1@125 2026-06-01")
    choosing = held("VTI", "4@90 2026-06-01", "4@82 2020-01-05")

    result = settled(an_account_of(losing, choosing), {"BND": -1, "VTI": -4}, taxes())

    # −25 short; k short at 10 and 4 − k long at 18: k = 4 → 15 · 0.4 = 6; 3 → 5·0.4 + 18·0.2 = 5.6; 2 → 31·0.2 = 6.2
    assert result.tax == Fraction("5.6")
    assert result.bound == result.tax


def test_where_the_search_finds_nothing_the_best_of_the_usual_orders_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_tax, "search", lambda *question: Found(None, Fraction(20), Fraction(0)))
    lots = "10@88 2026-06-01", "10@80 2020-01-05"
    selling = an_account_of(held("BND", "10@110 2026-06-01"), held("VTI", *lots))
    retired = an_account_of(held("VTI", *lots), account="ira", treatment=TaxTreatment.TAX_DEFERRED)

    trades: dict[str | tuple[str, str], int] = {"BND": -10, "VTI": -10, ("ira", "VTI"): -10}
    result = settled([selling, retired], trades, taxes())

    # by rate·gain: 200 long less 100, at 20 %; the dearest first: 120 short less 100, at 40 %
    assert (result.tax, result.bound) == (8, 0)
    assert [[lot.unit_cost for lot in result.by_trade[account, "VTI"].lots] for account in ("main", "ira")] == [
        [88],
        [80],
    ]


def test_lots_are_divided_by_the_increment_of_their_security() -> None:
    losing, choosing = held("BND", "1@125 2026-06-01"), held("VTI", "4@90 2026-06-01", "4@82 2020-01-05")
    prices, trades = (
        {"BND": Decimal(100), "VTI": Decimal(100)},
        {("main", "BND"): Decimal(-1), ("main", "VTI"): Decimal(-4)},
    )

    whole = settle(
        [an_account_of(losing, choosing)], prices, trades, Rules(taxes=taxes(), increments={"VTI": Decimal(4)})
    )

    # as above, but only all four of one lot: 15 · 0.4, or (72 − 25) · 0.2
    assert (whole.tax, whole.bound) == (6, 6)


def test_fractional_lots_are_sold_in_the_parts_that_divide_them() -> None:
    account = an_account_of(held("VTI", "0.25@98 2026-06-01", "1.5@90 2020-01-05", "0.75@94 2026-06-01"))

    (sale,) = settled(account, {"VTI": -1}, taxes()).sales

    assert [(lot.quantity, lot.unit_cost) for lot in sale.lots] == [
        (Decimal("0.25"), 98),
        (Decimal("0.75"), 90),
    ]


def test_recent_lots_are_sold_first_where_that_saves_a_loss() -> None:
    account = an_account_of(
        held("VTI", "2@100 2026-11-01", "2@150 2020-01-05", "2@100 2020-01-05"), held("BND", "5@80 2020-01-05")
    )

    result = settled(account, {"VTI": -4, "BND": -5}, taxes())

    # the loss of 100 counts only when the two recent shares go as well
    assert (result.tax, result.washed) == (0, ())


def test_when_long_term_is_dearer_the_terms_change_places() -> None:
    account = an_account_of(held("VTI", "10@80 2026-06-01", "10@85 2020-01-05"))

    result = settled(account, {"VTI": -10}, taxes("0.1", "0.3"))

    assert result.tax == 20


def _every_split(quantity: Fraction, lots: Sequence[Fraction], part: Fraction) -> Iterator[tuple[Fraction, ...]]:
    if not lots:
        if not quantity:
            yield ()
        return
    units = Fraction(0)
    while units <= min(quantity, lots[0]):
        for rest in _every_split(quantity - units, lots[1:], part):
            yield (units, *rest)
        units += part


def _part(sizes: Sequence[Fraction]) -> Fraction:
    below = lcm(*(size.denominator for size in sizes))
    return Fraction(gcd(*(int(size * below) for size in sizes)), below)


def _is_recent(lot: TaxLot, rules: Taxes) -> bool:
    return lot.acquired is not None and abs((lot.acquired - TODAY).days) <= rules.wash_sale_days


def _oracle(
    portfolios: Sequence[Portfolio], prices: Mapping[str, Decimal], trades: Trades, rules: Taxes, increment: Decimal
) -> Fraction | None:
    """The least tax over every choice of lots, written without the package; None where that are too many."""
    choices = []
    bought: dict[str, Fraction] = {}
    for (_, symbol), n in trades.items():
        bought[symbol] = bought.get(symbol, Fraction(0)) + max(Fraction(0), Fraction(n))
    for portfolio in sorted(portfolios, key=lambda p: p.account.id):
        for position in portfolio.positions:
            symbol = position.symbol
            recent = sum((Fraction(lot.quantity) for lot in position.lots if _is_recent(lot, rules)), Fraction(0))
            bought[symbol] = bought.get(symbol, Fraction(0)) + recent
            sold = -Fraction(trades.get((portfolio.account.id, symbol), 0))
            if sold <= 0:
                continue
            taxed = portfolio.account.tax_treatment == TaxTreatment.TAXABLE
            lots = list(enumerate(position.lots))
            if not taxed:
                lots.sort(key=lambda each: (each[1].acquired or date.min, -each[1].unit_cost, each[0]))
            sizes = [Fraction(lot.quantity) for _, lot in lots]
            if taxed:
                part = _part([sold, Fraction(increment), *sizes])
                if prod(int(min(sold, size) / part) + 1 for size in sizes) > 20_000:
                    return None
                splits = list(_every_split(sold, sizes, part))
            else:
                left, split = sold, []
                for size in sizes:
                    split.append(min(left, size))
                    left -= split[-1]
                splits = [tuple(split)]
            choices.append(
                [
                    [
                        (
                            lot.acquired or date.min,
                            portfolio.account.id,
                            -lot.unit_cost,
                            place,
                            symbol,
                            taxed,
                            lot,
                            units,
                        )
                        for (place, lot), units in zip(lots, split, strict=True)
                        if units
                    ]
                    for split in splits
                ]
            )
    if prod(map(len, choices)) > 4000:
        return None
    return min(_bill([lot for each in choice for lot in each], prices, bought, rules) for choice in product(*choices))


def _bill(sold: list, prices: Mapping[str, Decimal], bought: Mapping[str, Fraction], rules: Taxes) -> Fraction:  # type: ignore[type-arg]
    left = dict(bought)
    for *_, symbol, _, lot, units in sold:
        if _is_recent(lot, rules):
            left[symbol] -= units
    nets = [Fraction(0), Fraction(0)]
    for *_, symbol, taxed, lot, units in sorted(sold, key=lambda each: each[:4]):
        gain = Fraction(prices[symbol]) - Fraction(lot.unit_cost)
        counted = units
        if taxed and gain < 0:
            washed = min(units, max(Fraction(0), left[symbol]))
            left[symbol] -= washed
            counted -= washed
        if taxed:
            # no lot below is bought in a February: a year is a year
            is_long = lot.acquired is not None and lot.acquired.replace(year=lot.acquired.year + 1) < TODAY
            nets[is_long] += gain * counted
    short, long = nets
    if short >= 0 and long >= 0:
        return Fraction(rules.short_term_rate) * short + Fraction(rules.long_term_rate) * long
    rate = rules.long_term_rate if short < 0 else rules.short_term_rate
    return Fraction(rate) * max(Fraction(0), short + long)


def _random_lot(chance: random.Random, unit: Decimal, *, recent: float) -> TaxLot:
    age = chance.choice([0, 5, 29, 30, 31]) if chance.random() < recent else chance.randint(32, 900)
    acquired = TODAY - timedelta(days=age)
    if acquired.month == 2:
        acquired = acquired.replace(month=3)
    day = None if chance.random() < 0.1 else acquired
    return TaxLot(chance.randint(1, 4) * unit, Decimal(chance.randint(1, 25)), day)


def _random_plan(
    chance: random.Random, unit: Decimal, recent: float
) -> tuple[list[Portfolio], dict[str, Decimal], Trades]:
    prices = {symbol: Decimal(chance.randint(1, 20)) for symbol in ("A", "B", "C")[: chance.randint(1, 3)]}
    portfolios, trades = [], {}
    for account in ("a", "b")[: chance.choice([1, 1, 2])]:
        positions = []
        for symbol in prices:
            lots = tuple(_random_lot(chance, unit, recent=recent) for _ in range(chance.randint(1, 4)))
            total = sum((lot.quantity for lot in lots), Decimal(0))
            positions.append(Position(symbol, total, lots))
            trades[account, symbol] = Decimal(-chance.randint(0, int(total)) if chance.random() < 0.85 else 2)
        treatment = chance.choice([TaxTreatment.TAXABLE, TaxTreatment.TAXABLE, TaxTreatment.TAX_DEFERRED])
        portfolios.append(an_account_of(*positions, account=account, treatment=treatment))
    return portfolios, prices, trades


@pytest.mark.parametrize(("seed", "unit", "recent"), [(1, "1", 0.0), (2, "1", 0.3), (3, "0.5", 0.1), (4, "1", 0.8)])
def test_no_choice_of_lots_has_less_tax(seed: int, unit: str, recent: float) -> None:
    chance = random.Random(seed)
    compared = taxed = 0

    for _ in range(150):
        portfolios, prices, trades = _random_plan(chance, Decimal(unit), recent)
        rules = taxes(str(chance.randint(0, 4) / 10), str(chance.randint(0, 3) / 10))
        least = _oracle(portfolios, prices, trades, rules, Decimal(1))
        if least is None:
            continue
        result = settle(portfolios, prices, trades, Rules(taxes=rules))
        assert (result.tax, result.bound) == (least, least)
        compared += 1
        taxed += least > 0

    assert compared > 110
    assert taxed > 8


@pytest.mark.parametrize("seed", range(4))
def test_at_the_same_sales_no_usual_order_has_less_tax(seed: int) -> None:
    chance = random.Random(seed)
    saved = 0

    for _ in range(50):
        positions, prices, trades = [], {}, {}
        for i in range(chance.randint(3, 12)):
            symbol, price = f"S{i}", Decimal(chance.randint(2000, 40000)) / 100
            lots = tuple(
                TaxLot(
                    Decimal(chance.randint(1, 60)),
                    (price * Decimal(chance.randint(60, 115)) / 100).quantize(Decimal("0.01")),
                    TODAY - timedelta(days=chance.randint(15, 1200)),
                )
                for _ in range(chance.randint(5, 20))
            )
            total = sum((lot.quantity for lot in lots), Decimal(0))
            positions.append(Position(symbol, total, lots))
            prices[symbol], trades["main", symbol] = price, Decimal(-chance.randint(1, int(total) // 2))
        rules, portfolio = taxes("0.408", "0.238"), an_account_of(*positions)

        least = settle([portfolio], prices, trades, Rules(taxes=rules))

        assert least.bound <= least.tax
        for method in (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO, LotMethod.SPECIFIED):
            other = settle([portfolio], prices, trades, Rules(taxes=replace(rules, lot_method=method)))
            assert least.tax <= other.tax
            saved += least.tax < other.tax

    assert saved > 100
