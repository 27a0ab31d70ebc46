"""A plan as files that brokers and spreadsheets read."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from allocation.currencies import Rate, RateOrigin
from allocation.errors import AllocationError, MissingPriceError, RulesError
from allocation.exports import FORMATS, Decision, Terms, wealthscape, why_not
from allocation.exports.decision import TYPES, WealthscapeCodes, limit_price
from allocation.model import Account, PriceSource, Quote
from allocation.orders import CLIENT_ID_LENGTH, OrderType, client_id_of
from allocation.report import trades_csv
from allocation.rules import Rules
from allocation.symbols import canonical
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side, TradePlan
from tests.builders import a_plan, a_portfolio

D = Decimal
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS = Terms(OrderType.LIMIT)
PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
PRICES = {"BRK B": "480.255", "VTI": "250.10", "PNY": "0.123456"}


def a_decision(
    target: Mapping[str, Any] | None = None,
    prices: Mapping[str, str] = PRICES,
    held: Mapping[str, Any] | None = None,
    cash: int = 0,
    currencies: Mapping[str, str] | None = None,
    account: Account | None = None,
    **rules: Any,
) -> Decision:
    """9,728.56 in all: 10 BRK B and 19 VTI are nearest to half each; PNY and cash share the 174.11 left over."""
    wanted = target or {"BRK B": "0.5", "VTI": "0.5"}
    holdings = held or {"BRK B": 20, "PNY": 1000}
    plan = a_plan(wanted, prices, holdings, cash, **rules)
    owner = account or Account("main", "Family", "Fidelity", "Z12-345678")
    quotes = {
        symbol: Quote(symbol, D(price), (currencies or {}).get(symbol, "USD"), NOON, PriceSource.YAHOO)
        for symbol, price in prices.items()
    }
    portfolio = a_portfolio(holdings, cash, owner)
    return Decision(plan, portfolio, TargetAllocation.of(wanted), Rules(), quotes, NOON)


def written(name: str, decision: Decision, terms: Terms = Terms()) -> bytes:  # noqa: B008  frozen
    return FORMATS[name].write(decision, terms)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def sheets_of(content: bytes) -> Workbook:
    return load_workbook(io.BytesIO(content))


def traded(plan: TradePlan) -> list[tuple[str, str, Decimal]]:
    return [(trade.side.value, canonical(trade.symbol), trade.quantity) for trade in plan.trades]


# ── Interactive Brokers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_basket_of_market_orders_has_the_eight_fields_of_the_guide() -> None:
    content = written("interactive_brokers", a_decision())

    assert content.decode() == (
        "Action,Quantity,Symbol,SecType,Exchange,Currency,TimeInForce,OrderType\r\n"
        "SELL,10,BRK B,STK,SMART,USD,DAY,MKT\r\n"
        "SELL,295,PNY,STK,SMART,USD,DAY,MKT\r\n"
        "BUY,19,VTI,STK,SMART,USD,DAY,MKT\r\n"
    )


def test_a_basket_of_limit_orders_adds_the_price_no_worse_than_planned() -> None:
    header, *orders = rows_of(written("interactive_brokers", a_decision(), LIMITS))

    assert header[-1] == "LmtPrice"
    # A seller waits for at least 480.255 and 0.123456, a buyer pays at most 250.10.
    assert [(row[0], row[2], row[-2], row[-1]) for row in orders] == [
        ("SELL", "BRK B", "LMT", "480.26"),
        ("SELL", "PNY", "LMT", "0.1235"),
        ("BUY", "VTI", "LMT", "250.1"),
    ]


def test_a_basket_names_exchange_and_currency_of_a_share_listed_abroad() -> None:
    decision = a_decision(
        {"VOD.L": "0.5", "0700.HK": "0.5"},
        {"VOD.L": "0.72", "0700.HK": "500"},
        {"VOD.L": 1000},
        cash=5000,
        currencies={"VOD.L": "GBP", "0700.HK": "HKD"},
    )

    _, *orders = rows_of(written("interactive_brokers", decision))

    assert {(row[2], row[4], row[5]) for row in orders} == {("VOD", "SMART/LSE", "GBP"), ("700", "SMART/SEHK", "HKD")}


def test_a_listing_whose_exchange_is_not_known_there_is_refused_by_name() -> None:
    decision = a_decision({"RIO.XX": 1}, {"RIO.XX": "10"}, {"RIO.XX": 1}, cash=100)

    assert "RIO.XX" in why_not(FORMATS["interactive_brokers"], decision, Terms())


def test_a_limit_abroad_is_refused_because_its_price_steps_are_not_known() -> None:
    decision = a_decision({"VOD.L": 1}, {"VOD.L": "0.7214"}, {"VOD.L": 1}, cash=100, currencies={"VOD.L": "GBP"})

    with pytest.raises(RulesError, match=r"VOD\.L.*market orders"):
        written("interactive_brokers", decision, LIMITS)


def test_a_basket_holds_whole_shares_only() -> None:
    decision = a_decision({"VTI": 1}, {"VTI": "300"}, {"VTI": 1}, cash=100, increment="0.0001")

    assert "fractions of VTI" in why_not(FORMATS["interactive_brokers"], decision, Terms())


@settings(max_examples=30)
@given(st.integers(1, 10**6), st.sampled_from(["BRK B", "BF/B", "VTI", "AAPL"]), st.sampled_from(TYPES))
def test_every_file_reads_back_as_the_plans_trades(quantity: int, symbol: str, kind: OrderType) -> None:
    decision, terms = a_decision({symbol: 0}, {symbol: "12.345"}, {symbol: quantity}), Terms(kind)

    basket = rows_of(written("interactive_brokers", decision, terms))[1:]
    orders = json.loads(written("alpaca", decision, terms))
    sheet = list(sheets_of(written("xlsx", decision))["Trades"].iter_rows(min_row=2, values_only=True))

    expected = traded(decision.plan)
    assert [(row[0].lower(), canonical(row[2]), D(row[1])) for row in basket] == expected
    assert [(order["side"], canonical(order["symbol"]), D(order["qty"])) for order in orders] == expected
    assert [(row[1], canonical(str(row[2])), D(str(row[4]))) for row in sheet] == expected
    assert [order.get("limit_price") for order in orders] == ["12.35" if kind == OrderType.LIMIT else None]


# ── Fidelity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_fidelity_does_not_tell_in_public_stays_blank_and_is_said() -> None:
    decision = a_decision()

    content = written("fidelity", decision)

    assert content.decode() == "Z12-345678,,S,10,BRKB,,,\r\nZ12-345678,,S,295,PNY,,,\r\nZ12-345678,,B,19,VTI,,,\r\n"
    assert wealthscape.blanks(decision, Terms()) == ("Price Type", "Time In Force")


def test_codes_that_the_user_knows_are_written() -> None:
    terms = Terms(OrderType.LIMIT, codes=WealthscapeCodes(market="M", limit="L", day="D"))

    rows = rows_of(written("fidelity", a_decision(), terms))

    assert [row[5:] for row in rows] == [["L", "D", "480.26"], ["L", "D", "0.1235"], ["L", "D", "250.1"]]
    assert wealthscape.blanks(a_decision(), terms) == ()


@pytest.mark.parametrize("code", ["=1", "toolong", "ä", "a,"])
def test_a_code_that_is_none_is_refused(code: str) -> None:
    with pytest.raises(RulesError, match="one or two letters"):
        WealthscapeCodes(market=code)


def test_an_account_number_that_is_not_the_users_to_see_stands_in_no_file() -> None:
    decision = replace(a_decision(), number_shown=False)

    files = [form.write(decision, Terms()) for form in FORMATS.values()]

    assert not any(b"345678" in content for content in files)
    assert "Account Number" in wealthscape.blanks(decision, Terms())


def test_a_quantity_of_four_decimals_is_refused_for_fidelity() -> None:
    decision = a_decision({"VTI": 1}, {"VTI": "300"}, {"VTI": 1}, cash=100, increment="0.0001")

    assert "to 3 decimals" in why_not(FORMATS["fidelity"], decision, Terms())


# ── Alpaca ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_alpacas_orders_have_numbers_as_text_and_the_ids_of_the_plan() -> None:
    decision = a_decision()

    orders = json.loads(written("alpaca", decision, LIMITS))

    assert orders[0] == {
        "symbol": "BRK.B",
        "qty": "10",
        "side": "sell",
        "type": "limit",
        "time_in_force": "day",
        "client_order_id": client_id_of("main", decision.plan.plan_id, 0),
        "limit_price": "480.26",
    }
    assert len({order["client_order_id"] for order in orders}) == len(orders) == 3
    assert {len(order["client_order_id"]) for order in orders} == {CLIENT_ID_LENGTH}
    assert [(o["side"], canonical(o["symbol"]), D(o["qty"])) for o in orders] == traded(decision.plan)


def test_fractions_go_to_alpaca_in_market_orders_only() -> None:
    decision = a_decision({"VTI": 1}, {"VTI": "300"}, {"VTI": 1}, cash=100, increment="0.0001")

    assert json.loads(written("alpaca", decision))[0]["qty"] == "0.3333"
    assert "market orders of the day only" in why_not(FORMATS["alpaca"], decision, LIMITS)


def test_a_coin_is_ordered_as_a_pair_until_cancelled() -> None:
    decision = a_decision({"BTC-USD": 1}, {"BTC-USD": "90000"}, {"BTC-USD": 1}, cash=45000, increment="0.0001")

    (order,) = json.loads(written("alpaca", decision))

    assert (order["symbol"], order["qty"], order["time_in_force"]) == ("BTC/USD", "0.5", "gtc")


def test_another_currency_is_no_order_for_alpaca() -> None:
    decision = a_decision({"VTI": 1}, {"VTI": "300"}, {"VTI": 1}, cash=1000, currencies={"VTI": "EUR"})

    assert "US dollars" in why_not(FORMATS["alpaca"], decision, Terms())


# ── The workbook ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_workbook_lists_the_trades_with_numbers_as_numbers() -> None:
    decision = a_decision()

    header, *lines = sheets_of(written("xlsx", decision))["Trades"].iter_rows(values_only=True)

    found = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(r["Side"], canonical(r["Symbol"]), D(r["Quantity"])) for r in found] == traded(decision.plan)
    assert [(D(str(r["Price"])), D(str(r["Value"]))) for r in found] == [
        (t.price, t.value) for t in decision.plan.trades
    ]
    assert {(r["Price currency"], r["Value currency"]) for r in found} == {("USD", "USD")}
    assert [r["Reason"] for r in found] == [trade.reason for trade in decision.plan.trades]


def test_the_second_sheet_says_what_the_plan_was_decided_on() -> None:
    rate = Rate("EUR", "USD", D("1.0624"), NOON, RateOrigin.ECB)
    decision = replace(a_decision(), rates=(rate,), cash_flow=D(500))

    record = sheets_of(written("xlsx", decision))["Decision"]

    told = {row[0]: row[1:] for row in record.iter_rows(values_only=True) if row[0]}
    assert told["Name"][0] == "Family"
    assert told["Number"][0] == "…5678"
    assert told["Plan id"][0] == decision.plan.plan_id
    assert told["Made at"][0] == "2026-11-20T12:00:00+00:00"
    assert told["Money in (+) or out (−)"][0] == 500
    assert "proved" in told["Proof"][0]
    assert told["Weight of BRK B"][2] == 0.5
    assert told["objective"][0] == "l2"
    assert told["taxes.lot_method"][0] == "least_tax"
    assert told["VTI"] == (250.1, "USD", "2026-11-20T12:00:00+00:00", "yahoo")
    assert told["EUR/USD"][0] == 1.0624


def test_a_plan_without_a_price_for_a_trade_is_no_decision_to_write_down() -> None:
    decision = a_decision()

    with pytest.raises(MissingPriceError, match="VTI"):
        replace(decision, quotes={s: q for s, q in decision.quotes.items() if s != "VTI"})


# ── Formulas ────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = st.builds(
    lambda prefix, body, parting: f"{prefix}{body}{parting}",
    st.sampled_from([*PREFIXES, ";=", "x;=", "x;\t+", "x\t@", ""]),
    st.sampled_from(["HYPERLINK(1)", "cmd|' /C calc'!A0", "1+1", "SUM(A1)", "name"]),
    st.sampled_from(["", ";-1", "\t=1", "\n=1"]),
)


def hostile_decision(text: str) -> Decision:
    """Everything a file or a person can put into an account, a name or a reason."""
    decision = a_decision(account=Account("main", text, text, text))
    trades = tuple(replace(trade, reason=text, account=text) for trade in decision.plan.trades)
    positions = tuple(replace(position, name=text) for position in decision.portfolio.positions)
    return replace(
        decision,
        plan=replace(decision.plan, trades=trades),
        portfolio=replace(decision.portfolio, positions=positions),
    )


@settings(max_examples=25)
@given(HOSTILE)
def test_no_cell_of_the_workbook_is_a_formula(text: str) -> None:
    assert_nothing_runs(text)


@pytest.mark.parametrize("start", PREFIXES)
def test_none_of_the_starts_of_a_formula_makes_one(start: str) -> None:
    assert_nothing_runs(f"{start}HYPERLINK(1)")


def assert_nothing_runs(text: str) -> None:
    book = sheets_of(written("xlsx", hostile_decision(text)))

    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert len(cells) > 60
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert not [cell.value for cell in cells if isinstance(cell.value, str) and cell.value.startswith(PREFIXES)]
    assert all(isinstance(cell.value, int | float) for cell in book["Trades"]["E"][1:])


@settings(max_examples=40)
@given(HOSTILE)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_of_a_csv_is_a_formula_whatever_separates_the_cells(delimiter: str, text: str) -> None:
    decision = hostile_decision(text)
    files = [written(name, decision).decode() for name in ("interactive_brokers", "fidelity")]

    for content in (*files, trades_csv(decision.plan, "USD")):
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            live = [
                cell for cell in row if cell.startswith(PREFIXES) and not cell.lstrip("-").replace(".", "").isdigit()
            ]
            assert live == []


def test_numbers_of_a_csv_stay_numbers() -> None:
    rows = rows_of(written("interactive_brokers", a_decision(), LIMITS))[1:]

    assert all(D(row[1]) > 0 and D(row[-1]) > 0 for row in rows)


# ── Terms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.decimals("0.0001", "100000", places=6), st.sampled_from(Side))
def test_a_limit_is_never_worse_than_the_price_it_was_planned_at(price: Decimal, side: Side) -> None:
    limit = limit_price(price, side)

    step = D("0.01") if price >= 1 else D("0.0001")
    assert limit % step == 0
    assert 0 <= (price - limit if side == Side.BUY else limit - price) < step


def test_no_file_asks_for_an_order_that_waits_for_a_price_first() -> None:
    with pytest.raises(RulesError, match="choose market and limit"):
        Terms(OrderType.STOP)


def test_every_format_says_in_a_sentence_what_it_cannot_hold() -> None:
    decision = a_decision({"^GSPC": 1}, {"^GSPC": "6000"}, {"^GSPC": 1}, cash=60000)

    said = {name: why_not(form, decision, Terms()) for name, form in FORMATS.items()}

    assert [name for name, sentence in said.items() if not sentence] == ["csv", "xlsx", "json"]
    assert all("^GSPC" in said[name] for name in ("interactive_brokers", "alpaca", "fidelity"))


def test_a_refusal_of_a_file_is_one_of_ours() -> None:
    decision = a_decision({"^GSPC": 1}, {"^GSPC": "6000"}, {"^GSPC": 1}, cash=60000)

    with pytest.raises(AllocationError) as refusal:
        written("alpaca", decision)

    assert refusal.value.code == "symbol_spelling"
    assert refusal.value.culprits == ("^GSPC",)
