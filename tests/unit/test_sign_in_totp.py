"""The second factor's codes, recovery codes, and when a proof is recent enough."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.errors import SecondFactorError, SignInClockError, StepUpRequiredError
from allocation.sign_in import recovery, step_up, totp

SEED = b"12345678901234567890"
NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
STEP = totp.step_at(NOW)
steps = st.integers(min_value=0, max_value=10**9)


@pytest.mark.parametrize(
    ("algorithm", "seed", "seconds", "code"),
    [
        # RFC 6238, appendix B
        ("sha1", SEED, 59, "94287082"),
        ("sha1", SEED, 1111111109, "07081804"),
        ("sha1", SEED, 1111111111, "14050471"),
        ("sha1", SEED, 1234567890, "89005924"),
        ("sha1", SEED, 2000000000, "69279037"),
        ("sha1", SEED, 20000000000, "65353130"),
        ("sha256", SEED + b"123456789012", 59, "46119246"),
        ("sha256", SEED + b"123456789012", 1111111109, "68084774"),
        ("sha256", SEED + b"123456789012", 20000000000, "77737706"),
        ("sha512", SEED * 3 + b"1234", 59, "90693936"),
        ("sha512", SEED * 3 + b"1234", 1111111109, "25091201"),
        ("sha512", SEED * 3 + b"1234", 20000000000, "47863826"),
    ],
)
def test_codes_are_those_of_the_standard(algorithm: str, seed: bytes, seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)

    assert totp.code_at(seed, totp.step_at(moment), 8, algorithm) == code


def test_six_digits_are_those_of_the_standard_before_it() -> None:
    codes = " ".join(totp.code_at(SEED, step) for step in range(10))

    # RFC 4226, appendix D
    assert codes == "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_code_typed_late_or_by_a_clock_a_little_off_counts(off: int) -> None:
    assert totp.step_of_code(SEED, totp.code_at(SEED, STEP + off), NOW) == STEP + off


@given(steps, st.integers(-1, 1))
def test_no_code_counts_twice(step: int, off: int) -> None:
    now = datetime.fromtimestamp((step + 1) * totp.STEP_SECONDS, UTC)
    code = totp.code_at(SEED, step + 1 + off)
    counted = totp.step_of_code(SEED, code, now)

    with pytest.raises(SecondFactorError):
        totp.step_of_code(SEED, code, now, last_step=counted)


@pytest.mark.parametrize("off", range(-30, 31))
def test_a_code_is_right_near_now_a_clock_fault_some_minutes_away_and_wrong_beyond(off: int) -> None:
    code = totp.code_at(SEED, STEP + off)

    if abs(off) <= 1:
        assert totp.step_of_code(SEED, code, NOW) == STEP + off
    else:
        with pytest.raises(SignInClockError if abs(off) <= 10 else SecondFactorError):
            totp.step_of_code(SEED, code, NOW)


def test_the_sentence_about_clocks_shows_the_servers_time_and_not_when_the_code_counts() -> None:
    with pytest.raises(SignInClockError) as ahead:
        totp.step_of_code(SEED, totp.code_at(SEED, STEP + 4), NOW)
    with pytest.raises(SignInClockError) as behind:
        totp.step_of_code(SEED, totp.code_at(SEED, STEP - 4), NOW)

    assert "12:00:10 UTC" in str(ahead.value)
    assert str(ahead.value) == str(behind.value)


def test_an_old_code_that_counted_before_is_no_fault_of_a_clock() -> None:
    with pytest.raises(SecondFactorError):
        totp.step_of_code(SEED, totp.code_at(SEED, STEP - 4), NOW, last_step=STEP - 3)


@pytest.mark.parametrize("typed", ["", "123", "12345678", "abcdef", "²²²²²²", "\ud800", "1" * 10**6, "٣٣٣٣٣٣"])
def test_what_is_no_code_opens_nothing(typed: str) -> None:
    with pytest.raises(SecondFactorError):
        totp.step_of_code(SEED, typed, NOW)


@pytest.mark.parametrize("written", ["{} {}", " {}{} ", "{}\u00a0{}"])
def test_spaces_in_a_code_do_not_count(written: str) -> None:
    code = totp.code_at(SEED, STEP)

    assert totp.step_of_code(SEED, written.format(code[:3], code[3:]), NOW) == STEP


def test_full_width_digits_of_a_japanese_keyboard_are_digits() -> None:
    code = totp.code_at(SEED, STEP).translate({ord("0") + n: ord("０") + n for n in range(10)})

    assert totp.looks_like_code(code)
    assert totp.step_of_code(SEED, code, NOW) == STEP


def test_an_authenticator_app_reads_the_account_and_the_seed_from_the_address() -> None:
    address = urlsplit(totp.setup_address(SEED, "jane & co/é"))
    said = parse_qs(address.query)

    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Evenkeel:jane & co/é"
    assert said == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Evenkeel"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert totp.setup_key(SEED) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


def test_seeds_have_160_bits_and_differ() -> None:
    seeds = {totp.new_seed() for _ in range(50)}

    assert {len(seed) for seed in seeds} == {20}
    assert len(seeds) == 50


def test_there_are_ten_recovery_codes_and_none_twice() -> None:
    codes = recovery.new_codes()

    assert len(set(codes)) == 10
    assert all(recovery.looks_like_recovery_code(code) and len(code) == 19 for code in codes)


def test_a_recovery_code_counts_however_it_is_written() -> None:
    kept = recovery.hash_of("jane", "01AB-CDEF-GHJK-MNPQ")

    for typed in ("01abcdefghjkmnpq", " O1AB CDEF GHJK MNPQ", "olab–cdef–ghjk–mnpq"):
        assert recovery.hash_of("jane", typed) == kept
    assert recovery.hash_of("mary", "01AB-CDEF-GHJK-MNPQ") != kept


@given(st.text(max_size=300))
def test_whatever_is_typed_is_hashed_without_a_fault(typed: str) -> None:
    assert len(recovery.hash_of("jane", typed)) == 64
    assert not (totp.looks_like_code(typed) and recovery.looks_like_recovery_code(typed))


@dataclass(frozen=True)
class Proved:
    proved_at: datetime


@given(st.timedeltas(timedelta(-1), timedelta(1)), st.timedeltas(timedelta(0), timedelta(hours=1)))
def test_a_proof_is_good_for_as_long_as_was_asked_for(ago: timedelta, within: timedelta) -> None:
    session = Proved(NOW - ago)
    good = timedelta(minutes=-1) <= ago <= within

    assert step_up.is_fresh(session, NOW, within) == good
    if good:
        step_up.require(session, NOW, within)
    else:
        with pytest.raises(StepUpRequiredError):
            step_up.require(session, NOW, within)


def test_a_proof_is_good_for_a_quarter_of_an_hour() -> None:
    step_up.require(Proved(NOW - timedelta(minutes=15)), NOW)

    with pytest.raises(StepUpRequiredError):
        step_up.require(Proved(NOW - timedelta(minutes=15, seconds=1)), NOW)
