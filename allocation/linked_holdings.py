"""What a broker says of an account, as it is saved: under one id for ever, and only if it can be believed."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from allocation.brokers import BrokerAnswerError, BrokerSnapshot
from allocation.linking import Link
from allocation.model import Account, Portfolio


def refuse_vanished(found: Portfolio, saved: Portfolio) -> None:
    """Refuse an account whose holdings are all gone without having become cash: an empty answer looks like that.

    Raises:
        BrokerAnswerError: HOLDINGS_VANISHED.
    """
    if saved.positions and not (found.positions or found.set_aside) and found.cash <= saved.cash:
        raise BrokerAnswerError(
            "HOLDINGS_VANISHED",
            f"{found.account.name}: its {len(saved.positions)} holdings are gone, and no cash came for them. What was saved "
            "stays. Look at the account at the broker; if it is empty, refresh once more and confirm it.",
            saved.symbols,
        )


def account_id_of(link: Link, broker_account: str) -> str:
    """The store's id of a broker's account: the same for every link to it, so that target and locks outlive a link."""
    digest = hashlib.sha256(f"{link.broker}\x00{link.mode}\x00{broker_account}".encode()).hexdigest()
    return f"{link.broker}-{link.mode.value}-{digest[:12]}"


def as_saved(name: str, link: Link, snapshot: BrokerSnapshot, known: Mapping[str, Account]) -> Portfolio:
    """The holdings under the store's id, with the name and taxes that the user gave the account before."""
    account_id = account_id_of(link, snapshot.account.id)
    there = snapshot.account
    fresh = Account(account_id, there.name, name, there.number, there.currency)
    before = known.get(account_id)
    kept = fresh if before is None else replace(fresh, name=before.own_name, tax_treatment=before.tax_treatment)
    return replace(snapshot.portfolio, account=kept)
