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
from allocation.taxes.bundles import Box, Bundle, Counts, Stock, counted_gains, everything, tightened
from allocation.taxes.envelope import offered
from allocation.taxes.lot_search import search
from allocation.taxes.relaxed import Part, Scale, Work, kinked, level
from allocation.taxes.thresholds import least_washed, thresholds_of
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


def some_bundle(chance: random.Random, sales: int, *, whole: bool = True) -> Bundle:
    """Sales of one security of which some was bought; what stays ends with a part only where it is whole."""
    stocks, sizes = [], [1 if whole else chance.choice([1, 2, 3]) for _ in range(sales)]
    for size in sizes:
        have = tuple(chance.randint(1, 3) for _ in range(chance.randint(2, 5)))
        gains = tuple(chance.randint(-20, 15) * size for _ in have)
        stocks.append(Stock(chance.randint(1, sum(have)), have, gains, tuple(chance.random() < 0.5 for _ in have)))
    spots = [(i, j) for i, stock in enumerate(stocks) for j in range(len(stock.have))]
    losing = [(i, j) for i, j in spots if stocks[i].gains[j] < 0]
    chance.shuffle(losing)
    recent = tuple(spot for spot in spots if chance.random() < 0.4)
    bought = sum(stocks[i].have[j] * sizes[i] for i, j in recent) + chance.randint(1, 4)
    return Bundle(tuple(stocks), tuple(sizes), bought, recent, tuple(losing))


def alone(stocks: Sequence[Stock]) -> list[Bundle]:
    return [Bundle((stock,)) for stock in stocks]


def every_choice(bundle: Bundle) -> Iterator[Counts]:
    ways = [
        [taken for taken in product(*(range(n + 1) for n in stock.have)) if sum(taken) == stock.parts]
        for stock in bundle.stocks
    ]
    yield from product(*ways)


def least_tax(bundles: Sequence[Bundle], scale: Scale) -> int:
    """The least of all choices; gains that come about in several ways are looked at once."""
    sums = {(0, 0)}
    for bundle in bundles:
        gains = {counted_gains(bundle, counts) for counts in every_choice(bundle)}
        sums = {(dear + more[0], cheap + more[1]) for dear, cheap in sums for more in gains}
    return min(scale.tax(dear, cheap) for dear, cheap in sums)


def tax_of(bundles: Sequence[Bundle], every: Sequence[Counts], scale: Scale) -> int:
    gains = [counted_gains(bundle, counts) for bundle, counts in zip(bundles, every, strict=True)]
    return scale.tax(sum(dear for dear, _ in gains), sum(cheap for _, cheap in gains))


def some_scale(chance: random.Random) -> Scale:
    high = chance.randint(1, 10)
    return Scale(high, chance.randint(0, high))


def test_without_wash_sales_the_search_finds_the_least_tax() -> None:
    chance = random.Random(1)
    taxed = 0

    for _ in range(1000):
        bundles, scale = alone(chance.choice([some_stocks, some_kinked_stocks])(chance)), some_scale(chance)
        least = least_tax(bundles, scale)
        found = search(bundles, scale, Fraction(10**9))
        assert found.counts is not None
        assert (tax_of(bundles, found.counts, scale), found.bound) == (least, least)
        taxed += least > 0

    assert taxed > 50


@pytest.mark.parametrize("whole", [True, False])
def test_with_wash_sales_the_search_finds_the_least_tax(whole: bool) -> None:
    chance = random.Random(2)
    taxed = 0

    for _ in range(250):
        bundles, scale = alone(some_kinked_stocks(chance)[:2]), some_scale(chance)
        bundles.append(some_bundle(chance, chance.choice([1, 1, 2]), whole=whole))
        least = least_tax(bundles, scale)
        found = search(bundles, scale, Fraction(10**9))
        assert found.counts is not None
        assert (tax_of(bundles, found.counts, scale), found.bound) == (least, least)
        taxed += least > 0

    assert taxed > 50


def test_of_one_sale_the_least_gains_that_count_are_found_without_a_search() -> None:
    chance = random.Random(3)

    for _ in range(800):
        bundle = some_bundle(chance, 1)
        dear, cheap = chance.randint(1, 5), chance.randint(0, 5)
        box = tightened(bundle, some_box(chance, bundle))
        assert box is not None

        counts, *gains = least_washed(bundle, thresholds_of(bundle), box[0], dear, cheap)

        assert tuple(gains) == counted_gains(bundle, (counts,))
        assert dear * gains[0] + cheap * gains[1] == min(
            dear * real[0] + cheap * real[1] for real in gains_within(bundle, box)
        )


def test_where_what_was_bought_ends_within_a_part_the_gains_found_are_nowhere_above_those_that_count() -> None:
    chance = random.Random(8)
    lower = 0

    for _ in range(300):
        bundle = some_bundle(chance, 1, whole=False)
        dear, cheap = chance.randint(1, 5), chance.randint(0, 5)
        box = tightened(bundle, some_box(chance, bundle))
        assert box is not None

        _, *gains = least_washed(bundle, thresholds_of(bundle), box[0], dear, cheap)

        least = min(dear * real[0] + cheap * real[1] for real in gains_within(bundle, box))
        assert dear * gains[0] + cheap * gains[1] <= least
        lower += dear * gains[0] + cheap * gains[1] < least

    assert lower < 30


