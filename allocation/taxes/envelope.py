"""A bound for the sales of one security in several accounts, whose wash sales depend on all of them.

The gain of a losing lot is counted at the least that it can be. So many of its parts, taken first, are washed in any case: what
was bought and cannot all be sold, less the most that older losses can use up. From there the loss counts; the straight line
from the fewest to the most parts is nowhere above that.
"""

from fractions import Fraction

from allocation.taxes.bundles import Box, Bundle, Counts, Spot, cheapest

# By lot: what its fewest parts gain at least, and a rate for each further part that is nowhere too high.
Offered = dict[Spot, tuple[Fraction | int, Fraction | int]]


def offered(bundle: Bundle, box: Box) -> Offered:
    """What every lot gains at least within limits as tight as they can be."""
    washed = _washed_for_sure(bundle, box)
    found: Offered = {}
    for i, stock in enumerate(bundle.stocks):
        for j, (gain, (low, high)) in enumerate(zip(stock.gains, box[i], strict=True)):
            sure = washed.get((i, j), Fraction(0))
            start, end = gain * max(Fraction(0), low - sure), gain * max(Fraction(0), high - sure)
            found[i, j] = start, (end - start) / (high - low) if high > low else 0
    return found


def least_offered(bundle: Bundle, box: Box, dear_rate: int, cheap_rate: int) -> tuple[Counts, Fraction, Fraction]:
    """The parts of each lot with the least rate·gain as offered, and those gains by term: the dearer, the cheaper."""
    offers = offered(bundle, box)
    counts = []
    sums = {True: Fraction(0), False: Fraction(0)}
    for i, stock in enumerate(bundle.stocks):
        rates = [dear_rate if dear else cheap_rate for dear in stock.dear]
        keys = [rate * offers[i, j][1] for j, rate in enumerate(rates)]
        taken = cheapest(keys, box[i], stock.parts)
        for j, (n, dear) in enumerate(zip(taken, stock.dear, strict=True)):
            base, more = offers[i, j]
            sums[dear] += base + more * (n - box[i][j][0])
        counts.append(tuple(taken))
    return tuple(counts), sums[True], sums[False]


def _washed_for_sure(bundle: Bundle, box: Box) -> dict[Spot, Fraction]:
    left = Fraction(bundle.staying)
    for i, size in enumerate(bundle.sizes):
        recent = [j for at, j in bundle.recent if at == i]
        others = sum(low for j, (low, _) in enumerate(box[i]) if j not in recent)
        left -= size * min(sum(box[i][j][1] for j in recent), bundle.stocks[i].parts - others)
    found = {}
    for i, j in bundle.losing:
        if left <= 0:
            break
        found[i, j] = left / bundle.sizes[i]
        left -= box[i][j][1] * bundle.sizes[i]
    return found
