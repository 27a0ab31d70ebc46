"""What every store makes sure of before it keeps anything."""

from collections import Counter
from collections.abc import Iterable

from allocation.errors import DuplicateAccountError, ImportFileError
from allocation.imported import LONGEST_NAME
from allocation.model import Portfolio


def each_account_once(portfolios: Iterable[Portfolio]) -> tuple[Portfolio, ...]:
    """The portfolios, read to the end; two of the same account are refused, because one would replace the other."""
    every = tuple(portfolios)
    counted = Counter(p.account.id for p in every)
    twice = [account_id for account_id, times in counted.items() if times > 1]
    if twice:
        raise DuplicateAccountError(twice)
    return every


def account_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        ImportFileError: it is empty, or too long to show.
    """
    kept = name.strip()
    if not 0 < len(kept) <= LONGEST_NAME:
        raise ImportFileError(
            f"Give every account a name of 1 to {LONGEST_NAME} characters.", (name[:20] or "(empty)",)
        )
    return kept
