"""The state of reading one file: its accounts in the order met, its problems and notes, and its own date."""

from dataclasses import dataclass, field
from datetime import datetime

from allocation.adapters.importers.draft import AccountDraft, account_id
from allocation.errors import (
    AllocationError,
    ImportFileError,
    UploadDateError,
    UploadEmptyError,
    UploadNumberError,
    UploadRowsError,
)
from allocation.imported import ImportedFile, LineProblem

_KINDS: dict[str, type[ImportFileError]] = {
    kind.code: kind for kind in (UploadDateError, UploadNumberError, UploadRowsError)
}


@dataclass
class Reading:
    """What a format's reader fills in."""

    now: datetime
    delimiter: str = ","
    as_of: datetime | None = None
    problems: list[LineProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _accounts: dict[str, AccountDraft] = field(default_factory=dict)

    @property
    def accounts(self) -> tuple[AccountDraft, ...]:
        """The accounts met so far."""
        return tuple(self._accounts.values())

    def account(self, broker: str, number: str, name: str) -> AccountDraft:
        """The account with this number (or name), begun when it is new."""
        key = account_id(broker, number, name)
        return self._accounts.setdefault(key, AccountDraft(broker, number, name))

    def account_in(self, currency: str, broker: str, number: str, name: str) -> AccountDraft:
        """The account whose own currency this is, begun when it is new; it may hold others as well."""
        key = account_id(broker, number, name, currency)
        draft = AccountDraft(broker, number, name, currency=currency, by_currency=True)
        return self._accounts.setdefault(key, draft)

    def finish(self, name: str, digest: str) -> ImportedFile:
        """The file as read.

        Raises:
            ImportFileError: there is a header but not one holding, cash or set-aside line.
        """
        drafts = [draft for draft in self.accounts if not draft.is_empty()]
        problems = sorted(
            [*self.problems, *(problem for draft in drafts for problem in draft.problems)],
            key=lambda problem: problem.line_number,
        )
        if not drafts:
            raise _nothing_read(name, problems)
        finished = [draft.finish(self.as_of, self.now) for draft in drafts]
        return ImportedFile(
            format=name,
            portfolios=tuple(portfolio for portfolio, _ in finished),
            reconciliations=tuple(reconciliation for _, reconciliation in finished),
            problems=tuple(problems),
            notes=tuple(self.notes),
            digest=digest,
        )


def code_of(error: AllocationError) -> str:
    """The stable code of a line that was refused."""
    return error.code if error.code in _KINDS else UploadRowsError.code


def _nothing_read(name: str, problems: list[LineProblem]) -> ImportFileError:
    if not problems:
        return UploadEmptyError(
            f"The {name} file has a header but no positions. Export the positions again and choose the new file."
        )
    first = problems[0]
    kind = _KINDS.get(first.code, UploadRowsError)
    return kind(
        f"Not one line of the {name} file could be read; the first is line {first.line_number}: {first.reason} "
        "Correct the file or export it again.",
        (f"line {problem.line_number}" for problem in problems),
    )
