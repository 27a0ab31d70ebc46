"""What a plan's sales come to: lots, gains that count, wash sales over all accounts, and who pays."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.errors import RulesError
from allocation.model import Portfolio, Position, RecentSale, TaxLot, TaxTreatment
from allocation.rules import LotMethod
from allocation.taxes import Settlement
from tests.tax_builders import TODAY, an_account_of, held, settled, taxes

IRA = TaxTreatment.TAX_DEFERRED
OLD_LOSS = "10@130 2020-01-05"


def test_the_tax_of_a_sale_is_the_sum_over_its_lots() -> None:
    account = an_account_of(held("VTI", "4@60 2020-01-31", "6@90 2026-06-01"))

    result = settled(account, {"VTI": -7}, taxes(method="fifo"))

    (sale,) = result.sales
    assert [(lot.acquired, lot.quantity, lot.unit_cost, lot.gain, lot.term) for lot in sale.lots] == [
        (date(2020, 1, 31), Decimal(4), Decimal(60), Decimal(160), "long"),
        (date(2026, 6, 1), Decimal(3), Decimal(90), Decimal(30), "short"),
    ]
    assert (result.short, result.long, result.tax) == (30, 160, Fraction(44))
    assert (result.by_account, sale.tax, result.bound) == ({"main": 44}, 44, 44)


def test_a_net_loss_pays_nothing_back_and_is_told() -> None:
    account = an_account_of(held("VTI", OLD_LOSS), held("BND", "10@90 2026-06-01"))

    result = settled(account, {"VTI": -10, "BND": -10}, taxes())

    assert (result.tax, result.carried) == (0, 200)


def test_a_sale_without_known_cost_is_untaxed_and_told_where_a_rate_is_above_zero() -> None:
    account = an_account_of(Position("VTI", Decimal(5)))

    assert settled(account, {"VTI": -5}, taxes()).unknown == ("VTI",)
    assert settled(account, {"VTI": -5}, taxes("0", "0")).unknown == ()
    assert settled(account, {"VTI": -5}, taxes()).tax == 0


def test_only_taxable_accounts_pay_but_every_account_tells_its_lots() -> None:
    account = an_account_of(held("VTI", "4@60 2020-01-31"), treatment=IRA)

    result = settled(account, {"VTI": -4}, taxes())

    assert (result.tax, dict(result.by_account), result.unknown) == (0, {}, ())
    assert [(lot.gain, lot.term) for lot in result.sales[0].lots] == [(Decimal(160), "")]


def test_a_lot_without_a_date_is_taxed_as_short_term_and_shown_without_a_term() -> None:
    result = settled(an_account_of(held("VTI", "1@50")), {"VTI": -1}, taxes())

    assert (result.tax, result.sales[0].lots[0].term) == (20, "")


def test_accounts_pay_in_proportion_to_the_tax_of_their_own_gains() -> None:
    gaining = an_account_of(held("VTI", "10@90 2020-01-05"), account="a")
    gaining_more = an_account_of(held("BND", "10@70 2020-01-05"), account="b")
    losing = an_account_of(held("VXUS", "10@120 2020-01-05"), account="c")

    trades = {("a", "VTI"): -10, ("b", "BND"): -10, ("c", "VXUS"): -10}
    result = settled([gaining, gaining_more, losing], trades, taxes())

    assert result.tax == 40
    assert result.by_account == {"a": 10, "b": 30, "c": 0}


def test_an_account_with_gains_and_losses_pays_by_what_they_come_to() -> None:
    mixed = an_account_of(held("VTI", "10@90 2020-01-05"), held("BND", "10@105 2020-01-05"), account="a")
    gaining = an_account_of(held("VXUS", "10@95 2020-01-05"), account="b")

    result = settled([mixed, gaining], {("a", "VTI"): -10, ("a", "BND"): -10, ("b", "VXUS"): -10}, taxes())

    # 0.2 · (100 − 50 + 50), half of it by each
    assert result.by_account == {"a": 10, "b": 10}


def test_sellers_of_gains_pay_by_what_they_gain_not_by_how_many_units_they_sell() -> None:
    """Long-term gains are free: in either account alone, a long-term loss hides the short-term gain of 100."""
    many = an_account_of(held("A", "10@90 2026-06-01"), held("B", "10@110 2020-01-05"), account="a")
    few = an_account_of(held("C", "5@80 2026-06-01"), held("D", "10@110 2020-01-05"), account="b")
    free = an_account_of(held("E", "20@90 2020-01-05"), account="c")

    trades = {("a", "A"): -10, ("a", "B"): -10, ("b", "C"): -5, ("b", "D"): -10, ("c", "E"): -20}
    result = settled([many, few, free], trades, taxes("0.4", "0"))

    assert result.tax == 80
    assert result.by_account == {"a": 40, "b": 40, "c": 0}


def test_what_is_not_sold_does_not_hide_what_is() -> None:
    account = an_account_of(held("A", "1@90 2020-01-05"), held("B", "1@90 2020-01-05"), held("C", "1@90 2026-06-01"))

    result = settled(account, {"B": -1, "C": -1}, taxes())

    assert [(sale.symbol, sale.taxed, sale.short, sale.long) for sale in result.sales] == [
        ("B", True, 0, 10),
        ("C", True, 10, 0),
    ]
    assert result.unknown == ()


def test_an_account_that_is_not_taxed_may_have_lots_without_a_cost() -> None:
    account = an_account_of(Position("VTI", Decimal(5)), held("BND", "5@130 2020-01-05"), treatment=IRA)

    result = settled(account, {"VTI": -5, "BND": -5}, taxes())

    assert result.unknown == ()
    assert [(sale.taxed, sale.short, sale.long) for sale in result.sales] == [(False, 0, 0), (False, 0, 0)]
    assert [lot.disallowed for lot in result.by_trade["main", "BND"].lots] == [0]


def test_where_no_account_alone_would_pay_the_sellers_of_gains_do() -> None:
    """Long-term gains are free here: one account's loss of them hides its short-term gain only by itself."""
    hiding = an_account_of(held("VTI", "10@90 2026-06-01"), held("BND", "10@110 2020-01-05"), account="a")
    free = an_account_of(held("VXUS", "10@90 2020-01-05"), account="b")

    trades = {("a", "VTI"): -10, ("a", "BND"): -10, ("b", "VXUS"): -10}
    result = settled([hiding, free], trades, taxes("0.4", "0"))

    assert result.tax == 40
    assert result.by_account == {"a": 40, "b": 0}


