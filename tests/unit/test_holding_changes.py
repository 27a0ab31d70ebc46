"""What an import changes: new, gone, more, less, and the money; and when too much would vanish."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from allocation.errors import HoldingsVanishedError, UploadSameError
from allocation.holding_changes import Change, compare, refuse_vanished
from allocation.imported import refuse_same
from allocation.model import Account, Portfolio, Position

ACCOUNT = Account("main", "Main")


def portfolio(cash: str = "0", balances: dict[str, Decimal] | None = None, **quantities: str) -> Portfolio:
    positions = tuple(
        Position(symbol, Decimal(quantity), name=symbol.lower()) for symbol, quantity in quantities.items()
    )
    return Portfolio(ACCOUNT, positions, Decimal(cash), balances=balances or {})


def test_each_symbol_that_is_gone_new_more_or_less_is_named_with_both_quantities():
    changes = compare(
        portfolio(VTI="3", BND="5", VXUS="7", CASHY="1"), portfolio(VTI="3", BND="4.5", VNQ="2", VXUS="7")
    )

    assert changes.positions == (
        Change("CASHY", "cashy", Decimal(1), None),
        Change("VNQ", "vnq", None, Decimal(2)),
        Change("BND", "bnd", Decimal(5), Decimal("4.5")),
    )
    assert [change.by for change in changes.positions] == [-1, 2, Decimal("-0.5")]
    assert (changes.gone, changes.same) == (("CASHY",), 2)


def test_cash_is_compared_in_every_currency():
    changes = compare(portfolio("5", {"EUR": Decimal(2)}), portfolio("7.5", {"GBP": Decimal(1)}))

    assert changes.cash == (
        Change("USD", "", Decimal(5), Decimal("7.5")),
        Change("EUR", "", Decimal(2), None),
        Change("GBP", "", None, Decimal(1)),
    )


def test_nothing_changes_where_both_say_the_same():
    changes = compare(portfolio("5", VTI="3.0"), portfolio("5.00", VTI="3"))

    assert (changes.positions, changes.cash, changes.same) == ((), (), 1)


@pytest.mark.parametrize(
    ("before", "after", "vanishes"),
    [
        ({"VTI": "3"}, {}, True),
        ({"VTI": "3", "BND": "1"}, {"VTI": "3"}, False),
        ({"VTI": "3", "BND": "1", "VNQ": "1"}, {"VTI": "3"}, True),
        ({"VTI": "3", "BND": "1", "VNQ": "1"}, {"VTI": "1", "BND": "2"}, False),
        ({}, {}, False),
        ({}, {"VTI": "3"}, False),
    ],
)
def test_more_than_half_of_the_holdings_gone_is_to_be_confirmed(
    before: dict[str, str], after: dict[str, str], vanishes: bool
):
    changes = compare(portfolio(**before), portfolio(**after))

    assert changes.is_vanishing is vanishes


def test_the_refusal_names_the_account_and_every_symbol_that_would_be_gone():
    with pytest.raises(HoldingsVanishedError, match="Main would lose 2 of its holdings: VTI, BND") as refusal:
        refuse_vanished("Main", compare(portfolio(VTI="3", BND="1"), portfolio(VNQ="1")))

    assert (refusal.value.code, refusal.value.culprits) == ("HOLDINGS_VANISHED", ("VTI", "BND"))


def test_a_file_saved_before_is_refused_only_where_nothing_differs():
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    saved, renamed = portfolio("5", VTI="3"), replace(portfolio("5", VTI="3"), account=Account("main", "Other"))

    with pytest.raises(UploadSameError, match="2026-11-20 at 12:00 UTC") as refusal:
        refuse_same(noon, [saved], [saved])

    assert refusal.value.code == "UPLOAD_SAME"
    refuse_same(None, [saved], [saved])
    refuse_same(noon, [saved], [])
    refuse_same(noon, [renamed], [saved])
    refuse_same(noon, [portfolio("6", VTI="3")], [saved])
