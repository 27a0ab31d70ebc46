"""The article's names at the article's paths, and its flow from sign-in to the list of trades."""

import inspect
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from importlib import import_module

import pytest

import allocation
from allocation.accounts import Accounts
from allocation.adapters.demo import demo_store, demo_user
from allocation.adapters.memory import MemoryQuoteCache, MemoryStore
from allocation.adapters.samples import sample_quotes
from allocation.allocation import (
    Session,
    calculate_allocation,
    calculate_investment_allocation,
    select_account,
    start_session,
)
from allocation.errors import AccountNotFoundError, MissingPriceError, NoAccountSelectedError
from allocation.market import Market, get_current_price, get_current_prices
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault
from allocation.rules import Rules, Selling
from allocation.utils import oauth
from tests.builders import a_portfolio
from tests.openid_provider import running_provider

ACCOUNT = "family-brokerage"


class SampleSource:
    """A quote source that knows the sample prices."""

    def quotes(self, symbols: Iterable[str], _within: float | None = None) -> QuoteAnswer:
        known, wanted = sample_quotes(), tuple(symbols)
        failures = {s: QuoteFailure(s, QuoteFault.UNKNOWN_SYMBOL, f"No {s}.") for s in wanted if s not in known}
        return QuoteAnswer({s: known[s] for s in wanted if s in known}, failures)


@pytest.fixture
def session() -> Session:
    """The demo visitor's session, no account selected yet."""
    return start_session(demo_user(), demo_store(), Market(None, MemoryQuoteCache(), sample_quotes()))


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("allocation.accounts", ("Accounts",)),
        ("allocation.market", ("get_current_price", "get_current_prices")),
        (
            "allocation.allocation",
            ("start_session", "select_account", "calculate_allocation", "calculate_investment_allocation"),
        ),
        ("allocation.utils", ("oauth",)),
    ],
)
def test_every_name_of_the_article_is_where_the_article_has_it(module: str, names: tuple[str, ...]) -> None:
    for name in names:
        assert callable(getattr(import_module(module), name))


def test_accounts_answer_the_articles_questions() -> None:
    for question in ("set_account", "get_portfolio", "get_target_allocation"):
        assert inspect.isfunction(getattr(Accounts, question))


def test_the_package_hands_out_what_its_modules_define() -> None:
    for name in allocation.__all__:
        assert getattr(allocation, name).__name__ == name
    assert allocation.calculate_allocation is calculate_allocation
    with pytest.raises(AttributeError, match="no_such_name"):
        allocation.no_such_name  # noqa: B018  asking is the test


def test_oauth_begins_with_the_address_of_the_providers_own_page() -> None:
    with running_provider() as provider:
        handshake = oauth(provider.configured)

        assert handshake.authorize_url("http://localhost:8501/oauth/callback").startswith(
            f"{provider.issuer}/authorize?"
        )


def test_the_articles_flow_ends_with_a_list_of_trades(session: Session) -> None:
    account = select_account(session, ACCOUNT)
    portfolio = session.accounts.get_portfolio()
    target = session.accounts.get_target_allocation()
    assert target is not None

    price = get_current_price("LLY", SampleSource()).price
    result = calculate_allocation(session)

    # 240 shares of LLY are far above their tenth of the account, so some must go.
    assert account.id == portfolio.account.id == ACCOUNT
    assert portfolio.quantities["LLY"] == 240
    assert target.weights["LLY"] == Decimal("0.10")
    assert result["status"] == "success"
    assert result["plan"]["status"] == "optimal"
    assert -240 < Decimal(result["shares"]["LLY"]) < 0
    assert Decimal(result["plan"]["trades"][0]["price"]) == price
    assert {t["symbol"]: t["side"] for t in result["plan"]["trades"]} == {
        symbol: "sell" if quantity.startswith("-") else "buy" for symbol, quantity in result["shares"].items()
    }


