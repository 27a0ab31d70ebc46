"""The lots of one sale with the least rate·gain where losses may be washed: exact, one threshold at a time.

Losses are washed in a fixed order until what was bought is used up. So there is one lot, the threshold, before which every loss
is washed and after which every loss counts. With the threshold given, rate·gain is a straight line in the parts of every lot.
Two limits say that the threshold is where it is: what the lots before it and the recent lots use up is no more than what was
bought, and with the threshold itself it is no less. The least is where neither limit is in the way, or at the one that is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul

from allocation.taxes.bundles import Bundle, cheapest

Limits = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Threshold:
    """All choices whose threshold is one lot.

    Attributes:
        at: the lot; None where no loss is washed, or every one.
        washed: by lot, whether its loss is washed; the threshold's as well.
        before, upto: by lot, how many parts of what was bought one part of it uses up, without the threshold's losses and
            with them. Nothing has to be used up where no loss counts, and nothing can be where no loss is washed: None.
    """

    at: int | None
    washed: tuple[bool, ...]
    before: tuple[int, ...] | None
    upto: tuple[int, ...] | None


def thresholds_of(bundle: Bundle) -> tuple[Threshold, ...]:
    """Every threshold of a bundle of one sale, from no loss washed to every one."""
    recent, losing = {j for _, j in bundle.recent}, [j for _, j in bundle.losing]
    lots = range(len(bundle.stocks[0].have))
    used = [tuple((j in recent) + (j in losing[:count]) for j in lots) for count in range(len(losing) + 1)]
    washed = [tuple(j in losing[:count] for j in lots) for count in range(len(losing) + 1)]
    each = [Threshold(at, washed[n + 1], used[n], used[n + 1]) for n, at in enumerate(losing)]
    return (Threshold(None, washed[0], None, used[0]), *each, Threshold(None, washed[-1], used[-1], None))


def least_washed(
    bundle: Bundle, thresholds: Sequence[Threshold], limits: Limits, dear_rate: int, cheap_rate: int
) -> tuple[tuple[int, ...], int, int]:
    """The parts of each lot with the least rate·gain, and the gains by term: the dearer, the cheaper.

    Where what was bought does not end with a part, gains may be lower than those that count; never higher.
    """
    stock = bundle.stocks[0]
    keys = [(dear_rate if dear else cheap_rate) * gain for dear, gain in zip(stock.dear, stock.gains, strict=True)]
    best: tuple[int, list[int], Threshold] | None = None
    for threshold in thresholds:
        slopes, fixed = _line(bundle, threshold, keys)
        free = cheapest(slopes, limits, stock.parts)
        if best and sum(map(mul, slopes, free)) - fixed >= best[0]:
            continue
        for counts in _within(bundle, threshold, slopes, limits, free):
            value = sum(map(mul, slopes, counts)) - fixed
            if not best or value < best[0]:
                best = value, counts, threshold
    if not best:
        raise ValueError("no choice of lots is within the limits")
    return tuple(best[1]), *_gains(bundle, best[2], best[1])


def _line(bundle: Bundle, threshold: Threshold, keys: Sequence[int]) -> tuple[list[int], int]:
    """Rate·gain of one part of each lot, and what is to be taken from the sum."""
    slopes = [0 if washed else key for key, washed in zip(keys, threshold.washed, strict=True)]
    if threshold.at is None or threshold.upto is None:
        return slopes, 0
    loss = keys[threshold.at]
    slopes = [slope + loss * used for slope, used in zip(slopes, threshold.upto, strict=True)]
    return slopes, loss // bundle.sizes[0] * bundle.staying


def _within(
    bundle: Bundle, threshold: Threshold, slopes: Sequence[int], limits: Limits, free: list[int]
) -> Iterator[list[int]]:
    """Choices of which one has the least rate·gain of the threshold; `free` is the least without its two limits.

    A part exchanged for another changes what is used up by two at most, so a choice that keeps within a limit can be
    exchanged for none dearer that is at the limit or next to it. At the upper limit, the next threshold has the same choices
    and the same gains, unless what was bought ends within a part.
    """
    size, parts = bundle.sizes[0], bundle.stocks[0].parts
    most, rest = divmod(bundle.staying, size)
    if threshold.before and sum(map(mul, threshold.before, free)) > most:
        used, goals = threshold.before, (most, most - 1)
    elif threshold.upto and sum(map(mul, threshold.upto, free)) * size < bundle.staying:
        if not rest and 2 not in threshold.upto:
            return
        least = most + bool(rest)
        used, goals = threshold.upto, (least, least + 1)
    else:
        yield free
        return
    for goal in goals if 2 in used else goals[:1]:
        counts = _using(goal, used, slopes, limits, parts)
        if counts:
            yield counts


def _using(goal: int, used: Sequence[int], slopes: Sequence[int], limits: Limits, parts: int) -> list[int] | None:
    """The parts with the smallest slopes that use up exactly so many; None where no choice does.

    Some lots use up nothing, some one part, some two: the number of parts that use up two settles the other two numbers, and
    the sum of slopes is convex in it.
    """
    classes = [[j for j, each in enumerate(used) if each == uses] for uses in (0, 1, 2)]
    low = [sum([limits[j][0] for j in each]) for each in classes]
    high = [sum([limits[j][1] for j in each]) for each in classes]
    rest = goal - parts
    first = max(low[2], -((high[1] - goal) // 2), low[0] + rest)
    last = min(high[2], (goal - low[1]) // 2, high[0] + rest)
    if first > last:
        return None

    def taken(double: int) -> list[int]:
        found = [0] * len(used)
        for each, number in zip(classes, (double - rest, goal - 2 * double, double), strict=True):
            counts = cheapest([slopes[j] for j in each], [limits[j] for j in each], number)
            for j, n in zip(each, counts, strict=True):
                found[j] = n
        return found

    while first < last:
        middle = (first + last) // 2
        if sum(map(mul, slopes, taken(middle))) <= sum(map(mul, slopes, taken(middle + 1))):
            last = middle
        else:
            first = middle + 1
    return taken(first)


def _gains(bundle: Bundle, threshold: Threshold, counts: Sequence[int]) -> tuple[int, int]:
    stock = bundle.stocks[0]
    sums = {True: 0, False: 0}
    for gain, dear, washed, n in zip(stock.gains, stock.dear, threshold.washed, counts, strict=True):
        sums[dear] += 0 if washed else gain * n
    if threshold.at is not None and threshold.upto is not None:
        counting = sum(map(mul, threshold.upto, counts)) * bundle.sizes[0] - bundle.staying
        sums[stock.dear[threshold.at]] += stock.gains[threshold.at] // bundle.sizes[0] * counting
    return sums[True], sums[False]
