"""Wealthfolio's activities: lots, splits, and the cash that all of them leave."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
HEADER = "date,symbol,quantity,activityType,unitPrice,currency,fee,amount\n"


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "x", NOW)


def test_activities_in_any_order_come_to_lots_and_cash():
    portfolio = read_text((GOLDEN / "wealthfolio_activities.csv").read_text(encoding="utf-8")).portfolios[0]

    lots = {position.symbol: position.lots for position in portfolio.positions}
    assert lots == {
        # (30 × 368.60 + 1.20) ÷ 30, and 10 units at 200 split in two, of which 5 were sold
        "MSFT": (TaxLot(Decimal(30), Decimal("368.64"), date(2023, 12, 15)),),
        "VTI": (TaxLot(Decimal(15), Decimal(100), date(2024, 2, 1)),),
    }
    # 20000.03 + 57.50 − 11059.20 + 650 − 0.50 − 12 − 500
    assert portfolio.cash == Decimal("9135.83")


def test_amounts_with_signs_and_dollars_are_read_by_their_type():
    file = read_text(
        HEADER + "06/27/2025,AAPL,3,SELL,$48.95,USD,,$146.85\n06/20/2025,AAPL,8,BUY,$86.56,USD,,-$692.48\n"
    )

    assert file.portfolios[0].positions[0].lots == (TaxLot(Decimal(5), Decimal("86.56"), date(2025, 6, 20)),)


def test_without_a_deposit_the_cash_is_not_guessed():
    file = read_text(HEADER + "2025-01-02,VTI,2,BUY,250,USD,0,\n")

    assert file.portfolios[0].cash == 0
    assert any("cash cannot be known" in note for note in file.notes)


def test_a_day_that_could_be_two_is_listed():
    file = read_text(HEADER + "03/04/2026,VTI,2,BUY,250,USD,0,\n2026-01-02,BND,2,BUY,72,USD,0,\n")

    assert [(problem.line_number, "03/04/2026" in problem.reason) for problem in file.problems] == [(2, True)]


def test_units_moved_in_without_a_price_have_no_lots():
    position = read_text(HEADER + "2025-01-02,VTI,2,TRANSFER_IN,,USD,0,\n").portfolios[0].positions[0]

    assert (position.quantity, position.lots) == (Decimal(2), ())


def test_an_export_that_names_assets_and_accounts_comes_apart_by_account():
    file = read_text(
        "accountName,assetSymbol,activityType,date,quantity,unitPrice,currency,fee,amount\n"
        "Pension,VTI,BUY,2025-01-02,2,250,USD,0,\nSavings,BND,BUY,2025-01-02,3,72,USD,0,\n"
    )

    assert {p.account.name: p.quantities for p in file.portfolios} == {
        "Pension": {"VTI": Decimal(2)},
        "Savings": {"BND": Decimal(3)},
    }


def test_an_activity_type_that_is_not_known_is_listed():
    file = read_text(HEADER + "2025-01-02,VTI,2,SHORTED,250,USD,0,\n2025-01-02,BND,2,BUY,72,USD,0,\n")

    assert "SHORTED" in file.problems[0].reason


def test_the_columns_of_its_own_sample_are_known_and_a_reinvested_dividend_buys_units():
    text = (
        "date,type,symbol,instrumentType,quantity,unit_price,currency,fee,amount,comment,fxRate,subtype\n"
        "2026-01-02,DEPOSIT,,,,,USD,,1000,,,\n"
        "2026-01-05,BUY,VTI,EQUITY,2,300,USD,1,,,,\n"
        "2026-03-05,DIVIDEND,VTI,EQUITY,0.5,310,USD,,155,,,DRIP\n"
        "2026-06-05,DIVIDEND,VTI,EQUITY,2.5,0.8,USD,,,,,QUALIFIED\n"
    )

    portfolio = read_accounts(text.encode(), "x", NOW).portfolios[0]

    assert portfolio.quantities == {"VTI": Decimal("2.5")}
    assert portfolio.positions[0].lots[1].unit_cost == 310
    assert portfolio.cash == Decimal(1000 - 601 + 2)


def test_of_holdings_on_several_days_the_last_ones_count():
    text = (
        "date,symbol,quantity,price,currency\n2026-03-31,VTI,50,300,USD\n2026-03-31,$CASH,900,,USD\n"
        "2026-06-30,VTI,55,310,USD\n2026-06-30,TD.TO,100,92.15,CAD\n2026-06-30,$CASH,100,,USD\n2026-06-30,$CASH,7,,CAD\n"
    )

    file = read_accounts(text.encode(), "x", NOW)

    (portfolio,) = file.portfolios
    assert portfolio.quantities == {"VTI": Decimal(55), "TD.TO": Decimal(100)}
    assert (portfolio.account.currency, portfolio.cash, portfolio.balances) == ("USD", 100, {"CAD": Decimal(7)})
    assert file.notes == ("2 lines on holdings before 2026-06-30 were left out.",)


EXPORTED = (
    '"id","activityType","subtype","status","date","quantity","unitPrice","amount","fee","currency","comment","symbol",'
    '"accountId","accountName","accountCurrency","assetSymbol","metadata"\n'
    '"a1","DEPOSIT",,"POSTED","2025-01-02T00:00:00.000Z",,,"1000","0","USD","first \\"money\\"","","x","Brokerage","USD","",\n'
    '"a2","BUY",,"POSTED","2025-01-03T00:00:00.000Z","2.5","200","500","1","USD",,"9f6cbf1e","x","Brokerage","USD","VTI",'
    '"{\\"flow\\":{\\"is_external\\":true}}"\n'
    '"a3","BUY",,"DRAFT","2025-01-03T00:00:00.000Z","9","200","1800","1","USD",,"9f6cbf1e","x","Brokerage","USD","VTI",\n'
)


def test_its_export_is_read_with_json_in_its_cells_by_the_ticker_and_without_drafts():
    file = read_accounts(EXPORTED.encode(), "x", NOW)

    (portfolio,) = file.portfolios
    assert (portfolio.account.name, portfolio.cash) == ("Brokerage", Decimal(499))
    assert portfolio.positions[0].lots == (TaxLot(Decimal("2.5"), Decimal("200.4"), date(2025, 1, 3)),)
    assert file.notes == ("1 activities that are not posted were left out.",)


def test_the_same_activities_as_json_are_the_same_account():
    text = (
        '[{"activityType": "DEPOSIT", "date": "2025-01-02", "amount": 1000, "currency": "USD", "fee": null, "unitPrice": null},'
        ' {"activityType": "BUY", "date": "2025-01-03", "quantity": "2.5", "unitPrice": "200", "fee": 1, "currency": "USD",'
        ' "assetSymbol": "VTI"}]'
    )

    portfolio = read_accounts(text.encode(), "x", NOW).portfolios[0]

    assert (portfolio.quantities, portfolio.cash) == ({"VTI": Decimal("2.5")}, Decimal(499))


@pytest.mark.parametrize(
    "text", ['[{"activityType": "BUY"', '[{"activityType": 1}]', '["activityType"]', '[["activityType"]]']
)
def test_json_that_is_cut_short_or_holds_nothing_is_refused_in_a_sentence(text: str):
    with pytest.raises(ImportFileError):
        read_accounts(text.encode(), "x", NOW)
