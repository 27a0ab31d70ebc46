"""One batch from plan to books: whoever submits it may be killed as often as one likes."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from allocation.__main__ import main
from tests.broker_stand_in import TOKEN, StandIn
from tests.torture.children import Child, start

D = Decimal
Run = Callable[[Sequence[str]], int]
_numbers = count(1)
LIMITS = {
    "order_share": "1",
    "turnover": "1",
    "duplicate_minutes": 0,
    "market_hours": False,
    "orders_per_minute": 1_000_000,
    "orders": 1_000,
}


@dataclass(frozen=True)
class Weather:
    """What the broker does to those who ask."""

    faults: float = 0
    unique: bool = True
    lag: timedelta = timedelta(0)
    seed: int = 0


@dataclass
class Verdict:
    """What became of the trades of one or more batches."""

    trades: int = 0
    kills: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    held: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: "Verdict") -> None:
        """Count it in."""
        for name in ("trades", "kills", "lost", "doubled", "wrong", "held"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.notes += other.notes

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("kills", "trades", "lost", "doubled", "wrong", "held")}


class Battle:
    """A broker with an account of its own, a planned batch in the store, and a command that submits it."""

    def __init__(self, store: str, folder: Path, weather: Weather, orders: int = 8, submit: Run = main) -> None:
        self.store, self.weather, self._run = store, weather, submit
        self._number = next(_numbers)
        self.folder = folder / f"battle-{self._number}-{random.randrange(10**9)}"
        self.folder.mkdir()
        sold, bought = [f"S{n}" for n in range(orders // 2)], [f"B{n}" for n in range(orders - orders // 2)]
        prices = dict.fromkeys((*sold, *bought), D(10))
        self.broker = StandIn(
            account=self.folder.name,
            cash=D(0),
            held=dict.fromkeys(sold, D(100)),
            prices=prices,
            unique=weather.unique,
            lag=weather.lag,
            seed=weather.seed,
        )
        self.broker.__enter__()
        money = 100 * len(sold) / len(bought)
        self._plan({symbol: round(money / (100 * len(sold)), 12) for symbol in bought})
        self.broker.chance = weather.faults

    def close(self) -> None:
        """Let go of the broker."""
        self.broker.__exit__()

    def submitter(self, crash_at: int = 0) -> Child:
        """One more process that submits the batch."""
        said = self.folder / f"submit-{next(_numbers)}"
        return start(self._run, self._arguments("submit"), said, crash_at)

    def verdict(self, kills: int) -> Verdict:
        """Broker, books and intent side by side."""
        found = Verdict(trades=len(self.intended), kills=kills)
        with self.broker.lock:
            at_broker = [(kept.told["symbol"], kept.told["side"], kept) for kept in self.broker.orders]
        counted = Counter((symbol, side) for symbol, side, _ in at_broker)
        books = self._books()
        waits = any(booked["state"] == "hold" for booked in books)  # what comes after it waits with it
        for order in self.intended:
            key = (order["symbol"], order["side"])
            booked = next(b for b in books if b["symbol"] == order["symbol"])
            kept = next((k for s, side, k in at_broker if (s, side) == key), None)
            if booked["state"] == "hold" or (booked["state"] == "reviewed" and waits):
                found.held += 1
            elif counted[key] == 0:
                found.lost += 1
            elif kept is None or not _same(booked, kept.told, kept.status, kept.filled, kept.price):
                found.wrong += 1
                found.notes.append(f"{order['symbol']}: {booked} against {kept}")
            found.doubled += max(0, counted[key] - 1)
        strangers = set(counted) - {(o["symbol"], o["side"]) for o in self.intended}
        found.doubled += len(strangers)
        return found

    def _plan(self, weights: dict[str, float]) -> None:
        request, limits = self.folder / "request.json", self.folder / "limits.json"
        held = dict.fromkeys(self.broker.held, "0")
        securities = {symbol: {"price": "10"} for symbol in self.broker.prices}
        share = D(1) / len(weights)
        target = {s: str(share.quantize(D("0.000000000001"))) for s in weights}
        request.write_text(
            json.dumps({"accounts": [{"id": "x"}], "securities": securities, "target": {"weights": {**held, **target}}})
        )
        limits.write_text(json.dumps(LIMITS))
        said = self.folder / "plan"
        planned = start(main, [*self._arguments("plan", str(request)), "--limits", str(limits)], said)
        assert planned.finish() == 0, said.read_text()
        told = json.loads(said.read_text())
        self.batch: str = told["batch"]
        self.intended: list[dict[str, Any]] = told["orders"]

    def _books(self) -> list[dict[str, Any]]:
        said = self.folder / "books"
        assert start(self._run, self._arguments("books"), said).finish() == 0, said.read_text()
        found: list[dict[str, Any]] = json.loads(said.read_text())["batches"][0]["orders"]
        return found

    def _arguments(self, action: str, *more: str) -> list[str]:
        url = self.broker.url.replace("://", f"://{TOKEN}@")
        batch = ["--batch", self.batch] if action != "plan" else []
        timeout = "15" if action == "plan" else "1"  # plans are made in calm
        waits = ["--timeout", timeout, "--settle", "0.7", "--seconds", "100"]
        return ["orders", action, *more, "--store", self.store, "--broker", url, *batch, *waits]


def _same(booked: dict[str, Any], told: dict[str, Any], status: str, filled: Decimal, price: Decimal | None) -> bool:
    """Whether the books say of an order what the broker has."""
    return (
        booked["client_id"] == told["client_id"]
        and booked["state"] == {"filled": "filled", "cancelled": "cancelled"}.get(status, "accepted")
        and D(booked["filled"]) == filled
        and (booked["average_price"] is None) == (price is None)
        and (price is None or D(booked["average_price"]) == price)
        and booked["quantity"] == told["quantity"]
    )
