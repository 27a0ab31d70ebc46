"""What the regular accounts of a partition hold or want, line by line: their rows joined with their models."""

from dataclasses import dataclass

import numpy as np

from allocation.book.catalogue import Catalogue
from allocation.book.exact import Flags, Numbers, Wholes
from allocation.book.rows import AccountRows
from allocation.rules import OutsideTarget, Rules


@dataclass(frozen=True, slots=True)
class Holdings:
    """What regular accounts hold or want, by account and then by symbol.

    Attributes:
        account, security: by number.
        weight: a whole number, to be divided by the `whole` of the account's model.
        named: whether the model names the security, be it with a weight of 0.
        own_step: whether the account gives its own increment.
    """

    account: Wholes
    security: Wholes
    quantity: Numbers
    price: Numbers
    increment: Numbers
    weight: Wholes
    named: Flags
    own_step: Flags

    def take(self, lines: Wholes | Flags) -> "Holdings":
        """Some of the lines."""
        return Holdings(
            self.account[lines],
            self.security[lines],
            self.quantity.take(lines),
            self.price.take(lines),
            self.increment.take(lines),
            self.weight[lines],
            self.named[lines],
            self.own_step[lines],
        )


def holdings_of(rows: AccountRows, catalogue: Catalogue, rules: Rules) -> Holdings:
    """Every line of the regular accounts: what their rows name, and what their models want besides.

    Accounts that name a security twice, or want one whose price is not known, are left out.
    """
    named, wanted = _rows_named(rows), _lines_wanted(rows, catalogue)
    count, kinds = len(rows.model), len(catalogue.symbols)
    key, wanted_key = named.account * kinds + named.security, wanted.account * kinds + wanted.security
    left_out = np.zeros(count, bool)
    if (np.diff(key) <= 0).any():
        order = np.argsort(key, kind="stable")
        named, key = named.take(order), key[order]
        left_out[named.account[1:][np.diff(key) == 0]] = True
    place = np.searchsorted(key, wanted_key)
    found = key[np.minimum(place, len(key) - 1)] == wanted_key if len(key) else np.zeros(len(place), bool)
    met = place[found]
    named.weight[met], named.named[met] = wanted.weight[found], True
    _take_over_steps(named, met, wanted.increment.take(found))
    new = wanted.take(~found & (wanted.weight > 0))
    if len(new.account):
        left_out[new.account[~(new.price.read & new.increment.read)]] = True
        named = _merged(named, new, np.concatenate([key, new.account * kinds + new.security]))
    counted = (named.quantity.mantissa > 0) | (named.weight > 0)
    if rules.outside_target == OutsideTarget.EXCLUDE:
        counted &= named.named
    return named.take(counted & ~left_out[named.account])


def _rows_named(rows: AccountRows) -> Holdings:
    used = np.flatnonzero(rows.used)
    return Holdings(
        rows.account[used],
        rows.security[used],
        rows.quantity.take(used),
        rows.price.take(used),
        rows.increment.take(used),
        np.zeros(len(used), np.int64),
        np.zeros(len(used), bool),
        rows.own_step[used],
    )


def _lines_wanted(rows: AccountRows, catalogue: Catalogue) -> Holdings:
    """Every line of the model of every regular account, as if nothing were held."""
    models, account = catalogue.models, np.flatnonzero(rows.regular)
    begin = models.offsets[rows.model[account]]
    length = models.offsets[rows.model[account] + 1] - begin
    before = np.cumsum(length) - length
    line = np.arange(int(length.sum())) + np.repeat(begin - before, length)
    none = np.zeros(len(line), np.int64)
    return Holdings(
        np.repeat(account, length),
        models.security[line],
        Numbers(none, none, none == 0),
        models.price.take(line),
        models.increment.take(line),
        models.weight[line],
        none == 0,
        none == 1,
    )


def _take_over_steps(named: Holdings, met: Wholes, increment: Numbers) -> None:
    """Where an account gives no step of its own, its model's counts."""
    open_ = ~named.own_step[met]
    for own, models in zip(_columns(named.increment), _columns(increment), strict=True):
        own[met[open_]] = models[open_]


def _columns(numbers: Numbers) -> tuple[Wholes, Wholes, Flags]:
    return numbers.mantissa, numbers.scale, numbers.read


def _merged(named: Holdings, new: Holdings, key: Wholes) -> Holdings:
    """Both, in the order of the key."""
    order = np.argsort(key, kind="stable")

    def numbers(one: Numbers, other: Numbers) -> Numbers:
        return Numbers(
            *(np.concatenate(pair)[order] for pair in zip(_columns(one), _columns(other), strict=True)),
        )

    return Holdings(
        np.concatenate([named.account, new.account])[order],
        np.concatenate([named.security, new.security])[order],
        numbers(named.quantity, new.quantity),
        numbers(named.price, new.price),
        numbers(named.increment, new.increment),
        np.concatenate([named.weight, new.weight])[order],
        np.concatenate([named.named, new.named])[order],
        np.concatenate([named.own_step, new.own_step])[order],
    )
