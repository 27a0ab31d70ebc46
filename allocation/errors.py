"""Every refusal: what is wrong, where, and what to do next.

`code` is stable and meant for programs; the message is meant for people. `culprits` names everything that is wrong,
not just the first thing met. Pages and the command line catch `AllocationError` and show `str(error)`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

Told = TypeVar("Told")
Read = TypeVar("Read")


class AllocationError(Exception):
    """A request that cannot be answered with a number we would stand behind."""

    code = "refused"

    def __init__(self, message: str, culprits: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.culprits = tuple(culprits)


@dataclass(frozen=True, slots=True)
class WayOut:
    """A change that would be enough.

    Attributes:
        rule: which rule, or "cash" and "cash_flow" for money.
        symbols: whom it concerns: securities, or the account.
        amount: by how much in money; zero where the rule goes as a whole.
        text: the change as a person would ask for it.
    """

    rule: str
    symbols: tuple[str, ...]
    amount: Decimal
    text: str


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names as a person would write them: "A, B and C"; a very long list is cut with its count."""
    every = list(names)
    shown = every[:limit]
    if len(every) > limit:
        return f"{', '.join(shown)} and {len(every) - limit} more"
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def read_each(read: Callable[[Told], Read], told: Iterable[Told]) -> list[Read]:
    """Read every item; when some are refused, one error that tells of all of them."""
    found: list[Read] = []
    refused: list[AllocationError] = []
    for item in told:
        try:
            found.append(read(item))
        except AllocationError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        together = AllocationError(
            " ".join(dict.fromkeys(error.message for error in refused[:12])),
            (culprit for error in refused for culprit in error.culprits),
        )
        together.code = refused[0].code
        raise together
    return found


class NumberError(AllocationError):
    """Text that should be a number is not one, or is not finite, or is out of all reason."""

    code = "number_invalid"

    def __init__(self, what: str, found: object, expected: str = "a number such as 1250.00") -> None:
        shown = "several values" if isinstance(found, dict | list | tuple) else repr(str(found)[:40])
        super().__init__(f"{what} is {shown}; expected {expected}.", (what,))


class UnclearNumberError(NumberError):
    """An amount in a file that is no number, or could be two."""

    code = "UPLOAD_NUMBER"


class UnclearDateError(NumberError):
    """A day in a file that does not exist, or could be two."""

    code = "UPLOAD_DATE"


class SymbolError(AllocationError):
    """A symbol that is empty, too long, or holds characters no exchange uses."""

    code = "symbol_invalid"

    def __init__(self, found: object) -> None:
        shown = ascii(str(found)[:40])
        super().__init__(
            f"{shown} is not a usable symbol. Use up to 64 plain letters, digits, spaces and . - _ / ^ = & : characters, "
            "starting with a letter, a digit, ^ or $.",
            (shown.strip("'"),),
        )


class DuplicateSymbolError(AllocationError):
    """The same symbol stands twice where it may stand once."""

    code = "symbol_duplicate"

    def __init__(self, where: str, symbols: Iterable[str]) -> None:
        names = tuple(symbols)
        super().__init__(f"{where} names {listed(names)} more than once. Keep one line for each symbol.", names)


class HoldingError(AllocationError):
    """A quantity that no holding can have."""

    code = "holding_invalid"


class CurrencyError(AllocationError):
    """Money of one currency where another is expected."""

    code = "currency_mismatch"


class TargetError(AllocationError):
    """Target weights that do not describe a portfolio."""

    code = "target_invalid"


class TargetSumError(AllocationError):
    """Target weights that come to more than the whole."""

    code = "target_sum"


class RulesError(AllocationError):
    """A rule outside its range, or one that contradicts another."""

    code = "rules_invalid"


