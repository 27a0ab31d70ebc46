"""The desk of one run: what is looked up before anything is drawn, the one call for the plan, and what the buttons do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias, cast

import streamlit as st

from allocation import authorisation, desk
from allocation.allocation import Session, prices_at_hand
from allocation.base_currency import InBase, in_base_currency
from allocation.choices import Choices
from allocation.conversions import Settlement, settle
from allocation.desk import DeskLine, Draft
from allocation.errors import AllocationError, InfeasibleError, MissingPriceError, TargetError
from allocation.facts import Facts
from allocation.fx_guard import refuse_old_rates
from allocation.market import AtHand
from allocation.model import Account, Portfolio, Quote
from allocation.plan import plan_trades
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import TradePlan
from allocation.valuation import Valuation, value_portfolio
from pages.shared import metrics
from pages.shared.drafts import Bench, bench_of
from pages.shared.look import literal
from pages.shared.prices import refused_rates
from pages.shared.state import remark, require_session, signed_in

_Asked: TypeAlias = tuple[Portfolio, TargetAllocation, Mapping[str, Decimal], Rules, Decimal]


@dataclass(frozen=True)
class View:
    """What one run of the desk knows before it draws anything.

    `why_not_save` says why this user tries what-ifs only; empty for whoever may change the target.
    """

    portfolio: Portfolio
    saved: TargetAllocation | None
    at_hand: AtHand
    valuation: Valuation
    bench: Bench
    now: datetime
    why_not_save: str = ""

    @property
    def account(self) -> Account:
        """The account on the desk."""
        return self.portfolio.account

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """The prices at hand, each in its own currency."""
        return self.at_hand.quotes

    @cached_property
    def told(self) -> InBase:
        """The account in its own currency, with the currencies that have a target as lines; worked out once a run."""
        return in_base_currency(self.portfolio, self.quotes, self.at_hand.rates, desk.named_in(self.bench.draft))

    @property
    def unsaved(self) -> bool:
        """Whether the draft says something else than the saved target."""
        return self.saved is None or not desk.same_target(self.bench.draft, desk.draft_of(self.saved))

    @property
    def edited(self) -> bool:
        """Whether somebody changed the draft from where it began."""
        began = self.bench.first if self.saved is None else desk.draft_of(self.saved)
        return not desk.same_target(self.bench.draft, began)

    def lines(self, plan: TradePlan | None) -> tuple[DeskLine, ...]:
        """The lines as they are drafted and, with a plan, what becomes of them."""
        return desk.desk_lines(self.portfolio, self.bench.draft, self.quotes, plan, self.at_hand.rates)

    def settlement(self, plan: TradePlan, cash_flow: Decimal) -> Settlement | None:
        """The exchanges that pay for the plan's trades; None where there is one currency only."""
        told = self.told
        if not told.rates:
            return None
        return settle(plan, self.portfolio, told, self.quotes, self.at_hand.rates, cash_flow)


def look_up(session: Session) -> View:
    """The account, its saved target, the prices at hand and the draft; no network."""
    portfolio, kept = session.accounts.get_portfolio(), session.accounts.get_target_allocation()
    saved = kept and kept.spelled_as(portfolio.symbols)
    now = datetime.now(UTC)

    def known(symbols: tuple[str, ...]) -> AtHand:
        return prices_at_hand(session, portfolio, symbols, now)

    bench = bench_of(session.user, portfolio, lambda: first_draft(portfolio, saved, known(portfolio.symbols)))
    at_hand, named = known(desk.desk_symbols(portfolio, bench.draft)), desk.named_in(bench.draft)
    why_not_save = session.accounts.why_not(authorisation.Verb.CHANGE_TARGET)
    value = value_portfolio(portfolio, at_hand.quotes, at_hand.rates, named)
    return View(portfolio, saved, at_hand, value, bench, now, why_not_save)


def first_draft(portfolio: Portfolio, saved: TargetAllocation | None, at_hand: AtHand) -> Draft | None:
    """The saved target; before there is one, what the account holds, so that nothing trades until somebody decides.

    None while a holding without a price, or a currency without a rate, leaves open what the account holds.
    """
    if saved is not None:
        return desk.draft_of(saved)
    valuation = value_portfolio(portfolio, at_hand.quotes, at_hand.rates)
    if valuation.unpriced or valuation.unrated:
        return None
    if not valuation.values:
        return Draft({})
    return desk.set_from_current(Draft({}), portfolio.symbols, valuation.values, valuation.cash)


