"""The exchanges that settle a plan: nothing is overdrawn, and nothing exchanged that need not be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.base_currency import InBase, in_base_currency
from allocation.conversions import Settlement, settle
from allocation.currencies import Rate, RateOrigin, Rates, smallest_unit
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.plan import plan_trades
from allocation.rules import Costs, Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import TradePlan

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DOLLARS = {"EUR": D("1.0624"), "GBP": D("1.25"), "JPY": D("0.00625")}
RATES = Rates(Rate(code, "USD", price, NOON, RateOrigin.YAHOO) for code, price in DOLLARS.items())


@dataclass(frozen=True)
class Settled:
    """A plan for an account in dollars, and how it is paid for."""

    plan: TradePlan
    told: InBase
    settlement: Settlement

    @property
    def told_short(self) -> list[str]:
        return [f"{c.sold_amount} {c.sold} → {c.bought_amount} {c.bought}" for c in self.settlement.conversions]


def settled(
    held: Mapping[str, tuple[str, str, str]],
    cash: Mapping[str, str],
    target: Mapping[str, str],
    cash_flow: str = "0",
    rates: Rates = RATES,
    **rules: object,
) -> Settled:
    """Given units, price and currency by symbol, and cash by currency: planned and settled."""
    quotes = {s: Quote(s, D(price), code, NOON, PriceSource.YAHOO) for s, (_, price, code) in held.items()}
    positions = tuple(Position(s, D(units)) for s, (units, _, _) in held.items() if D(units))
    money = {code: D(amount) for code, amount in cash.items()}
    portfolio = Portfolio(Account("main", "Main"), positions, money.pop("USD", D(0)), balances=money)
    told = in_base_currency(portfolio, quotes, rates, target)
    kept = told.adapt(Rules(**rules))  # type: ignore[arg-type]
    plan = plan_trades(told.portfolio, TargetAllocation.of(target), told.prices, kept, D(cash_flow))
    return Settled(plan, told, settle(plan, portfolio, told, quotes, rates, D(cash_flow)))


def test_a_purchase_in_euro_is_paid_with_euro_bought_for_dollars() -> None:
    found = settled({"SAP": ("0", "100", "EUR")}, {"USD": "2000"}, {"SAP": "1"})

    # 18 × 100 € = 1,800 €, at 1.0624 exactly 1,912.32 $.
    assert found.told_short == ["1912.32 USD → 1800 EUR"]
    assert found.settlement.after == {"USD": D("87.68"), "EUR": D(0)}
    assert found.settlement.traded == {"USD": D(0), "EUR": D(-1800)}


def test_euro_that_are_there_are_spent_before_any_are_bought() -> None:
    found = settled({"SAP": ("0", "100", "EUR")}, {"USD": "1000", "EUR": "5000"}, {"SAP": "0.5"})

    assert found.settlement.conversions == ()
    assert found.settlement.after["EUR"] == D(2000)  # 30 × 100 €: nearest to half of 6,312 $


def test_a_surplus_that_nothing_needs_stays_where_it_is() -> None:
    found = settled({"SAP": ("50", "100", "EUR"), "VTI": ("0", "250", "USD")}, {"USD": "1000"}, {"SAP": "0.5"})

    assert found.settlement.conversions == ()
    assert found.settlement.after["EUR"] > 0


def test_dollars_that_are_short_are_bought_with_the_largest_surplus_and_no_more_than_is_short() -> None:
    held = {"SAP": ("10", "100", "EUR"), "RIO": ("10", "50", "GBP"), "VTI": ("0", "250", "USD")}

    found = settled(held, {"USD": "0"}, {"VTI": "1"})

    # Nine shares for 900 € (956.16 $) and nine for 450 £ pay for six units of 250 $: 543.84 $ at 1.25 are 435.072 £.
    assert found.told_short == ["900 EUR → 956.16 USD", "435.08 GBP → 543.84 USD"]
    assert found.settlement.after == {"USD": D(0), "EUR": D(0), "GBP": D("14.92")}


def test_dollars_come_before_other_currencies_when_something_is_to_be_bought() -> None:
    held = {"SONY": ("0", "1000", "JPY")}

    found = settled(held, {"USD": "100", "EUR": "1000"}, {"SONY": "0.5"})

    # 93 × 1,000 ¥ = 93,000 ¥ are 581.25 $: 100 $ first, the rest in euro: 481.25 $ are 452.983… €.
    assert [c.sold for c in found.settlement.conversions] == ["USD", "EUR"]
    assert found.told_short == ["100 USD → 16000 JPY", "452.99 EUR → 77000 JPY"]


def test_what_is_owed_is_bought_back_first() -> None:
    found = settled({"VTI": ("4", "250", "USD")}, {"USD": "500", "GBP": "-200"}, {"VTI": "0.5"})

    assert found.told_short == ["250 USD → 200 GBP"]


def test_a_currency_with_a_target_is_brought_to_it_whichever_way_the_money_comes() -> None:
    held = {"SAP": ("10", "100", "EUR"), "VTI": ("10", "250", "USD")}

    found = settled(held, {"USD": "0"}, {"VTI": "0.5", "EUR": "0.5"})

    # Selling the shares brings 1,000 € of the 1,676.58 € that half of 3,562.40 $ is: only the rest is bought.
    wanted = found.told.portfolio.quantities["EUR"] + found.plan.shares["EUR"]
    (bought,) = [c for c in found.settlement.conversions if c.bought == "EUR"]
    assert found.settlement.after["EUR"] == wanted
    assert bought.bought_amount == wanted - 1000


def test_costs_are_paid_in_the_currency_of_the_trade() -> None:
    found = settled({"SAP": ("0", "100", "EUR")}, {"USD": "2000"}, {"SAP": "0.9"}, costs=Costs(per_trade=D("5.312")))

    # 17 × 100 €, and 5.312 $ at 1.0624 are 5 €.
    assert found.settlement.traded["EUR"] == D(-1705)
    assert found.told_short == ["1811.4 USD → 1705 EUR"]


def test_money_taken_out_is_raised_from_other_currencies() -> None:
    found = settled({"VTI": ("4", "250", "USD")}, {"USD": "10", "EUR": "1000"}, {"VTI": "0.9"}, cash_flow="-510")

    assert found.settlement.before["USD"] == D(-500)
    assert found.settlement.after["USD"] >= 0
    assert found.settlement.short == {}


def test_what_rounding_takes_from_a_plan_that_leaves_no_cash_is_named() -> None:
    rates = Rates([Rate("JPY", "USD", D("0.0062501"), NOON, RateOrigin.YAHOO)])

    found = settled({"SONY": ("0", "1600", "JPY")}, {"USD": "10.00016"}, {"SONY": "1"}, rates=rates)

    # 1,600 ¥ cost 10.00016 $, and no 16 thousandths of a cent can be paid: 10.00 $ buy 1,599 ¥.
    assert found.told_short == ["10 USD → 1599 JPY"]
    assert found.settlement.short == {"JPY": D(1)}


PRICE = st.decimals("5", "400", places=2).map(str)
MONEY = st.decimals("-300", "20000", places=2).map(str)
SYMBOLS = {"VTI": "USD", "BNDX": "USD", "SAP": "EUR", "ASML": "EUR", "RIO": "GBP", "SONY": "JPY"}


@st.composite
def accounts(draw: st.DrawFn) -> Settled:
    units = st.integers(0, 60).map(str)
    held = {s: (draw(units), draw(PRICE), code) for s, code in SYMBOLS.items()}
    cash = {"USD": draw(st.decimals("50", "20000", places=2).map(str)), **{code: draw(MONEY) for code in DOLLARS}}
    wanted = draw(st.lists(st.sampled_from([*SYMBOLS, "EUR", "GBP"]), min_size=1, max_size=5, unique=True))
    weight = D("0.9") / len(wanted)
    target = {symbol: str(weight.quantize(D("0.0001"))) for symbol in wanted}
    return settled(held, cash, target, rates=RATES)


def in_dollars(money: Mapping[str, Decimal]) -> Decimal:
    return sum((amount * DOLLARS.get(code, D(1)) for code, amount in money.items()), D(0))


@settings(max_examples=40, deadline=None)
@given(accounts())
def test_after_settlement_nothing_is_below_zero_and_every_currency_line_is_where_the_plan_wants_it(
    found: Settled,
) -> None:
    settlement = found.settlement

    assert settlement.short == {}
    for code in found.told.lines:
        wanted = found.told.portfolio.quantities[code] + found.plan.shares.get(code, D(0))
        assert wanted <= settlement.after[code] < wanted + smallest_unit(code)


@settings(max_examples=40, deadline=None)
@given(accounts())
def test_nothing_is_exchanged_that_need_not_be(found: Settled) -> None:
    settlement, lines = found.settlement, found.told.lines
    without = {code: settlement.before[code] + settlement.traded[code] for code in settlement.before}
    bought = [c.bought for c in settlement.conversions]
    sold = [c.sold for c in settlement.conversions]

    for code in DOLLARS.keys() - set(lines):
        assert (code in bought) <= (without[code] < 0)
        assert (code in sold) <= (without[code] > 0)
        if code in bought:  # no more than is missing
            assert 0 <= settlement.after[code] < smallest_unit(code)
    if any(code in sold for code in DOLLARS.keys() - set(lines)):  # only when there are no dollars left for it
        assert settlement.after["USD"] < D("0.02")
    if not lines and all(amount >= 0 for amount in without.values()):
        assert settlement.conversions == ()


@settings(max_examples=40, deadline=None)
@given(accounts())
def test_no_money_is_lost_but_what_rounding_takes(found: Settled) -> None:
    settlement = found.settlement
    without = in_dollars(settlement.before) + in_dollars(settlement.traded)

    lost = without - in_dollars(settlement.after)

    assert (
        0
        <= lost
        <= sum((smallest_unit(c.sold) * DOLLARS.get(c.sold, D(1)) for c in settlement.conversions), D(0)) + D("1e-9")
    )
    for each in settlement.conversions:
        assert each.sold_amount % smallest_unit(each.sold) == 0 == each.bought_amount % smallest_unit(each.bought)