class MissingPriceError(AllocationError):
    """Lines that cannot be planned because nobody knows their price."""

    code = "price_missing"

    def __init__(self, symbols: Iterable[str], reasons: Iterable[str] = ()) -> None:
        names = tuple(symbols)
        because = "".join(f"{reason} " for reason in reasons)
        super().__init__(
            f"No price for {listed(names)}. {because}Refresh prices, enter a price by hand, or remove "
            f"{'the symbol' if len(names) == 1 else 'the symbols'} from the account and the target.",
            names,
        )


class MissingRateError(AllocationError):
    """Money in a currency that nobody can tell in the account's own."""

    code = "FX_UNAVAILABLE"

    def __init__(self, pairs: Iterable[str], reasons: Iterable[str] = ()) -> None:
        names = tuple(pairs)
        because = "".join(f"{reason} " for reason in reasons)
        super().__init__(
            f"No exchange rate for {listed(names)}. {because}Refresh rates, or enter "
            f"{'the rate' if len(names) == 1 else 'the rates'} by hand.",
            names,
        )


class BadPriceError(AllocationError):
    """A price that is zero, negative, not finite or absurd."""

    code = "price_invalid"


class PriceOrderError(AllocationError):
    """An order of price sources in which one is missing, or stands twice."""

    code = "price_order_invalid"

    def __init__(self, sources: Iterable[str]) -> None:
        named = tuple(sources)
        super().__init__(
            f"The order {listed(named) if named else 'of no source'} does not name every source of prices once. "
            "Open the price sources again and put them in order.",
            named,
        )


class EmptyPortfolioError(AllocationError):
    """There is nothing to divide."""

    code = "portfolio_empty"


class InfeasibleError(AllocationError):
    """The rules, taken together, leave no plan at all.

    Attributes:
        ways_out: changes of which each alone would be enough, where they are known.
    """

    code = "infeasible"

    def __init__(self, message: str, culprits: Iterable[str] = (), ways_out: Iterable[WayOut] = ()) -> None:
        super().__init__(message, culprits)
        self.ways_out = tuple(ways_out)


class UndecidedError(AllocationError):
    """The search ended without trades that satisfy all rules, and without a proof that there are none."""

    code = "undecided"

    def __init__(self) -> None:
        super().__init__(
            "No trades that satisfy all the rules were found, and none could be ruled out. Relax one of the rules.",
            ("rules",),
        )


class WithdrawalError(AllocationError):
    """More money is to leave the account than it holds."""

    code = "withdrawal_too_large"


class PlanNotVerifiedError(AllocationError):
    """A plan that the independent check refused; it is withheld and the faults are in the log."""

    code = "plan_not_verified"

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__(
            "The plan did not pass its independent check and is withheld. Please report this with the request; "
            "no trade list was produced.",
            faults,
        )


class RequestError(AllocationError):
    """A request that does not have the shape of one."""

    code = "request_invalid"


class NotSupportedError(AllocationError):
    """A part of the interface that this version reads but does not calculate yet."""

    code = "not_supported"


class AccountNotFoundError(AllocationError):
    """No such account, or not this user's: the two answer alike on purpose."""

    code = "account_not_found"

    def __init__(self, account_id: str) -> None:
        # The id of a share tells its reader nothing.
        which = "such account" if account_id.startswith("shared_") else f"account {account_id[:40]!a}"
        super().__init__(f"There is no {which} that you may see. Choose one on the Accounts page.", ("account",))


class NotAllowedError(AllocationError):
    """Something the user may see, but not do."""

    code = "forbidden"

    def __init__(self, role: str, verb: str, least: str, way_out: str = "Ask an owner to change your role.") -> None:
        super().__init__(
            f"As {_with_article(role)} you may not {verb}; that takes {_with_article(least)}. {way_out}", ("role",)
        )


class UserDisabledError(AllocationError):
    """Somebody whose user was switched off while they were still about."""

    code = "user_disabled"

    def __init__(self) -> None:
        super().__init__("Your user is switched off. Ask whoever runs Evenkeel.", ("user",))


class TeamNotFoundError(AllocationError):
    """No such team, or none this user is in: the two answer alike on purpose."""

    code = "team_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such team among yours. Choose one on the Sharing page.", ("team",))


