"""Ghostfolio's activities: purchases become lots, sales use up the oldest, balances are the cash."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
HEADER = "Date,Code,DataSource,Currency,Price,Quantity,Action,Fee,Note\n"


def read(name: str) -> ImportedFile:
    return read_accounts((GOLDEN / name).read_bytes(), "x", NOW)


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "x", NOW)


def test_a_sale_uses_up_the_oldest_lot_and_fees_belong_to_the_cost():
    dollars = read("ghostfolio_export.json").portfolios[0]

    # (10 × 230.50 + 5) ÷ 10 = 231 a unit, of which 6 are left
    assert dollars.positions[0].lots == (
        TaxLot(Decimal(6), Decimal(231), date(2021, 9, 16)),
        TaxLot(Decimal(5), Decimal(220), date(2022, 3, 1)),
    )
    assert dollars.positions[0].name == "Vanguard Total Stock Market ETF"
    assert dollars.cash == Decimal("2000.25")


def test_units_bought_in_another_currency_are_held_without_lots_and_it_is_said():
    file = read("ghostfolio_export.json")

    (account, _) = file.portfolios
    assert (account.account.name, account.account.currency) == ("Trading account", "USD")
    assert account.quantities == {"VTI": Decimal(11), "JSE.JO": Decimal(50)}
    assert account.positions[1].lots == ()
    assert any("JSE.JO: bought in ZAR for an account in USD" in note for note in file.reconciliations[0].notes)


def test_property_is_set_aside_and_the_future_left_out():
    file = read("ghostfolio_export.json")

    assert [item.description for item in file.portfolios[1].set_aside] == ["Garden House"]
    assert any("1 activities in the future" in note for note in file.notes)


def test_the_csv_reads_the_day_first():
    (account,) = read("ghostfolio_activities.csv").portfolios

    assert account.positions[0].lots == (TaxLot(Decimal(3), Decimal(220), date(2022, 3, 1)),)


def test_pence_are_pounds():
    file = read_text(HEADER + "02-02-2024,VUSA.L,YAHOO,GBp,2450,20,buy,600,\n")

    # (20 × 2450p + 600p) ÷ 20
    assert file.portfolios[0].account.currency == "GBP"
    assert file.portfolios[0].positions[0].lots == (TaxLot(Decimal(20), Decimal("24.80"), date(2024, 2, 2)),)


def test_what_was_sold_before_it_was_bought_is_set_aside_with_what_to_do():
    file = read_text(HEADER + "2024-01-02,VTI,YAHOO,USD,250,3,sell,0,\n2024-01-03,BND,YAHOO,USD,72,3,buy,0,\n")

    assert "from the first day on" in file.portfolios[0].set_aside[0].reason
    assert file.portfolios[0].quantities == {"BND": Decimal(3)}


def test_a_purchase_and_a_sale_on_one_day_may_stand_in_either_order():
    file = read_text(HEADER + "2024-01-02,VTI,YAHOO,USD,250,3,sell,0,\n2024-01-02,VTI,YAHOO,USD,250,5,buy,0,\n")

    assert file.portfolios[0].quantities == {"VTI": Decimal(2)}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("31/02/2026,VTI,YAHOO,USD,250,3,buy,0,", "date"),
        ("2026-01-02,VTI,YAHOO,USD,250,3,swap,0,", "action"),
        ("2026-01-02,VTI,YAHOO,DOLLAR,250,3,buy,0,", "currency"),
        ("2026-01-02,VTI,YAHOO,USD,250,-3,buy,0,", "below zero"),
        ("2026-01-02,VTI,YAHOO,USD,two,3,buy,0,", "price"),
    ],
)
def test_an_activity_that_cannot_be_read_is_listed_with_its_line(row: str, said: str):
    file = read_text(HEADER + "2024-01-03,BND,YAHOO,USD,72,3,buy,0,\n" + row + "\n")

    assert [(problem.line_number, said in problem.reason) for problem in file.problems] == [(3, True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"activities": [', "Line 1: the Ghostfolio export is no readable JSON"),
        ('{"activities": []}', "no positions"),
        ('{"activities": ' + "[" * 100_000, "no readable JSON"),
    ],
)
def test_json_that_cannot_be_read_is_refused_with_a_sentence(text: str, said: str):
    with pytest.raises(ImportFileError, match=said):
        read_text(text)


def test_an_activity_of_json_that_is_no_number_is_named_by_its_place():
    file = read_text(
        '{"accounts": [{"id": "a", "balance": 5, "currency": "USD", "name": "A"}], '
        '"activities": [{"type": "BUY", "symbol": "VTI", "quantity": "x", "unitPrice": 1, "date": "2024-01-02"}]}'
    )

    assert "Activity 1" in file.problems[0].reason
    assert file.portfolios[0].cash == Decimal(5)


def test_activities_without_the_source_of_their_prices_are_known_by_the_code_of_the_symbol():
    text = "Date,Code,Currency,Price,Quantity,Action,Fee\n12/12/2025,VTI,USD,300.50,2,buy,1\n"

    portfolio = read_accounts(text.encode(), "x", NOW).portfolios[0]

    assert portfolio.positions[0].lots == (TaxLot(Decimal(2), Decimal("301"), date(2025, 12, 12)),)
