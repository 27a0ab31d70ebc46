"""Which losses are to be realised, by trying every size of sale, and where the target moves: docs/taxes.md, word by word."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from tests.brute_force.lots import ZERO, day_of, is_long, is_recent, method_of
from tests.brute_force.question import Account, Json, Lot, Question, exact

# By account and symbol: units to be sold at least.
Sales = dict[tuple[str, str], Fraction]


class Harvesting:
    """What `taxes.harvest` asks of a request whose target has weights and whose lots have a fixed order.

    Attributes:
        sales: what has to be sold.
        left_out: held securities with a substitute that are not sold for their loss.
        weights: the target with the substitutes in place.
    """

    def __init__(self, request: Json) -> None:
        self.question = Question(request)
        self.told: Json = request["rules"]["taxes"]["harvest"]
        self.lately = self._sold_lately(request)
        self.substitutes: Mapping[str, str] = self.told["substitutes"]
        self.sales, self.weights = Sales(), dict(self.question.weights)
        held = {p["symbol"] for account in request["accounts"] for p in account.get("positions", ())}
        offers = {symbol: self._offers(symbol) for symbol in self.substitutes}
        taken: list[str] = []
        for symbol in sorted(offers, key=lambda s: (-sum(loss for _, loss in offers[s].values()), s)):
            units = {account: n for account, (n, _) in offers[symbol].items()}
            if units and self._may(symbol) and self._is_free(symbol, taken) and not self._is_washed(symbol, units):
                taken.append(symbol)
                self.sales |= {(account, symbol): n for account, n in units.items()}
        self.left_out = {symbol for symbol in self.substitutes if symbol in held and symbol not in taken}
        for symbol in sorted(taken):
            self._move(symbol)

    def _offers(self, symbol: str) -> dict[str, tuple[Fraction, Fraction]]:
        """By account, the smallest sale with the most loss worth having, and its loss, where that is enough."""
        question, found = self.question, {}
        for account in (a for a in question.accounts if a.taxable and a.lots.get(symbol) and symbol in a.held):
            if not question.price.get(symbol):
                continue
            step = question.increment(symbol)
            sizes = [n * step for n in range(int(account.held[symbol] / step) + 1)]
            best = min(sizes, key=lambda n: (self._score(account, symbol, n), n))
            loss = -sum((gain * units for gain, units, _ in self._sold(account, symbol, best)), ZERO)
            enough = loss >= exact(self.told.get("min_loss", 0))
            if best and enough and best * question.price[symbol] >= question.money("min_trade_value"):
                found[account.id] = best, loss
        return found

    def _score(self, account: Account, symbol: str, units: Fraction) -> Fraction:
        """Gains, less the losses that are worth having."""
        rate, counted = exact(self.told.get("min_loss_rate", 0)), ZERO
        for gain, n, lot in self._sold(account, symbol, units):
            if gain > 0 or -gain >= rate * lot.unit_cost:
                counted += gain * n
        return counted

    def _sold(self, account: Account, symbol: str, units: Fraction) -> list[tuple[Fraction, Fraction, Lot]]:
        """Gain per unit, units and lot of what a sale takes, in the order of the method."""
        found = []
        for lot in self._ordered(list(account.lots[symbol]), symbol):
            part = min(units, lot.quantity)
            units -= part
            if part:
                found.append((self.question.price[symbol] - lot.unit_cost, part, lot))
        return found

    def _ordered(self, lots: list[Lot], symbol: str) -> list[Lot]:
        method, usual = (
            method_of(self.question),
            sorted(lots, key=lambda lot: (lot.acquired or date.min, -lot.unit_cost)),
        )
        if method == "lifo":
            return sorted(usual, key=lambda lot: lot.acquired or date.min, reverse=True)
        if method in ("hifo", "least_tax"):
            usual = sorted(usual, key=lambda lot: -lot.unit_cost)
        if method == "least_tax":
            told = self.question.rules["taxes"]
            rates = exact(told["short_term_rate"]), exact(told["long_term_rate"])
            price = self.question.price[symbol]
            return sorted(usual, key=lambda lot: rates[is_long(self.question, lot)] * (price - lot.unit_cost))
        return lots if method == "specified" else usual

    def _may(self, symbol: str) -> bool:
        """Whether the one may be sold and the other bought."""
        question, other = self.question, self.substitutes[symbol]
        if not question.price.get(other) or question.rules.get("selling", "allowed") != "allowed":
            return False
        if any(question.forbids(rule, symbol) for rule in ("lock", "do_not_sell")):
            return False
        if any(question.forbids(rule, other) for rule in ("lock", "do_not_buy")):
            return False
        kept = question.rules.get("outside_target", "sell")
        if kept != "sell" and symbol not in question.named:
            return False
        held = {p["symbol"] for a in question.request["accounts"] for p in a.get("positions", ())}
        return not (kept == "exclude" and other in held and other not in question.named)

    def _is_free(self, symbol: str, taken: list[str]) -> bool:
        """Whether neither is part of a larger loss, and the substitute was not sold at a loss within the window."""
        other = self.substitutes[symbol]
        return other not in taken and symbol not in {self.substitutes[s] for s in taken} and other not in self.lately

    def _is_washed(self, symbol: str, units: Mapping[str, Fraction]) -> bool:
        """Whether units bought within the window remain in any account."""
        left = ZERO
        for account in self.question.accounts:
            left += sum((lot.quantity for lot in account.lots.get(symbol, ()) if is_recent(self.question, lot)), ZERO)
            if account.id in units:
                sold = self._sold(account, symbol, units[account.id])
                left -= sum((n for _, n, lot in sold if is_recent(self.question, lot)), ZERO)
        return left > 0

    def _sold_lately(self, request: Json) -> set[str]:
        as_of, days = day_of(self.question), int(self.question.number("taxes", "wash_sale_days", default=30))
        return {
            sale["symbol"]
            for account in request["accounts"]
            if account.get("tax_treatment", "taxable") == "taxable"
            for sale in account.get("recent_sales", ())
            if as_of is not None and abs((date.fromisoformat(sale["sold"]) - as_of).days) <= days
        }

    def _move(self, symbol: str) -> None:
        """The target falls to what remains, where that is less, and the substitute's rises by the difference."""
        held = sum((account.held.get(symbol, ZERO) for account in self.question.accounts), ZERO)
        held -= sum((n for (_, sold), n in self.sales.items() if sold == symbol), ZERO)
        before, after = self.weights.get(symbol, ZERO), held * self.question.price[symbol] / self.question.whole
        if after < before:
            other = self.substitutes[symbol]
            self.weights |= {symbol: after, other: self.weights.get(other, ZERO) + before - after}


