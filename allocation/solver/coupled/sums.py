"""Which sums the securities of one class can come to together, and the simplest trades that come to one of them.

Where trading is free a class knows only the sum of its trades. The sums that any choice of trades reaches are a set of
bits in one long integer; a line joins by shifting and or-ing (Bellman's subset sums, with doubling for bounded counts).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from allocation.solver.question import Holding

# Sets of more bits than this are not written down; and sums are not told apart by the trades they take where that would
# be more bits in all.
_MOST_BITS = 1 << 22
_MOST_TOLD_APART = 1 << 27
_BLOCK = 1 << 12


class Sums(Protocol):
    """Sums in grains, from `low` to `high`."""

    @property
    def low(self) -> int:
        """The least sum."""

    @property
    def high(self) -> int:
        """The greatest sum."""

    def upwards(self, start: int) -> Iterator[int]:
        """The sums from `start` on, ascending."""

    def downwards(self, start: int) -> Iterator[int]:
        """The sums below `start`, descending."""


@dataclass(frozen=True, slots=True)
class Evenly:
    """The sums of one line, or of lines whose sums are dense: whole steps within ranges of steps, ascending."""

    step: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def low(self) -> int:
        """The least sum."""
        return self.step * self.ranges[0][0]

    @property
    def high(self) -> int:
        """The greatest sum."""
        return self.step * self.ranges[-1][1]

    def upwards(self, start: int) -> Iterator[int]:
        """The sums from `start` on, ascending."""
        least = -(-start // self.step)
        for low, high in self.ranges:
            for k in range(max(low, least), high + 1):
                yield self.step * k

    def downwards(self, start: int) -> Iterator[int]:
        """The sums below `start`, descending."""
        most = -(-start // self.step) - 1
        for low, high in reversed(self.ranges):
            for k in range(min(high, most), low - 1, -1):
                yield self.step * k


class Written:
    """The sums of several lines, written down as bits."""

    def __init__(self, bits: int, low: int, grid: int) -> None:
        """Bit n stands for the sum low + n·grid."""
        length = bits.bit_length()
        first = (bits & -bits).bit_length() - 1
        self._grid, self._origin = grid, low
        self.low, self.high = low + grid * first, low + grid * (length - 1)
        self._bytes = bits.to_bytes(length // _BLOCK * _BLOCK // 8 + _BLOCK // 8, "little")
        self._blocks: dict[int, list[int]] = {}

    def upwards(self, start: int) -> Iterator[int]:
        """The sums from `start` on, ascending."""
        start = max(start, self.low)
        for number in range((start - self._origin) // self._grid // _BLOCK, len(self._bytes) * 8 // _BLOCK):
            for reached in self._block(number):
                if reached >= start:
                    yield reached

    def downwards(self, start: int) -> Iterator[int]:
        """The sums below `start`, descending."""
        start = min(start, self.high + 1)
        for number in range((start - 1 - self._origin) // self._grid // _BLOCK, -1, -1):
            for reached in reversed(self._block(number)):
                if reached < start:
                    yield reached

    def _block(self, number: int) -> list[int]:
        found = self._blocks.get(number)
        if found is None:
            width = _BLOCK // 8
            text = f"{int.from_bytes(self._bytes[number * width : (number + 1) * width], 'little'):b}"[::-1]
            start = self._origin + self._grid * number * _BLOCK
            found = self._blocks[number] = [start + self._grid * n for n, bit in enumerate(text) if bit == "1"]
        return found


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a class: what a step moves on the grid, and its trades as ranges, ascending."""

    stride: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def low(self) -> int:
        """The least trade."""
        return self.ranges[0][0]

    @property
    def high(self) -> int:
        """The greatest trade."""
        return self.ranges[-1][1]

    @property
    def may_rest(self) -> bool:
        """Whether not trading is allowed."""
        return any(low <= 0 <= high for low, high in self.ranges)

    def within(self, low: int, high: int) -> "Member | None":
        """The trades of a part of its range."""
        ranges = tuple((max(low, a), min(high, b)) for a, b in self.ranges if max(low, a) <= min(high, b))
        return Member(self.stride, ranges) if ranges else None

    def trading(self) -> Iterator[tuple[int, int]]:
        """Its trades without not trading."""
        for low, high in self.ranges:
            for a, b in ((low, min(high, -1)), (max(low, 1), high)):
                if a <= b:
                    yield a, b


