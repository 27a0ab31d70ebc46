"""What an import changes about an account: what is new, gone, more or less, and the money of every currency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from allocation.errors import HoldingsVanishedError
from allocation.model import Portfolio

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Change:
    """One symbol, or the cash of one currency, before and after; None where there was or is none."""

    what: str
    name: str
    before: Decimal | None
    after: Decimal | None

    @property
    def by(self) -> Decimal:
        """How many units or how much money more there is."""
        return (self.after or _NOTHING) - (self.before or _NOTHING)


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between what is saved and what a file says.

    Attributes:
        positions: the symbols whose quantity differs, those that are gone first.
        cash: the currencies whose cash differs.
        same: how many symbols have the quantity they had.
    """

    positions: tuple[Change, ...]
    cash: tuple[Change, ...]
    same: int

    @property
    def gone(self) -> tuple[str, ...]:
        """The symbols that are not held any more."""
        return tuple(change.what for change in self.positions if change.after is None)

    @property
    def is_vanishing(self) -> bool:
        """Whether everything, or more than half of what was held, is gone: rather a wrong file than a change of mind."""
        held_before = self.same + sum(change.before is not None for change in self.positions)
        return len(self.gone) * 2 > held_before


def compare(saved: Portfolio, imported: Portfolio) -> Changes:
    """What an import would change about the account that is saved."""
    before, after = saved.quantities, imported.quantities
    names = {position.symbol: position.name for portfolio in (saved, imported) for position in portfolio.positions}
    changed = [
        Change(symbol, names[symbol], before.get(symbol), after.get(symbol))
        for symbol in dict.fromkeys([*before, *after])
        if before.get(symbol) != after.get(symbol)
    ]
    ordered = sorted(changed, key=lambda change: (change.after is not None, change.before is not None))
    return Changes(tuple(ordered), tuple(_of_cash(_cash(saved), _cash(imported))), _count_same(before, after))


def refuse_vanished(account: str, changes: Changes) -> None:
    """Refuse to let most of an account vanish unseen.

    Raises:
        HoldingsVanishedError: names every symbol that would be gone.
    """
    if changes.is_vanishing:
        raise HoldingsVanishedError(
            f"{account} would lose {len(changes.gone)} of its holdings: {', '.join(changes.gone)}. Look whether the file is "
            "complete and that of this account; if they really are gone, say so below and save again.",
            changes.gone,
        )


def _cash(portfolio: Portfolio) -> dict[str, Decimal]:
    return {portfolio.account.currency: portfolio.cash, **portfolio.balances}


def _of_cash(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> Iterable[Change]:
    for currency in dict.fromkeys([*before, *after]):
        if before.get(currency, _NOTHING) != after.get(currency, _NOTHING):
            yield Change(currency, "", before.get(currency), after.get(currency))


def _count_same(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> int:
    return sum(after.get(symbol) == quantity for symbol, quantity in before.items())
