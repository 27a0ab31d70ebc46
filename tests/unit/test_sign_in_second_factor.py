"""The second factor from setting it up to turning it off."""

from base64 import b32decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from allocation.errors import SecondFactorError, SignInClockError, TokenUnreadableError, TooManyAttemptsError
from allocation.ports import User
from allocation.sign_in import totp
from allocation.sign_in.qr import qr_code
from allocation.sign_in.second_factor import Enrolment
from tests.installation import PASSWORD, Installation, new_database


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    database = new_database(tmp_path)
    yield Installation(database)
    database.close()


@pytest.fixture
def jane(here: Installation) -> User:
    return here.accounts.create_first("jane", PASSWORD)


class Phone:
    """An authenticator app that photographed the QR code."""

    def __init__(self, here: Installation, enrolment: Enrolment) -> None:
        self.here, self.seed = here, b32decode(parse_qs(urlsplit(enrolment.address).query)["secret"][0])
        self.recovery: tuple[str, ...] = ()

    def code(self, minutes: float = 0) -> str:
        """What it shows now, or in so many minutes."""
        return totp.code_at(self.seed, totp.step_at(self.here.clock.now) + int(minutes * 2))


@pytest.fixture
def phone(here: Installation, jane: User) -> Phone:
    """Jane's, with the second factor on; a minute has passed since."""
    phone = Phone(here, here.factors.begin(jane))
    phone.recovery = here.factors.confirm(jane, phone.code())
    here.clock.tick(60)
    return phone


def test_nothing_is_asked_for_before_a_first_code_was_right(here: Installation, jane: User) -> None:
    phone = Phone(here, here.factors.begin(jane))
    with pytest.raises(SecondFactorError):
        here.factors.confirm(jane, "000000" if phone.code() != "000000" else "111111")
    assert here.factors.of_user(jane) is None

    codes = here.factors.confirm(jane, phone.code())

    assert here.factors.of_user(jane) is not None
    assert len(set(codes)) == 10


def test_setting_it_up_may_be_interrupted_and_gone_on_with(here: Installation, jane: User) -> None:
    assert here.factors.under_way(jane) is None

    begun = here.factors.begin(jane)

    assert here.factors.under_way(jane) == begun
    here.factors.confirm(jane, Phone(here, begun).code())
    assert here.factors.under_way(jane) is None


def test_the_first_code_does_not_count_a_second_time(here: Installation, jane: User) -> None:
    phone = Phone(here, here.factors.begin(jane))
    here.factors.confirm(jane, phone.code())

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, phone.code())


def test_a_code_of_the_phone_lets_pass_once(here: Installation, jane: User, phone: Phone) -> None:
    here.factors.check(jane, phone.code())

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, phone.code())
    here.clock.tick(30)
    here.factors.check(jane, phone.code())


def test_a_recovery_code_lets_pass_once(here: Installation, jane: User, phone: Phone) -> None:
    first, second, *_ = phone.recovery

    here.factors.check(jane, first.lower())

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, first)
    here.factors.check(jane, second)
    kept = here.factors.of_user(jane)
    assert kept is not None
    assert kept.recovery_codes_left == 8


def test_new_recovery_codes_void_the_old_ones(here: Installation, jane: User, phone: Phone) -> None:
    new = here.factors.new_recovery_codes(jane)

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, phone.recovery[0])
    here.factors.check(jane, new[0])


def test_a_clock_that_is_off_is_said_to_be(here: Installation, jane: User, phone: Phone) -> None:
    with pytest.raises(SignInClockError, match=r"12:01:00 UTC"):
        here.factors.check(jane, phone.code(minutes=4))


def test_a_code_that_was_said_to_be_of_another_minute_does_not_count_when_that_minute_comes(
    here: Installation, jane: User, phone: Phone
) -> None:
    shown_later = phone.code(minutes=1.5)
    with pytest.raises(SignInClockError):
        here.factors.check(jane, shown_later)
    here.clock.tick(90)

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, shown_later)

    here.clock.tick(30)
    here.factors.check(jane, phone.code())


