"""Interactive Brokers' activity statement and Flex query: positions with lots, cash by currency, totals to the cent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.adapters.importers.markup import MOST_ELEMENTS, read_xml
from allocation.errors import ImportFileError
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")
HEADER = (
    "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Mult,Cost Price,Cost Basis,"
    "Close Price,Value,Unrealized P/L,Code\n"
)


def read(name: str) -> ImportedFile:
    return read_accounts((GOLDEN / name).read_bytes(), "x", NOW)


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "x", NOW)


def flex(positions: str, rest: str = "") -> ImportedFile:
    return read_text(
        f'<FlexQueryResponse><FlexStatements><FlexStatement accountId="U1" toDate="20261120">{rest}<OpenPositions>'
        f"{positions}</OpenPositions></FlexStatement></FlexStatements></FlexQueryResponse>"
    )


# ── The activity statement ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_statement_in_one_currency_agrees_with_its_net_asset_value_to_the_cent():
    file = read("interactivebrokers_one_currency.csv")

    # 2402.50 + 36626 + 1905.125 − 800 + 830 + 12.50 = 40976.125; half a cent is rounded up on both sides
    assert (file.reconciliations[0].our_total, file.reconciliations[0].difference) == (Decimal("40976.13"), 0)
    assert file.is_complete
    assert file.portfolios[0].as_of == datetime(2026, 11, 20, 16, 0, tzinfo=EASTERN)


def test_the_space_in_a_share_class_becomes_a_point_and_names_come_from_the_instruments():
    portfolio = read("interactivebrokers_one_currency.csv").portfolios[0]

    assert portfolio.quantities == {"BRK.B": Decimal(5), "VTI": Decimal("146.4454218")}
    assert portfolio.positions[0].name == "BERKSHIRE HATHAWAY INC-CL B"
    assert portfolio.cash == Decimal("1905.125")


def test_lots_carry_the_day_they_were_opened_and_are_not_positions():
    vti = read("interactivebrokers_one_currency.csv").portfolios[0].positions[1]

    assert [lot.acquired for lot in vti.lots] == [date(2024, 3, 15), date(2026, 2, 2)]
    assert vti.lots[0] == TaxLot(Decimal(100), Decimal(200), date(2024, 3, 15))


def test_shorts_options_and_accruals_are_set_aside_with_their_value():
    aside = read("interactivebrokers_one_currency.csv").portfolios[0].set_aside

    assert [(item.reason.split()[0].rstrip(","), item.value) for item in aside] == [
        ("A", Decimal(-800)),
        ("An", Decimal(830)),
        ("Accrued", Decimal("12.5")),
    ]


def test_an_account_holds_each_position_and_its_cash_in_their_own_currency_with_the_total_of_each():
    file = read("interactivebrokers_currencies.csv")

    (portfolio,) = file.portfolios
    assert (portfolio.account.currency, portfolio.cash) == ("EUR", Decimal("1100.25"))
    assert portfolio.balances == {"USD": Decimal("-462.5")}
    assert {p.symbol: p.quote.currency for p in portfolio.positions if p.quote} == {"SAP": "EUR", "VTI": "USD"}
    (reconciliation,) = file.reconciliations
    assert (reconciliation.our_total, reconciliation.file_total) == (Decimal("5310.25"), Decimal("5310.25"))
    assert [(t.currency, t.our_total, t.file_total) for t in reconciliation.elsewhere] == [
        ("USD", Decimal("4539.50"), Decimal("4539.50"))
    ]
    assert file.is_complete


SPANISH = (GOLDEN / "interactivebrokers_spanish.csv").read_text()


def test_a_statement_in_another_language_is_told_by_its_form_down_to_the_net_worth():
    (portfolio,) = read_text(SPANISH).portfolios

    assert (portfolio.account.number, portfolio.account.currency) == ("U7654321", "EUR")
    assert portfolio.quantities == {"ASML": Decimal(1), "EMXC": Decimal(7), "MSFT": Decimal(8)}
    assert (portfolio.cash, portfolio.balances) == (Decimal("84.5"), {"USD": Decimal(40)})
    assert portfolio.as_of == datetime(2026, 9, 14, 16, 0, tzinfo=EASTERN)
    # 1387.80 + 282.63 + 84.50 + (4043.28 + 40) × 0.9, where 0.9 is the statement's own 3638.952 ÷ 4043.28
    whole = read_text(SPANISH).reconciliations[0].whole
    assert whole is not None
    assert (whole.our_total, whole.difference) == (Decimal("5429.88"), 0)


def test_a_net_worth_that_differs_by_more_than_rounded_rates_explain_is_said():
    file = read_text(SPANISH.replace("5429.88", "5430.88"))

    assert not file.is_complete


def test_costs_in_another_currency_are_converted_at_the_files_rate_or_left_out_and_it_is_said():
    with_rate = read_text(SPANISH)
    without = read("interactivebrokers_currencies.csv")

    lots = {p.symbol: p.lots for p in with_rate.portfolios[0].positions}
    assert lots["MSFT"] == (TaxLot(Decimal(8), Decimal("350.85234645")),)  # 389.8359405 × 0.9
    assert any("MSFT: its cost in USD was converted" in note for note in with_rate.reconciliations[0].notes)
    assert {p.symbol: bool(p.lots) for p in without.portfolios[0].positions} == {"SAP": True, "VTI": False}
    assert any("no rate to EUR" in note for note in without.reconciliations[0].notes)


def test_a_position_that_was_taken_out_of_the_file_shows_as_a_difference():
    text = (GOLDEN / "interactivebrokers_one_currency.csv").read_text(encoding="utf-8")
    without = "\n".join(line for line in text.splitlines() if ",BRK B," not in line or "Open" not in line)

    assert read_text(without).reconciliations[0].difference == Decimal("-2402.50")


def test_a_kind_of_security_that_is_not_known_is_set_aside_by_its_name():
    portfolio = read_text(HEADER + "Open Positions,Data,Summary,CFDs,USD,IBUS500,2,1,5000,10000,5100,10200,200,\n")

    assert portfolio.portfolios[0].set_aside[0].reason == "CFDs: kept out of the plan."


def test_a_quantity_that_is_no_number_is_listed_with_its_line():
    file = read_text(
        HEADER
        + "Open Positions,Data,Summary,Stocks,USD,VTI,many,1,1,1,1,1,0,\n"
        + "Open Positions,Data,Summary,Stocks,USD,BND,2,1,70,140,72,144,4,\n"
    )

    assert [(problem.line_number, "many" in problem.reason) for problem in file.problems] == [(2, True)]
    assert file.portfolios[0].quantities == {"BND": Decimal(2)}


def test_a_statement_without_positions_and_cash_says_which_sections_to_add():
    with pytest.raises(ImportFileError, match="Open Positions"):
        read_text("Statement,Header,Field Name,Field Value\nStatement,Data,Title,Trade Confirmations\n")


# ── The Flex query ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_flex_query_is_read_at_its_last_day_with_lots_and_agrees_with_the_net_asset_value():
    file = read("interactivebrokers_flex.xml")

    portfolio = file.portfolios[0]
    assert portfolio.quantities == {"VTI": Decimal(100), "BRK.B": Decimal(10)}
    assert portfolio.positions[0].lots == (
        TaxLot(Decimal(60), Decimal(200), date(2024, 3, 15)),
        TaxLot(Decimal(40), Decimal("232.5"), date(2026, 2, 2)),
    )
    # 25010 + 4884.50 + 4980 of treasury bills + 4.25 of accruals + 222.81
    assert (file.reconciliations[0].our_total, file.reconciliations[0].difference) == (Decimal("35101.56"), 0)
    assert portfolio.as_of == datetime(2026, 11, 20, 16, 0, tzinfo=EASTERN)


def test_the_statement_and_the_flex_query_of_one_account_have_the_same_id():
    entry = '<OpenPosition accountId="U7000001" currency="USD" assetCategory="STK" symbol="VTI" position="1" markPrice="2"/>'

    assert flex(entry).portfolios[0].account.id == read("interactivebrokers_one_currency.csv").portfolios[0].account.id


def test_a_flex_query_with_lots_alone_adds_them_up():
    lot = '<OpenPosition currency="USD" assetCategory="STK" symbol="ARM" levelOfDetail="LOT" position="{}" markPrice="100" costBasisMoney="{}" openDateTime="20240102;093005"/>'

    position = flex(lot.format(3, 150) + lot.format(2, 160)).portfolios[0].positions[0]

    assert position.quantity == Decimal(5)
    assert [lot.unit_cost for lot in position.lots] == [Decimal(50), Decimal(80)]


def test_a_document_type_is_refused_before_anything_it_declares_is_read():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]><FlexQueryResponse>&a;&b;</FlexQueryResponse>'

    with pytest.raises(ImportFileError, match="document type"):
        read_text('<?xml version="1.0"?>' + bomb)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<FlexQueryResponse><FlexStatements>", "Line 1: the Flex query is no well-formed XML"),
        ("<FlexQueryResponse>&unknown;</FlexQueryResponse>", "no well-formed XML"),
        ("<FlexQueryResponse></FlexQueryResponse>", "no Open Positions"),
        ("<FlexQueryResponse>" + "<a>" * 80 + "</a>" * 80 + "</FlexQueryResponse>", "60 levels"),
        ("<?xml version='1.0'?><other/>", "XML document of a kind that is not known"),
        ('{"other": 1}', "JSON document of a kind that is not known"),
    ],
)
def test_documents_that_cannot_be_read_are_refused_with_a_sentence(text: str, said: str):
    with pytest.raises(ImportFileError, match=said):
        read_text(text)


def test_more_elements_than_any_statement_has_are_refused():
    with pytest.raises(ImportFileError, match="200,000 elements"):
        read_xml("<a>" + "<b/>" * MOST_ELEMENTS + "</a>", "statement")


# ── The Flex query as CSV ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_query_with_section_codes_gives_positions_with_lots_and_agrees_with_its_newest_total():
    file = read("interactivebrokers_flex_codes.csv")

    held = file.portfolios[0].positions[0]
    assert (held.symbol, held.quantity, held.quote.price if held.quote else None) == ("BRK.B", 5, Decimal("480.7"))
    assert held.lots == (
        TaxLot(Decimal(2), Decimal(250), date(2020, 1, 2)),
        TaxLot(Decimal(3), Decimal("333.66666667"), date(2021, 3, 4)),
    )
    assert (file.portfolios[0].cash, file.reconciliations[0].file_total) == (Decimal("1000.25"), 3408)
    assert file.is_complete


def test_a_query_without_section_codes_tells_its_sections_by_their_columns():
    file = read("interactivebrokers_flex_plain.csv")

    portfolio = file.portfolios[0]
    assert (portfolio.quantities, portfolio.cash) == ({"VTI": Decimal(10)}, Decimal("12.5"))
    assert [(line.reason, line.value) for line in portfolio.set_aside] == [
        ("An option: it is kept out of the plan.", Decimal(-400))
    ]
    assert file.notes == ("1 lines of sections other than positions, cash and totals were left out.",)


def test_a_query_of_trades_alone_says_which_sections_it_needs():
    with pytest.raises(ImportFileError, match="no Open Positions and no Cash Report"):
        read_text('"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","TradeID"\n"U1","USD","STK","VTI","1"\n')


def test_a_line_of_a_query_that_is_longer_than_its_header_is_refused_by_number():
    with pytest.raises(ImportFileError, match="Line 2 has 4 fields, its header 3"):
        read_text('"ClientAccountID","CurrencyPrimary","EndingCash"\n"U1","USD","1","234"\n')


def test_a_query_of_several_accounts_adds_each_up_in_its_own_base_currency():
    text = (
        '<FlexQueryResponse><FlexStatements><FlexStatement accountId="U1" toDate="20261120">'
        '<AccountInformation currency="EUR"/><EquitySummaryByReportDateInBase reportDate="20261120" total="1112.5" '
        'dividendAccruals="2.5"/><CashReportCurrency currency="BASE_SUMMARY" endingCash="110"/><CashReportCurrency '
        'currency="EUR" endingCash="20"/><CashReportCurrency currency="USD" endingCash="100"/><OpenPosition currency="USD" '
        'fxRateToBase="0.9" assetCategory="STK" symbol="VTI" position="4" markPrice="250" positionValue="1000" '
        'costBasisMoney="800" levelOfDetail="SUMMARY"/><OpenPosition currency="EUR" fxRateToBase="1" assetCategory="STK" '
        'symbol="SAP" position="1" markPrice="100" positionValue="100" costBasisMoney="90" levelOfDetail="SUMMARY"/>'
        '</FlexStatement><FlexStatement accountId="U2" toDate="20261120"><CashReportCurrency currency="USD" endingCash="5"/>'
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )

    file = read_text(text)

    assert [(p.account.number, p.account.currency, p.cash) for p in file.portfolios] == [
        ("U1", "EUR", 20),
        ("U2", "USD", 5),
    ]
    # 100 + 20 + 2.50 + (1000 + 100) × 0.9
    whole = file.reconciliations[0].whole
    assert whole is not None
    assert (whole.our_total, whole.file_total, whole.difference) == (Decimal("1112.50"), Decimal("1112.50"), 0)
    assert file.is_complete


def test_a_consolidated_statement_keeps_its_accounts_apart():
    file = read_text(
        "Statement,Header,Field Name,Field Value\nStatement,Data,Title,Activity Statement\n"
        "Cash Report,Header,Currency Summary,Currency,Account,Total\nCash Report,Data,Ending Cash,USD,U1,100.5\n"
        "Cash Report,Data,Ending Cash,EUR,U2,7.25\nCash Report,Data,Ending Cash,USD,U2,50\n"
        "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Account,Symbol,Open,Quantity,Mult,Cost Price,"
        "Cost Basis,Close Price,Value,Unrealized P/L,Code\n"
        "Open Positions,Data,Summary,Stocks,USD,U1,VTI,-,10,1,200,2000,300,3000,1000,\n"
        'Open Positions,Data,Lot,Stocks,USD,U1,VTI,"2020-01-02, 10:00:00",10,,200,2000,300,3000,1000,LT\n'
        "Open Positions,Data,Summary,Stocks,USD,U2,VTI,-,1,1,250,250,300,300,50,\n"
    )

    assert [(p.account.number, p.quantities["VTI"], p.cash, dict(p.balances)) for p in file.portfolios] == [
        ("U1", 10, Decimal("100.5"), {}),
        ("U2", 1, 50, {"EUR": Decimal("7.25")}),
    ]
    assert file.portfolios[0].positions[0].lots == (TaxLot(Decimal(10), Decimal(200), date(2020, 1, 2)),)
    assert any("one of several accounts" in note for note in file.notes)


# ── The PortfolioAnalyst report ─────────────────────────────────────────────────────────────────────────────────────

ANALYST = (GOLDEN / "interactivebrokers_analyst.csv").read_text()


def test_a_report_gives_positions_and_money_in_their_own_currency_and_agrees_with_its_totals():
    file = read_text(ANALYST)

    (portfolio,) = file.portfolios
    assert (portfolio.account.number, portfolio.account.currency) == ("U7000009", "CAD")
    assert portfolio.quantities == {"XEQT": Decimal(100), "BRK.B": Decimal(5)}
    assert (portfolio.cash, portfolio.balances) == (Decimal("1310.45"), {"USD": Decimal("250.5")})
    assert portfolio.positions[1].lots == (TaxLot(Decimal(5), Decimal("420.28")),)  # 1501 × 1.4 ÷ 5
    (reconciliation,) = file.reconciliations
    assert (reconciliation.our_total, reconciliation.difference) == (Decimal("4835.45"), 0)
    assert [(t.currency, t.our_total, t.difference) for t in reconciliation.elsewhere] == [
        ("USD", Decimal("2253.00"), 0)
    ]
    assert portfolio.as_of == datetime(2026, 11, 20, 16, 0, tzinfo=EASTERN)


def test_a_total_of_a_report_that_does_not_agree_is_said():
    assert not read_text(ANALYST.replace("Total,Stocks,USD,,,,,,2402.5", "Total,Stocks,USD,,,,,,2402.6")).is_complete


def test_a_report_without_prices_says_which_column_it_lacks():
    with pytest.raises(ImportFileError, match="closeprice"):
        read_text(ANALYST.replace("ClosePrice", "Closing"))
