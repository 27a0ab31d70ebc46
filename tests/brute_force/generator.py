"""Random small requests with random rules: the same seed gives the same request on every machine."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.brute_force.enumeration import Enumeration
from tests.brute_force.question import Question

Request = dict[str, Any]

# Rules by the name under which `random_request` mixes them in.
RULES = (
    "selling", "reserve", "outside_target", "minimum", "lists", "bands", "edge", "max_trades", "max_turnover",
    "costs", "half_spreads", "taxes", "location",
)  # fmt: skip
# What a request is about, apart from its rules.
SHAPES = ("households", "classes")
TREATMENTS = ("taxable", "tax_deferred", "tax_free")
AS_OF = (date(2026, 11, 20), date(2025, 2, 28), date(2025, 3, 1), date(2024, 2, 29))


def random_request(seed: int, rules: Iterable[str] = RULES, objective: str = "", **shape: Any) -> Request:
    """A request with some of these rules, small enough to try everything.

    Args:
        objective: l1, l2 or relative; any of l1 and l2 where empty.
        shape: accounts (how many at most), classes (True for a tree), most (combinations of trades).
    """
    chance = Random(seed)
    most = shape.get("most", 60_000)
    while True:
        request = _Draw(chance, tuple(rules), objective, shape).request()
        if Question(request).whole <= 0 or Enumeration(request).combinations <= most:
            return request


class _Draw:
    """One draw; every choice comes from the seeded chance."""

    def __init__(self, chance: Random, rules: tuple[str, ...], objective: str, shape: Request) -> None:
        self.chance, self.shape = chance, shape
        self.rules = [rule for rule in rules if chance.random() < max(0.3, 1.2 / len(rules))]
        self.objective = objective or chance.choice(["l1", "l2"])
        self.accounts = chance.randint(2, shape["accounts"]) if shape.get("accounts", 1) > 1 else 1
        self.count = chance.choice([1, 2, 2, 3, 3, 3, 4, 4, 5, 6]) if self.accounts == 1 else chance.randint(1, 3)
        self.symbols = [f"S{i}" for i in range(self.count)]
        chance.shuffle(self.symbols)
        self.size = Decimal(10) ** chance.choice([2, 3, 3, 4, 4, 5, 5, 6, 7, 10])
        self.as_of = chance.choice(AS_OF)
        self.steps: dict[str, Decimal] = {}

    def request(self) -> Request:
        securities = {s: self._security(s) for s in self.symbols}
        request: Request = {
            "accounts": [self._account(i, securities) for i in range(self.accounts)],
            "securities": securities,
            "target": {"weights": self._weights()},
            "rules": {"objective": self.objective},
        }
        if self.shape.get("classes"):
            self._classify(request)
        for rule in self.rules:
            getattr(self, f"_rule_{rule}")(request["rules"], request)
        return request

    def _security(self, symbol: str) -> Request:
        """A price between 0.0001 and 600,000, a step that is a handsome part of the whole."""
        part = Decimal(self.chance.choice([5, 8, 10, 12, 15, 20, 25, 25, 40, 50, 70, 120])) / 100
        if self.steps and self.chance.random() < 0.25:
            step = self.chance.choice(list(self.steps.values()))
        else:
            step = self.size * part if self.chance.random() < 0.4 else self._odd(self.size * part)
        increment = Decimal(self.chance.choice(["1", "1", "1", "100", "0.01", "0.5", "0.000001"]))
        while step / increment > 600_000:
            increment *= 100
        while step / increment < Decimal("0.0001"):
            increment /= 100
        price = (step / increment).quantize(Decimal("0.0001"))
        self.steps[symbol] = price * increment
        return {"price": _text(price), "increment": _text(increment)}

    def _odd(self, amount: Decimal) -> Decimal:
        return (amount * self.chance.randint(700, 1300) / 1000).quantize(Decimal("0.01"))

    def _account(self, index: int, securities: Request) -> Request:
        share = 1 if self.accounts == 1 else self.chance.uniform(0.3, 1) / self.accounts * 1.5
        positions = [self._position(s, securities, share) for s in self.symbols if self.chance.random() < 0.75]
        cash = self.size * Decimal(self.chance.choice([0, 0, 1, 5, 10, 20, 40])) / 100 * Decimal(str(round(share, 2)))
        flow = self.size * Decimal(self.chance.choice([0, 0, 0, 10, 30, -10, -20])) / 100
        account = {"cash": _text(self._odd(cash)), "positions": [p for p in positions if p]}
        account["id"] = f"a{index}" if self.accounts > 1 else "main"
        if flow and self.chance.random() < 0.7:
            account["cash_flow"] = _text(flow if self.chance.random() < 0.5 else self._odd(flow))
        if self.accounts > 1 or self.chance.random() < 0.3:
            account["tax_treatment"] = self.chance.choice(TREATMENTS)
        return account

    def _position(self, symbol: str, securities: Request, share: float) -> Request | None:
        most = max(1, int(self.size * Decimal(str(round(share, 2))) / self.count / self.steps[symbol] * 2))
        quantity = self.chance.randint(0, min(most, 12)) * Decimal(securities[symbol]["increment"])
        if self.chance.random() < 0.15:
            quantity += Decimal(securities[symbol]["increment"]) / 4
        if not quantity:
            return None
        position: Request = {"symbol": symbol, "quantity": _text(quantity)}
        if {"taxes", "lot_methods", "least_tax"} & set(self.rules) and self.chance.random() < 0.85:
            position["lots"] = self._lots(quantity, Decimal(securities[symbol]["price"]))
        return position

    def _lots(self, quantity: Decimal, price: Decimal) -> list[Request]:
        """Up to three lots, bought about a year ago, about thirty days ago, long ago, or nobody knows when."""
        parts, left = [], quantity
        for _ in range(self.chance.choice([0, 1, 1, 2])):
            part = (left * Decimal(self.chance.choice(["0.25", "0.5", "0.75"]))).quantize(Decimal("0.00000001"))
            if self.chance.random() < 0.7 and quantity == int(quantity):
                part = Decimal(int(part))
            if 0 < part < left:
                parts.append(part)
                left -= part
        return [self._lot(part, price) for part in (*parts, left)]

    def _lot(self, quantity: Decimal, price: Decimal) -> Request:
        factor = Decimal(self.chance.choice(["0", "0.4", "0.8", "0.8", "1", "1.1", "1.1", "1.5"]))
        lot = {"quantity": _text(quantity), "unit_cost": _text((price * factor).quantize(Decimal("0.0001")))}
        days = self.chance.choice([None, 0, 1, 10, 29, 30, 31, 364, 365, 366, 367, 1000, 3000])
        if "lot_methods" in self.rules and self.chance.random() < 0.2:
            days = self.chance.choice([-1, -10, -30, -31])
        if days is not None:
            lot["acquired"] = (self.as_of - timedelta(days=days)).isoformat()
        return lot

    def _weights(self) -> dict[str, str]:
        whole = self.chance.choice([100, 100, 100, 95, 80, 50])
        cuts = sorted(self.chance.randint(0, whole) for _ in range(self.count - 1))
        shares = [b - a for a, b in zip([0, *cuts], [*cuts, whole], strict=True)]
        if self.chance.random() < 0.2:
            shares = [whole // self.count] * self.count
        named = {s: _text(Decimal(w) / 100) for s, w in zip(self.symbols, shares, strict=True)}
        for symbol in self.symbols:
            if len(named) > 1 and self.chance.random() < 0.12:
                del named[symbol]
        if all(Decimal(w) == 0 for w in named.values()):
            named[next(iter(named))] = "0.3"
        return named

    def _classify(self, request: Request) -> None:
        """Replace the weights by a tree of classes, and expose each security to one or two of them, or to none."""
        leaves = ["A", "B", "C"][: self.chance.randint(1, 3)]
        tree = {name: {"weight": _text(Decimal(self.chance.choice([20, 30, 33])) / 100)} for name in leaves}
        if self.chance.random() < 0.4:
            half = Decimal(self.chance.choice([50, 60])) / 100
            tree[leaves[0]]["children"] = {"A1": {"weight": _text(half)}, "A2": {"weight": _text(1 - half)}}
        if self.chance.random() < 0.15:
            tree[leaves[-1]]["weight"] = "0"
        names = [*leaves, "Elsewhere"] + (["A1", "A2"] if "children" in tree[leaves[0]] else [])
        for symbol in self.symbols:
            request["securities"][symbol]["classes"] = self._exposure(names)
        leaf = leaves[-1]
        if self.chance.random() < 0.4 and "children" not in tree[leaf]:
            inside = [s for s in self.symbols if request["securities"][s]["classes"].get(leaf)]
            if inside:
                tree[leaf]["securities"] = self._named(inside)
        request["target"] = {"classes": tree}

    def _named(self, inside: list[str]) -> Any:
        if self.chance.random() < 0.5:
            return inside
        weights = ["1"] if len(inside) == 1 else ["0.5"] * 2 if len(inside) == 2 else ["0.25", "0.75"]
        return dict(zip(inside, weights, strict=False))

    def _exposure(self, names: list[str]) -> dict[str, str]:
        first, second = self.chance.choice(names[:-1] or names), self.chance.choice(names)
        if first == second or self.chance.random() < 0.6:
            return {first: "1"}
        return {first: "0.75", second: "0.25"}

    def _rule_selling(self, rules: Request, _: Request) -> None:
        rules["selling"] = self.chance.choice(["never", "to_raise_cash"])

    def _rule_reserve(self, rules: Request, _: Request) -> None:
        rules["cash_reserve"] = _text(self._odd(self.size * Decimal(self.chance.choice([2, 5, 10, 30])) / 100))

    def _rule_outside_target(self, rules: Request, _: Request) -> None:
        rules["outside_target"] = self.chance.choice(["sell", "hold", "exclude"])

    def _rule_minimum(self, rules: Request, _: Request) -> None:
        rules["min_trade_value"] = _text(self._odd(self.size * Decimal(self.chance.choice([1, 10, 25])) / 100))

    def _rule_lists(self, rules: Request, _: Request) -> None:
        for name in ("lock", "do_not_buy", "do_not_sell"):
            if self.chance.random() < 0.5:
                rules[name] = [self.chance.choice(self.symbols)]

    def _rule_bands(self, rules: Request, _: Request) -> None:
        rules["trade"] = "out_of_band"
        if self.chance.random() < 0.8:
            absolute, relative = self.chance.choice(["0.02", "0.05", "0.1"]), self.chance.choice(["0.1", "0.25", "0.5"])
            missing = self.chance.choice(["absolute", "relative", "", ""])
            band = {"absolute": absolute, "relative": relative, "combine": self.chance.choice(["narrower", "wider"])}
            rules["band"] = {**band, missing: None} if missing else band

    def _rule_edge(self, rules: Request, request: Request) -> None:
        self._rule_bands(rules, request)
        rules["destination"] = "edge"

    def _rule_max_trades(self, rules: Request, _: Request) -> None:
        rules["max_trades"] = self.chance.choice([0, 1, 1, 2, 2, 3])

    def _rule_max_turnover(self, rules: Request, _: Request) -> None:
        rules["max_turnover"] = self.chance.choice(["0", "0.05", "0.1", "0.2", "0.4"])

    def _rule_costs(self, rules: Request, _: Request) -> None:
        amounts = [_text(self.size * Decimal(n) / 10_000) for n in (1, 5, 10, 50, 100)]
        costs = {
            "per_trade": self.chance.choice(["0", *amounts]),
            "rate": self.chance.choice(["0", "0.0005", "0.001", "0.01"]),
            "minimum": self.chance.choice(["0", "0", *amounts]),
        }
        if self.chance.random() < 0.4:
            costs["maximum"] = _text(Decimal(costs["minimum"]) + Decimal(self.chance.choice(amounts)))
        rules["costs"] = {name: value for name, value in costs.items() if value != "0" or self.chance.random() < 0.3}

    def _rule_half_spreads(self, _: Request, request: Request) -> None:
        for security in request["securities"].values():
            if self.chance.random() < 0.7:
                security["half_spread"] = self.chance.choice(["0", "0.0002", "0.001", "0.02"])

    def _rule_taxes(self, rules: Request, _: Request) -> None:
        short, long = self.chance.choice(
            [("0.37", "0.2"), ("0.3", "0.15"), ("0.2", "0.2"), ("0.25", "0"), ("0.1", "0.3")]
        )
        rules["taxes"] = {
            "short_term_rate": short,
            "long_term_rate": long,
            "lot_method": self.chance.choice(["fifo", "lifo", "hifo", "least_tax"]),
            "as_of": self.as_of.isoformat(),
        }
        if self.chance.random() < 0.2:
            rules["taxes"]["max_tax"] = _text(self._odd(self.size * Decimal(self.chance.choice([0, 1, 3])) / 100))
        if self.chance.random() < 0.2:
            rules["taxes"]["wash_sale_days"] = self.chance.choice([0, 10, 61])

    def _rule_lot_methods(self, rules: Request, request: Request) -> None:
        """Another method than the four usual ones, or rates of zero; a share pool has one rate."""
        self._rule_taxes(rules, request)
        told, rate = rules["taxes"], self.chance.random()
        told["lot_method"] = self.chance.choice(["specified", "average_cost", "share_pool", told["lot_method"]])
        if told["lot_method"] == "share_pool":
            told["long_term_rate"] = told["short_term_rate"]
        if rate < 0.15:
            told["short_term_rate"] = told["long_term_rate"] = "0"

    def _rule_least_tax(self, rules: Request, request: Request) -> None:
        """Lots to be chosen, with two rates: whose losses meet whose gains is all that matters."""
        self._rule_taxes(rules, request)
        rates = self.chance.choice([("0.37", "0.2"), ("0.25", "0"), ("0.1", "0.3"), ("0", "0.3")])
        rules["taxes"] |= {"lot_method": "least_tax", "short_term_rate": rates[0], "long_term_rate": rates[1]}

    def _rule_location(self, rules: Request, _: Request) -> None:
        named = self.chance.sample(self.symbols, self.chance.randint(1, self.count))
        rules["location"] = {s: self.chance.sample(TREATMENTS, self.chance.choice([3, 3, 2])) for s in named}


def _text(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