def some_box(chance: random.Random, bundle: Bundle) -> Box:
    """Limits on one lot that leave a choice."""
    choice = chance.choice(list(every_choice(bundle)))
    box = [list(pairs) for pairs in everything(bundle)]
    j = chance.randrange(len(box[0]))
    box[0][j] = chance.choice([(0, choice[0][j]), (choice[0][j], bundle.stocks[0].have[j]), box[0][j]])
    return tuple(map(tuple, box))


def gains_within(bundle: Bundle, box: Box) -> list[tuple[int, int]]:
    return [counted_gains(bundle, counts) for counts in every_choice(bundle) if is_within(counts, box)]


def is_within(counts: Counts, box: Box) -> bool:
    return all(
        low <= n <= high
        for taken, pairs in zip(counts, box, strict=True)
        for n, (low, high) in zip(taken, pairs, strict=True)
    )


def test_limits_are_drawn_as_tight_as_the_size_of_the_sale_allows() -> None:
    bundle = Bundle((Stock(5, (3, 4, 1), (1, 1, 1), (True, True, True)),))

    assert tightened(bundle, everything(bundle)) == (((0, 3), (1, 4), (0, 1)),)
    assert tightened(bundle, (((3, 3), (0, 4), (0, 1)),)) == (((3, 3), (1, 2), (0, 1)),)
    assert tightened(bundle, (((0, 1), (0, 4), (0, 0)),)) == (((1, 1), (4, 4), (0, 0)),)
    assert tightened(bundle, (((0, 0), (0, 4), (0, 0)),)) is None
    assert tightened(bundle, (((3, 3), (3, 4), (0, 1)),)) is None


def test_losses_are_washed_share_for_share_in_their_order() -> None:
    # 5 bought, 1 of them sold; a part of the second sale is two units
    first = Stock(4, (3, 2), (-10, 7), (True, False))
    second = Stock(2, (2,), (-12,), (False,))
    bundle = Bundle((first, second), (1, 2), 5, ((0, 1),), ((0, 0), (1, 0)))

    # 4 wash: 3 of the first sale, then half a part of the second
    assert counted_gains(bundle, ((3, 1), (2,))) == (0, 7 - 12 * 2 + 6)
    # 3 wash: 2 of the first sale, then half a part of the second
    assert counted_gains(bundle, ((2, 2), (2,))) == (0, 14 - 12 * 2 + 6)


def test_of_several_sales_the_gains_offered_are_nowhere_above_those_that_count() -> None:
    chance = random.Random(3)

    for _ in range(150):
        bundle = some_bundle(chance, 2, whole=False)
        box = tightened(bundle, some_box(chance, bundle))
        assert box is not None
        offers = offered(bundle, box)
        for counts in every_choice(bundle):
            if not is_within(counts, box):
                continue
            sums = {True: Fraction(0), False: Fraction(0)}
            for (i, j), (base, more) in offers.items():
                sums[bundle.stocks[i].dear[j]] += base + more * (counts[i][j] - box[i][j][0])
            real = counted_gains(bundle, counts)
            assert sums[True] <= real[0]
            assert sums[False] <= real[1]


def test_the_bound_is_the_highest_that_any_weighting_gives() -> None:
    """The bound turns only where two lots of one sale change places, so these weightings are all there are to try."""
    chance = random.Random(4)
    kinks = 0

    for _ in range(300):
        stocks, scale = some_kinked_stocks(chance), some_scale(chance)
        rates = {Fraction(scale.high), Fraction(scale.low)}
        for stock in stocks:
            for (g, dear), (h, other) in product(zip(stock.gains, stock.dear, strict=True), repeat=2):
                if dear and not other and g and scale.low <= Fraction(scale.low * h, g) <= scale.high:
                    rates.add(Fraction(scale.low * h, g))
        gains = [[counted_gains(bundle, counts) for counts in every_choice(bundle)] for bundle in alone(stocks)]

        weighted = [
            sum(min(rate * dear + scale.low * cheap for dear, cheap in each) for each in gains) for rate in rates
        ]
        relaxed = kinked(parts_of(alone(stocks)), scale)

        assert relaxed.bound == max(0, *weighted)
        kinks += relaxed.left is not relaxed.right

    assert kinks > 10


def parts_of(bundles: Sequence[Bundle]) -> list[Part]:
    work = Work()
    return [Part(bundle, everything(bundle), work) for bundle in bundles]


def test_the_level_bound_is_met_by_the_dearest_lots() -> None:
    stocks = [Stock(3, (2, 2, 2), (5, -4, 1), (True, False, True))]

    found = level(parts_of(alone(stocks)), Scale(4, 2))

    # −4 · 2 + 1 is a loss
    assert (found.left[0].counts, found.bound) == (((0, 2, 1),), 0)


def test_what_is_best_on_both_sides_of_a_share_is_not_looked_for_again() -> None:
    work = Work()
    part = Part(Bundle((Stock(1, (1, 1), (3, 5), (True, False)),)), (((0, 1), (0, 1)),), work)

    # 3·share against 5·(1 − share): they change places at 5/8
    shares = [Fraction(1, 2), Fraction(3, 5), Fraction(11, 20), Fraction(3, 4), Fraction(1, 2), Fraction(5, 8)]
    found = [part.best(share, float(share)).counts for share in shares]

    assert found[:5] == [((1, 0),), ((1, 0),), ((1, 0),), ((0, 1),), ((1, 0),)]
    assert work.lots == 4 * 2


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
