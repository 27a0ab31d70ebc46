"""What keeps facts from being planned at all: a refusal for each, naming everything that is missing or impossible."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

from allocation.errors import (
    BadPriceError,
    EmptyPortfolioError,
    MissingPriceError,
    TargetError,
    WithdrawalError,
    listed,
)
from allocation.model import check_price
from allocation.money import to_decimal
from allocation.planning.exact import money_text
from allocation.targets import ClassTarget, TargetAllocation

# Beyond this many lines an answer would take minutes.
MOST_LINES = 5_000


def checked_prices(symbols: Iterable[str], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The price of each symbol; every missing one and every bad one is named."""
    wanted = tuple(symbols)
    missing = [s for s in wanted if prices.get(s) is None]
    if missing:
        raise MissingPriceError(missing)
    bad: list[BadPriceError] = []
    read = {s: to_decimal(prices[s], f"The price of {s}") for s in wanted}
    for symbol, price in read.items():
        try:
            check_price(symbol, price)
        except BadPriceError as error:
            bad.append(error)
    if bad:
        raise BadPriceError(" ".join(e.message for e in bad), [name for e in bad for name in e.culprits])
    return read


def refuse_spelling_twice(held: Iterable[str], target: TargetAllocation | ClassTarget) -> None:
    """A holding in one spelling and its target in another would be sold and bought again."""
    named = target.exposures if isinstance(target, ClassTarget) else target.weights
    folded = {s.upper(): s for s in named}
    pairs = [(s, folded[s.upper()]) for s in sorted(held) if folded.get(s.upper(), s) != s]
    if pairs:
        spelled = listed(f"{held} (held) and {wanted} (target)" for held, wanted in pairs)
        raise TargetError(
            f"{spelled} differ only in capitals. Spell a symbol the same way in both.", [h for h, _ in pairs]
        )


def refuse_no_target(target: TargetAllocation | ClassTarget) -> None:
    """An empty target says nothing about what to do."""
    if isinstance(target, ClassTarget):
        if not target.classes:
            raise TargetError("The target has no classes. Give at least one class a weight.", ("target",))
    elif not target.weights:
        raise TargetError(
            "The target is empty. Give at least one security a weight; to sell everything, give each holding the weight 0.",
            ("target",),
        )


def refuse_too_many(lines: Collection[object]) -> None:
    """More lines than can be answered in good time."""
    if len(lines) > MOST_LINES:
        raise TargetError(
            f"The account and its target come to {len(lines):,} lines; at most {MOST_LINES:,} are planned together.",
            ("target",),
        )


def refuse_nothing_to_divide(total: int, reserve: int, flow: int, grains: int) -> None:
    """Accounts that are empty, or that a withdrawal or the reserve takes whole; amounts in grains."""
    if total > reserve:
        return
    worth = total - flow

    def text(amount: int) -> str:
        return money_text(Fraction(amount, grains))

    if flow < 0 < worth and total <= 0:
        raise WithdrawalError(
            f"The withdrawal of {text(-flow)} leaves nothing of the account, which is worth {text(worth)}. "
            "Withdraw less, or sell everything and close the account at the broker.",
            ("cash_flow",),
        )
    if reserve > 0 and total > 0:
        raise EmptyPortfolioError(
            f"The cash reserve of {text(reserve)} is all of the account, which is worth {text(total)} "
            "after the cash flow. Lower the reserve.",
            ("cash_reserve",),
        )
    raise EmptyPortfolioError(
        f"There is nothing to divide: the account comes to {text(total)}. Add positions or cash.",
        ("account",),
    )
