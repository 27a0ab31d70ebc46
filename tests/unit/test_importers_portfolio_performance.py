"""Portfolio Performance's transactions, in German and in English."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
HEADER = "Datum;Typ;Wert;Buchungswährung;Gebühren;Steuern;Stück;ISIN;Ticker-Symbol;Wertpapiername;Notiz\n"


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "x", NOW)


def golden(name: str) -> ImportedFile:
    return read_accounts((GOLDEN / name).read_bytes(), "x", NOW)


def test_german_transactions_come_to_lots_that_cost_their_fees_too():
    portfolio = golden("portfolioperformance_german.csv").portfolios[0]

    assert {position.symbol: position.lots for position in portfolio.positions} == {
        "EUNL.DE": (TaxLot(Decimal(5), Decimal("100.499"), date(2024, 1, 16)),),
        "AAPL": (TaxLot(Decimal("12.5"), Decimal(169), date(2024, 2, 1)),),
        "DE0007164600": (TaxLot(Decimal(3), Decimal(500), date(2024, 7, 1)),),
    }
    # 5000 − 1004.99 − 2112.50 + 8.50 + 520 − 4.90
    assert (portfolio.cash, portfolio.account.currency) == (Decimal("2406.11"), "EUR")


def test_a_securities_account_in_english_signs_purchases_the_other_way_and_has_no_cash():
    file = golden("portfolioperformance_english.csv")

    position = file.portfolios[0].positions[0]
    assert position.lots == (TaxLot(Decimal(5), Decimal("100.499"), date(2024, 1, 16)),)
    assert file.portfolios[0].cash == 0
    assert any("cash cannot be known" in note for note in file.notes)


def test_german_days_with_points_are_days():
    position = read_text(HEADER + "02.03.2026;Kauf;-1.005,00;EUR;5,00;;10;XS1;TST;Test;\n").portfolios[0].positions[0]

    assert position.lots == (TaxLot(Decimal(10), Decimal("100.5"), date(2026, 3, 2)),)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("31.02.2026;Kauf;-1.005,00;EUR;;;10;XS1;TST;Test;", "date"),
        ("02.03.2026;Tausch;-1.005,00;EUR;;;10;XS1;TST;Test;", "type"),
        ("02.03.2026;Kauf;-1.005,00;EUR;;;;XS1;TST;Test;", "shares"),
        ("02.03.2026;Kauf;-1.005,00;Euro;;;10;XS1;TST;Test;", "currency"),
    ],
)
def test_a_transaction_that_cannot_be_read_is_listed_with_its_line(row: str, said: str):
    file = read_text(HEADER + "02.03.2026;Kauf;-100,50;EUR;;;1;XS2;BND;Test;\n" + row + "\n")

    assert [(problem.line_number, said in problem.reason) for problem in file.problems] == [(3, True)]
