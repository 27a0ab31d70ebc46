"""What a plan must not keep to itself: losses that do not count, gains that nobody knows, losses that pay nothing back."""

from collections.abc import Iterator

from allocation.checks.fault import Fault
from allocation.checks.harvest import sold_at_a_loss
from allocation.checks.lots import lots_of
from allocation.checks.outcome import Outcome
from allocation.trade_plan import TradePlan


def check_remarks(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Each remark about taxes stands there when it is true, with its securities, and only then."""
    told = {remark.code: tuple(sorted(remark.symbols)) for remark in plan.remarks}
    for code, symbols in _due(outcome).items():
        if symbols is None and code in told:
            yield Fault("remark", f"The remark {code} has no reason.")
        elif symbols is not None and told.get(code) != symbols:
            yield Fault("remark", f"The remark {code} is missing, or names other securities than {list(symbols)}.")


def _due(outcome: Outcome) -> dict[str, tuple[str, ...] | None]:
    """The securities that each remark has to name; None where there is nothing to say."""
    taxes, taxed = outcome.ledger.rules.taxes, outcome.ledger.taxed
    rated = bool(taxes.short_term_rate or taxes.long_term_rate)
    washed = {key[1] for key, lost in outcome.bill.disallowed.items() if key[0] in taxed and any(lost)}
    known = lots_of(outcome.ledger)
    sold = {key for key, quanta in outcome.traded.items() if quanta < 0 and key[0] in taxed}
    unknown = {symbol for account, symbol in sold if (account, symbol) not in known}
    bought = {symbol for (_, symbol), quanta in outcome.traded.items() if quanta > 0}
    washed |= bought & sold_at_a_loss(outcome.ledger)
    return {
        "wash_sale_risk": tuple(sorted(washed)) or None,
        "harvested": tuple(sorted({symbol for _, symbol in outcome.ledger.forced})) or None,
        "not_harvested": tuple(sorted(outcome.ledger.left_out)) or None,
        "cost_basis_unknown": (tuple(sorted(unknown)) or None) if rated else None,
        "net_loss_carried": () if rated and outcome.bill.carried > 0 else None,
    }