def try_plan(view: View, chosen: Choices) -> tuple[TradePlan | None, str]:
    """The plan for what is on the desk now, or the sentence that says why there is none."""
    view.bench.refused = None
    if view.bench.mistyped:
        return None, view.bench.mistyped
    try:
        target = desk.target_of(view.bench.draft)
        told = view.told
        reasons = refused_rates(require_session(), view.portfolio)
        told.refuse_unrated(reasons)
        refuse_old_rates(told.rates.values(), view.now, reasons)
        rules = told.adapt(rules_of(view, chosen, target))
        asked = (told.portfolio, target, dict(told.prices), rules, chosen.cash_flow)
        return view.bench.planned(asked, lambda: _planned(view, asked)), ""
    except AllocationError as error:
        view.bench.refused = error if isinstance(error, InfeasibleError) else None
        return None, str(error)


def asked_facts(view: View) -> Facts:
    """The question that the plan on the desk answers."""
    portfolio, target, prices, rules, cash_flow = cast("_Asked", view.bench.question)
    return Facts((portfolio,), target, prices, rules, {portfolio.account.id: cash_flow})


def rules_of(view: View, chosen: Choices, target: TargetAllocation) -> Rules:
    """The rules of the plan: what was chosen, and the locks of the target.

    Raises:
        RulesError: what was chosen is no rule, such as a band without a width.
    """
    return replace(chosen.rules(view.bench.symbols, view.now.date()), lock=target.locked)


def _planned(view: View, asked: _Asked) -> TradePlan:
    with metrics.one_plan(view.quotes.values(), view.now):
        return plan_trades(*asked)


Verb = Callable[[View, Draft], Draft]


@signed_in
def edit_draft(verb: Verb) -> None:
    """Callback: apply a verb to the draft of the chosen account, for whoever is signed in now."""
    view = look_up(require_session())
    view.bench.notice = view.bench.change(lambda draft: verb(view, draft), view.portfolio)


def from_current(view: View, draft: Draft) -> Draft:
    """Verb: every target as the line stands now."""
    _refuse_unknown(view)
    return desk.set_from_current(draft, view.bench.symbols, view.valuation.values, view.valuation.cash)


def spread_rest(view: View, draft: Draft) -> Draft:
    """Verb: what is missing to 100 %, in equal points over the unlocked lines."""
    return desk.spread_rest(draft, view.bench.symbols)


def equal_weights(view: View, draft: Draft) -> Draft:
    """Verb: the same target for every unlocked line."""
    return desk.equal_weights(draft, view.bench.symbols)


def saved_draft(view: View, _: Draft) -> Draft:
    """Verb: back to what is saved."""
    draft = first_draft(view.portfolio, view.saved, view.at_hand)
    if draft is None:
        _refuse_unknown(view)
        raise MissingPriceError(view.valuation.unpriced)
    view.bench.first = draft
    return draft


def _refuse_unknown(view: View) -> None:
    view.told.refuse_unrated()
    if view.valuation.unpriced:
        raise MissingPriceError(view.valuation.unpriced)


def removal_of(symbol: str) -> Verb:
    """Verb: take the line off the desk."""
    return lambda _, draft: desk.remove_symbol(draft, symbol)


@signed_in
def add_line(key: str) -> None:
    """Callback: add the symbol typed into the field with this key; one that is refused stays there to be corrected."""
    typed = st.session_state.get(key, "")
    if not typed.strip():
        return
    view = look_up(require_session())
    bench = view.bench
    bench.refused_line = bench.change(lambda draft: desk.add_symbol(draft, typed, bench.symbols), view.portfolio)
    if not bench.refused_line:
        st.session_state[key] = ""


@signed_in
def save_targets() -> None:
    """Callback: keep the draft as the account's target."""
    session = require_session()
    view = look_up(session)
    try:
        if view.bench.mistyped:
            raise TargetError(view.bench.mistyped)
        session.accounts.save_target_allocation(desk.target_of(view.bench.draft))
    except AllocationError as error:
        view.bench.notice = str(error)
    else:
        remark(f"Targets of {literal(view.account.name)} saved.")
