"""The gate before any order: each limit refused at its edge, with its value and its limit, and nothing made smaller."""

from datetime import timedelta
from typing import Any

import pytest

from allocation.errors import RulesError
from allocation.gate import GateRefusedError, SentBefore, refusals, require_open
from allocation.journal import Batch
from allocation.limits import Limits, limits_as_dict, read_limits
from allocation.trade_plan import Side
from tests.order_builders import NOW, D, a_batch, a_line, a_quote, gate_facts

SELL = a_batch(a_line(side="sell"), holdings={"VTI": 10})
BUY = a_batch(a_line())


def codes(batch: Batch, limits: Limits | None = None, **changes: Any) -> list[str]:
    return [each.code for each in refusals(batch, gate_facts(batch, **changes), limits or Limits())]


@pytest.mark.parametrize("batch", [SELL, BUY])
def test_a_batch_within_every_limit_passes(batch: Batch) -> None:
    require_open(batch, gate_facts(batch), Limits())


def earlier(symbol: str = "VTI", side: str = "buy", remaining: int = 0, minutes: int = 1) -> SentBefore:
    return SentBefore("other", symbol, Side(side), D(remaining), NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("batch", "changes", "code", "value", "limit"),
    [
        (BUY, {"total": D(3999)}, "ORDER_SHARE", "25.01 %", "25 %"),
        (BUY, {"quotes": {"VTI": a_quote("VTI", "102.01")}}, "REVIEW_EXPIRED", "2.01 %", "2 %"),
        (BUY, {"quotes": {"VTI": a_quote("VTI", "97.99")}}, "REVIEW_EXPIRED", "2.01 %", "2 %"),
        (a_batch(a_line(limit="102.01", quantity=9)), {}, "PRICE_COLLAR", "2.01 %", "2 %"),
        (BUY, {"quotes": {"VTI": a_quote("VTI", time=NOW - timedelta(minutes=21))}}, "QUOTE_STALE", "21", "20"),
        (BUY, {"quotes": {}}, "QUOTE_MISSING", "none", "a quote"),
        (BUY, {"quotes": {"VTI": a_quote("VTI", currency="EUR")}}, "CURRENCY", "EUR", "USD"),
        (BUY, {"account": "b2"}, "BROKER_ACCOUNT", "b2", "b1"),
        (BUY, {"currency": "EUR", "rates": {"USD": D(1)}}, "BROKER_CURRENCY", "EUR", "USD"),
        (BUY, {"live": True}, "ACCOUNT_MODE", "live", "paper"),
        (BUY, {"blocked": "margin call"}, "ACCOUNT_BLOCKED", "blocked", "active"),
        (BUY, {"stopped": "ann pressed stop"}, "KILL_SWITCH", "stopped", "running"),
        (BUY, {"halted": {"VTI": "news pending"}}, "MARKET_CLOSED", "closed", "open"),
        (BUY, {"quantities": {"BND": D(1)}}, "REVIEW_EXPIRED", "1 BND", "0 BND"),
        (a_batch(a_line(), cash=2000), {"cash": D("1999.99")}, "REVIEW_EXPIRED", "1999.99", "2000"),
        (SELL, {"orders": (earlier("VTI", "sell", 1, 60),)}, "OVERSELL", "10", "9"),
        (a_batch(a_line(quantity="10.01")), {}, "OVERSPEND", "1,001.00", "1,000.00"),
        (BUY, {"orders": (earlier(),)}, "DUPLICATE", "one of 14:59 UTC", "one"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_limit_is_refused_with_its_value(
    batch: Batch, changes: dict[str, Any], code: str, value: str, limit: str
) -> None:
    found = refusals(batch, gate_facts(batch, **changes), Limits())

    assert (code, value, limit) in [(each.code, each.value, each.limit) for each in found]


@pytest.mark.parametrize(
    ("batch", "changes"),
    [
        (BUY, {"total": D(4000)}),
        (BUY, {"quotes": {"VTI": a_quote("VTI", 102)}}),
        (BUY, {"quotes": {"VTI": a_quote("VTI", time=NOW - timedelta(minutes=20))}}),
        (a_batch(a_line(limit=102, quantity=9)), {}),
        (BUY, {"cash": D(1001)}),
        (BUY, {"orders": (earlier(minutes=10),)}),
        (BUY, {"orders": (earlier(side="sell"),)}),
        (SELL, {"orders": (earlier("BND", "sell", 5),)}),
    ],
)
def test_at_the_limit_itself_nothing_is_refused(batch: Batch, changes: dict[str, Any]) -> None:
    assert codes(batch, **changes) == []


def test_an_open_order_is_a_twin_however_old_it_is() -> None:
    assert codes(BUY, orders=(earlier(remaining=1, minutes=600),)) == ["DUPLICATE"]


def test_the_batchs_own_orders_are_no_twins_of_it() -> None:
    own = SentBefore(BUY.lines[0].order.client_id, "VTI", Side.BUY, D(10), NOW)

    assert codes(BUY, orders=(own,)) == []


def test_the_same_symbol_and_side_twice_in_a_batch_is_a_duplicate() -> None:
    twice = a_batch(a_line(1, quantity=4), a_line(2, quantity=4))

    assert codes(twice) == ["DUPLICATE"]


def test_a_turnover_above_its_limit_passes_when_it_was_confirmed_by_hand() -> None:
    limits = Limits(turnover=D("0.04"))

    assert codes(BUY, limits) == ["TURNOVER"]
    assert codes(a_batch(a_line(), large_turnover=True), limits) == []


def test_more_orders_than_allowed_are_refused() -> None:
    batch = a_batch(a_line(1, quantity=1), a_line(2, quantity=1, symbol="BND"))

    assert codes(batch, Limits(orders=1)) == ["ORDERS_TOO_MANY"]


def test_money_in_another_currency_is_valued_by_its_rate_or_refused() -> None:
    from dataclasses import replace

    line = a_line(symbol="SAP.DE")
    batch = a_batch(replace(line, order=replace(line.order, currency="EUR")), cash=1100)
    quotes = {"SAP.DE": a_quote("SAP.DE", currency="EUR")}

    assert codes(batch, quotes=quotes) == ["FX_UNAVAILABLE"]
    assert codes(batch, quotes=quotes, rates={"EUR": D("1.1")}) == []
    assert codes(batch, quotes=quotes, rates={"EUR": D("1.2")}) == ["OVERSPEND"]


def test_every_reason_is_told_at_once() -> None:
    batch = a_batch(a_line(1), a_line(2, "sell", 5, "BND"))

    with pytest.raises(GateRefusedError) as refused:
        require_open(batch, gate_facts(batch, blocked="closed", stopped="ann"), Limits())

    assert {each.code for each in refused.value.refusals} == {"ACCOUNT_BLOCKED", "KILL_SWITCH", "OVERSELL"}
    assert refused.value.code == "ACCOUNT_BLOCKED"
    assert set(refused.value.culprits) == {"BND"}


def test_limits_come_back_from_their_text_as_they_were() -> None:
    limits = Limits(order_share=D("0.1"), order_value=D("2500.50"), orders=7, market_hours=False)

    assert read_limits(limits_as_dict(limits)) == limits
    assert read_limits({}) == Limits()


@pytest.mark.parametrize(
    "told",
    [{"colar": "0.1"}, {"collar": "1.5"}, {"collar": "0"}, {"orders": 0}, {"orders": "1.5"}, {"market_hours": 1}],
)
def test_a_limit_that_cannot_be_one_is_refused_by_name(told: dict[str, Any]) -> None:
    with pytest.raises(RulesError, match="limit"):
        read_limits(told)
