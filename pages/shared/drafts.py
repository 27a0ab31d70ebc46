"""The what-if of each account: nothing typed is lost by a rerun, a visit to another page, a refresh, or a session's end."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import streamlit as st

from allocation.choices import PLAIN, Choices
from allocation.desk import Draft, apply_edits, desk_symbols, fits
from allocation.drafting import Kept
from allocation.errors import AllocationError, InfeasibleError, TargetError
from allocation.facts import Facts
from allocation.model import Portfolio
from allocation.ports import User
from allocation.trade_plan import TradePlan, WithoutIt
from pages.shared.cache import drafts

NOTHING_DRAFTED = Draft({})


@dataclass
class Explained:
    """What the best plan comes to without one of its trades, by account and symbol, for one question."""

    question: Facts | None = None
    answers: dict[tuple[str, str], WithoutIt | None] = field(default_factory=dict)


@dataclass
class Bench:
    """One account's draft and the grid it is typed into.

    The grid keeps its own edits over the rows it was given (`base`, in the order of `symbols`). Whenever those rows
    change, the grid is started anew with everything typed so far as its base. `choices` are those of the last run, and
    `held` the mark of the holdings that their money was meant for.
    """

    account_id: str
    base: Draft
    draft: Draft
    symbols: tuple[str, ...]
    begun: bool = False
    first: Draft = NOTHING_DRAFTED
    restored: Draft | None = None
    choices: Choices = PLAIN
    held: str = ""
    epoch: int = 0
    mistyped: str = ""
    notice: str = ""
    refused_line: str = ""
    question: object = None
    plan: TradePlan | None = None
    refused: InfeasibleError | None = None
    explained: Explained = field(default_factory=Explained)

    @property
    def grid_key(self) -> str:
        """The widget key of the grid; a new one for every new start."""
        return f"rebalance.{self.account_id}.grid.{self.epoch}"

    def take_edits(self) -> None:
        """Bring the draft up to date with the grid; where a cell is no number, say so and leave the draft as it was."""
        try:
            self.draft = apply_edits(self.base, self.symbols, st.session_state.get(self.grid_key))
            self.mistyped = ""
        except TargetError as error:
            self.mistyped = str(error)

    def start_grid(self, draft: Draft, portfolio: Portfolio) -> None:
        """Give a new grid these rows."""
        self.base = self.draft = draft
        self.symbols = desk_symbols(portfolio, draft)
        self.epoch += 1

    def begin(self, start: Callable[[], Draft | None], portfolio: Portfolio) -> None:
        """Make the first draft as soon as it can be made; what was typed meanwhile goes before it."""
        first = None if self.begun else start()
        if first is not None:
            self.begun, self.first = True, first
            self.start_grid(replace(first, percents={**first.percents, **self.draft.percents}), portfolio)
        if self.begun and self.restored is not None:
            self.start_grid(self.restored, portfolio)
            self.restored = None

    def change(self, verb: Callable[[Draft], Draft], portfolio: Portfolio) -> str:
        """Apply a verb of the desk; why not, where it refuses."""
        self.take_edits()
        try:
            self.start_grid(verb(self.draft), portfolio)
        except AllocationError as error:
            return str(error)
        return ""

    def planned(self, question: object, answer: Callable[[], TradePlan]) -> TradePlan:
        """The answer to the question, worked out again only when the question is another one."""
        if self.plan is None or self.question != question:
            self.plan = None
            self.plan, self.question = answer(), question
        return self.plan


def bench_of(user: User, portfolio: Portfolio, start: Callable[[], Draft | None]) -> Bench:
    """The account's bench, with a grid whose rows are the account's lines of now."""
    key, account_id = f"rebalance.{portfolio.account.id}.bench", portfolio.account.id
    if key not in st.session_state:
        symbols = desk_symbols(portfolio, NOTHING_DRAFTED)
        kept = Kept() if user.demo else drafts().find(user.id, account_id)
        st.session_state[key] = Bench(
            account_id,
            NOTHING_DRAFTED,
            NOTHING_DRAFTED,
            symbols,
            restored=kept.draft,
            choices=kept.choices,
            held=kept.held,
        )
    bench: Bench = st.session_state[key]
    bench.begin(start, portfolio)
    if bench.grid_key not in st.session_state or bench.symbols != desk_symbols(portfolio, bench.base):
        bench.start_grid(bench.draft, portfolio)
    bench.take_edits()
    if not fits(bench.symbols, st.session_state.get(bench.grid_key)):
        bench.start_grid(bench.draft, portfolio)
    return bench


def holdings_mark(portfolio: Portfolio) -> str:
    """The same for the same holdings, and for no others."""
    held = sorted((symbol, str(quantity)) for symbol, quantity in portfolio.quantities.items())
    cash = {portfolio.account.currency: str(portfolio.cash), **{c: str(a) for c, a in portfolio.balances.items()}}
    return hashlib.sha256(repr((held, cash if portfolio.balances else str(portfolio.cash))).encode()).hexdigest()[:16]


def keep_draft(user: User, bench: Bench, *, edited: bool) -> None:
    """Have what was typed outlive this browser session; does not wait for it to be written. A demo keeps nothing."""
    if bench.begun and not bench.mistyped and not user.demo:
        drafts().keep(user.id, bench.account_id, Kept(bench.draft if edited else None, bench.choices, bench.held))