@dataclass(slots=True)
class Table:
    """By line and number of trades, the sums that the lines from there on reach with at most so many trades.

    Attributes:
        most: sums above this are of no use, not even on the way.
    """

    members: tuple[Member, ...]
    most: int
    _rows: list[list[bytes]] = field(default_factory=list)
    _raw: list[list[int]] = field(default_factory=list)
    _lows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        lows = [0]
        for member in reversed(self.members):
            lows.append(lows[-1] + member.stride * member.low)
        self._lows = lows[::-1]

    def mirrored(self) -> "Table":
        """The same for trades of the opposite sign."""
        members = tuple(
            Member(m.stride, tuple((-high, -low) for low, high in reversed(m.ranges))) for m in self.members
        )
        return Table(members, -self._lows[0])

    def reached(self) -> tuple[int, int]:
        """All sums as bits, and the sum of the lowest bit."""
        bits = 1
        for place in range(len(self.members) - 1, -1, -1):
            bits = self._joined(place, bits, bits)
        return bits, self._lows[0]

    def fewest(self, total: int) -> int | None:
        """The fewest trades that come to a sum; None where no trades do."""
        return next((n for n in range(len(self.members) + 1) if self._holds(0, n, total)), None)

    def any_way(self, total: int) -> tuple[int, ...] | None:
        """Trades of all lines that come to a sum, small ones first line by line; None where there are none."""
        bits = [1]
        for place in range(len(self.members) - 1, -1, -1):
            bits.append(self._joined(place, bits[-1], bits[-1]))
        rows = [row.to_bytes((row.bit_length() + 7) // 8, "little") for row in reversed(bits)]
        way = list[int]()
        for place, member in enumerate(self.members):
            rest = total - self._lows[place + 1]
            trades = sorted((k for low, high in member.ranges for k in range(low, high + 1)), key=abs)
            found = next((k for k in trades if _has(rows[place + 1], rest - member.stride * k)), None)
            if found is None:
                return None
            way.append(found)
            total -= member.stride * found
        return tuple(way)

    def ways(self, total: int, trades: int, place: int = 0) -> Iterator[tuple[int, ...]]:
        """The trades of all lines that come to a sum with at most so many trades."""
        if place == len(self.members):
            yield ()
            return
        member = self.members[place]
        for low, high in member.ranges:
            for k in self._candidates(member, low, high, total, place):
                left, rest = trades - (k != 0), total - member.stride * k
                if left >= 0 and self._holds(place + 1, left, rest):
                    for others in self.ways(rest, left, place + 1):
                        yield (k, *others)

    def _candidates(self, member: Member, low: int, high: int, total: int, place: int) -> range:
        """The trades of a range that leave the lines after it something within their reach."""
        if place + 1 == len(self.members):
            k, rest = divmod(total, member.stride)
            return range(k, k + 1) if rest == 0 and low <= k <= high else range(0)
        most = (total - self._lows[place + 1]) // member.stride
        return range(low, min(high, most) + 1)

    def _holds(self, place: int, trades: int, total: int) -> bool:
        return _has(self._row(trades)[place], total - self._lows[place])

    def _row(self, trades: int) -> list[bytes]:
        """By line, the sums with at most so many trades, written down when first asked for."""
        while len(self._rows) <= trades:
            fewer = self._raw[-1] if self._raw else [0] * (len(self.members) + 1)
            row = [0] * len(self.members) + [1]
            for place in range(len(self.members) - 1, -1, -1):
                row[place] = self._joined(
                    place, row[place + 1] if self.members[place].may_rest else 0, fewer[place + 1]
                )
            self._raw.append(row)
            self._rows.append([bits.to_bytes((bits.bit_length() + 7) // 8, "little") for bits in row])
        return self._rows[trades]

    def _joined(self, place: int, resting: int, trading: int) -> int:
        """The sums with one more line: those with it at rest, and those with it trading."""
        member = self.members[place]
        bits = resting << member.stride * -member.low if member.may_rest and member.low <= 0 else 0
        for low, high in member.trading():
            bits |= _spread(trading << member.stride * (low - member.low), member.stride, high - low + 1)
        useful = max(0, self.most - self._lows[place] + 1)
        return bits if bits.bit_length() <= useful else bits & ((1 << useful) - 1)


def _has(row: bytes, bit: int) -> bool:
    """Whether a bit is set; none beyond the end is."""
    return 0 <= bit < 8 * len(row) and bool(row[bit >> 3] >> (bit & 7) & 1)


def _spread(bits: int, stride: int, count: int) -> int:
    """Every bit repeated so many times, a stride apart."""
    done = 1
    while 2 * done <= count:
        bits |= bits << stride * done
        done *= 2
    return bits | bits << stride * (count - done) if count > done else bits


def member_of(line: Holding, grid: int) -> Member:
    """A line of a class on the grid."""
    return Member(line.step // grid, tuple((run.low, run.high) for run in line.runs))


def size_of(members: tuple[Member, ...], most: int) -> int:
    """How many bits a set of sums needs."""
    return min(most, sum(m.stride * m.high for m in members)) - sum(m.stride * m.low for m in members) + 1


def fits(members: tuple[Member, ...], most: int) -> bool:
    """Whether all sums can be written down."""
    return size_of(members, most) <= _MOST_BITS


def can_tell_apart(members: tuple[Member, ...], most: int) -> bool:
    """Whether there is room for the sums of every line with every number of trades."""
    return size_of(members, most) * len(members) ** 2 <= _MOST_TOLD_APART


def nearby(members: tuple[Member, ...], wanted: int) -> tuple[Member, ...]:
    """The same lines with fewer trades: near to few large ones that come to about the sum wanted."""
    reach = _MOST_BITS // 16 // len(members)
    order = sorted(range(len(members)), key=lambda n: -max(abs(members[n].low), members[n].high) * members[n].stride)
    middle, missing = [_nearest_to_rest(member) for member in members], wanted
    missing -= sum(member.stride * k for member, k in zip(members, middle, strict=True))
    for n in order:
        member = members[n]
        k = min(max(middle[n] + missing // member.stride, member.low), member.high)
        missing -= member.stride * (k - middle[n])
        middle[n] = k
    narrowed = []
    for member, k in zip(members, middle, strict=True):
        steps = max(1, reach // member.stride)
        narrowed.append(member.within(k - steps, k + steps) or member.within(*_closest_range(member, k)))
    return tuple(m for m in narrowed if m is not None)


def _nearest_to_rest(member: Member) -> int:
    return min((min(max(0, low), high) for low, high in member.ranges), key=abs)


def _closest_range(member: Member, k: int) -> tuple[int, int]:
    """The allowed trade closest to one that is not."""
    ends = [end for pair in member.ranges for end in pair]
    nearest = min(ends, key=lambda end: abs(end - k))
    return nearest, nearest
