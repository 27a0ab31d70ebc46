"""E*TRADE's portfolio download: its account summary, its expanded tax lots, and a total that stands one column early."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError
from allocation.model import TaxLot, TaxTreatment

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
HEADER = "Symbol,Last Price $,Change $,Change %,Quantity,Price Paid $,Day's Gain $,Total Gain $,Total Gain %,Value $\n"
LOT_HEADER = "Symbol,Qty #,Value $,Total Cost\n"


def read(name: str) -> ImportedFile:
    return read_accounts((GOLDEN / name).read_bytes(), "x.csv", NOW)


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "x.csv", NOW)


def test_positions_cash_and_the_total_one_column_early_agree_to_the_cent():
    file = read("etrade_all_positions.csv")

    portfolio, sums = file.portfolios[0], file.reconciliations[0]
    assert portfolio.quantities == {"BRK.B": Decimal(5), "VMFXX": Decimal(5000), "VTI": Decimal("156.1505")}
    assert portfolio.cash == Decimal("3120.55")
    assert (sums.file_total, sums.difference) == (Decimal("70152.29"), 0)
    assert file.is_complete


def test_the_account_is_named_by_the_summary_and_dated_by_the_last_line():
    portfolio = read("etrade_all_positions.csv").portfolios[0]

    assert (portfolio.account.name, portfolio.account.number) == ("Individual Brokerage", "4417")
    assert portfolio.as_of == datetime(2026, 11, 20, 16, 10, tzinfo=ZoneInfo("America/New_York"))
    assert read("etrade_lots.csv").portfolios[0].account.tax_treatment == TaxTreatment.TAX_FREE


def test_options_deposits_and_shorts_are_set_aside_with_their_value():
    aside = read("etrade_all_positions.csv").portfolios[0].set_aside

    assert [(item.description[:3], item.value) for item in aside] == [
        ("EXA", Decimal(19960)),
        ("QQQ", Decimal(1416)),
        ("TSL", Decimal(-800)),
    ]
    assert [item.reason.split()[1].rstrip(":") for item in aside] == ["bond", "option", "short"]


def test_expanded_positions_have_their_lots_with_the_day_each_was_bought():
    vti = read("etrade_lots.csv").portfolios[0].positions[0]

    assert vti.lots == (
        TaxLot(Decimal(60), Decimal(200), date(2024, 3, 15)),
        TaxLot(Decimal(30), Decimal(230), date(2026, 2, 2)),
        TaxLot(Decimal(10), Decimal(240), None),
    )
    assert vti.quantity == Decimal(100)


def test_lots_are_not_counted_as_holdings_and_the_sums_agree():
    file = read("etrade_lots.csv")

    assert file.portfolios[0].quantities == {"VTI": Decimal(100), "BND": Decimal(50), "SCHD": Decimal(50)}
    assert file.reconciliations[0].difference == 0


def test_lots_that_do_not_come_to_the_position_are_named_and_left_out():
    file = read("etrade_lots.csv")

    assert file.portfolios[0].positions[1].lots == ()
    assert any("come to 20 units, the position to 50" in note for note in file.reconciliations[0].notes)


def test_a_lot_without_its_cost_leaves_the_position_as_one_lot_of_average_cost():
    position = read_text(
        LOT_HEADER + "VTI,10,2501,2000\n01/15/2025,4,1000.4,--\n02/15/2025,6,1500.6,1200\n"
    ).portfolios[0]

    assert position.positions[0].lots == (TaxLot(Decimal(10), Decimal(200)),)


def test_lots_may_stand_one_cell_to_the_right():
    position = read_text(LOT_HEADER + "VTI,10,2501,2000\n,01/15/2025,10,2501,2000\n").portfolios[0].positions[0]

    assert position.lots == (TaxLot(Decimal(10), Decimal(200), date(2025, 1, 15)),)


def test_a_lot_above_every_position_is_listed():
    file = read_text(LOT_HEADER + "01/15/2025,4,1000,900\nVTI,10,2501,2000\n")

    assert [(problem.line_number, problem.reason) for problem in file.problems] == [
        (2, "A tax lot without a position above it.")
    ]


def test_a_position_that_is_no_number_is_listed_with_its_lots_left_out():
    file = read_text(LOT_HEADER + "VTI,ten,2501,2000\n01/15/2025,10,2501,2000\nBND,1,72,70\n")

    assert [problem.line_number for problem in file.problems] == [2]
    assert file.portfolios[0].quantities == {"BND": Decimal(1)}


def test_cash_may_have_a_quantity_at_one_dollar_and_the_total_its_own_column():
    file = read_text(
        "Account Summary\nAccount,Total Assets\nJoint,600.00\n\n"
        + HEADER
        + "VTI,250.00,0,0,2,200,0,0,0,500.0000\nCASH,1.00,0,0,100.0000,1.0000,0,0,0,100.00\nTOTAL,,,,,,0,0,0,600.00\n"
    )

    assert (file.portfolios[0].cash, file.reconciliations[0].difference) == (Decimal(100), 0)


def test_a_missing_position_shows_as_a_difference_to_the_account_summary():
    file = read_text(
        "Account Summary\nAccount,Net Account Value\nJoint -1234,600.00\n\n" + HEADER + "VTI,250,0,0,2,200,0,0,0,500\n"
    )

    assert file.reconciliations[0].difference == Decimal(-100)


def test_a_view_without_quantities_is_refused_by_the_column_it_lacks():
    with pytest.raises(ImportFileError, match="no Quantity column") as refusal:
        read_text("Symbol,Last Price $,Value $\nVTI,250,500\n")

    assert "All Positions" in str(refusal.value)