def test_a_phone_whose_clock_was_put_right_lets_in_at_once(here: Installation, jane: User, phone: Phone) -> None:
    with pytest.raises(SignInClockError):
        here.factors.check(jane, phone.code(minutes=4))

    here.factors.check(jane, phone.code())


def test_who_guesses_codes_has_to_wait_and_wrong_passwords_are_counted_apart(
    here: Installation, jane: User, phone: Phone
) -> None:
    for _ in range(5):
        with pytest.raises(SecondFactorError):
            here.factors.check(jane, "12345")

    with pytest.raises(TooManyAttemptsError):
        here.factors.check(jane, phone.code())
    here.accounts.check("jane", PASSWORD)
    with pytest.raises(TooManyAttemptsError):
        here.factors.check(jane, phone.code())
    here.clock.tick(1)
    here.factors.check(jane, phone.code())


def test_a_code_proves_nothing_where_no_second_factor_is_set_up(here: Installation, jane: User) -> None:
    phone = Phone(here, here.factors.begin(jane))

    with pytest.raises(SecondFactorError):
        here.factors.check(jane, phone.code())


def test_once_turned_off_it_can_be_set_up_anew(here: Installation, jane: User, phone: Phone) -> None:
    here.factors.turn_off(jane)
    assert here.factors.of_user(jane) is None

    another = Phone(here, here.factors.begin(jane))
    here.factors.confirm(jane, another.code())

    assert another.seed != phone.seed
    with pytest.raises(SecondFactorError):
        here.factors.check(jane, phone.code())


def test_everything_is_written_down_and_no_code_is(here: Installation, jane: User, phone: Phone) -> None:
    codes = phone.recovery
    here.factors.check(jane, codes[0])
    with pytest.raises(SecondFactorError):
        here.factors.check(jane, "000 000 0")
    here.factors.new_recovery_codes(jane)
    here.factors.turn_off(jane)

    told = here.told()
    lines = str(here.trail.of_user(jane.id))

    assert told == [
        "user_created",
        "second_factor_on",
        "recovery_code_used",
        "second_factor_refused",
        "recovery_codes_made",
        "second_factor_off",
    ]
    assert codes[0] not in lines


def test_neither_seed_nor_codes_can_be_read_in_the_database(here: Installation, jane: User, phone: Phone) -> None:
    here.database.engine.dispose()

    kept = b"".join(file.read_bytes() for file in Path(str(here.database.engine.url.database)).parent.iterdir())

    assert phone.seed not in kept
    assert totp.setup_key(phone.seed).replace(" ", "").encode() not in kept
    for code in phone.recovery:
        assert code.encode() not in kept
        assert code.replace("-", "").encode() not in kept


def test_the_seed_of_another_user_opens_nothing(here: Installation, jane: User, phone: Phone) -> None:
    mary = here.people.add("mary", here.clock.now)
    stolen = here.credentials.second_factor(jane.id)
    assert stolen is not None
    here.credentials.begin_second_factor(mary.id, stolen.sealed_seed)

    with pytest.raises(TokenUnreadableError):
        here.factors.confirm(mary, phone.code())


def test_what_is_shown_once_is_not_in_any_repr(here: Installation, jane: User) -> None:
    enrolment = here.factors.begin(jane)

    assert enrolment.key not in repr(enrolment)
    assert "otpauth" not in repr(enrolment)


def test_the_qr_code_is_a_picture_with_a_white_border(here: Installation, jane: User) -> None:
    picture = ElementTree.fromstring(qr_code(here.factors.begin(jane).address))

    assert picture.tag.endswith("svg")
    assert {child.get("fill") or child.get("stroke") for child in picture.iter()} - {None} == {"#fff", "#000"}
