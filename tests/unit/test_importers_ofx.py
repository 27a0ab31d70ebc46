"""OFX and QFX investment statements of both versions."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def golden() -> ImportedFile:
    return read_accounts((GOLDEN / "ofx_version_1.qfx").read_bytes(), "x", NOW)


def version_2(positions: str, balance: str = "<INVBAL><AVAILCASH>5</AVAILCASH></INVBAL>") -> ImportedFile:
    text = (
        '<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?>\n<OFX><INVSTMTRS><DTASOF>20261120</DTASOF>'
        "<CURDEF>USD</CURDEF><INVACCTFROM><BROKERID>b.com</BROKERID><ACCTID>700000123</ACCTID></INVACCTFROM>\n"
        f"<INVPOSLIST>{positions}</INVPOSLIST>{balance}</INVSTMTRS></OFX>"
    )
    return read_accounts(text.encode(), "x", NOW)


def position(units: str, price: str, value: str, more: str = "") -> str:
    return (
        "<POSSTOCK><INVPOS><SECID><UNIQUEID>VTI</UNIQUEID><UNIQUEIDTYPE>TICKER</UNIQUEIDTYPE></SECID>"
        f"<UNITS>{units}</UNITS><UNITPRICE>{price}</UNITPRICE><MKTVAL>{value}</MKTVAL>{more}</INVPOS></POSSTOCK>"
    )


def test_positions_are_read_with_ticker_name_price_and_the_statements_time():
    portfolio = golden().portfolios[0]

    vti = portfolio.positions[0]
    assert (vti.symbol, vti.name, vti.quantity) == ("VTI", "VANGUARD TOTAL STOCK MARKET ETF", Decimal("100.5"))
    assert vti.quote.price == Decimal("250.10")
    assert portfolio.as_of == datetime(2026, 11, 20, 16, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert portfolio.account.number == "700000123"


def test_a_sweep_fund_of_the_same_amount_as_the_cash_is_counted_once():
    file = golden()

    assert file.portfolios[0].cash == Decimal("1250.75")
    assert "SPAXX" not in file.portfolios[0].quantities
    # 25135.05 + 880 + 1250.75 − 800 + 830 + 4980
    assert file.reconciliations[0].our_total == Decimal("32275.80")


def test_a_plan_fund_without_a_ticker_keeps_its_cusip_and_its_name():
    pool = golden().portfolios[0].positions[1]

    assert (pool.symbol, pool.name) == ("84679P173", "EXAMPLE BOND & INCOME POOL")


def test_shorts_options_and_bonds_are_set_aside_with_their_value():
    assert [item.value for item in golden().portfolios[0].set_aside] == [Decimal(-800), Decimal(830), Decimal(4980)]


def test_version_2_is_read_with_decimal_commas_and_what_is_owed_on_margin():
    file = version_2(
        position("10,5", "250,10", "2626,05"),
        "<INVBAL><AVAILCASH>5</AVAILCASH><MARGINBALANCE>-105</MARGINBALANCE></INVBAL>",
    )

    assert file.portfolios[0].quantities == {"VTI": Decimal("10.5")}
    assert file.portfolios[0].cash == Decimal(-100)


def test_a_position_keeps_its_own_currency_and_the_same_security_in_two_is_planned_in_one():
    in_dollars, in_canadian = position("1", "250", "250"), "<CURRENCY><CURRATE>0.75<CURSYM>CAD</CURRENCY>"

    alone = version_2(position("2", "10", "20", in_canadian)).portfolios[0]
    both = version_2(in_dollars + position("2", "10", "20", in_canadian)).portfolios[0]

    assert (alone.account.currency, alone.positions[0].quote.currency if alone.positions[0].quote else "") == (
        "USD",
        "CAD",
    )
    assert both.quantities == {"VTI": Decimal(1)}
    assert [line.value for line in both.set_aside] == [Decimal(15)]


def test_the_zero_that_some_plans_print_as_their_total_is_no_total():
    file = version_2(position("1", "250", "250"), "<INV401KBAL><TOTAL>0</INV401KBAL>")

    assert file.reconciliations[0].file_total is None
    assert file.is_complete


def test_units_that_are_no_number_are_listed_with_their_line():
    file = version_2(position("ten", "250", "250"))

    assert [(problem.line_number, "ten" in problem.reason) for problem in file.problems] == [(3, True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OFXHEADER:100\nDATA:OFXSGML\n", "no statement"),
        ("OFXHEADER:100\n\n<OFX><BANKMSGSRSV1><STMTRS></STMTRS></BANKMSGSRSV1></OFX>", "bank or card account"),
        ("OFXHEADER:100\n\n<OFX><INVSTMTRS>", "cut short"),
        ("OFXHEADER:100\n\n<OFX>\n</INVSTMTRS></OFX>", "Line 4: </INVSTMTRS> closes nothing"),
        ("OFXHEADER:100\n<OFX>" + "<A>" * 90 + "</OFX>", "more elements than any statement"),
    ],
)
def test_a_damaged_file_is_refused_with_what_to_do(text: str, said: str):
    with pytest.raises(ImportFileError, match=said):
        read_accounts(text.encode(), "x", NOW)


def test_entities_that_a_file_declares_are_never_expanded():
    text = '<!DOCTYPE OFX [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<OFX><INVSTMTRS><INVPOSLIST>'
    text += position("1", "250", "250").replace("VTI", "&x;") + "</INVPOSLIST></INVSTMTRS></OFX>"

    file = read_accounts(text.encode(), "x", NOW)

    assert "root:" not in repr(file)


def test_a_position_without_units_that_is_worth_something_is_set_aside():
    portfolio = version_2(position("0", "250", "250")).portfolios[0]

    assert (portfolio.positions, portfolio.set_aside[0].value) == ((), Decimal(250))


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("Total Account Value", "255.00", 0),
        ("AccountValue", "255", 0),
        ("Networth", "256.00", -1),
        ("Total Long Securities Value", "250", None),
        ("AccountValue", "much", None),
    ],
)
def test_the_worth_that_a_broker_names_among_the_balances_is_the_total(name: str, value: str, difference: int | None):
    balances = f"<BALLIST><BAL><NAME>{name}</NAME><BALTYPE>DOLLAR</BALTYPE><VALUE>{value}</VALUE></BAL></BALLIST>"

    file = version_2(position("1", "250", "250"), f"<INVBAL><AVAILCASH>5</AVAILCASH>{balances}</INVBAL>")

    assert file.reconciliations[0].difference == difference
    assert bool(file.problems) is (value == "much")


def test_the_part_of_the_cash_that_was_swept_into_a_core_fund_is_counted_once():
    core = position("3", "1", "3").replace("VTI", "SPAXX")

    file = version_2(position("1", "250", "250") + core)

    assert (file.portfolios[0].cash, file.portfolios[0].quantities) == (5, {"VTI": Decimal(1)})
