"""The accounts one user may see, the one that is selected, and what the user may do with it."""

from allocation.authorisation import Role, Verb
from allocation.errors import NoAccountSelectedError
from allocation.model import Account, Portfolio
from allocation.ports import Store, User
from allocation.targets import TargetAllocation


class Accounts:
    """Get account information for one signed-in user; remembers which account is selected."""

    def __init__(self, store: Store, user: User) -> None:
        self._store = store
        self._user = user
        self._selected: str | None = None

    def list(self) -> tuple[Account, ...]:
        """Every account the user may see, by name."""
        return self._store.accounts(self._user.id)

    def set_account(self, account_id: str) -> Account:
        """Select an account.

        Raises:
            AccountNotFoundError: the user has no such account; the selection stays as it was.
        """
        account = self._store.portfolio(self._user.id, account_id).account
        self._selected = account.id
        return account

    def select_none(self) -> None:
        """Forget the selection: the account is gone, or no longer shared."""
        self._selected = None

    @property
    def selected_id(self) -> str | None:
        """The id of the selected account, if there is one."""
        return self._selected

    def role(self, account_id: str = "") -> Role:
        """What the user is to an account; to the selected one, if none is named."""
        return self._store.authorise(self._user.id, account_id or self._require_selected(), Verb.SEE)

    def why_not(self, verb: Verb, account_id: str = "") -> str:
        """Why the user's role is not enough, and whom to ask, in a sentence; empty when it is."""
        return self._store.why_not(self._user.id, account_id or self._require_selected(), verb)

    def authorise(self, verb: Verb) -> None:
        """Make sure that the user may do this with the selected account.

        Raises:
            AccountNotFoundError, NotAllowedError: as from the store; the attempt is written down.
        """
        self._store.authorise(self._user.id, self._require_selected(), verb)

    def get_portfolio(self) -> Portfolio:
        """What the selected account holds."""
        return self._store.portfolio(self._user.id, self._require_selected())

    def get_target_allocation(self) -> TargetAllocation | None:
        """The saved target of the selected account; None before the first one is saved."""
        return self._store.target(self._user.id, self._require_selected())

    def save_target_allocation(self, target: TargetAllocation) -> None:
        """Save the target of the selected account in place of the one before."""
        self._store.save_target(self._user.id, self._require_selected(), target)

    def _require_selected(self) -> str:
        if self._selected is None:
            raise NoAccountSelectedError
        return self._selected
