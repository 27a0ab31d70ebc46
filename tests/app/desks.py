"""Opens a page of the app for a visitor with accounts of our own making."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryQuoteCache, MemoryStore
from allocation.allocation import start_session
from allocation.market import Market
from allocation.model import Portfolio, PriceSource, Quote
from allocation.ports import User
from allocation.targets import TargetAllocation
from pages.shared.state import SignedIn
from tests.app.conftest import ROOT, RUN_WITHIN_SECONDS, OpenApp

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VISITOR = User("visitor", "Visitor", demo=True)


def store_with(*portfolios: Portfolio, target: Mapping[str, Any] | None = None) -> MemoryStore:
    """The visitor's accounts; the target, if any, is the first one's."""
    store = MemoryStore()
    store.save_portfolios(VISITOR.id, portfolios)
    if target is not None:
        store.save_target(VISITOR.id, portfolios[0].account.id, TargetAllocation.of(target))
    return store


def open_signed_out(page: str) -> AppTest:
    """The page itself, without the app around it and without anybody signed in."""
    app = AppTest.from_file(str(ROOT / page), default_timeout=RUN_WITHIN_SECONDS)
    app.secrets = {"tests": "only"}
    return app.run()


def open_page(open_app: OpenApp, page: str, store: MemoryStore, prices: Mapping[str, str]) -> AppTest:
    """The page as the visitor sees it, at these sample prices."""
    quotes = {s: Quote(s, Decimal(p), "USD", NOON, PriceSource.SAMPLE) for s, p in prices.items()}
    app = open_app()
    session = start_session(VISITOR, store, Market(None, MemoryQuoteCache(), quotes))
    app.session_state["state.signed_in"] = SignedIn(session)
    return app.run().switch_page(page).run()
