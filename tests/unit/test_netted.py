"""One account whose sales are taxed together: what the solver counts is what is owed, its bounds hold, and it gets to the end."""

import json
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.plan import plan_facts
from allocation.planning.outcome import outcome_of
from allocation.planning.question import ask
from allocation.planning.sheet import lay_out
from allocation.request import read_request
from allocation.solver.coupled.judge import judge, tax_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.pieces import Pieces
from allocation.solver.coupled.tariff import Shape, Tariff, Tolls, within
from allocation.solver.question import Question, TaxRates
from allocation.trade_plan import Status

AS_OF = date(2026, 11, 20)


def an_account(seed: int, lines: int = 4, **rules: Any) -> Facts:
    """An account of round size with two to five lots a line, about half of them at a loss."""
    chance = Random(seed)
    prices = {f"S{n}": round(chance.uniform(20, 300), 2) for n in range(lines)}
    positions = [_position(chance, symbol, price, 50_000 / lines) for symbol, price in prices.items()]
    shares = [chance.randint(1, 9) for _ in prices]
    taxes = {"short_term_rate": "0.37", "long_term_rate": "0.2", "as_of": AS_OF.isoformat()}
    request = {
        "accounts": [{"id": "main", "cash": str(chance.choice([0, 500, 4000])), "positions": positions}],
        "securities": {symbol: {"price": str(price)} for symbol, price in prices.items()},
        "target": {"weights": {s: str(round(n / sum(shares) * 0.98, 4)) for s, n in zip(prices, shares, strict=True)}},
        "rules": {"taxes": {**taxes, **rules.pop("taxes", {})}, **rules},
    }
    return read_request(json.dumps(request)).to_facts()


def _position(chance: Random, symbol: str, price: float, worth: float) -> dict[str, Any]:
    quantity = max(6, int(worth * chance.uniform(0.4, 1.6) / price))
    cuts = [0, *sorted(chance.sample(range(1, quantity), chance.randint(1, 4))), quantity]
    lots = [_lot(chance, after - before, price) for before, after in pairwise(cuts)]
    return {"symbol": symbol, "quantity": str(quantity), "lots": lots}


def _lot(chance: Random, quantity: int, price: float) -> dict[str, str]:
    cost = price * chance.choice([chance.uniform(0.4, 0.98), chance.uniform(1.02, 1.6)])
    day = AS_OF - timedelta(days=chance.choice([5, 40, 200, 365, 366, 1500]))
    return {"quantity": str(quantity), "unit_cost": str(round(cost, 2)), "acquired": day.isoformat()}


def some_trades(chance: Random, question: Question) -> tuple[int, ...]:
    """Trades that the lines may make, mostly sales."""
    return tuple(
        chance.randint(run.low, min(run.high, 3)) for line in question.lines for run in [chance.choice(line.runs)]
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_solver_counts_the_tax_that_is_owed(seed):
    sheet = lay_out(an_account(seed))
    asked, chance = ask(sheet), Random(seed)

    for _ in range(12):
        trades = some_trades(chance, asked.question)

        assert tax_of(asked.question, trades) * asked.grain == outcome_of(sheet, trades).tax


@pytest.mark.parametrize("seed", range(6))
def test_no_trades_cost_less_than_every_tariff_says(seed):
    question, chance = ask(lay_out(an_account(seed, objective=["l1", "l2"][seed % 2]))).question, Random(seed)
    model = Model(question, ties=False)
    rates = model.question.tax or TaxRates(Fraction(0), Fraction(0))
    pieces, whole = Pieces(model), model.units.whole * model.unit
    highest = model.units.whole * (max(line.step for line in model.question.lines) if model.squared else 1)
    values = [found.value for _ in range(300) if (found := judge(question, some_trades(chance, question)))]

    for _ in range(12):
        tolls = [chance.randrange(2 * highest) for _ in range(4)]
        bounds = [Tariff(pieces, within(Tolls(tolls[0], 0, tolls[1], tolls[2]), rates, shape)).bound for shape in Shape]

        assert min(bounds) <= min(values) * whole


@pytest.mark.parametrize("seed", range(10))
def test_a_small_account_with_losses_is_solved_to_the_end(seed):
    plan = plan_facts(an_account(seed, lines=3 + seed % 4))

    assert plan.status == Status.OPTIMAL


def test_a_withdrawal_that_no_sale_within_the_cap_on_taxes_can_pay_is_refused_with_what_conflicts():
    lots = {
        "S2": [{"quantity": "8", "unit_cost": "0", "acquired": "2022-06-04"}],
        "S0": [{"quantity": "0.04", "unit_cost": "60000", "acquired": "2024-03-01"}],
    }
    positions = [{"symbol": symbol, "quantity": own[0]["quantity"], "lots": own} for symbol, own in lots.items()]
    request = {
        "accounts": [{"id": "main", "cash_flow": "-1000", "positions": positions}],
        "securities": {"S2": {"price": "800"}, "S1": {"price": "2000"}, "S0": {"price": "200000", "increment": "0.01"}},
        "target": {"weights": {"S2": "0.29", "S1": "0.03", "S0": "0.68"}},
        # Two of S2 gain 1,600.00 in the long term; one step of S0 gains 1,400.00 in the short.
        "rules": {
            "taxes": {"short_term_rate": "0.37", "long_term_rate": "0.2", "as_of": "2025-02-28", "max_tax": "319.99"}
        },
    }

    with pytest.raises(InfeasibleError) as refusal:
        plan_facts(read_request(json.dumps(request)).to_facts())

    assert set(refusal.value.culprits) == {"max_tax", "cash_flow", "main"}


def test_thirty_lines_under_a_cap_on_taxes_are_solved_to_the_end():
    plan = plan_facts(an_account(3, lines=30, taxes={"max_tax": "60"}))

    assert plan.status == Status.OPTIMAL
    assert plan.totals.tax <= 60
