"""The what-if desk: a draft of targets in percent, the verbs that edit it, and the lines that show what comes of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from types import MappingProxyType

from allocation.base_currency import NO_RATES, in_base_currency
from allocation.currencies import Rate, Rates
from allocation.errors import (
    DuplicateSymbolError,
    EmptyPortfolioError,
    NumberError,
    TargetError,
    TargetSumError,
    listed,
)
from allocation.model import Portfolio, Position, Quote, parse_symbol
from allocation.money import plain, to_decimal
from allocation.symbols import canonical, clean
from allocation.targets import SUM_TOLERANCE, TargetAllocation
from allocation.trade_plan import Snapshot, TradePlan
from allocation.valuation import Valuation, value_portfolio

HUNDRED = Decimal(100)
FINEST_PERCENT = Decimal("0.0001")  # a typed target is read to this many decimals
SHOWN_PERCENT = Decimal("0.01")  # the verbs that fill in targets use no finer step


@dataclass(frozen=True, slots=True)
class Draft:
    """Targets as they are being edited; nothing in it is saved, and it may be wrong while somebody is typing.

    Attributes:
        percents: target by symbol in percent of the whole; a line without an entry has no target.
        locked: lines that are not to trade.
        extra: lines that the desk shows besides the holdings, in their order, with or without a target.
    """

    percents: Mapping[str, Decimal]
    locked: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "percents", MappingProxyType(dict(self.percents)))

    @property
    def total(self) -> Decimal:
        """All targets together, in percent."""
        return sum(self.percents.values(), Decimal(0))

    @property
    def cash(self) -> Decimal:
        """What is missing to 100 %; negative when the targets come to more."""
        return HUNDRED - self.total


@dataclass(frozen=True, slots=True)
class DeskLine:
    """One security or currency on the desk. Weights are fractions of the whole; None where they are not known or not set.

    Attributes:
        quote: its price, in the price's own currency; a currency has none.
        rate: at which the price, or the currency itself, is told in the account's currency; None where it needs none.
        value: in the account's currency.
    """

    symbol: str
    name: str
    quantity: Decimal
    quote: Quote | None
    value: Decimal | None
    current: Decimal | None
    target: Decimal | None
    after: Decimal | None
    trade: Decimal
    locked: bool
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class WeightRow:
    """Current, target and after weight under one label, as fractions: what the chart draws, cash included."""

    label: str
    name: str
    current: Decimal | None
    target: Decimal | None
    after: Decimal | None


# ── From saved to draft and back ────────────────────────────────────────────────────────────────────────────────────


def draft_of(target: TargetAllocation) -> Draft:
    """A draft that says exactly what the target says."""
    return Draft({s: w.scaleb(2) for s, w in target.weights.items()}, target.locked, tuple(target.weights))


def same_target(draft: Draft, other: Draft) -> bool:
    """Whether the two say the same, whatever lines they show."""
    return draft.percents == other.percents and draft.locked == other.locked


def target_of(draft: Draft) -> TargetAllocation:
    """The draft as a target.

    Raises:
        TargetError: a target below 0 or above 100 %; every one is named.
        TargetSumError: together more than 100 %; the excess is named.
    """
    outside = {s: p for s, p in draft.percents.items() if not 0 <= p <= HUNDRED}
    if outside:
        named = listed(f"{s} ({percent_text(p)} %)" for s, p in outside.items())
        raise TargetError(f"A target lies between 0 and 100 %: correct {named}.", tuple(outside))
    if -draft.cash > SUM_TOLERANCE * HUNDRED:
        raise TargetSumError(_too_much(draft), tuple(s for s, p in draft.percents.items() if p))
    return TargetAllocation({s: p.scaleb(-2) for s, p in draft.percents.items()}, draft.locked)


def percent_text(percent: Decimal) -> str:
    """A percentage with two decimals, or with more where it has more: '36.00', '33.3333'."""
    rounded = percent.quantize(SHOWN_PERCENT)
    return f"{rounded:f}" if rounded == percent else plain(percent)


def _too_much(draft: Draft) -> str:
    return (
        f"Targets come to {percent_text(draft.total)} %, {percent_text(-draft.cash)} points too much. "
        "Lower one or more of them."
    )


# ── Edits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def desk_symbols(portfolio: Portfolio, draft: Draft) -> tuple[str, ...]:
    """The lines of the desk in their fixed order: what is held, then what has a target or was added."""
    return tuple(dict.fromkeys((*portfolio.symbols, *draft.extra, *draft.percents)))


def apply_edits(draft: Draft, symbols: Sequence[str], grid: object) -> Draft:
    """The draft with the target and lock cells that a grid reports by row; any other cell or shape is ignored.

    What arrives here was sent by a browser: only numbers and truth values for known rows are taken.

    Raises:
        TargetError: targets that are no finite numbers; every line is named.
    """
    percents, locked, bad = dict(draft.percents), set(draft.locked), []
    for symbol, cells in _edited_lines(symbols, grid):
        if isinstance(cells.get("locked"), bool):
            (locked.add if cells["locked"] else locked.discard)(symbol)
        if "target" not in cells:
            continue
        if cells["target"] is None:
            percents.pop(symbol, None)
            continue
        try:
            percents[symbol] = _read_percent(cells["target"])
        except NumberError:
            bad.append(symbol)
    if bad:
        raise TargetError(f"The target of {listed(bad)} is not a number. Type a percentage such as 12.5.", bad)
    return replace(draft, percents=percents, locked=frozenset(locked))


def _edited_lines(symbols: Sequence[str], grid: object) -> Iterator[tuple[str, Mapping[object, object]]]:
    rows = grid.get("edited_rows") if isinstance(grid, Mapping) else None
    for row, cells in rows.items() if isinstance(rows, Mapping) else ():
        known = isinstance(row, int) and not isinstance(row, bool) and 0 <= row < len(symbols)
        if known and isinstance(cells, Mapping):
            yield symbols[row], cells


def fits(symbols: Sequence[str], grid: object) -> bool:
    """Whether a grid's answer holds nothing but target and lock cells of its own rows, as every honest one does."""
    if not isinstance(grid, Mapping):
        return grid is None
    rows = grid.get("edited_rows")
    taken = sum(cells.keys() <= {"target", "locked"} for _, cells in _edited_lines(symbols, grid))
    return isinstance(rows, Mapping) and taken == len(rows) and not (grid.get("added_rows") or grid.get("deleted_rows"))


