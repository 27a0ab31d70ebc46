"""What an analyst chooses beside the targets, in the analyst's own words and units, and the rules that come of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from allocation.errors import AllocationError
from allocation.money import plain, to_decimal
from allocation.rules import (
    Band,
    Combine,
    Costs,
    Destination,
    LotMethod,
    Objective,
    OutsideTarget,
    Rules,
    Selling,
    Taxes,
    TradeScope,
)


class Mode(StrEnum):
    """What the analyst came for."""

    REBALANCE = "rebalance"
    OUT_OF_BAND = "out_of_band"
    INVEST = "invest"
    RAISE_CASH = "raise_cash"
    SELL_ONLY = "sell_only"
    FEWEST_TRADES = "fewest_trades"
    TAX_BUDGET = "tax_budget"

    @property
    def label(self) -> str:
        """As it stands in a list."""
        return _LABELS[self][0]

    @property
    def sentence(self) -> str:
        """What it does."""
        return _LABELS[self][1]


_LABELS = {
    Mode.REBALANCE: ("Rebalance fully", "Buys and sells until every line is as near to its target as it can be."),
    Mode.OUT_OF_BAND: (
        "Only what is out of band",
        "Trades only lines that have strayed too far from their targets; the others stay as they are.",
    ),
    Mode.INVEST: ("Invest, buy only", "Buys with the money put in and the cash at hand, and sells nothing."),
    Mode.RAISE_CASH: (
        "Raise cash",
        "Sells only what the withdrawal needs, from the lines that can best spare it; buys nothing.",
    ),
    Mode.SELL_ONLY: ("Sell only", "Sells what is above its target and buys nothing; the proceeds stay in cash."),
    Mode.FEWEST_TRADES: (
        "Fewest trades",
        "Comes as near to the targets as so many trades can bring it.",
    ),
    Mode.TAX_BUDGET: ("Tax budget", "Comes as near to the targets as it can without causing more tax than this."),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything chosen for one plan, targets and locks excepted. Every default is the plain case.

    Attributes:
        cash_flow: money to invest (+) or to withdraw (−), in the account's currency.
        band_absolute: in points of weight (5 for 5 %); None where only the relative band counts.
        band_relative: in percent of the target (25 for a quarter of it); None where only the absolute band counts.
        max_turnover, rate, short_rate, long_rate: in percent.
    """

    mode: Mode = Mode.REBALANCE
    cash_flow: Decimal = Decimal(0)
    increment: Decimal = Decimal(1)
    min_trade: Decimal = Decimal(0)
    reserve: Decimal = Decimal(0)
    outside: OutsideTarget = OutsideTarget.SELL
    objective: Objective = Objective.L2
    band_absolute: Decimal | None = Decimal(5)
    band_relative: Decimal | None = Decimal(25)
    combine: Combine = Combine.NARROWER
    destination: Destination = Destination.TARGET
    max_trades: int = 3
    max_turnover: Decimal | None = None
    per_trade: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)
    short_rate: Decimal = Decimal(0)
    long_rate: Decimal = Decimal(0)
    lot_method: LotMethod = LotMethod.LEAST_TAX
    max_tax: Decimal = Decimal(0)

    def rules(self, symbols: Iterable[str], today: date) -> Rules:
        """The rules of a plan over these lines, locks excepted.

        Raises:
            RulesError: what was chosen is no rule, such as a band without a width.
        """
        banded = self.mode == Mode.OUT_OF_BAND
        return Rules(
            objective=self.objective,
            selling=_SELLING.get(self.mode, Selling.ALLOWED),
            outside_target=self.outside,
            cash_reserve=self.reserve,
            min_trade_value=self.min_trade,
            do_not_buy=frozenset(symbols) if self.mode == Mode.SELL_ONLY else frozenset(),
            increment=self.increment,
            trade=TradeScope.OUT_OF_BAND if banded else TradeScope.EVERYTHING,
            band=self._band() if banded else None,
            destination=self.destination if banded else Destination.TARGET,
            max_trades=self.max_trades if self.mode == Mode.FEWEST_TRADES else None,
            max_turnover=_fraction(self.max_turnover),
            costs=Costs(self.per_trade, _fraction(self.rate) or Decimal(0)),
            taxes=self._taxes(today),
        )

    def _band(self) -> Band:
        return Band(_fraction(self.band_absolute), _fraction(self.band_relative), self.combine)

    def _taxes(self, today: date) -> Taxes:
        return Taxes(
            _fraction(self.short_rate) or Decimal(0),
            _fraction(self.long_rate) or Decimal(0),
            self.lot_method,
            today,
            self.max_tax if self.mode == Mode.TAX_BUDGET else None,
        )


_SELLING = {Mode.INVEST: Selling.NEVER, Mode.RAISE_CASH: Selling.TO_RAISE_CASH}


def _fraction(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent.scaleb(-2)


# ── As they are kept ────────────────────────────────────────────────────────────────────────────────────────────────


def told(choices: Choices) -> dict[str, str | None]:
    """What differs from the plain case, as text by name."""
    differing = {name: getattr(choices, name) for name in _NAMES if getattr(choices, name) != getattr(PLAIN, name)}
    return {name: plain(value) if isinstance(value, Decimal) else _text(value) for name, value in differing.items()}


def read_choices(kept: Mapping[str, Any]) -> Choices:
    """The choices in what was kept; a name or value of another version counts as not chosen."""
    return Choices(**{name: value for name in _NAMES if name in kept for value in _read(name, kept[name])})


PLAIN = Choices()
_NAMES = tuple(field.name for field in fields(Choices))
_MAY_BE_EMPTY = frozenset({"band_absolute", "band_relative", "max_turnover"})


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _read(name: str, text: object) -> tuple[Any, ...]:
    """The value, or nothing where it is none."""
    beginning = getattr(PLAIN, name)
    try:
        if text is None:
            return (None,) if name in _MAY_BE_EMPTY else ()
        if isinstance(beginning, StrEnum):
            return (type(beginning)(str(text)),)
        return (int(str(text)),) if isinstance(beginning, int) else (to_decimal(text, name),)
    except (ValueError, AllocationError):
        return ()
