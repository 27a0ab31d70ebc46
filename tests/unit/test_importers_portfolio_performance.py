"""Portfolio Performance's transactions, in German and in English."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError
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


# ── The file itself, as XML ─────────────────────────────────────────────────────────────────────────────────────────

XML = (GOLDEN / "portfolioperformance.xml").read_text()


def test_a_securities_account_has_its_units_its_lots_and_the_money_of_the_deposit_account():
    depot = read_text(XML).portfolios[0]

    world, shipping = depot.positions
    # 909.90 € with its fee for 10.5 shares, of which 2.5 went to another securities account
    assert (world.symbol, world.quantity) == ("EUNL.DE", Decimal(8))
    assert world.lots == (TaxLot(Decimal(8), Decimal("86.65714286"), date(2025, 1, 3)),)
    assert (shipping.symbol, shipping.quantity, shipping.lots) == ("LNTN.L", Decimal(100), ())
    assert [(p.quote.price, p.quote.currency) for p in depot.positions if p.quote] == [
        (Decimal("102.25"), "EUR"),
        (Decimal("8.405"), "GBP"),
    ]


def test_a_deposit_account_that_serves_two_securities_accounts_is_an_account_of_its_own():
    file = read_text(XML)

    assert [(p.account.name, p.account.currency, p.cash) for p in file.portfolios] == [
        ("Depot", "EUR", 0),
        ("Kinderdepot", "EUR", 0),
        ("Giro", "EUR", Decimal("4102.44")),
    ]


def test_units_that_are_transferred_keep_the_day_and_the_cost_of_their_purchase():
    child = read_text(XML).portfolios[1]

    assert child.positions[0].lots == (TaxLot(Decimal("2.5"), Decimal("86.65714286"), date(2025, 1, 3)),)


def test_an_older_file_counts_its_shares_in_millionths():
    older = (
        XML.replace("<version>69<", "<version>48<")
        .replace("1050000000<", "10500000<")
        .replace("250000000<", "2500000<")
    )

    assert read_text(older).portfolios[0].quantities["EUNL.DE"] == Decimal(8)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (('account-transaction[2]/crossEntry/portfolio"', 'account-transaction[9]"'), "leads nowhere"),
        (("<type>DIVIDENDS</type>", "<type>GIFT</type>"), "GIFT"),
        (("2025-09-01", "2025-02-30"), "2025-02-30"),
        (("</client>", ""), "no well-formed XML"),
    ],
)
def test_a_file_that_is_damaged_is_refused_or_its_transaction_listed(damage: tuple[str, str], said: str):
    try:
        told = " ".join(problem.reason for problem in read_text(XML.replace(*damage)).problems)
    except ImportFileError as error:
        told = str(error)

    assert said in told
