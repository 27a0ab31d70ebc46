"""Sixty lines in four currencies, from a broker's file to the exchanges that settle the plan, against a calculation by hand.

The calculation uses the file's text, fractions and nothing of ours. Each target is the weight of a whole number of shares,
so that the plan is known beforehand too.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil, floor

import openpyxl
import pytest

from allocation.adapters.importers import read_accounts
from allocation.adapters.memory import MemoryQuoteCache, MemoryStore
from allocation.allocation import plan_for, select_account, start_session
from allocation.base_currency import in_base_currency
from allocation.conversions import Settlement, settle
from allocation.market import Market
from allocation.model import Portfolio, PriceSource, Quote
from allocation.ports import User
from allocation.rate_text import conversion_in_words
from allocation.report import trades_csv
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side, TradePlan
from allocation.valuation import Valuation, value_portfolio

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
USER = User("ann", "Ann")
PAIRS = {"EURUSD=X": ("1.0623", "USD"), "GBPUSD=X": ("1.2037", "USD"), "USDJPY=X": ("134.48", "JPY")}
CASH = {"USD": "400.25", "EUR": "700.10", "GBP": "91.07", "JPY": "15000"}
LINES = {"USD": 24, "EUR": 16, "GBP": 12, "JPY": 8}
EURO_WANTED = Fraction("1900.40")

# By hand: what one unit of each currency is worth in dollars.
DOLLARS = {
    "USD": Fraction(1),
    "EUR": Fraction("1.0623"),
    "GBP": Fraction("1.2037"),
    "JPY": 1 / Fraction("134.48"),
}


def the_file() -> str:
    """Sixty holdings with prices of many endings, and the cash of each currency."""
    rows = ["symbol,quantity,price,currency,account"]
    for code, count in LINES.items():
        for number in range(count):
            price = {
                "USD": f"{20 + number * 7}.{(number * 37) % 100:02}",
                "EUR": f"{11 + number * 13}.{(number * 53) % 1000:03}",
                "GBP": f"{3 + number * 9}.{(number * 71) % 10000:04}",
                "JPY": f"{900 + number * 411}",
            }[code]
            rows.append(f"{code[0]}{number:02}{code[2]},{12 + (number * 7) % 23},{price},{code},World")
    rows += [f"CASH,{amount},,{code},World" for code, amount in CASH.items()]
    return "\n".join(rows) + "\n"


def as_workbook(text: str) -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in csv.reader(io.StringIO(text)):
        book.active.append([Decimal(cell) if cell.replace(".", "").isdigit() else cell for cell in row])
    book.save(content)
    return content.getvalue()


@dataclass(frozen=True)
class Holding:
    """A line of the file, read by the csv module alone."""

    symbol: str
    quantity: int
    price: Fraction
    currency: str
    change: int

    @property
    def worth(self) -> Fraction:
        return self.price * DOLLARS[self.currency]


def by_hand() -> list[Holding]:
    """Every line with the units that are to be bought (+) or sold (−): −4 to +4, more bought than sold abroad."""
    rows = [row for row in csv.DictReader(io.StringIO(the_file())) if row["symbol"] != "CASH"]
    return [
        Holding(
            row["symbol"],
            int(row["quantity"]),
            Fraction(row["price"]),
            row["currency"],
            (place * 5) % 9 - (5 if row["currency"] in ("USD", "GBP") else 3),
        )
        for place, row in enumerate(rows)
    ]


HOLDINGS = by_hand()
TOTAL = sum((h.quantity * h.worth for h in HOLDINGS), Fraction(0)) + sum(
    (Fraction(amount) * DOLLARS[code] for code, amount in CASH.items()), Fraction(0)
)


def cents(amount: Fraction) -> Decimal:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def weight(value: Fraction) -> Decimal:
    return (Decimal(value.numerator * 10**20 // value.denominator) / Decimal(10**20)) if value else Decimal(0)


TARGET = TargetAllocation(
    {h.symbol: weight((h.quantity + h.change) * h.worth / TOTAL) for h in HOLDINGS}
    | {"EUR": weight(EURO_WANTED * DOLLARS["EUR"] / TOTAL)}
)


@dataclass(frozen=True)
class Done:
    """What came of the file."""

    portfolio: Portfolio
    valuation: Valuation
    plan: TradePlan
    settlement: Settlement
    csv: str


@pytest.fixture(
    scope="module", params=[lambda: the_file().encode(), lambda: as_workbook(the_file())], ids=["csv", "xlsx"]
)
def done(request: pytest.FixtureRequest) -> Done:
    content: Callable[[], bytes] = request.param
    file = read_accounts(content(), "world", NOW)
    assert file.is_complete
    store = MemoryStore()
    store.save_portfolios(USER.id, file.portfolios)
    rates = {s: Quote(s, Decimal(price), code, NOW, PriceSource.SAMPLE) for s, (price, code) in PAIRS.items()}
    market = Market(None, MemoryQuoteCache(), rates)
    session = start_session(USER, store, market)
    account = select_account(session, file.portfolios[0].account.id)
    portfolio = session.accounts.get_portfolio()
    at_hand = market.at_hand((*portfolio.symbols, "EUR"), portfolio, {})
    plan = plan_for(session, TARGET, now=NOW)
    told = in_base_currency(portfolio, at_hand.quotes, at_hand.rates, TARGET.weights)
    return Done(
        portfolio,
        value_portfolio(portfolio, at_hand.quotes, at_hand.rates),
        plan,
        settle(plan, portfolio, told, at_hand.quotes, at_hand.rates),
        trades_csv(plan, account.currency, None, at_hand.quotes, told.rates),
    )


def test_the_file_is_read_with_every_currency_in_its_place(done: Done) -> None:
    held = done.portfolio

    assert (held.account.currency, held.cash) == ("USD", Decimal(CASH["USD"]))
    assert held.balances == {code: Decimal(CASH[code]) for code in ("EUR", "GBP", "JPY")}
    assert [(p.symbol, p.quantity, p.quote and p.quote.currency) for p in held.positions] == [
        (h.symbol, h.quantity, h.currency) for h in HOLDINGS
    ]


def test_values_cash_and_the_total_agree_to_the_cent(done: Done) -> None:
    cash = sum((Fraction(amount) * DOLLARS[code] for code, amount in CASH.items()), Fraction(0))

    for h in HOLDINGS:
        assert done.valuation.values[h.symbol].quantize(Decimal("0.01")) == cents(h.quantity * h.worth), h
    assert done.valuation.cash.quantize(Decimal("0.01")) == cents(cash)
    assert done.valuation.total.quantize(Decimal("0.01")) == cents(TOTAL)


def test_the_plan_trades_what_was_worked_out_and_its_values_agree_to_the_cent(done: Done) -> None:
    euro = EURO_WANTED - Fraction(CASH["EUR"])
    trades = {trade.symbol: trade for trade in done.plan.trades}

    assert {s: Fraction(t.signed_quantity) for s, t in trades.items()} == {
        h.symbol: h.change for h in HOLDINGS if h.change
    } | {"EUR": euro}
    for h in HOLDINGS:
        if h.change:
            assert trades[h.symbol].value.quantize(Decimal("0.01")) == cents(abs(h.change) * h.worth), h
    left = TOTAL - sum(((h.quantity + h.change) * h.worth for h in HOLDINGS), EURO_WANTED * DOLLARS["EUR"])
    assert done.plan.after.cash.quantize(Decimal("0.01")) == cents(left)


def up(amount: Fraction, unit: str = "0.01") -> Fraction:
    """Rounded up to whole cents, or whole yen."""
    return ceil(amount / Fraction(unit)) * Fraction(unit)


def down(amount: Fraction, unit: str = "0.01") -> Fraction:
    return floor(amount / Fraction(unit)) * Fraction(unit)


def test_the_exchanges_agree_to_the_cent(done: Done) -> None:
    cash = {code: Fraction(amount) for code, amount in CASH.items()}
    for h in HOLDINGS:
        cash[h.currency] -= h.change * h.price
    euro_in_pounds = DOLLARS["EUR"] / DOLLARS["GBP"]
    # 2,782.19 $ and 766.57 £ are left, 2,761.97 € and 5,430 ¥ are short. The dollars all go into euro, and pounds buy the rest.
    missing = EURO_WANTED - cash["EUR"]
    first = down(cash["USD"] / DOLLARS["EUR"])
    paid = up(first * DOLLARS["EUR"])
    rest = up(missing - first)
    pounds = up(rest * euro_in_pounds)
    pounds_for_yen = up(-cash["JPY"] * DOLLARS["JPY"] / DOLLARS["GBP"])

    found = [
        (each.sold, Fraction(each.sold_amount), each.bought, Fraction(each.bought_amount))
        for each in done.settlement.conversions
    ]

    assert found == [
        ("USD", paid, "EUR", first),
        ("GBP", pounds, "EUR", rest),
        ("GBP", pounds_for_yen, "JPY", -cash["JPY"]),
    ]
    assert {code: Fraction(amount) for code, amount in done.settlement.after.items()} == {
        "USD": cash["USD"] - paid,
        "EUR": cash["EUR"] + first + rest,
        "GBP": cash["GBP"] - pounds - pounds_for_yen,
        "JPY": 0,
    }
    assert [conversion_in_words(each) for each in done.settlement.conversions] == [
        "Buy 2,619.02 EUR for 2,782.19 USD",
        "Buy 142.96 EUR for 126.17 GBP",
        "Buy 5,430 JPY for 33.55 GBP",
    ]


def test_the_table_has_both_currencies_of_every_trade_to_the_cent(done: Done) -> None:
    rows = {row["symbol"]: row for row in csv.DictReader(io.StringIO(done.csv))}

    for h in (each for each in HOLDINGS if each.change):
        row = rows[h.symbol]
        assert (row["side"], row["own_currency"]) == (Side.BUY if h.change > 0 else Side.SELL, h.currency)
        assert Fraction(row["own_value"]) == abs(h.change) * h.price
        assert Decimal(row["value"]).quantize(Decimal("0.01")) == cents(abs(h.change) * h.worth)
    assert rows["EUR"]["own_currency"] == "USD"
