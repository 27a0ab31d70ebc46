"""What every store makes sure of before it keeps anything."""

from collections import Counter
from collections.abc import Iterable

from allocation.errors import DuplicateAccountError
from allocation.model import Portfolio


def each_account_once(portfolios: Iterable[Portfolio]) -> tuple[Portfolio, ...]:
    """The portfolios, read to the end; two of the same account are refused, because one would replace the other."""
    every = tuple(portfolios)
    counted = Counter(p.account.id for p in every)
    twice = [account_id for account_id, times in counted.items() if times > 1]
    if twice:
        raise DuplicateAccountError(twice)
    return every
