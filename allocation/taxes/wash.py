"""Wash sales: losses that do not count because the same security was bought within the window around the sale.

IRC §1091 and IRS Publication 550, "Wash Sales": 30 days before to 30 days after, both included. A purchase in any account
of the owner counts, retirement accounts too (Rev. Rul. 2008-5). Substantially identical means here: the same symbol.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from allocation.model import Portfolio, TaxTreatment
from allocation.rules import LotMethod, Taxes
from allocation.taxes.lots import LotSlice, is_recent

ZERO = Fraction(0)


def applies(taxes: Taxes) -> bool:
    """Whether wash sales are looked for; share pools have their own rule for shares bought back (TCGA 1992 s106A)."""
    return taxes.as_of is not None and taxes.lot_method != LotMethod.SHARE_POOL


def recently_bought(portfolios: Iterable[Portfolio], taxes: Taxes) -> dict[str, Fraction]:
    """Units held over all accounts, by symbol, that were bought within the window; symbols without any are left out."""
    found: dict[str, Fraction] = {}
    if not applies(taxes):
        return found
    for portfolio in portfolios:
        for position in portfolio.positions:
            for lot in position.lots:
                if is_recent(lot.acquired, taxes):
                    found[position.symbol] = found.get(position.symbol, ZERO) + Fraction(lot.quantity)
    return found


def bought_units(trades: Mapping[tuple[str, str], Decimal], taxes: Taxes) -> dict[str, Fraction]:
    """Units that a plan buys over all accounts, by symbol."""
    found: dict[str, Fraction] = {}
    if not applies(taxes):
        return found
    for (_, symbol), quantity in trades.items():
        if quantity > 0:
            found[symbol] = found.get(symbol, ZERO) + Fraction(quantity)
    return found


def sold_at_a_loss_lately(portfolios: Iterable[Portfolio], taxes: Taxes) -> frozenset[str]:
    """Securities that a taxable account sold at a loss within the wash-sale window: buying them would wash that loss."""
    if not applies(taxes) or taxes.as_of is None:
        return frozenset()
    day = taxes.as_of
    return frozenset(
        sale.symbol
        for portfolio in portfolios
        if portfolio.account.tax_treatment == TaxTreatment.TAXABLE
        for sale in portfolio.recent_sales
        if abs((sale.sold - day).days) <= taxes.wash_sale_days
    )


def disallowed_units(losses: Sequence[Fraction], replaced: Fraction) -> list[Fraction]:
    """How many units of each loss do not count: share for share, in the order given, until what was bought is used up."""
    found = []
    for units in losses:
        washed = min(units, max(ZERO, replaced))
        replaced -= washed
        found.append(washed)
    return found


def washing_order(lot: LotSlice, account: str) -> tuple[date, str, Decimal, int]:
    """Which losses of one day are matched first: the oldest lot (Treas. Reg. §1.1091-1(b)); then account, dearest, place."""
    return lot.acquired or date.min, account, -lot.unit_cost, lot.place
