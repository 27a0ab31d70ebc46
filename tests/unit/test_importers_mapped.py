"""Tables that no reader knows: what their columns probably mean, and what they say once the user has chosen."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import look_at, read_accounts, read_mapped
from allocation.errors import AllocationError, ImportFileError, MappingError, UnknownColumnsError
from allocation.mapping import ColumnMapping, DayOrder, Field
from allocation.model import TaxLot

GERMAN = (Path(__file__).parent.parent / "golden" / "imports" / "unknown" / "german_depot.csv").read_bytes()
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
PLAIN = {Field.SYMBOL: 0, Field.QUANTITY: 1, Field.UNIT_COST: 2, Field.ACQUIRED: 3}


def guessed(text: str) -> dict[str, str]:
    table = look_at(text.encode())
    return {field.value: table.names[place] for field, place in table.places.items()}


def test_a_table_of_unknown_columns_is_told_from_one_that_is_none():
    with pytest.raises(UnknownColumnsError):
        read_accounts(GERMAN, "depot.csv", NOW)


def test_columns_are_guessed_by_their_names_in_another_language_below_a_title():
    table = look_at(GERMAN)

    assert table.line == 3
    assert {field.value: table.names[place] for field, place in table.places.items()} == {
        "symbol": "ISIN",
        "quantity": "Stück",
        "unit_cost": "Kaufkurs",
        "price": "Kurs",
        "value": "Wert",
        "acquired": "Kaufdatum",
        "currency": "Währung",
        "name": "Bezeichnung",
    }
    assert (table.decimal_comma, table.days) == (True, DayOrder.DAY_FIRST)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Ticker,Shares,Avg Cost\nVTI,1,200\n", {"symbol": "Ticker", "quantity": "Shares", "unit_cost": "Avg Cost"}),
        (
            "A,Units,When\nVTI,3,2026-01-05\nBRK.B,1,2026-01-06\n",
            {"symbol": "A", "quantity": "Units", "acquired": "When"},
        ),
        ("Ticker,Position,X\nVTI,3,USD\nBND,1,EUR\n", {"symbol": "Ticker", "quantity": "Position", "currency": "X"}),
    ],
)
def test_columns_are_guessed_by_what_stands_in_them_where_names_do_not_tell(text: str, places: Mapping[str, str]):
    assert guessed(text) == places


def test_the_chosen_columns_give_lots_money_and_every_currency():
    table = look_at(GERMAN)

    file = read_mapped(GERMAN, ColumnMapping(table.places, True, DayOrder.DAY_FIRST), NOW)

    (portfolio,) = file.portfolios
    assert (portfolio.account.currency, portfolio.cash) == ("EUR", Decimal("1234.56"))
    assert portfolio.quantities == {"IE00B4L5Y983": Decimal("14.5"), "GB00BH4HKS39": Decimal(1000)}
    assert portfolio.positions[0].lots == (
        TaxLot(Decimal("12.5"), Decimal("80.1"), date(2025, 2, 3)),
        TaxLot(Decimal(2), Decimal(90), date(2024, 11, 12)),
    )
    quotes = [(p.quote.price, p.quote.currency) for p in portfolio.positions if p.quote]
    assert quotes == [(Decimal("102.25"), "EUR"), (Decimal("8.405"), "GBP")]
    assert "1 line of text alone left out." in file.notes
    assert not file.problems


def test_a_number_that_could_be_two_is_nobodys_guess():
    ambiguous = "Ticker,Shares\nVTI,1.234\nBND,2.345\n"

    assert look_at(ambiguous.encode()).decimal_comma is None
    read = {
        comma: read_mapped(ambiguous.encode(), ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 1}, comma), NOW)
        for comma in (False, True)
    }
    assert {comma: file.portfolios[0].quantities["VTI"] for comma, file in read.items()} == {
        False: Decimal("1.234"),
        True: Decimal(1234),
    }


@pytest.mark.parametrize(
    ("days", "order", "day"),
    [
        ("03/04/2026", DayOrder.DAY_FIRST, date(2026, 4, 3)),
        ("03/04/2026", DayOrder.MONTH_FIRST, date(2026, 3, 4)),
        ("2026-04-03", DayOrder.MONTH_FIRST, date(2026, 4, 3)),
        ("3.4.2026", DayOrder.DAY_FIRST, date(2026, 4, 3)),
        ("20260403", DayOrder.ISO, date(2026, 4, 3)),
    ],
)
def test_days_are_read_as_the_user_says_they_are_written(days: str, order: DayOrder, day: date):
    text = f"Ticker,Shares,Cost,Bought\nVTI,1,200,{days}\n"

    portfolio = read_mapped(text.encode(), ColumnMapping(PLAIN, False, order), NOW).portfolios[0]

    assert portfolio.positions[0].lots[0].acquired == day


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("BND,1,70,31/02/2026", "UPLOAD_DATE"),
        ("BND,1,70,03/04/26", "UPLOAD_DATE"),
        ("BND,one,70,2026-01-02", "UPLOAD_NUMBER"),
        ('BND,"1,23",70,2026-01-02', "UPLOAD_NUMBER"),
    ],
)
def test_a_line_that_cannot_be_read_is_listed_with_its_code_and_the_rest_goes_on(row: str, code: str):
    text = f"Ticker,Shares,Cost,Bought\nVTI,1,200,2026-01-02\n{row}\n"

    file = read_mapped(text.encode(), ColumnMapping(PLAIN, False, DayOrder.DAY_FIRST), NOW)

    assert [(problem.line_number, problem.code) for problem in file.problems] == [(3, code)]
    assert file.portfolios[0].quantities == {"VTI": Decimal(1)}


def test_the_total_of_the_table_is_compared():
    text = "Ticker,Shares,Price,Value\nVTI,2,250,500.00\nBND,1,70,70.00\nTotal,,,571.00\n"
    places = {Field.SYMBOL: 0, Field.QUANTITY: 1, Field.PRICE: 2, Field.VALUE: 3}

    file = read_mapped(text.encode(), ColumnMapping(places), NOW)

    assert file.reconciliations[0].difference == -1


def test_a_column_that_the_table_does_not_have_is_refused():
    with pytest.raises(MappingError, match="does not have"):
        read_mapped(b"Ticker,Shares\nVTI,1\n", ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 9}), NOW)


@pytest.mark.parametrize(
    "text", ["", "a", "a,b", "a,b\n1,2\n", "key: value\nother: 3\n", "\x00", ";;;\n1;2\n", "a,a\nVTI,1\n"]
)
def test_whatever_the_file_is_it_is_read_or_refused_in_a_sentence(text: str):
    told = ""
    try:
        told = read_mapped(text.encode(), ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 1}), NOW).format
    except AllocationError as refusal:
        told = str(refusal)

    assert told


@pytest.mark.parametrize(
    "deeds", [("Achat", "Vente"), ("Buy", "Sell"), ("Kauf 10 Stück", "Verkauf"), ("Bought", "Dividend")]
)
def test_a_table_of_purchases_and_sales_is_never_taken_for_holdings(deeds: tuple[str, str]):
    text = f"Quand;Libelle;Quantite;Quoi\n2026-01-02;VTI;2;{deeds[0]}\n2026-01-03;VTI;1;{deeds[1]}\n".encode()

    with pytest.raises(ImportFileError, match="list of transactions") as refusal:
        look_at(text)

    assert refusal.value.code == "UPLOAD_TYPE"
    with pytest.raises(ImportFileError, match="list of transactions"):
        read_mapped(text, ColumnMapping({Field.SYMBOL: 1, Field.QUANTITY: 2}), NOW)
