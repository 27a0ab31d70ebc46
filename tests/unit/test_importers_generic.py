"""The generic CSV: its columns, its lots, its cash, and the two ways of writing a number."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import TEMPLATE, ImportedFile, read_accounts
from allocation.errors import ImportFileError
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def read(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "mine.csv", NOW)


def reasons(file: ImportedFile) -> dict[int, str]:
    return {problem.line_number: problem.reason for problem in file.problems}


def test_the_lines_of_one_symbol_are_its_lots():
    brokerage = read((GOLDEN / "generic_lots.csv").read_text(encoding="utf-8")).portfolios[0]

    assert brokerage.positions[0].lots == (
        TaxLot(Decimal(10), Decimal("221.50"), date(2024, 3, 15)),
        TaxLot(Decimal(5), Decimal("245.00"), date(2026, 2, 2)),
    )
    assert brokerage.quantities == {"VTI": Decimal(15), "BND": Decimal("20.5")}


def test_lots_are_left_out_when_one_line_of_a_symbol_has_no_cost():
    portfolio = read("symbol,quantity,unit cost\nVTI,10,200\nVTI,5,\n").portfolios[0]

    assert portfolio.positions[0].lots == ()
    assert portfolio.quantities == {"VTI": Decimal(15)}


def test_cash_without_a_price_is_money_and_with_a_price_the_bank():
    brokerage, stake = read((GOLDEN / "generic_lots.csv").read_text(encoding="utf-8")).portfolios

    assert (brokerage.cash, brokerage.account.name) == (Decimal(1250), "Brokerage")
    assert (stake.cash, stake.quantities) == (Decimal("12.34"), {"CASH": Decimal(10)})


def test_tickers_typed_in_small_letters_are_the_same_tickers():
    assert read("symbol,quantity\nvti,1\nVTI,2\n").portfolios[0].quantities == {"VTI": Decimal(3)}


def test_a_file_of_two_columns_is_enough():
    portfolio = read("symbol,quantity\nVTI,10\nCASH,5\n").portfolios[0]

    assert (portfolio.quantities, portfolio.cash) == ({"VTI": Decimal(10)}, Decimal(5))
    assert portfolio.positions[0].quote is None


def test_the_template_can_be_imported_as_it_is():
    file = read(TEMPLATE)

    assert file.problems == ()
    assert file.portfolios[0].cash == Decimal(1250)


def test_semicolons_allow_a_decimal_comma_and_the_file_says_how_it_was_read():
    file = read((GOLDEN / "generic_semicolons.csv").read_text(encoding="utf-8"))

    assert file.portfolios[0].quantities == {"IWDA": Decimal("1250.5")}
    assert file.portfolios[0].cash == Decimal("1000.25")
    assert file.portfolios[0].account.currency == "EUR"
    assert file.notes == ("Read with semicolons between the columns and a decimal comma.",)


def test_semicolons_with_a_decimal_point_are_read_as_such():
    file = read("symbol;quantity;price\nVTI;1.5;250.10\n")

    assert file.portfolios[0].quantities == {"VTI": Decimal("1.5")}


@pytest.mark.parametrize("cell", ["1,234", "1.234"])
def test_a_number_that_can_be_read_in_two_ways_is_refused(cell: str):
    with pytest.raises(ImportFileError, match="read in one way only"):
        read(f"symbol;quantity\nVTI;{cell}\n")


def test_a_file_that_writes_numbers_in_both_ways_is_not_guessed_at():
    file = read("symbol;quantity\nVTI;1,5\nBND;2.5\nAGG;3\n")

    assert set(reasons(file)) == {2, 3}
    assert file.portfolios[0].quantities == {"AGG": Decimal(3)}


def test_tabs_separate_columns_too():
    file = read("symbol\tquantity\nVTI\t10\n")

    assert file.portfolios[0].quantities == {"VTI": Decimal(10)}
    assert file.notes == ("Read with tabs between the columns.",)


def test_unknown_missing_and_double_columns_are_all_named():
    with pytest.raises(ImportFileError) as refusal:
        read("symbol,shares,note,symbol\nVTI,1,x,VTI\n")

    assert refusal.value.culprits == ("shares", "note", "symbol", "quantity")
    assert "unit cost, acquired, account, price, currency" in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("VTI,-3", "not be below zero"),
        ("VTI,", "must be a number"),
        ("VTI,nan", "expected a number"),
        ("VTI,1e308", "expected a number"),
        ("VTI,99999999999999999999", "below 1,000,000,000,000,000"),
        ("VTI,12%", "expected a number"),
        ('VTI,"1,23"', "expected a number"),
        ("=HYPERLINK(1),3", "not a usable symbol"),
        ("VТI,3", "not a usable symbol"),
        (",3", "not a usable symbol"),
        ("CASH,-3", "not be below zero"),
    ],
)
def test_a_line_that_cannot_be_read_is_listed_with_its_number_and_the_rest_goes_on(line: str, said: str):
    file = read(f"symbol,quantity\nBND,1\n{line}\n")

    assert said.replace("not be", "not") in reasons(file)[3]
    assert file.portfolios[0].quantities == {"BND": Decimal(1)}


@pytest.mark.parametrize("day", ["31/02/2026", "03/04/26", "2026-02-31", "20260204", "2026-W07-1"])
def test_only_iso_dates_are_dates(day: str):
    file = read(f"symbol,quantity,unit cost,acquired\nBND,1,1,\nVTI,1,1,{day}\n")

    assert "a date written as 2026-11-20" in reasons(file)[3]


def test_a_negative_unit_cost_is_listed():
    assert "unit cost of VTI" in reasons(read("symbol,quantity,unit cost\nBND,1,1\nVTI,1,-5\n"))[3]


def test_an_account_with_two_currencies_has_the_one_of_most_lines_and_the_cash_of_both():
    file = read(
        "symbol,quantity,unit cost,price,currency\nVTI,1,200,250,USD\nSAP,2,180,210,EUR\nBND,1,70,72,USD\n"
        "CASH,5,,,USD\n$CASH,7,,,EUR\n"
    )

    (portfolio,) = file.portfolios
    assert (portfolio.account.currency, portfolio.cash, portfolio.balances) == ("USD", 5, {"EUR": Decimal(7)})
    assert [(p.symbol, p.quote.currency, bool(p.lots)) for p in portfolio.positions if p.quote] == [
        ("VTI", "USD", True),
        ("SAP", "EUR", False),
        ("BND", "USD", True),
    ]
    assert [(t.currency, t.our_total) for t in file.reconciliations[0].elsewhere] == [("EUR", Decimal(427))]


def test_pence_are_no_currency():
    assert "GBP" in str(read("symbol,quantity,currency\nVOD,1,GBP\n").portfolios[0].account.currency)
    assert "not a currency code" in reasons(read("symbol,quantity,currency\nBND,1,USD\nVOD,1,pence\n"))[3]


def test_the_generic_header_is_read_whatever_its_case_and_blanks():
    assert read(" Symbol , QUANTITY ,Unit  Cost\nVTI,1,2\n").portfolios[0].positions[0].lots == (
        TaxLot(Decimal(1), Decimal(2)),
    )


def test_titles_above_the_header_are_left_out_and_counted():
    file = read("My holdings\n\nMade by hand; 20 November\nsymbol;quantity;price\nVTI;1,5;250,10\n")

    assert file.portfolios[0].quantities == {"VTI": Decimal("1.5")}
    assert "The 2 lines above the header were left out." in file.notes


def test_a_list_of_transactions_below_a_title_is_still_refused():
    with pytest.raises(ImportFileError, match="list of transactions"):
        read("My trades\nDate,Action,Symbol,Quantity\n2026-01-02,Buy,VTI,3\n")
