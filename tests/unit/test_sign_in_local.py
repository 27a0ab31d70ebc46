"""Local accounts, patience with guessing, demos and the mailbox: who is let in, and for how long."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from allocation.errors import CredentialsError, NewAccountError, TooManyAttemptsError
from allocation.market import Market
from allocation.ports import Directory, LocalCredentials, Store, User
from allocation.sign_in.demos import KEPT_FOR, MOST_VISITS, Demos
from allocation.sign_in.local import LONGEST_USER_NAME, LocalAccounts, check_new_password, check_user_name
from allocation.sign_in.mailbox import KEPT_SECONDS, MOST_ANSWERS, Mailbox
from allocation.sign_in.patience import FORGET_SECONDS, FREE_ATTEMPTS, LONGEST_WAIT_SECONDS, MOST_NAMES, Patience

PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FewUsers:
    """A directory of local users, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, LocalCredentials] = {}

    def has_local_users(self) -> bool:
        return bool(self.kept)

    def create_local_user(self, user_name: str, password_hash: str) -> User:
        user = User(f"user-{len(self.kept) + 1}", user_name)
        self.kept[user_name.casefold()] = LocalCredentials(user, password_hash)
        return user

    def local_credentials(self, user_name: str) -> LocalCredentials | None:
        return self.kept.get(user_name.casefold())


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def users() -> FewUsers:
    return FewUsers()


@pytest.fixture
def accounts(users: FewUsers) -> LocalAccounts:
    return LocalAccounts(cast("Directory", users))


def test_the_first_account_can_be_created_once(accounts: LocalAccounts) -> None:
    assert accounts.first_run
    accounts.create_first("jane", PASSWORD)

    with pytest.raises(NewAccountError, match="exists already"):
        accounts.create_first("mallory", PASSWORD)

    assert not accounts.first_run


@pytest.mark.parametrize("guess", ["", "wrong", "c0de-from-the-lo", "\ud800", "ç"])
def test_where_others_reach_the_page_the_first_account_needs_the_code_from_the_log(users: FewUsers, guess: str) -> None:
    accounts = LocalAccounts(cast("Directory", users), setup_code="c0de-from-the-log")

    with pytest.raises(NewAccountError, match="setup code") as refusal:
        accounts.create_first("mallory", PASSWORD, guess)

    assert accounts.first_run
    assert "c0de-from-the-log" not in str(refusal.value)
    assert accounts.create_first("jane", PASSWORD, " c0de-from-the-log ").name == "jane"