def test_the_result_says_in_a_sentence_what_the_trades_achieve() -> None:
    # 10 × 10 in A and nothing in cash, half of it wanted in B: 5 of A go for 2 of B at 25.
    store = MemoryStore()
    store.save_portfolios("demo", [a_portfolio({"A": 10})])
    any_quote = sample_quotes()["LLY"]
    quotes = {s: replace(any_quote, symbol=s, price=Decimal(p)) for s, p in {"A": 10, "B": 25}.items()}
    session = start_session(demo_user(), store, Market(None, MemoryQuoteCache(), quotes))
    select_account(session, "main")

    changed = calculate_allocation(session, {"A": 0.5, "B": 0.5})
    unchanged = calculate_allocation(session, {"A": 1})

    assert (changed["message"], changed["shares"]) == (
        "2 trades bring the drift from 50.00 % to 0.00 %.",
        {"A": "-5", "B": "2"},
    )
    assert unchanged["message"].startswith("No trades: at a drift of 0.00 %")
    assert unchanged["shares"] == {}


def test_the_session_and_the_plain_function_agree(session: Session) -> None:
    select_account(session, ACCOUNT)
    portfolio, target = session.accounts.get_portfolio(), session.accounts.get_target_allocation()
    assert target is not None
    symbols = {*portfolio.symbols, *target.weights}
    prices = {s: quote.price for s, quote in get_current_prices(symbols, SampleSource()).items()}

    plan = calculate_investment_allocation(target, prices, portfolio, cash_flow=500)

    assert calculate_allocation(session, cash_flow=500)["plan"] == plan.as_dict()


@pytest.mark.parametrize(
    ("target", "cash_flow", "rules", "code", "told"),
    [
        ({"LLY": 60}, 0, None, "target_invalid", "LLY"),
        ({"LLY": 0.6, "KO": 0.6}, 0, None, "target_sum", "20 points more"),
        ({"NOPE": 1}, 0, None, "price_missing", "NOPE"),
        ({"LLY": 1}, "much", None, "number_invalid", "cash_flow"),
        ({"LLY": 1}, "-1e9", None, "withdrawal_too_large", "Withdraw less"),
        ({"LLY": 1}, -50_000, Rules(selling=Selling.NEVER), "infeasible", "Sales must raise"),
    ],
)
def test_what_cannot_be_calculated_is_an_error_with_its_reason(
    session: Session, target: dict[str, float], cash_flow: str | int, rules: Rules | None, code: str, told: str
) -> None:
    select_account(session, ACCOUNT)

    result = calculate_allocation(session, target, cash_flow, rules)

    assert (result["status"], result["code"]) == ("error", code)
    assert told in result["message"]
    assert "plan" not in result


def test_without_an_account_there_is_an_error_and_not_an_exception(session: Session) -> None:
    result = calculate_allocation(session)

    assert (result["status"], result["code"]) == ("error", "no_account")
    with pytest.raises(NoAccountSelectedError):
        session.accounts.get_portfolio()


def test_an_account_without_a_target_asks_for_one() -> None:
    store = MemoryStore()
    store.save_portfolios("demo", [a_portfolio({"VTI": 1})])
    session = start_session(demo_user(), store, Market(None, MemoryQuoteCache()))
    select_account(session, "main")

    result = calculate_allocation(session)

    assert (result["status"], result["code"], result["culprits"]) == ("error", "target_invalid", ["target"])


def test_somebody_elses_account_cannot_be_selected(session: Session) -> None:
    select_account(session, ACCOUNT)

    with pytest.raises(AccountNotFoundError):
        select_account(session, "somebody-elses")

    assert session.accounts.selected_id == ACCOUNT


def test_a_source_without_a_price_is_refused_by_name() -> None:
    with pytest.raises(MissingPriceError, match="NOPE"):
        get_current_prices(["LLY", "NOPE"], SampleSource())
