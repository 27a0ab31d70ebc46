"""What a page adds to the audit trail by itself: that somebody took a plan along. The rest is noted where it is done."""

import streamlit as st

from allocation.trade_plan import TradePlan
from allocation.trail import EventKind
from pages.shared.cache import workbench
from pages.shared.state import require_session, signed_in

_NOTED = "record.plans"


@signed_in
def note_download(account_id: str, plan: TradePlan, form: str) -> None:
    """Callback: a plan was downloaded; one that was not before is noted as made."""
    if require_session().user.demo:
        return
    trail, noted = workbench().trail, st.session_state.setdefault(_NOTED, set())
    if plan.plan_id not in noted:
        trades, status = len(plan.trades), str(plan.status)
        trail.record(EventKind.PLAN_MADE, plan.plan_id, account=account_id, trades=trades, status=status)
        noted.add(plan.plan_id)
    trail.record(EventKind.TRADES_DOWNLOADED, plan.plan_id, account=account_id, format=form)
