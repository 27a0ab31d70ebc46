"""What random requests are about: each kind mixes some of the rules in some shape."""

from dataclasses import dataclass, field
from typing import Any

from tests.brute_force.generator import RULES, Request, random_request

LIMITS = ("selling", "reserve", "outside_target", "minimum", "lists")


@dataclass(frozen=True)
class Kind:
    """`objective` empty for l1 or l2; `shape` as `random_request` takes it."""

    rules: tuple[str, ...]
    objective: str = ""
    shape: dict[str, Any] = field(default_factory=dict)

    def request(self, seed: int, **shape: Any) -> Request:
        """The request of this seed."""
        return random_request(seed, self.rules, self.objective, **{**self.shape, **shape})


KINDS = {
    "limits": Kind(LIMITS),
    "bands": Kind(("bands", "edge", *LIMITS)),
    "costs": Kind(("costs", "half_spreads", "minimum", "selling")),
    "caps": Kind(("max_trades", "max_turnover", "lists", "selling")),
    "relative": Kind(LIMITS, "relative"),
    "taxes": Kind(("taxes", "selling", "costs", "lists")),
    "households": Kind(("location", *LIMITS), shape={"accounts": 3}),
    "charged households": Kind(("costs", "max_trades", "location", "lists"), shape={"accounts": 3}),
    "classes": Kind(("bands", *LIMITS), shape={"classes": True}),
    "taxed households": Kind(("taxes", "location", "costs"), shape={"accounts": 3}),
    # Every choice of lots is tried for every choice of trades.
    "least tax": Kind(("least_tax",), shape={"most": 1_500}),
    "least tax with rules": Kind(
        ("least_tax", "selling", "costs", "max_turnover", "max_trades"), shape={"most": 1_500}
    ),
    "lot methods": Kind(("lot_methods", "selling", "costs")),
    "lot methods in households": Kind(("lot_methods", "lists"), shape={"accounts": 2}),
    "classes in households": Kind(("location", "lists", "costs"), shape={"accounts": 2, "classes": True}),
    "everything": Kind(RULES),
    "everything relative": Kind(RULES, "relative"),
    "everything at once": Kind(RULES, shape={"accounts": 2, "classes": True}),
}
