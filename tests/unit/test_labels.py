"""Whole shares by label: the best there is, joined by label, exact, and nonsense refused by name."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import product
from math import inf, nan
from random import Random

import pytest

from allocation.errors import (
    AllocationError,
    BadPriceError,
    EmptyPortfolioError,
    HoldingError,
    MissingPriceError,
    NumberError,
    TargetError,
    TargetSumError,
)
from allocation.labels import Allocated, allocate

OBJECTIVES = ["l2", "l1"]


def objective_of(
    quantities: Mapping[str, int | Decimal],
    weights: Mapping[str, float],
    prices: Mapping[str, float],
    total: Decimal,
    objective: str,
) -> Decimal:
    """√Σ² or Σ|off| in exact decimals, cash included."""
    weight = {label: Decimal(str(w)) for label, w in weights.items()}
    value = {label: Decimal(str(prices[label])) * quantities.get(label, 0) for label in {*weights, *quantities}}
    offs = [value[label] - weight.get(label, Decimal(0)) * total for label in value]
    offs.append(total - sum(value.values()) - (1 - sum(weight.values())) * total)
    return sum(o * o for o in offs).sqrt() if objective == "l2" else sum(map(abs, offs), Decimal(0))


def an_account(random: Random) -> tuple[dict[str, float], dict[str, float], dict[str, float], float]:
    """Weights, prices, holdings and cash of up to three labels, in cents."""
    labels = ["A", "B", "C"][: random.randint(1, 3)]
    prices = {label: random.randint(100, 9_000) / 100 for label in "ABC"}
    shares = [random.randint(0, 9) for _ in labels]
    whole = sum(shares) + random.choice([0, 0, 3]) or 1
    weights = {label: share / whole for label, share in zip(labels, shares, strict=True)}
    holdings: dict[str, float] = {label: random.randint(0, 4) for label in random.sample("ABC", random.randint(0, 3))}
    return weights, prices, holdings, random.randint(1, 20_000) / 100


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_other_whole_shares_come_closer(objective: str) -> None:
    for seed in range(150):
        weights, prices, holdings, cash = an_account(Random(seed))
        labels = sorted({*weights, *holdings})
        total = Decimal(str(cash)) + sum(Decimal(str(prices[k])) * int(q) for k, q in holdings.items())

        found = allocate(weights, prices, holdings, cash, objective)

        best = min(
            objective_of(dict(zip(labels, quantities, strict=True)), weights, prices, total, objective)
            for quantities in product(*(range(int(total / Decimal(str(prices[k]))) + 1) for k in labels))
            if sum(Decimal(str(prices[k])) * q for k, q in zip(labels, quantities, strict=True)) <= total
        )
        reached = objective_of(found.quantities, weights, prices, total, objective)
        assert abs(float(reached - best)) <= 1e-9 * float(total), seed
        assert abs(found.objective - float(reached)) <= 1e-9 * float(total), seed
        assert found.bound <= float(best) <= found.bound + 1e-9 * float(total), seed


def test_prices_are_joined_by_label_whatever_their_order() -> None:
    weights, prices = {"A": 0.5, "B": 0.3, "C": 0.2}, {"C": 10.0, "X": 1.0, "B": 200.0, "A": 30.0}

    one = allocate(weights, prices, cash=5_000)
    other = allocate(dict(reversed(weights.items())), dict(reversed(prices.items())), cash=5_000)

    # Off by 20, −100, 40 and 40 in cash: 13,600 in squares, where eight of B and the nearest rest make 18,200.
    assert one.quantities == other.quantities == {"A": 84, "B": 7, "C": 104}


def test_a_label_without_a_weight_is_sold() -> None:
    found = allocate({"A": 1.0}, {"A": 10.0, "B": 25.0}, {"B": 4})

    assert found == Allocated({"A": 10}, 0.0, 0.0)


def test_what_is_missing_to_one_stays_in_cash() -> None:
    found = allocate({"A": 0.6}, {"A": 10.0}, cash=1_000)

    assert found == Allocated({"A": 60}, 0.0, 0.0)


def test_thirds_that_miss_one_by_rounding_are_taken_as_one() -> None:
    weights = {"A": 0.333333, "B": 0.333333, "C": 0.333333}

    found = allocate(weights, dict.fromkeys("ABC", 1.0), cash=3_000_000)

    assert found.quantities == dict.fromkeys("ABC", 1_000_000)


def test_prices_finer_than_floats_can_prove_are_counted_exactly() -> None:
    found = allocate({"A": 0.5, "B": 0.5}, {"A": 0.000000000123, "B": 1.0}, cash=2.0)

    assert found.quantities["B"] == 1
    assert abs(float(found.quantities["A"]) * 0.000000000123 - 1.0) < 1e-9


def test_a_fraction_held_stays_a_fraction() -> None:
    found = allocate({"A": 0.5}, {"A": 10.0}, {"A": 10.5}, cash=5.0)

    assert found.quantities == {"A": Decimal("5.5")}


def test_a_share_dearer_than_everything_is_left_out_and_the_rest_is_spread() -> None:
    found = allocate({"A": 0.5, "B": 0.5}, {"A": 700_000.0, "B": 10.0}, cash=2_000)

    # 1,500 in B misses B, A and cash by 500, 1,000 and 500; no other amount comes closer.
    assert found.quantities == {"B": 150}
    assert found.objective == pytest.approx((500**2 + 1000**2 + 500**2) ** 0.5)


@pytest.mark.parametrize(
    ("weights", "prices", "holdings", "cash", "error"),
    [
        ({"A": 0.5, "B": 0.5}, {"A": 1.0}, None, 10.0, MissingPriceError),
        ({"A": 0.5}, {"A": 1.0}, {"B": 3}, 10.0, MissingPriceError),
        ({"A": nan}, {"A": 1.0}, None, 10.0, TargetError),
        ({"A": -0.1}, {"A": 1.0}, None, 10.0, TargetError),
        ({"A": 0.7, "B": 0.4}, {"A": 1.0, "B": 1.0}, None, 10.0, TargetSumError),
        ({"A": 60.0}, {"A": 1.0}, None, 10.0, TargetSumError),
        ({"A": 0.5}, {"A": nan}, None, 10.0, BadPriceError),
        ({"A": 0.5}, {"A": 0.0}, None, 10.0, BadPriceError),
        ({"A": 0.5}, {"A": inf}, None, 10.0, BadPriceError),
        ({"A": 0.5}, {"A": -3.0}, None, 10.0, BadPriceError),
        ({"A": 0.5}, {"A": 1.0}, {"A": -1}, 10.0, HoldingError),
        ({"A": 0.5}, {"A": 1.0}, {"A": nan}, 10.0, HoldingError),
        ({"A": 0.5}, {"A": 1.0}, None, nan, NumberError),
        ({"A": 0.5}, {"A": 1.0}, None, -1.0, NumberError),
        ({"A": 0.5}, {"A": 1.0}, None, 0.0, EmptyPortfolioError),
        ({}, {"A": 1.0}, None, 10.0, EmptyPortfolioError),
    ],
)
def test_nonsense_is_refused(
    weights: dict[str, float],
    prices: dict[str, float],
    holdings: dict[str, float] | None,
    cash: float,
    error: type[AllocationError],
) -> None:
    with pytest.raises(error):
        allocate(weights, prices, holdings, cash)


def test_a_refusal_names_every_label_without_a_price() -> None:
    with pytest.raises(MissingPriceError, match="B and C"):
        allocate({"A": 0.2, "B": 0.2, "C": 0.2}, {"A": 1.0}, cash=10)
