"""The smallest request that still shows the same fault: rules, lines, lots and digits left out one after another."""

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

Request = dict[str, Any]


def smallest(request: Request, still_wrong: Callable[[Request], bool], most_tries: int = 400) -> Request:
    """The request with everything left out that can be without the fault going away."""
    tries = 0
    while True:
        for candidate in _simpler(request):
            tries += 1
            if tries > most_tries:
                return request
            if still_wrong(candidate):
                request = candidate
                break
        else:
            return request


def _simpler(request: Request) -> Iterator[Request]:
    yield from _without_rules(request)
    yield from _without_symbols(request)
    yield from _without_accounts(request)
    yield from _without_keys(request)
    yield from _rounder(request)


def _without_rules(request: Request) -> Iterator[Request]:
    for rule in request.get("rules", {}):
        yield _changed(request, lambda r, rule=rule: r["rules"].pop(rule))
    for rule, told in request.get("rules", {}).items():
        for key in told if isinstance(told, dict) else ():
            if key != "as_of":
                yield _changed(request, lambda r, rule=rule, key=key: r["rules"][rule].pop(key))


def _without_symbols(request: Request) -> Iterator[Request]:
    for symbol in request["securities"]:
        yield _changed(request, lambda r, s=symbol: _drop_symbol(r, s))


def _without_accounts(request: Request) -> Iterator[Request]:
    for i in range(len(request["accounts"]) if len(request["accounts"]) > 1 else 0):
        yield _changed(request, lambda r, i=i: r["accounts"].pop(i))


def _without_keys(request: Request) -> Iterator[Request]:
    for i, account in enumerate(request["accounts"]):
        for key in ("cash", "cash_flow", "tax_treatment"):
            if key in account:
                yield _changed(request, lambda r, i=i, key=key: r["accounts"][i].pop(key))
        for j, position in enumerate(account["positions"]):
            yield _changed(request, lambda r, i=i, j=j: r["accounts"][i]["positions"].pop(j))
            if "lots" in position:
                yield _changed(request, lambda r, i=i, j=j: r["accounts"][i]["positions"][j].pop("lots"))
    for symbol, security in request["securities"].items():
        for key in set(security) & {"half_spread", "increment"}:
            yield _changed(request, lambda r, s=symbol, key=key: r["securities"][s].pop(key))


def _rounder(request: Request) -> Iterator[Request]:
    """Amounts with fewer digits."""
    for i, account in enumerate(request["accounts"]):
        for key in ("cash", "cash_flow"):
            for amount in _fewer_digits(account.get(key, "0")):
                yield _changed(request, lambda r, i=i, key=key, amount=amount: r["accounts"][i].update({key: amount}))
    for symbol, security in request["securities"].items():
        for amount in _fewer_digits(security["price"]):
            yield _changed(request, lambda r, s=symbol, amount=amount: r["securities"][s].update(price=amount))


def _fewer_digits(text: str) -> Iterator[str]:
    digits = len(Decimal(text).normalize().as_tuple().digits)
    for kept in range(1, digits):
        yield format(Decimal(f"{Decimal(text):.{kept - 1}e}"), "f")


def _drop_symbol(request: Request, symbol: str) -> None:
    del request["securities"][symbol]
    request["target"].get("weights", {}).pop(symbol, None)
    for account in request["accounts"]:
        account["positions"] = [p for p in account["positions"] if p["symbol"] != symbol]
    for rule in ("lock", "do_not_buy", "do_not_sell"):
        if symbol in request["rules"].get(rule, ()):
            request["rules"][rule].remove(symbol)
    request["rules"].get("location", {}).pop(symbol, None)


def _changed(request: Request, change: Callable[[Request], object]) -> Request:
    changed = copy.deepcopy(request)
    change(changed)
    return changed
