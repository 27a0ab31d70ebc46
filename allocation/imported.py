"""What reading a broker's file gives, how far it agrees with the file's own totals, and what the user makes of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from allocation.errors import ImportFileError, UploadSameError
from allocation.mapping import DayOrder, Field
from allocation.model import Account, Portfolio, TaxTreatment

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One line that could not be read as it stands; `account_id` names the account it belongs to, if that is known.

    `code` is stable, as that of a refusal: UPLOAD_NUMBER, UPLOAD_DATE or, for all else, UPLOAD_ROWS.
    """

    line_number: int
    text: str
    reason: str
    account_id: str = ""
    code: str = "UPLOAD_ROWS"


@dataclass(frozen=True, slots=True)
class Tally:
    """What was read of an account in one currency beside what its file says.

    Attributes:
        our_total: the values in the file's own rows that were read: holdings, cash and what was set aside.
        priced_total: the same with quantity × printed price, to the cent, in place of each holding's value it agrees with.
        file_total: the file's own total line, if it has one.
        blur: by how much the two can differ because the file prints its exchange rates rounded.
    """

    currency: str
    our_total: Decimal
    priced_total: Decimal
    file_total: Decimal | None = None
    blur: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal | None:
        """Our total minus the file's; None where the file has no total, zero where rounded rates explain it."""
        if self.file_total is None:
            return None
        difference = self.our_total - self.file_total
        return difference if abs(difference) > self.blur else Decimal(0)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What we read of one account beside what its file says, in the account's currency.

    Attributes:
        our_total, priced_total, file_total: as in `Tally`, for what is in the account's own currency.
        notes: what was merged, left out or derived while reading, in sentences.
        elsewhere: the same for each other currency the account holds.
        whole: everything in the account's currency at the file's own exchange rates, where the file has them and a total.
    """

    account_id: str
    our_total: Decimal
    priced_total: Decimal
    file_total: Decimal | None = None
    notes: tuple[str, ...] = ()
    elsewhere: tuple[Tally, ...] = ()
    whole: Tally | None = None

    @property
    def difference(self) -> Decimal | None:
        """Our total minus the file's; None where the file has no total."""
        return None if self.file_total is None else self.our_total - self.file_total

    @property
    def agrees(self) -> bool:
        """Whether no total of the file differs from what was read."""
        others = [*self.elsewhere, *filter(None, (self.whole,))]
        return not self.difference and not any(tally.difference for tally in others)


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that was read: nothing of it is saved yet. `digest` is the SHA-256 of its bytes."""

    format: str
    portfolios: tuple[Portfolio, ...]
    reconciliations: tuple[Reconciliation, ...]
    problems: tuple[LineProblem, ...]
    notes: tuple[str, ...]
    digest: str

    @property
    def is_complete(self) -> bool:
        """Whether every line was read and every total agrees to the cent."""
        return not self.problems and all(reconciliation.agrees for reconciliation in self.reconciliations)

    def only(self, account_ids: Collection[str]) -> "ImportedFile":
        """The file without the accounts the user leaves out; lines of no known account stay."""
        return replace(
            self,
            portfolios=tuple(p for p in self.portfolios if p.account.id in account_ids),
            reconciliations=tuple(r for r in self.reconciliations if r.account_id in account_ids),
            problems=tuple(p for p in self.problems if not p.account_id or p.account_id in account_ids),
        )


@dataclass(frozen=True, slots=True)
class UnknownTable:
    """A table that no reader knows, and what its columns may mean.

    Attributes:
        names: the cells of the header, which stands on line `line`.
        sample: its first lines.
        fingerprint: what tells this header from others (see `mapping.fingerprint_of`).
        places: the guess where each field stands.
        decimal_comma, days: the guess how numbers and days are written; None where they could be read in two ways.
    """

    names: tuple[str, ...]
    line: int
    sample: tuple[tuple[str, ...], ...]
    fingerprint: str
    places: Mapping[Field, int]
    decimal_comma: bool | None
    days: DayOrder | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user decides about an imported account; the file does not say how it is taxed.

    `into` is the id of an account shared with the user, whose holdings these become; its name and taxes stay.
    """

    name: str
    tax_treatment: TaxTreatment
    into: str = ""


def propose(portfolio: Portfolio, saved: Iterable[Account]) -> Choice:
    """What was decided when the account was imported before, else what the file suggests."""
    known = next((account for account in saved if account.id == portfolio.account.id), portfolio.account)
    return Choice(known.name, known.tax_treatment)


def with_choices(file: ImportedFile, choices: Mapping[str, Choice]) -> tuple[Portfolio, ...]:
    """The portfolios the user wants saved, as wanted; `choices` by account id, without those left out.

    Raises:
        ImportFileError: no account at all, or an account without a name, or with one too long to show.
    """
    if not choices:
        raise ImportFileError("No account of the file is chosen. Tick at least one of them, or cancel.")
    nameless = [
        choice.name[:20] or "(empty)" for choice in choices.values() if not 0 < len(choice.name.strip()) <= LONGEST_NAME
    ]
    if nameless:
        raise ImportFileError(f"Give every account a name of 1 to {LONGEST_NAME} characters.", nameless)
    return tuple(_decided(p, choices[p.account.id]) for p in file.portfolios if p.account.id in choices)


def is_unchanged(portfolio: Portfolio, saved: Portfolio) -> bool:
    """Whether an import would change nothing but dates and prices."""
    return (portfolio.quantities, portfolio.cash, portfolio.balances, portfolio.set_aside) == (
        saved.quantities,
        saved.cash,
        saved.balances,
        saved.set_aside,
    )


def refuse_same(imported_at: datetime | None, portfolios: Iterable[Portfolio], saved: Iterable[Portfolio]) -> None:
    """Refuse a file that was saved before and would change nothing, not even a name or how an account is taxed.

    Raises:
        UploadSameError: says when it was saved.
    """
    known = {portfolio.account.id: portfolio for portfolio in saved}
    same = all(
        before is not None
        and is_unchanged(portfolio, before)
        and (portfolio.account.name, portfolio.account.tax_treatment)
        == (before.account.own_name, before.account.tax_treatment)
        for portfolio in portfolios
        for before in (known.get(portfolio.account.id),)
    )
    if imported_at and same:
        raise UploadSameError(imported_at)


def value_set_aside(portfolio: Portfolio) -> Decimal:
    """What the lines that are never traded are worth together, as far as their value is known."""
    return sum((line.value for line in portfolio.set_aside if line.value is not None), Decimal(0))


def _decided(portfolio: Portfolio, choice: Choice) -> Portfolio:
    account = replace(
        portfolio.account,
        id=choice.into or portfolio.account.id,
        name=choice.name.strip(),
        tax_treatment=choice.tax_treatment,
    )
    return replace(portfolio, account=account)
