"""The second factor of local accounts: set up, asked for at sign-in, renewed and turned off."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from allocation.errors import AllocationError, SecondFactorError, SignInClockError
from allocation.ports import Credentials, SecondFactor, Trail, User, Vault
from allocation.sign_in import recovery, totp
from allocation.sign_in.patience import Patience
from allocation.trail import EventKind
from allocation.vault import SECOND_FACTOR


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a phone needs to make codes. Shown while the factor is being set up, and never again."""

    address: str = field(repr=False)
    key: str = field(repr=False)


class SecondFactors:
    """Everything about second factors; seeds are sealed, codes count once, guesses are slowed down."""

    def __init__(
        self,
        credentials: Credentials,
        vault: Vault,
        patience: Patience,
        trail: Trail,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._credentials = credentials
        self._vault = vault
        self._patience = patience
        self._trail = trail
        self._now = now

    def of_user(self, user: User) -> SecondFactor | None:
        """The user's second factor; None before it was confirmed by a first code."""
        factor = self._credentials.second_factor(user.id)
        return factor if factor and factor.confirmed else None

    def begin(self, user: User) -> Enrolment:
        """A new seed, to be confirmed by a first code; harmless when the user leaves it at that."""
        seed = totp.new_seed()
        self._credentials.begin_second_factor(user.id, self._vault.seal(user.id, SECOND_FACTOR, seed))
        return self._enrolment(user, seed)

    def under_way(self, user: User) -> Enrolment | None:
        """The enrolment that waits for its first code, or None."""
        factor = self._credentials.second_factor(user.id)
        return None if factor is None or factor.confirmed else self._enrolment(user, self._seed(user, factor))

    def confirm(self, user: User, typed: str) -> tuple[str, ...]:
        """Turn it on with a first code; the recovery codes, to be shown this once.

        Raises:
            SecondFactorError: the code is not the seed's.
            SignInClockError: a clock is off.
            TooManyAttemptsError: after several wrong codes, for a while.
        """
        factor = self._credentials.second_factor(user.id)
        if factor is None or factor.confirmed:
            raise SecondFactorError
        attempt = self._patience.attempt(_name(user))
        step = totp.step_of_code(self._seed(user, factor), typed, self._now(), factor.last_step)
        self._patience.succeeded(attempt)
        codes = recovery.new_codes()
        self._credentials.confirm_second_factor(user.id, step, _hashes(user, codes), self._now())
        self._trail.record(EventKind.SECOND_FACTOR_ON, user.id, user_id=user.id)
        return codes

    def check(self, user: User, typed: str, address: str = "") -> None:
        """Let pass whoever has the phone or a recovery code.

        Raises:
            SecondFactorError: neither a code of now nor an unused recovery code.
            SignInClockError: a clock is off.
            TooManyAttemptsError: after several wrong codes, for a while.
        """
        factor = self.of_user(user)
        attempt = self._patience.attempt(_name(user), address)
        try:
            if factor is None:
                raise SecondFactorError
            self._use(user, factor, typed)
        except (SecondFactorError, SignInClockError) as error:
            self._refused(user, error)
            raise
        self._patience.succeeded(attempt)

    def new_recovery_codes(self, user: User) -> tuple[str, ...]:
        """Ten new recovery codes, to be shown this once; the old ones are void."""
        codes = recovery.new_codes()
        self._credentials.replace_recovery_codes(user.id, _hashes(user, codes))
        self._trail.record(EventKind.RECOVERY_CODES_MADE, user.id, user_id=user.id)
        return codes

    def turn_off(self, user: User, by: str = "user") -> None:
        """Ask for the password alone from now on. Whoever calls this has made sure of who asks."""
        self._credentials.remove_second_factor(user.id)
        self._trail.record(EventKind.SECOND_FACTOR_OFF, user.id, user_id=user.id, by=by)

    def _use(self, user: User, factor: SecondFactor, typed: str) -> None:
        if recovery.looks_like_recovery_code(typed):
            if not self._credentials.use_recovery_code(user.id, recovery.hash_of(user.id, typed), self._now()):
                raise SecondFactorError
            left = factor.recovery_codes_left - 1
            self._trail.record(EventKind.RECOVERY_CODE_USED, user.id, user_id=user.id, left=left)
            return
        try:
            step = totp.step_of_code(self._seed(user, factor), typed, self._now(), factor.last_step)
        except SignInClockError as error:
            # Who guesses has learnt what the phone will show: by then it must not count.
            for shown in error.steps:
                self._patience.first_time(_step_of(user, shown))
            raise
        # Another worker may have counted the same code since we looked.
        if not self._patience.first_time(_step_of(user, step)) or not self._credentials.use_step(user.id, step):
            raise SecondFactorError

    def _refused(self, user: User, error: AllocationError) -> None:
        self._trail.record(EventKind.SECOND_FACTOR_REFUSED, user.id, user_id=user.id, reason=error.code)

    def _seed(self, user: User, factor: SecondFactor) -> bytes:
        return self._vault.open(user.id, SECOND_FACTOR, factor.sealed_seed)

    def _enrolment(self, user: User, seed: bytes) -> Enrolment:
        return Enrolment(totp.setup_address(seed, user.name), totp.setup_key(seed))


def _name(user: User) -> str:
    """Under which name wrong codes are counted: the password's are counted by themselves."""
    return f"second factor of {user.id}"


def _step_of(user: User, step: int) -> str:
    """Under which name a code is remembered as one that was seen."""
    return f"step {step} of the second factor of {user.id}"


def _hashes(user: User, codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(recovery.hash_of(user.id, code) for code in codes)
