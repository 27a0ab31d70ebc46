"""What reading a broker's file gives: portfolios, what could not be read, and how far it agrees with the file's own totals."""

from dataclasses import dataclass
from decimal import Decimal

from allocation.model import Portfolio


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One line that could not be read as it stands; `account_id` names the account it belongs to, if that is known."""

    line_number: int
    text: str
    reason: str
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What we read of one account beside what its file says, in the account's currency.

    Attributes:
        our_total: the values in the file's own rows that were read: holdings, cash and what was set aside.
        priced_total: the same with quantity × displayed price in place of each holding's value.
        file_total: the file's own total line, if it has one.
        notes: what was merged, skipped or assumed while reading, in sentences.
    """

    account_id: str
    our_total: Decimal
    priced_total: Decimal
    file_total: Decimal | None = None
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal | None:
        """Our total minus the file's; None where the file has no total."""
        return None if self.file_total is None else self.our_total - self.file_total


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that was read: nothing of it is saved yet. `digest` is the SHA-256 of its bytes."""

    format: str
    portfolios: tuple[Portfolio, ...]
    reconciliations: tuple[Reconciliation, ...]
    problems: tuple[LineProblem, ...]
    notes: tuple[str, ...]
    digest: str