def _read_percent(value: object) -> Decimal:
    """A typed percentage. A grid sends binary numbers with all their digits, so read it to four decimals."""
    percent = to_decimal(round(value, 9) if isinstance(value, float) else value, "A target")
    return percent.quantize(FINEST_PERCENT, ROUND_HALF_EVEN).normalize() + 0


def add_symbol(draft: Draft, text: str, present: Iterable[str]) -> Draft:
    """The draft with one more line, without a target yet.

    Raises:
        SymbolError: no exchange writes a symbol like this.
        DuplicateSymbolError: the line is there already, under this spelling or another.
    """
    symbol = parse_symbol(clean(text)).upper()
    if canonical(symbol) in map(canonical, present):
        raise DuplicateSymbolError("The desk", (symbol,))
    return replace(draft, extra=(*draft.extra, symbol))


def remove_symbol(draft: Draft, symbol: str) -> Draft:
    """The draft without the line's target and lock; a line that is held stays on the desk, without a target."""
    percents = {s: p for s, p in draft.percents.items() if s != symbol}
    return Draft(percents, draft.locked - {symbol}, tuple(s for s in draft.extra if s != symbol))


def set_from_current(draft: Draft, symbols: Sequence[str], values: Mapping[str, Decimal], cash: Decimal) -> Draft:
    """Every target as the line stands now, to 0.01 %; cash included, the targets come to exactly 100 %.

    Rounded by largest remainder, the earlier line first among equals. Overdrawn cash counts as none.

    Args:
        values: money by symbol, for every line that is held.

    Raises:
        EmptyPortfolioError: nothing is held, so there are no weights to take.
    """
    amounts = [*(values.get(s, Decimal(0)) for s in symbols), max(cash, Decimal(0))]
    if not any(amounts):
        message = "The account is empty: there are no current weights to take. Type targets instead."
        raise EmptyPortfolioError(message)
    *percents, _ = _apportion(amounts)
    return replace(draft, percents=dict(zip(symbols, percents, strict=True)))