def test_within_an_account_sales_at_a_gain_bear_the_tax_by_rate_and_gain() -> None:
    account = an_account_of(
        held("A", "10@90 2020-01-05"), held("B", "10@80 2026-06-01"), held("C", "10@110 2026-06-01")
    )

    result = settled(account, {"A": -10, "B": -10, "C": -10}, taxes())

    # 0.4 · (200 − 100) + 0.2 · 100 = 60, by 0.2 · 100 : 0.4 · 200
    assert {symbol: sale.tax for (_, symbol), sale in result.by_trade.items()} == {"A": 12, "B": 48, "C": 0}


def test_a_single_sale_bears_the_tax_even_if_its_losses_weigh_more() -> None:
    account = an_account_of(held("A", "10@108 2026-06-01", "10@90 2020-01-05"))

    result = settled(account, {"A": -20}, taxes())

    assert result.tax == 4
    assert result.sales[0].tax == 4


@pytest.mark.parametrize(("days", "washed"), [(-31, False), (-30, True), (0, True), (30, True), (31, False)])
def test_a_loss_is_washed_by_a_lot_bought_within_thirty_days(days: int, washed: bool) -> None:
    recent = f"10@100 {TODAY + timedelta(days=days)}"
    account = an_account_of(held("VTI", OLD_LOSS, recent))

    result = settled(account, {"VTI": -10}, taxes(method="specified"))

    assert result.washed == (("VTI",) if washed else ())
    assert result.sales[0].disallowed == (300 if washed else 0)
    assert result.carried == (0 if washed else 300)


@pytest.mark.parametrize(("days", "washed"), [(0, True), (1, False)])
def test_a_window_of_no_days_is_the_day_itself(days: int, washed: bool) -> None:
    account = an_account_of(held("VTI", OLD_LOSS, f"10@100 {TODAY - timedelta(days=days)}"))

    result = settled(account, {"VTI": -10}, taxes(method="fifo", wash_sale_days=0))

    assert bool(result.washed) is washed


def test_a_loss_is_disallowed_share_for_share() -> None:
    account = an_account_of(held("VTI", OLD_LOSS, "4@100 2026-11-01"))

    result = settled(account, {"VTI": -10}, taxes(method="specified"))

    assert (result.sales[0].disallowed, result.carried) == (120, 180)
    assert result.sales[0].lots[0].disallowed == 120


def test_recent_lots_that_are_sold_themselves_wash_nothing() -> None:
    account = an_account_of(held("VTI", OLD_LOSS, "4@100 2026-11-01"))

    result = settled(account, {"VTI": -14}, taxes(method="fifo"))

    assert result.washed == ()


def test_a_purchase_of_the_plan_washes_in_a_retirement_account_too() -> None:
    selling = an_account_of(held("VTI", OLD_LOSS))
    buying = an_account_of(account="ira", treatment=IRA)

    result = settled([selling, buying], {"VTI": -10, ("ira", "VTI"): 6}, taxes())

    assert (result.washed, result.sales[0].disallowed) == (("VTI",), 180)


