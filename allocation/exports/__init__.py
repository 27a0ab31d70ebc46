"""A plan as files: tables, a workbook with its record of the decision, and the import files of brokers; one table of all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from allocation.errors import AllocationError
from allocation.exports import alpaca, basket_trader, wealthscape, workbook
from allocation.exports.decision import Decision, Terms
from allocation.report import trades_csv

__all__ = ["FORMATS", "Decision", "Format", "Terms", "why_not"]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Attributes:
        label: what it is called on a page, and `hint` what is in it or how it gets to where it is read.
        name: what is added to the file's name, ending included.
        write: the file's bytes; raises an `AllocationError` for a plan that the format cannot hold.
        takes_terms: whether it holds orders, so that their type matters and the plan must fit the broker.
    """

    label: str
    hint: str
    name: str
    mime: str
    write: Callable[[Decision, Terms], bytes]
    takes_terms: bool = True


def _csv(decision: Decision, _: Terms) -> bytes:
    names, rates = {decision.account.id: decision.account_label}, {rate.base: rate for rate in decision.rates}
    text = trades_csv(decision.plan, decision.account.currency, names, decision.quotes, rates)
    return text.encode("utf-8-sig")  # so that a spreadsheet reads names outside ASCII


def _json(decision: Decision, _: Terms) -> bytes:
    return json.dumps(decision.plan.as_dict(), indent=2).encode("utf-8")


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("CSV", "The trades, one a row.", ".csv", "text/csv", _csv, takes_terms=False),
        "xlsx": Format(
            "Excel with decision record",
            "Trades, and on a second sheet what they were decided on.",
            ".xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            lambda decision, _: workbook.write(decision),
            takes_terms=False,
        ),
        "interactive_brokers": Format(
            "Interactive Brokers basket",
            "Trader Workstation: BasketTrader → Browse. Nothing is sent before you press Transmit there.",
            "-basket.csv",
            "text/csv",
            basket_trader.write,
        ),
        "alpaca": Format(
            "Alpaca orders",
            "A list of bodies for POST /v2/orders, each with its own client_order_id.",
            "-alpaca.json",
            "application/json",
            alpaca.write,
        ),
        "fidelity": Format(
            "Fidelity Wealthscape orders",
            "For advisors: Tools → Imports → Orders. The orders wait there as unsent.",
            "-wealthscape.csv",
            "text/csv",
            wealthscape.write,
        ),
        "json": Format(
            "JSON",
            "The plan as the command line prints it.",
            ".json",
            "application/json",
            _json,
            takes_terms=False,
        ),
    }
)


def why_not(form: Format, decision: Decision, terms: Terms) -> str:
    """Why this plan cannot be written so, in a sentence with the way out; empty when it can."""
    if not form.takes_terms:
        return ""
    try:
        form.write(decision, terms)
    except AllocationError as error:
        return str(error)
    return ""