class TeamError(AllocationError):
    """Something a team cannot have, or cannot be without."""

    code = "team_refused"


class InvitationError(AllocationError):
    """An invitation that is unknown, used, withdrawn or too old: all answer alike."""

    code = "invitation_invalid"

    def __init__(self) -> None:
        super().__init__(
            "This invitation is not valid any more. Each works once, for seven days. Ask whoever sent it for a new one.",
            ("invitation",),
        )


class NoAccountSelectedError(AllocationError):
    """A question about an account before one was chosen."""

    code = "no_account"

    def __init__(self) -> None:
        super().__init__("No account is selected. Choose one on the Accounts page first.")


class UserNameTakenError(AllocationError):
    """A second local account under a name that exists."""

    code = "user_name_taken"

    def __init__(self, user_name: str) -> None:
        super().__init__(f"The user name {user_name[:40]!a} is taken. Choose another.", ("user_name",))


class SignInRefusedError(AllocationError):
    """A sign-in that did not prove who it is. The page says no more than the message; `reason` is for the log."""

    code = "signin_refused"

    def __init__(self, reason: str, message: str = "Sign-in did not complete. Try again.") -> None:
        super().__init__(message)
        self.reason = reason


class ProviderClockError(SignInRefusedError):
    """A provider's word that was given minutes ago or ahead, by its clock: one of the two clocks is off."""

    code = "signin_clock"

    def __init__(self, reason: str, theirs: datetime, ours: datetime) -> None:
        super().__init__(
            reason,
            "Sign-in did not complete: two clocks differ, or it took too long. The provider says "
            f"{theirs.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, this server {ours.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. "
            "Try again; if it stays, tell whoever runs Evenkeel to set the server's clock.",
        )


class ProviderUnreachableError(AllocationError):
    """An identity provider that does not answer; the other ways to sign in go on working."""

    code = "signin_unreachable"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider} does not answer. Try again in a minute, or sign in another way.", (provider,))
        self.reason = reason


class CredentialsError(AllocationError):
    """A user name and password that do not belong together; which of the two is wrong is never said."""

    code = "credentials_wrong"

    def __init__(self) -> None:
        super().__init__("User name and password do not match. Check both and try again.", ("user_name", "password"))