def test_recent_lots_of_a_retirement_account_wash_unless_it_sells_them() -> None:
    selling = an_account_of(held("VTI", OLD_LOSS))
    retired = an_account_of(held("VTI", "6@100 2026-11-01"), account="ira", treatment=IRA)

    assert settled([selling, retired], {"VTI": -10}, taxes()).sales[0].disallowed == 180
    assert (
        settled([selling, retired], {"VTI": -10, ("ira", "VTI"): -5}, taxes()).by_trade["main", "VTI"].disallowed == 30
    )


def test_losses_of_the_oldest_lots_are_washed_first() -> None:
    account = an_account_of(held("VTI", "2@150 2022-01-05", "2@120 2021-01-05", "2@110", "3@100 2026-11-01"))

    (sale,) = settled(account, {"VTI": -6}, taxes(method="specified")).sales

    # without a date first, then 2021: 2 · 10, then 1 of 2 · 20
    assert [lot.disallowed for lot in sale.lots] == [Decimal(0), Decimal(20), Decimal(20)]


def test_what_was_bought_lately_and_what_the_plan_buys_wash_together() -> None:
    selling = an_account_of(held("VTI", OLD_LOSS, "1@100 2026-11-01", "2@100 2026-11-02"))
    first, second = (an_account_of(account=name, treatment=IRA) for name in ("ira", "roth"))

    trades = {"VTI": -10, ("ira", "VTI"): "2", ("roth", "VTI"): "0.5"}
    result = settled([selling, first, second], trades, taxes(method="specified"), increment="0.5")

    # 1 + 2 + 2 + 0.5 units at 30
    assert result.sales[0].disallowed == 165


def test_losses_of_one_day_are_washed_by_account_then_the_dearest_first() -> None:
    first = an_account_of(held("VTI", "2@110 2020-01-05", "2@120 2020-01-05"), account="a")
    second = an_account_of(held("VTI", "2@150 2020-01-05", "3@100 2026-11-01"), account="b")

    result = settled([second, first], {("a", "VTI"): -4, ("b", "VTI"): -2}, taxes(method="specified"))

    # 3 bought: 2 at a loss of 20, then 1 at a loss of 10
    assert [sale.disallowed for sale in result.sales] == [50, 0]


def test_another_security_washes_nothing() -> None:
    account = an_account_of(held("VTI", OLD_LOSS), held("ITOT", "10@100 2026-11-01"))

    assert settled(account, {"VTI": -10, "ITOT": 5}, taxes()).washed == ()


def test_a_share_pool_knows_no_american_wash_sales() -> None:
    account = an_account_of(held("VOD", OLD_LOSS))
    other = an_account_of(account="isa", treatment=TaxTreatment.TAX_FREE)

    assert settled([account, other], {"VOD": -10, ("isa", "VOD"): 5}, taxes(method="share_pool")).washed == ()


def test_sales_in_two_accounts_use_up_the_same_day_purchases_of_a_pool_once() -> None:
    first = an_account_of(held("VOD", "10@40 2020-01-05"), account="a")
    second = an_account_of(held("VOD", "10@60 2021-01-05", "5@90 2026-11-20"), account="b")

    result = settled([first, second], {("a", "VOD"): -4, ("b", "VOD"): -4}, taxes("0.2", "0.2", "share_pool"))

    # 4 at 90; then 1 at 90 and 3 from the pool at 50
    assert [[(lot.quantity, lot.unit_cost) for lot in sale.lots] for sale in result.sales] == [
        [(4, 90)],
        [(1, 90), (3, 50)],
    ]
    assert result.tax == Fraction(2, 10) * (40 + 10 + 150)


def test_three_accounts_use_up_the_same_day_purchases_of_a_pool_in_turn() -> None:
    accounts = [an_account_of(held("VOD", "10@50 2020-01-05"), account=name) for name in ("a", "b")]
    accounts.append(an_account_of(held("VOD", "10@50 2020-01-05", "5@90 2026-11-20"), account="c"))

    trades: dict[str | tuple[str, str], int] = {(name, "VOD"): -4 for name in ("a", "b", "c")}
    result = settled(accounts, trades, taxes("0.2", "0.2", "share_pool"))

    assert [[(lot.quantity, lot.unit_cost) for lot in sale.lots] for sale in result.sales] == [
        [(4, 90)],
        [(1, 90), (3, 50)],
        [(4, 50)],
    ]