def _apportion(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Percentages in steps of 0.01 that come to exactly 100, by largest remainder."""
    steps, whole = int(HUNDRED / SHOWN_PERCENT), sum(map(Fraction, amounts), Fraction(0))
    exact = [Fraction(a) * steps / whole for a in amounts]
    floors = [int(share) for share in exact]
    furthest = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
    for i in furthest[: steps - sum(floors)]:
        floors[i] += 1
    return [floor * SHOWN_PERCENT for floor in floors]


def spread_rest(draft: Draft, symbols: Sequence[str]) -> Draft:
    """What is missing to 100 %, added in equal points to every unlocked line; no target counts as 0.

    Equal to 0.01 %; the odd hundredths go to the first lines, so the targets come to exactly 100 %.

    Raises:
        TargetSumError: nothing is missing; the targets come to more than 100 %.
        TargetError: every line is locked.
    """
    if draft.cash < 0:
        raise TargetSumError(_too_much(draft), tuple(draft.percents))
    unlocked = _unlocked(draft, symbols)
    more = dict(zip(unlocked, _equal_parts(draft.cash, len(unlocked)), strict=True))
    percents = {s: draft.percents.get(s, Decimal(0)) + more[s] for s in unlocked}
    return replace(draft, percents={**draft.percents, **percents})


def equal_weights(draft: Draft, symbols: Sequence[str]) -> Draft:
    """The same target for every unlocked line; together with the locked lines' targets exactly 100 %.

    Raises:
        TargetSumError: the locked lines alone come to more than 100 %.
        TargetError: every line is locked.
    """
    kept = replace(draft, percents={s: p for s, p in draft.percents.items() if s in draft.locked})
    return spread_rest(kept, symbols)


def _unlocked(draft: Draft, symbols: Sequence[str]) -> list[str]:
    unlocked = [s for s in symbols if s not in draft.locked]
    if not unlocked:
        message = "Every line is locked. Unlock at least one line first."
        raise TargetError(message, tuple(symbols))
    return unlocked


def _equal_parts(amount: Decimal, count: int) -> list[Decimal]:
    steps = int(amount / SHOWN_PERCENT)
    each, odd = divmod(steps, count)
    parts = [(each + (i < odd)) * SHOWN_PERCENT for i in range(count)]
    parts[0] += amount - steps * SHOWN_PERCENT
    return parts


# ── What the desk shows ─────────────────────────────────────────────────────────────────────────────────────────────


def desk_lines(
    portfolio: Portfolio,
    draft: Draft,
    quotes: Mapping[str, Quote],
    plan: TradePlan | None = None,
    rates: Rates = NO_RATES,
) -> tuple[DeskLine, ...]:
    """The lines of the desk in `desk_symbols` order; without a plan, nothing is said about after and trade.

    A currency is a line of its own once it has a target or a lock; before, its money is in the cash.
    """
    wanted = named_in(draft)
    told = in_base_currency(portfolio, quotes, rates, wanted)
    valuation = value_portfolio(portfolio, quotes, rates, wanted)
    held = {p.symbol: p for p in told.portfolio.positions}

    def line(symbol: str) -> DeskLine:
        position, percent, quote = held.get(symbol), draft.percents.get(symbol), quotes.get(symbol)
        return DeskLine(
            symbol=symbol,
            name=position.name if position else "",
            quantity=position.quantity if position else Decimal(0),
            quote=quote,
            value=valuation.values.get(symbol) if position else Decimal(0),
            current=_current_weight(symbol, position, valuation, plan),
            target=_as_weight(percent),
            after=plan.after.weights.get(symbol) if plan else None,
            trade=plan.shares.get(symbol, Decimal(0)) if plan else Decimal(0),
            locked=symbol in draft.locked,
            rate=told.rates.get(quote.currency if quote else symbol),
        )

    return tuple(map(line, desk_symbols(portfolio, draft)))


def named_in(draft: Draft) -> tuple[str, ...]:
    """The symbols with a target or a lock: a currency among them is a line of its own."""
    return tuple(dict.fromkeys((*draft.percents, *sorted(draft.locked))))


def with_targets_of(lines: Iterable[DeskLine], base: Draft) -> tuple[DeskLine, ...]:
    """The lines with the targets and locks of another draft: what a grid began with that keeps its own edits."""
    return tuple(
        replace(line, target=_as_weight(base.percents.get(line.symbol)), locked=line.symbol in base.locked)
        for line in lines
    )


def _as_weight(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent.scaleb(-2)


def cash_row(valuation: Valuation, draft: Draft, plan: TradePlan | None = None) -> WeightRow:
    """The cash line: its target is what is missing to 100 %; none when the targets come to more."""
    current = _cash_weight(plan.before) if plan else valuation.cash_weight
    target = _as_weight(draft.cash) if draft.cash >= 0 else None
    return WeightRow("Cash", "", current, target, _cash_weight(plan.after) if plan else None)


def _cash_weight(snapshot: Snapshot) -> Decimal | None:
    invested = snapshot.total - snapshot.reserve
    return (snapshot.cash - snapshot.reserve) / invested if invested else None


def _current_weight(
    symbol: str, position: Position | None, valuation: Valuation, plan: TradePlan | None
) -> Decimal | None:
    """As the plan sees it, money put in or taken out included; a holding that the plan leaves out has no weight."""
    if position is None:
        return Decimal(0)
    return plan.before.weights.get(symbol) if plan else valuation.weight(symbol)


def weight_rows(lines: Iterable[DeskLine], cash: WeightRow) -> tuple[WeightRow, ...]:
    """The desk's weights for a chart, in the order of the table, cash last."""
    return (*(WeightRow(li.symbol, li.name, li.current, li.target, li.after) for li in lines), cash)


def without_target(lines: Iterable[DeskLine]) -> tuple[str, ...]:
    """Holdings nobody has set a target for; what becomes of them is a rule, not an accident."""
    return tuple(line.symbol for line in lines if line.quantity and line.target is None)