class NotingPatience(Patience):
    """Also tells which names it was asked to remember."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def attempt(self, name: str) -> str:
        self.names.append(name)
        return super().attempt(name)


def test_an_endless_user_name_is_not_remembered(users: FewUsers) -> None:
    patience = NotingPatience()
    accounts = LocalAccounts(cast("Directory", users), patience)

    with pytest.raises(CredentialsError):
        accounts.check("n" * 1_000_000, PASSWORD)

    assert max(map(len, patience.names)) <= LONGEST_USER_NAME + 1


def test_a_password_is_kept_as_an_argon2_hash(accounts: LocalAccounts, users: FewUsers) -> None:
    accounts.create_first("jane", PASSWORD)

    kept = users.kept["jane"].password_hash

    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_the_right_password_says_who_it_is(accounts: LocalAccounts) -> None:
    created = accounts.create_first("jane", PASSWORD)

    assert accounts.check("Jane ", PASSWORD) == created


def test_a_password_may_be_typed_on_another_keyboard(accounts: LocalAccounts) -> None:
    composed, decomposed = "crème brûlée à la carte", "cre\u0300me bru\u0302le\u0301e a\u0300 la carte"
    created = accounts.create_first("jane", composed)

    assert accounts.check("jane", decomposed) == created


@pytest.mark.parametrize(
    ("name", "password"),
    [("jane", "wrong horse battery"), ("jane", ""), ("jane", PASSWORD + "x" * 10_000), ("nobody", PASSWORD), ("", "")],
)
def test_wrong_and_unknown_answer_alike(accounts: LocalAccounts, name: str, password: str) -> None:
    accounts.create_first("jane", PASSWORD)

    with pytest.raises(CredentialsError, match="User name and password do not match"):
        accounts.check(name, password)


def test_an_unknown_name_is_hashed_like_a_known_one(accounts: LocalAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.create_first("jane", PASSWORD)
    checked: list[str] = []
    monkeypatch.setattr(LocalAccounts, "_matches", lambda _, kept, __: checked.append(kept) or True)

    with pytest.raises(CredentialsError):
        accounts.check("nobody", PASSWORD)

    assert checked[0].startswith("$argon2id$")


@pytest.mark.parametrize(
    "password",
    ["elevenchars", "x" * 129, "jane.the.analyst", "JANE.THE.ANALYST", "aaaaaaaaaaaa", "123456789012", "password1234",
     "Passw0rd!2026", "qwertyuiop12", "letmeinletmein", "abab abab abab"],
)  # fmt: skip
def test_a_password_anybody_would_try_is_refused(password: str) -> None:
    with pytest.raises(NewAccountError) as refusal:
        check_new_password(password, "jane.the.analyst")

    assert refusal.value.culprits == ("password",)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, "twelve chars", "my password is a blue whale", "密码需要十二个字符才足够长", "x1" + "ab3d" * 31],
)
def test_a_password_of_some_length_is_taken(password: str) -> None:
    assert check_new_password(password, "jane")


@pytest.mark.parametrize("name", ["", " ", ".jane", "ja ne", "jane\n", "<b>jane", "j" * 65, "ja\u202ene", "_"])
def test_an_unfit_user_name_is_refused(name: str) -> None:
    with pytest.raises(NewAccountError) as refusal:
        check_user_name(name if name != "jane\n" else "ja\nne")

    assert refusal.value.culprits == ("user_name",)


def test_guessing_gets_slower_and_slower() -> None:
    clock = Clock()
    patience = Patience(clock)
    for _ in range(FREE_ATTEMPTS):
        patience.attempt("jane")

    waits = []
    for _ in range(12):
        with pytest.raises(TooManyAttemptsError):
            patience.attempt("jane")
        before = clock.seconds
        while True:
            clock.seconds += 0.5
            try:
                patience.attempt("jane")
                break
            except TooManyAttemptsError:
                continue
        waits.append(clock.seconds - before)

    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT_SECONDS


def test_waiting_is_for_one_name_only() -> None:
    patience = Patience(Clock())
    for _ in range(FREE_ATTEMPTS):
        patience.attempt("jane")

    patience.attempt("john")

    with pytest.raises(TooManyAttemptsError, match="in 1 second"):
        patience.attempt("jane")


def test_success_and_time_are_forgiving() -> None:
    clock = Clock()
    patience = Patience(clock)
    for name in ("jane", "john"):
        for _ in range(FREE_ATTEMPTS):
            patience.attempt(name)

    patience.succeeded("jane")
    patience.attempt("jane")
    clock.seconds = FORGET_SECONDS + 1
    for _ in range(FREE_ATTEMPTS):
        patience.attempt("john")


def test_the_memory_of_failures_is_bounded() -> None:
    patience = Patience(Clock())

    for number in range(MOST_NAMES + 50):
        patience.attempt(f"name-{number}")

    assert len(patience._failures) == MOST_NAMES


def open_demo() -> tuple[User, Store, Market]:
    return User("demo", "Demo visitor", demo=True), cast("Store", object()), cast("Market", object())


def test_a_demo_is_found_again_by_its_browser_only() -> None:
    demos = Demos(open_demo)

    mine, yours = demos.begin("mine", NOW), demos.begin("yours", NOW)

    assert demos.of_browser("mine", NOW) is mine
    assert demos.of_browser("yours", NOW) is yours
    assert mine.store is not yours.store
    assert demos.of_browser("nobody's", NOW) is None


def test_a_demo_ends_when_it_is_left_alone_and_looking_does_not_prolong_it() -> None:
    demos = Demos(open_demo)
    demos.begin("used", NOW)
    demos.begin("watched", NOW)
    soon, later = NOW + KEPT_FOR * 0.9, NOW + KEPT_FOR * 1.5

    demos.of_browser("used", soon)
    demos.of_browser("watched", soon, use=False)

    assert demos.of_browser("used", later) is not None
    assert demos.of_browser("watched", later) is None


def test_an_ended_demo_is_gone() -> None:
    demos = Demos(open_demo)
    demos.begin("mine", NOW)

    demos.end("mine")

    assert demos.of_browser("mine", NOW) is None


def test_the_longest_unused_demo_makes_room() -> None:
    demos = Demos(open_demo)
    for number in range(MOST_VISITS):
        demos.begin(f"browser-{number}", NOW + timedelta(seconds=number))
    demos.of_browser("browser-0", NOW + timedelta(hours=1))

    demos.begin("one more", NOW + timedelta(hours=1))

    assert demos.of_browser("browser-0", NOW + timedelta(hours=1)) is not None
    assert demos.of_browser("browser-1", NOW + timedelta(hours=1)) is None


ANSWER = {"code": "c", "state": "s", "iss": "https://id.example.com", "session_state": "not ours"}


def test_an_answer_is_handed_out_once_to_the_browser_it_came_through() -> None:
    mailbox = Mailbox(Clock())
    mailbox.post("mine", ANSWER)

    assert mailbox.collect("s", "yours") is None
    assert mailbox.collect("another", "mine") is None
    assert mailbox.collect("s", "mine") == {"code": "c", "state": "s", "iss": "https://id.example.com"}
    assert mailbox.collect("s", "mine") is None


def test_an_answer_waits_a_moment_and_not_for_ever() -> None:
    clock = Clock()
    mailbox = Mailbox(clock)
    mailbox.post("mine", ANSWER)

    assert not mailbox.holds("s", "mine", for_seconds=3)
    clock.seconds = 3
    assert mailbox.holds("s", "mine", for_seconds=3)
    clock.seconds = KEPT_SECONDS + 1
    assert not mailbox.holds("s", "mine")
    assert mailbox.collect("s", "mine") is None


@pytest.mark.parametrize(
    ("browser", "query"),
    [("", ANSWER), ("mine", {"code": "c"}), ("mine", {}), ("mine", {**ANSWER, "code": "c" * 5000})],
    ids=str,
)
def test_what_no_attempt_can_have_asked_for_is_not_kept(browser: str, query: dict[str, str]) -> None:
    mailbox = Mailbox(Clock())

    mailbox.post(browser, query)

    assert not mailbox.holds("s", browser)


def test_the_mailbox_does_not_overflow() -> None:
    mailbox = Mailbox(Clock())

    for number in range(MOST_ANSWERS + 1):
        mailbox.post("mine", {"state": f"s{number}", "code": "c"})

    assert not mailbox.holds("s0", "mine")
    assert mailbox.holds("s1", "mine")