@pytest.mark.parametrize(("day", "told"), [("2026-10-21", True), ("2026-10-20", False)])
def test_buying_what_was_sold_at_a_loss_lately_is_told(day: str, told: bool) -> None:
    sold = RecentSale("VTI", date.fromisoformat(day), Decimal(3), Decimal(120))
    account = an_account_of(held("BND", "1@90 2020-01-05"), sold=(sold,))

    result = settled(account, {"VTI": 1, "BND": -1}, taxes())

    assert result.washes_before == (("VTI",) if told else ())
    assert result.tax == 2


def test_selling_again_what_was_sold_at_a_loss_lately_is_nothing_to_tell() -> None:
    sold = RecentSale("VTI", TODAY, Decimal(3), Decimal(120))
    account = an_account_of(held("VTI", "1@90 2020-01-05"), sold=(sold,))

    assert settled(account, {"VTI": -1}, taxes()).washes_before == ()
    assert settled(account, {"VTI": 0}, taxes()).washes_before == ()


def test_a_retirement_account_has_no_losses_to_wash() -> None:
    sold = RecentSale("VTI", TODAY, Decimal(3), Decimal(120))
    account = an_account_of(held("BND", "1@90 2020-01-05"), treatment=IRA, sold=(sold,))

    assert settled(account, {"VTI": 1}, taxes()).washes_before == ()


def test_a_sale_of_dated_lots_needs_its_day() -> None:
    with pytest.raises(RulesError, match="as_of"):
        settled(an_account_of(held("VTI", OLD_LOSS)), {"VTI": -1}, taxes(as_of=None))


_AGES = st.one_of(st.none(), st.sampled_from([0, 30, 31]), st.integers(0, 900))
_LOT = st.builds(
    lambda n, cost, age: TaxLot(Decimal(n), Decimal(cost), None if age is None else TODAY - timedelta(days=age)),
    st.integers(1, 4),
    st.integers(60, 140),
    _AGES,
)
_TREATMENT = st.sampled_from([TaxTreatment.TAXABLE, TaxTreatment.TAXABLE, IRA])


@st.composite
def _plans(draw: st.DrawFn) -> tuple[list[Portfolio], Mapping[str | tuple[str, str], int]]:
    portfolios, trades = [], dict[str | tuple[str, str], int]()
    for account in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        positions = []
        for symbol in ("X", "Y"):
            lots = tuple(draw(st.lists(_LOT, min_size=1, max_size=4)))
            held_units = sum(int(lot.quantity) for lot in lots)
            positions.append(Position(symbol, Decimal(held_units), lots))
            trades[account, symbol] = draw(st.integers(-held_units, 3))
        portfolios.append(an_account_of(*positions, account=account, treatment=draw(_TREATMENT)))
    return portfolios, trades


_METHODS = st.sampled_from([m for m in LotMethod if m != LotMethod.LEAST_TAX])


@given(_plans(), _METHODS)
def test_what_accounts_and_trades_pay_is_the_tax(
    plan: tuple[list[Portfolio], Mapping[str | tuple[str, str], int]], method: LotMethod
) -> None:
    result = settled(*plan, taxes(method=method))

    assert sum(result.by_account.values()) == result.tax
    assert sum(sale.tax for sale in result.sales) == result.tax
    assert all(sale.tax >= 0 for sale in result.sales)
    for account, tax in result.by_account.items():
        assert sum(sale.tax for sale in result.sales if sale.account == account) == tax


@given(_plans(), _METHODS)
def test_the_order_of_accounts_and_positions_does_not_matter(
    plan: tuple[list[Portfolio], Mapping[str | tuple[str, str], int]], method: LotMethod
) -> None:
    portfolios, trades = plan
    usual = settled(portfolios, trades, taxes(method=method))

    for turned in permutations(portfolios):
        mirrored = [
            an_account_of(*p.positions[::-1], account=p.account.id, treatment=p.account.tax_treatment) for p in turned
        ]
        assert settled(mirrored, dict(reversed(trades.items())), taxes(method=method)) == usual


@given(_plans(), _METHODS)
def test_a_wash_sale_never_lowers_the_tax(
    plan: tuple[list[Portfolio], Mapping[str | tuple[str, str], int]], method: LotMethod
) -> None:
    portfolios, trades = plan
    selling = {key: min(0, n) for key, n in trades.items()}

    washed = settled(portfolios, trades, taxes(method=method))
    wider = settled(portfolios, trades, taxes(method=method, wash_sale_days=1000))
    unwashed = settled(portfolios, selling, taxes(method=method, wash_sale_days=0))

    assert _disallowed(wider) >= _disallowed(washed)
    assert wider.tax >= washed.tax
    assert washed.tax >= unwashed.tax


def _disallowed(result: Settlement) -> Fraction:
    return sum((sale.disallowed for sale in result.sales), Fraction(0))
