"""The story in four verbs: start a session, select an account, calculate its allocation, or calculate any portfolio's.

These are the article's names. The typed calls beneath them raise `AllocationError`; `calculate_allocation`, which a user
interface consumes, answers with a dictionary instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from allocation.accounts import Accounts
from allocation.base_currency import in_base_currency
from allocation.errors import AllocationError, HoldingError, TargetError
from allocation.fx_guard import refuse_old_rates
from allocation.market import AtHand, Market
from allocation.model import Account, Portfolio, Position
from allocation.money import Number, plain, to_decimal
from allocation.plan import TradePlan, plan_trades
from allocation.ports import Store, User
from allocation.rules import Rules
from allocation.targets import ClassTarget, TargetAllocation


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in user's work: who they are, what they may see, where prices come from."""

    user: User
    accounts: Accounts
    store: Store
    market: Market


def start_session(user: User, store: Store, market: Market) -> Session:
    """A session for a user whose identity has been proved (see `utils.oauth`)."""
    return Session(user, Accounts(store, user), store, market)


def select_account(session: Session, account_id: str) -> Account:
    """Select one of the user's accounts; refuses any other as if it did not exist."""
    return session.accounts.set_account(account_id)


def prices_at_hand(session: Session, portfolio: Portfolio, symbols: Iterable[str], now: datetime) -> AtHand:
    """The quotes of these symbols in the user's order of sources, and the rates of their currencies; no network."""
    user_id, store = session.user.id, session.store
    return session.market.at_hand(symbols, portfolio, store.manual_prices(user_id), store.price_order(user_id), now)


def plan_for(
    session: Session,
    target: TargetAllocation | None = None,
    *,
    cash_flow: Decimal = Decimal(0),
    rules: Rules | None = None,
    now: datetime | None = None,
) -> TradePlan:
    """The plan for the selected account at the best prices and rates known now; no network. Locked lines stay.

    Raises:
        MissingRateError: there is money or a price in a currency without a rate.
        StaleRateError: a rate that is needed is more than three business days old.
    """
    portfolio = session.accounts.get_portfolio()
    wanted = target or session.accounts.get_target_allocation()
    if wanted is None:
        raise TargetError(f"{portfolio.account.name} has no target yet. Set one on the Rebalance page.", ("target",))
    wanted = wanted.spelled_as(portfolio.symbols)
    named = (*wanted.weights, *wanted.locked)
    symbols = dict.fromkeys((*portfolio.symbols, *named))
    at_hand = prices_at_hand(session, portfolio, symbols, now or datetime.now(UTC))
    told = in_base_currency(portfolio, at_hand.quotes, at_hand.rates, named)
    told.refuse_unrated()
    refuse_old_rates(told.rates.values(), now or datetime.now(UTC))
    given = told.adapt(rules or Rules())
    kept = replace(given, lock=given.lock | wanted.locked)
    return plan_trades(told.portfolio, wanted, told.prices, kept, cash_flow)


def calculate_allocation(
    session: Session,
    target_allocation: Mapping[str, Number] | None = None,
    cash_flow: Number = 0,
    rules: Rules | None = None,
) -> dict[str, Any]:
    """`plan_for` as a dictionary that a user interface shows; it never raises an `AllocationError`.

    Returns:
        {"status": "success", "message": a sentence, "shares": signed quantity by symbol as text, "plan": the whole
        response of the command line}, or {"status": "error", "message": a sentence with the way out, "code", "culprits"}.
    """
    try:
        target = None if target_allocation is None else TargetAllocation.of(target_allocation)
        plan = plan_for(session, target, cash_flow=to_decimal(cash_flow, "cash_flow"), rules=rules)
    except AllocationError as error:
        return {"status": "error", "code": error.code, "message": str(error), "culprits": list(error.culprits)}
    shares = {symbol: plain(quantity) for symbol, quantity in plan.shares.items()}
    return {"status": "success", "message": _in_a_sentence(plan), "shares": shares, "plan": plan.as_dict()}


def calculate_investment_allocation(
    target_allocation: Mapping[str, Number] | TargetAllocation | ClassTarget,
    current_prices: Mapping[str, Number],
    current_portfolio: Mapping[str, Number] | Portfolio | None = None,
    cash: Number = 0,
    cash_flow: Number = 0,
    rules: Rules | None = None,
) -> TradePlan:
    """The verified plan for any portfolio; mappings are joined by symbol, never by position.

    Args:
        target_allocation: weights as fractions, of securities or in a tree of classes; what is missing to 1 is cash.
        current_prices: money for one unit, for every line held or wanted.
        current_portfolio: quantities by symbol, or a Portfolio, which brings its own cash.
        cash: settled cash now.
        cash_flow: money in (+) or out (−) before trading.
    """
    target = (
        target_allocation
        if isinstance(target_allocation, TargetAllocation | ClassTarget)
        else TargetAllocation.of(target_allocation)
    )
    portfolio = _as_portfolio(current_portfolio or {}, to_decimal(cash, "cash"))
    prices = {symbol: to_decimal(price, f"The price of {symbol}") for symbol, price in current_prices.items()}
    return plan_trades(portfolio, target, prices, rules, to_decimal(cash_flow, "cash_flow"))


def _in_a_sentence(plan: TradePlan) -> str:
    before, after = (f"{moment.drift * 100:.2f} %" for moment in (plan.before, plan.after))
    if not plan.trades:
        return f"No trades: at a drift of {before} the account is as near to its target as the rules allow."
    number = len(plan.trades)
    return f"{number} {'trade brings' if number == 1 else 'trades bring'} the drift from {before} to {after}."


def _as_portfolio(holdings: Mapping[str, Number] | Portfolio, cash: Decimal) -> Portfolio:
    if not isinstance(holdings, Portfolio):
        quantities = {symbol: to_decimal(q, f"The quantity of {symbol}") for symbol, q in holdings.items()}
        return Portfolio(Account("main", "Main"), tuple(Position(s, q) for s, q in quantities.items()), cash)
    if cash:
        raise HoldingError(
            f"The portfolio brings its own cash of {plain(holdings.cash)}, and cash={plain(cash)} is given beside it. "
            "Give one of them; new money is cash_flow.",
            ("cash",),
        )
    return holdings