class TooManyAttemptsError(AllocationError):
    """Too many wrong passwords or codes in a short time."""

    code = "too_many_attempts"

    def __init__(self, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        number, unit = (wait_seconds, "second") if wait_seconds < 90 else (-(-wait_seconds // 60), "minute")
        wait = f"{number} {unit}{'' if number == 1 else 's'}"
        super().__init__(f"Too many wrong passwords or codes. Try again in {wait}.", ("user_name",))


class PasswordError(AllocationError):
    """Somebody who is signed in gave a wrong password."""

    code = "password_wrong"

    def __init__(self) -> None:
        super().__init__("This is not your password. Check it and try again.", ("password",))


class PasswordCodeError(AllocationError):
    """A code to choose a password with that is not this user's, was used or is too old; which of them is never said."""

    code = "password_code_wrong"

    def __init__(self) -> None:
        super().__init__(
            "User name and code do not match, or the code was used or is older than a day. Check both, or ask whoever "
            "runs Evenkeel for a new code.",
            ("user_name", "password_code"),
        )


class SecondFactorError(AllocationError):
    """A code that is not the one asked for, or was used before; which of the two is never said."""

    code = "second_factor_wrong"

    def __init__(self) -> None:
        super().__init__(
            "This code is not right, or was used already. Wait for the next one on your phone, or use a recovery code.",
            ("code",),
        )


class SignInClockError(AllocationError):
    """A code of some minutes ago or ahead: a clock is off. `steps` are the code's, which are not to count later."""

    code = "signin_clock"

    def __init__(self, now: datetime, steps: Iterable[int] = ()) -> None:
        self.steps = tuple(steps)
        super().__init__(
            "This code belongs to another minute: the clock of your phone or of this server is off. The server says "
            f"{now.astimezone(UTC):%H:%M:%S} UTC. Let the phone set its time by itself and use the next code; if it does "
            "already, tell whoever runs Evenkeel.",
            ("code",),
        )


class StepUpRequiredError(AllocationError):
    """Something that cannot be taken back, asked for by somebody whose last proof is too long ago."""

    code = "step_up_required"

    def __init__(self) -> None:
        super().__init__("Confirm once more that it is you, then try again.")


class NewAccountError(AllocationError):
    """A user name or password that a new local account may not have."""

    code = "new_account_refused"


class ImportFileError(AllocationError):
    """A file that cannot be read as an account, in whole; its kinds below say of which sort the reason is."""

    code = "import_refused"


class UploadTooLargeError(ImportFileError):
    """A file with more bytes, rows, columns or elements than any account has."""

    code = "UPLOAD_TOO_LARGE"


class UploadTypeError(ImportFileError):
    """A file that is no text, no table and no statement, whatever it is called."""

    code = "UPLOAD_TYPE"


class UploadArchiveError(ImportFileError):
    """An archive, or a spreadsheet with parts that act, point elsewhere or unpack to too much."""

    code = "UPLOAD_ARCHIVE"


class UploadEmptyError(ImportFileError):
    """A file without anything in it, or with a header alone."""

    code = "UPLOAD_EMPTY"


class UploadEncodingError(ImportFileError):
    """Bytes that are text in no encoding we read."""

    code = "UPLOAD_ENCODING"


class UploadHeaderError(ImportFileError):
    """Columns that are missing, twice there or unknown."""

    code = "UPLOAD_HEADER"


class UnknownColumnsError(UploadHeaderError):
    """A table that no reader knows: the user can say which column means what."""


class UploadRowsError(ImportFileError):
    """Lines that are damaged: quotation marks that do not pair, too many fields or too few, two files in one."""

    code = "UPLOAD_ROWS"


class UploadDateError(ImportFileError):
    """Days that do not exist or can be read in two ways."""

    code = "UPLOAD_DATE"


class UploadNumberError(ImportFileError):
    """Amounts that are no numbers or can be read in two ways."""

    code = "UPLOAD_NUMBER"


class UploadSameError(ImportFileError):
    """The very file that was saved before, and nothing differs from what is saved."""

    code = "UPLOAD_SAME"

    def __init__(self, imported_at: datetime) -> None:
        super().__init__(
            f"What this very file holds was saved on {imported_at.astimezone(UTC):%Y-%m-%d at %H:%M} UTC, and nothing has "
            "changed since: there is nothing to save. Choose a newer file, or cancel.",
            ("file",),
        )


class HoldingsVanishedError(ImportFileError):
    """An account that would lose everything, or most of it, with this file."""

    code = "HOLDINGS_VANISHED"


class MappingError(AllocationError):
    """Columns chosen for a table that cannot be read so."""

    code = "UPLOAD_HEADER"


class SettingsError(AllocationError):
    """Configuration that cannot work; said at start-up."""

    code = "settings_invalid"


class StoreUnavailableError(AllocationError):
    """The database stopped answering, or has no room, after it was opened well."""

    code = "store_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"What you keep in Evenkeel cannot be read or saved just now ({reason}). Nothing was saved by halves. "
            "Make room on the disk or see that the database is running, then try again."
        )


class TokenUnreadableError(AllocationError):
    """A sealed secret that does not open: another key, another row, a changed byte, or never sealed. Nothing of it is told."""

    code = "token_unreadable"

    def __init__(self) -> None:
        super().__init__("A saved connection cannot be read any more, and was not used. Connect again.")


class DuplicateAccountError(AllocationError):
    """The same account twice in what is to be saved together."""

    code = "account_duplicate"

    def __init__(self, account_ids: Iterable[str]) -> None:
        names = tuple(account_ids)
        super().__init__(
            f"The account {listed(names)} stands more than once in what is to be saved. Keep one of each.", names
        )
