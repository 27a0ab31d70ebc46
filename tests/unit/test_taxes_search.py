"""The search for the least tax: its bounds hold and are tight, and what it finds is the least of all choices."""

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest

from allocation.model import TaxTreatment
from allocation.rules import LotMethod, Rules
from allocation.taxes import lot_search, settle
from allocation.taxes.lot_search import search
from allocation.taxes.offers import Stock, Wash, counted_gains, narrowed
from allocation.taxes.relaxed import Counts, Scale, cheapest, kinked, level, totalled
from tests.tax_builders import taxes
from tests.unit.test_taxes_least_tax import _random_plan


def some_stocks(chance: random.Random) -> list[Stock]:
    stocks = []
    for _ in range(chance.randint(1, 3)):
        have = tuple(chance.randint(1, 3) for _ in range(chance.randint(2, 4)))
        gains = tuple(chance.randint(-20, 20) for _ in have)
        stocks.append(Stock(chance.randint(1, sum(have)), have, gains, tuple(chance.random() < 0.5 for _ in have)))
    return stocks


def some_kinked_stocks(chance: random.Random) -> list[Stock]:
    """A loss of the dearer term that has to be taken, and sales that may set small dear gains or large cheap ones against it."""
    stocks = [Stock(1, (1,), (-chance.randint(5, 60),), (True,))]
    for _ in range(chance.randint(1, 2)):
        dear = tuple(chance.random() < 0.5 for _ in range(chance.randint(2, 4)))
        have = tuple(chance.randint(1, 3) for _ in dear)
        gains = tuple(chance.randint(5, 20) if each else chance.randint(5, 40) for each in dear)
        stocks.append(Stock(chance.randint(1, sum(have)), have, gains, dear))
    return stocks


def some_wash(chance: random.Random, stocks: Sequence[Stock]) -> Wash:
    spots = [(i, j) for i, stock in enumerate(stocks) for j in range(len(stock.have))]
    losing = [(i, j) for i, j in spots if stocks[i].gains[j] < 0]
    chance.shuffle(losing)
    recent = [spot for spot in spots if chance.random() < 0.3]
    sizes = {i: Fraction(chance.choice([1, 1, 2]), chance.choice([1, 2])) for i in range(len(stocks))}
    bought = sum((stocks[i].have[j] * sizes[i] for i, j in recent), Fraction(chance.randint(0, 6), 2))
    return Wash(bought, tuple(recent), tuple(losing), sizes)


def every_choice(stocks: Sequence[Stock]) -> Iterator[Counts]:
    ways = [
        [taken for taken in product(*(range(n + 1) for n in stock.have)) if sum(taken) == stock.parts]
        for stock in stocks
    ]
    yield from product(*ways)


def some_scale(chance: random.Random) -> Scale:
    high = chance.randint(1, 10)
    return Scale(high, chance.randint(0, high))


def test_without_wash_sales_the_search_finds_the_least_tax() -> None:
    chance = random.Random(1)
    taxed = 0

    for _ in range(1000):
        stocks, scale = chance.choice([some_stocks, some_kinked_stocks])(chance), some_scale(chance)
        least = min(scale.tax(*counted_gains(stocks, [], counts)) for counts in every_choice(stocks))
        found = search(stocks, [], scale, Fraction(10**9))
        assert found.counts is not None
        assert (scale.tax(*counted_gains(stocks, [], found.counts)), found.bound) == (least, least)
        taxed += least > 0

    assert taxed > 50


def test_with_wash_sales_the_search_finds_the_least_tax() -> None:
    chance = random.Random(2)
    taxed = 0

    for _ in range(250):
        stocks, scale = some_stocks(chance), some_scale(chance)
        washes = [some_wash(chance, stocks)]
        least = min(scale.tax(*counted_gains(stocks, washes, counts)) for counts in every_choice(stocks))
        found = search(stocks, washes, scale, Fraction(10**9))
        assert found.counts is not None
        assert (scale.tax(*counted_gains(stocks, washes, found.counts)), found.bound) == (least, least)
        taxed += least > 0

    assert taxed > 50


def test_the_gains_offered_are_nowhere_above_those_that_count() -> None:
    chance = random.Random(3)

    for _ in range(150):
        stocks = some_stocks(chance)
        washes = [some_wash(chance, stocks)]
        choices = list(every_choice(stocks))
        middle = chance.choice(choices)
        limits = {(0, 0): (0, middle[0][0]), (len(stocks) - 1, 1): (middle[-1][1], stocks[-1].have[1])}
        offers = narrowed(stocks, washes, limits)
        assert offers is not None
        for counts in choices:
            if all(low <= counts[i][j] <= high for (i, j), (low, high) in limits.items()):
                offered, real = totalled(offers, counts), counted_gains(stocks, washes, counts)
                assert offered.dear <= real[0]
                assert offered.cheap <= real[1]


def test_the_bound_is_the_highest_that_any_weighting_gives() -> None:
    """The bound turns only where two lots of one sale change places, so these weightings are all there are to try."""
    chance = random.Random(4)
    kinks = 0

    for _ in range(300):
        stocks, scale = some_kinked_stocks(chance), some_scale(chance)
        offers = narrowed(stocks, [], {})
        assert offers is not None
        rates = {Fraction(scale.high), Fraction(scale.low)}
        for stock in stocks:
            for (g, dear), (h, other) in product(zip(stock.gains, stock.dear, strict=True), repeat=2):
                if dear and not other and g and scale.low <= Fraction(scale.low * h, g) <= scale.high:
                    rates.add(Fraction(scale.low * h, g))

        weighted = []
        for rate in rates:
            best = cheapest(offers, rate.numerator, scale.low * rate.denominator)
            weighted.append(rate * best.dear + scale.low * best.cheap)
        relaxed = kinked(offers, scale)

        assert relaxed.bound == max(0, *weighted)
        kinks += relaxed.left is not relaxed.right

    assert kinks > 10


def test_the_level_bound_is_met_by_the_dearest_lots() -> None:
    stocks = [Stock(3, (2, 2, 2), (5, -4, 1), (True, False, True))]
    offers = narrowed(stocks, [], {})

    assert offers is not None
    assert level(offers, Scale(4, 2)).left.counts == ((0, 2, 1),)


def test_limits_that_leave_no_choice_are_impossible() -> None:
    stocks = [Stock(3, (2, 2), (5, -4), (True, False))]

    assert narrowed(stocks, [], {(0, 0): (0, 0)}) is None


@pytest.mark.parametrize("most", [0, 20])
def test_a_search_that_ends_early_says_so_and_is_still_no_worse_than_the_usual_orders(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    chance = random.Random(5)
    early = 0
    plans = [_random_plan(chance, Decimal(1), 0.5) for _ in range(250)]
    rules = taxes("0.4", "0.3")
    proved = [settle(*plan, Rules(taxes=rules)) for plan in plans]
    monkeypatch.setattr(lot_search, "MOST_LOTS_SEEN", most)

    for plan, best in zip(plans, proved, strict=True):
        found = settle(*plan, Rules(taxes=rules))
        assert found.bound <= best.tax <= found.tax
        early += found.bound < found.tax
        if all(p.account.tax_treatment == TaxTreatment.TAXABLE for p in plan[0]):
            for method in (LotMethod.HIFO, LotMethod.FIFO, LotMethod.LIFO, LotMethod.SPECIFIED):
                assert found.tax <= settle(*plan, Rules(taxes=taxes("0.4", "0.3", method))).tax

    assert early > 0