def a_harvest_request(seed: int) -> dict[str, Any]:
    """Two accounts at most, lots at gains and losses of all ages, and rules that stand in the way now and then."""
    chance, as_of = Random(seed), date(2026, 11, 20)
    symbols, prices = ["A", "B", "C", "D"], {s: Decimal(p) for s, p in zip("ABCD", (100, 40, 25, 10), strict=True)}
    accounts = [_account(chance, n, symbols, prices, as_of) for n in range(chance.choice([1, 1, 2]))]
    wanted = chance.sample(symbols, chance.randint(1, 4))
    substitutes = {s: chance.choice([o for o in [*symbols, "E"] if o != s]) for s in wanted}
    harvest: dict[str, Any] = {"substitutes": substitutes}
    if chance.random() < 0.4:
        harvest["min_loss"] = chance.choice(["20", "100", "60.5"])
    if chance.random() < 0.4:
        harvest["min_loss_rate"] = chance.choice(["0.1", "0.2", "0.5"])
    rules: dict[str, Any] = {
        "taxes": {
            "short_term_rate": "0.37",
            "long_term_rate": "0.2",
            "lot_method": chance.choice(["fifo", "lifo", "hifo", "least_tax", "specified"]),
            "as_of": as_of.isoformat(),
            "wash_sale_days": chance.choice([30, 30, 10, 0]),
            "harvest": harvest,
        }
    }
    for name, told in (("lock", 0.1), ("do_not_sell", 0.1), ("do_not_buy", 0.15)):
        if chance.random() < told:
            rules[name] = [chance.choice([*symbols, "E"])]
    if chance.random() < 0.4:
        rules["outside_target"] = chance.choice(["hold", "exclude"])
    if chance.random() < 0.07:
        rules["selling"] = chance.choice(["never", "to_raise_cash"])
    if chance.random() < 0.2:
        rules["min_trade_value"] = chance.choice(["100", "200", "300", "500"])
    securities = {s: {"price": str(p), "increment": chance.choice(["1", "1", "0.5", "2"])} for s, p in prices.items()}
    if chance.random() < 0.9:
        securities["E"] = {"price": "20"}
    named = chance.sample(symbols, chance.choice([2, 3, 4, 4]))
    return {
        "accounts": accounts,
        "securities": securities,
        "target": {"weights": {s: chance.choice(["0.1", "0.2", "0.25"]) for s in named}},
        "rules": rules,
    }


def _account(chance: Random, n: int, symbols: list[str], prices: Mapping[str, Decimal], as_of: date) -> dict[str, Any]:
    positions = []
    for symbol in (s for s in symbols if chance.random() < 0.8):
        lots = [_lot(chance, prices[symbol], as_of) for _ in range(chance.randint(1, 4))]
        whole = sum(Decimal(lot["quantity"]) for lot in lots)
        position: dict[str, Any] = {"symbol": symbol, "quantity": str(whole)}
        positions.append({**position, "lots": lots} if chance.random() < 0.9 else position)
    account: dict[str, Any] = {"id": f"a{n}", "cash": "50", "positions": positions}
    if chance.random() < 0.15:
        account["tax_treatment"] = chance.choice(["tax_deferred", "tax_free"])
    if chance.random() < 0.3:
        sold = as_of - timedelta(days=chance.choice([1, 10, 11, 30, 31]))
        account["recent_sales"] = [
            {"symbol": chance.choice([*symbols, "E"]), "sold": sold.isoformat(), "quantity": "3", "loss": "40"}
        ]
    return account


def _lot(chance: Random, price: Decimal, as_of: date) -> dict[str, str]:
    factor = Decimal(chance.choice(["0.5", "0.9", "0.98", "1", "1.05", "1.1", "1.25", "2"]))
    lot = {"quantity": chance.choice(["1", "2", "3", "5", "5", "1.5"]), "unit_cost": str(price * factor)}
    days = chance.choice([None, 0, 10, 11, 30, 31, 200, 365, 366, 1000, 1001, 2000])
    if days is not None:
        lot["acquired"] = (as_of - timedelta(days=days)).isoformat()
    return lot
