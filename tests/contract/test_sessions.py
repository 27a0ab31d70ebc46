"""What sign-in sessions promise on every database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from allocation.adapters.aes_vault import AesVault
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.adapters.sql.sessions import NOTED_EVERY, TICKET_GOOD_FOR, SqlSessions
from allocation.adapters.sql.tables import app_user, sign_in_session
from allocation.errors import UserDisabledError
from allocation.ports import User, Vault
from allocation.presence import LiveSession, Proof, Sessions
from allocation.vault import new_key

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SECOND = timedelta(seconds=1)
BROWSER, COOKIE = "browser-1", "cookie-1"


@pytest.fixture
def vault() -> Vault:
    return AesVault([new_key()])


@pytest.fixture
def sessions(database: Database, vault: Vault) -> Sessions:
    return SqlSessions(database, vault, IDLE, ABSOLUTE)


@pytest.fixture
def ann(database: Database) -> User:
    return SqlDirectory(database).user_for_identity("https://a.example", "1", "Ann", "ann@example.com")


@pytest.fixture
def bob(database: Database) -> User:
    return SqlDirectory(database).user_for_identity("https://a.example", "2", "Bob", "bob@example.com")


def begin(sessions: Sessions, user: User, browser: str = "", now: datetime = NOW) -> str:
    return sessions.begin(Proof(user, now), browser, "Firefox on Linux", now)


def whose(sessions: Sessions, handle: str, now: datetime = NOW) -> User | None:
    live = sessions.find(handle, now)
    return live and live.user


def test_a_session_tells_whose_it_is(sessions: Sessions, ann: User, bob: User) -> None:
    hers, his = begin(sessions, ann), begin(sessions, bob)

    assert (whose(sessions, hers), whose(sessions, his)) == (ann, bob)
    assert whose(sessions, "") is None
    assert whose(sessions, hers[:-1]) is None


def test_a_session_tells_how_it_began_and_when_it_ends(sessions: Sessions, ann: User) -> None:
    proved = NOW - timedelta(minutes=5)
    handle = sessions.begin(Proof(ann, proved, "acme", second_factor=True), BROWSER, "Firefox on Linux", NOW)

    assert sessions.find(handle, NOW) == LiveSession(
        handle, ann, "Firefox on Linux", "acme", True, proved, NOW, NOW, NOW + IDLE, NOW + ABSOLUTE, entered=False
    )


def test_an_unused_session_ends_after_the_idle_limit(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann)

    assert sessions.find(handle, NOW + IDLE - SECOND, use=False) is not None
    assert sessions.find(handle, NOW + IDLE) is None


def test_asking_alone_does_not_prolong_a_session(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann)

    for minute in range(30):
        assert sessions.find(handle, NOW + timedelta(minutes=minute), use=False) is not None

    assert sessions.find(handle, NOW + IDLE) is None


def test_use_keeps_a_session_alive_until_the_absolute_limit(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann)
    step = IDLE - SECOND

    alive = [sessions.find(handle, NOW + step * n) is not None for n in range(1, 30)]

    # 24 steps of 29:59 minutes are just under 12 hours.
    assert alive == [True] * 24 + [False] * 5


def test_use_is_noted_at_most_every_half_minute(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann)

    def idle_until_after_use_at(moment: datetime) -> datetime:
        sessions.find(handle, moment)
        live = sessions.find(handle, moment, use=False)
        assert live is not None
        return live.idle_until

    assert idle_until_after_use_at(NOW + NOTED_EVERY - SECOND) == NOW + IDLE
    assert idle_until_after_use_at(NOW + NOTED_EVERY) == NOW + NOTED_EVERY + IDLE


def test_a_short_idle_limit_is_not_missed_by_noting_seldom(database: Database, vault: Vault, ann: User) -> None:
    short = SqlSessions(database, vault, timedelta(seconds=10), ABSOLUTE)
    handle = begin(short, ann)

    assert all(short.find(handle, NOW + timedelta(seconds=n)) is not None for n in range(60))


def test_a_browser_finds_its_session_by_the_cookie_it_fetched(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann, BROWSER)

    entered = sessions.enter(sessions.ticket(handle, NOW), BROWSER, COOKIE, NOW)

    assert entered
    assert sessions.of_cookie(COOKIE, NOW) == handle
    assert sessions.of_cookie(COOKIE, NOW + IDLE) is None
    live = sessions.find(handle, NOW)
    assert live is not None
    assert live.entered


def test_the_cookie_known_before_sign_in_finds_nothing(sessions: Sessions, ann: User) -> None:
    begin(sessions, ann, BROWSER)

    assert sessions.of_cookie(BROWSER, NOW) is None
    assert sessions.of_cookie("", NOW) is None


def test_a_ticket_is_good_once(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann, BROWSER)
    ticket = sessions.ticket(handle, NOW)

    first, second = (sessions.enter(ticket, BROWSER, cookie, NOW) for cookie in ("first", "second"))

    assert (first, second) == (True, False)
    assert sessions.of_cookie("second", NOW) is None
    assert sessions.of_cookie("first", NOW) == handle


def test_of_many_who_bring_the_same_ticket_at_once_one_enters(sessions: Sessions, ann: User) -> None:
    ticket = sessions.ticket(begin(sessions, ann, BROWSER), NOW)

    with ThreadPoolExecutor(8) as pool:
        entered = list(pool.map(lambda n: sessions.enter(ticket, BROWSER, f"cookie-{n}", NOW), range(8)))

    assert entered.count(True) == 1


def test_a_ticket_is_for_the_browser_it_was_made_for(sessions: Sessions, ann: User) -> None:
    ticket = sessions.ticket(begin(sessions, ann, BROWSER), NOW)
    of_no_browser = sessions.ticket(begin(sessions, ann, ""), NOW)

    assert not sessions.enter(ticket, "browser-2", COOKIE, NOW)
    assert not sessions.enter(ticket, "", COOKIE, NOW)
    assert not sessions.enter(of_no_browser, "", COOKIE, NOW)
    assert not sessions.enter("", BROWSER, COOKIE, NOW)


def test_a_ticket_is_good_for_seconds_and_not_for_a_session_that_ended(sessions: Sessions, ann: User) -> None:
    old = sessions.ticket(begin(sessions, ann, BROWSER), NOW)
    assert not sessions.enter(old, BROWSER, COOKIE, NOW + TICKET_GOOD_FOR)

    handle = begin(sessions, ann, BROWSER)
    ticket = sessions.ticket(handle, NOW)
    sessions.end(handle, NOW)

    assert not sessions.enter(ticket, BROWSER, COOKIE, NOW)


def test_a_new_ticket_makes_the_one_before_void_and_none_is_made_for_who_is_in(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann, BROWSER)
    first, second = sessions.ticket(handle, NOW), sessions.ticket(handle, NOW)
    assert not sessions.enter(first, BROWSER, COOKIE, NOW)
    assert sessions.enter(second, BROWSER, COOKIE, NOW)

    third = sessions.ticket(handle, NOW)

    assert not sessions.enter(third, BROWSER, "cookie-2", NOW)


def test_signing_out_ends_the_session_everywhere(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann, BROWSER)
    sessions.enter(sessions.ticket(handle, NOW), BROWSER, COOKIE, NOW)

    ended = [sessions.end(handle, NOW), sessions.end(handle, NOW), sessions.end("never there", NOW)]

    assert ended == [True, False, False]
    assert sessions.find(handle, NOW) is None
    assert sessions.of_cookie(COOKIE, NOW) is None


def test_signing_in_again_in_a_browser_ends_the_session_before(sessions: Sessions, ann: User, bob: User) -> None:
    first, elsewhere = begin(sessions, ann, BROWSER), begin(sessions, ann, "browser-2")

    second = begin(sessions, bob, BROWSER)

    assert whose(sessions, first) is None
    assert whose(sessions, second) == bob
    assert whose(sessions, elsewhere) == ann


def test_a_user_sees_their_live_sessions_and_nobody_elses(sessions: Sessions, ann: User, bob: User) -> None:
    ended, older, newer = begin(sessions, ann), begin(sessions, ann), begin(sessions, ann, now=NOW + SECOND)
    begin(sessions, bob)
    sessions.end(ended, NOW)

    assert [live.handle for live in sessions.of_user(ann.id, NOW + SECOND)] == [newer, older]
    assert sessions.of_user("nobody", NOW) == ()
    assert sessions.of_user(ann.id, NOW + ABSOLUTE) == ()


def test_only_the_owner_ends_a_session_by_its_handle(sessions: Sessions, ann: User, bob: User) -> None:
    hers = begin(sessions, ann)

    assert not sessions.end(hers, NOW, bob.id)
    assert whose(sessions, hers) == ann
    assert sessions.end(hers, NOW, ann.id)


def test_signing_out_everywhere_ends_all_or_all_but_one(sessions: Sessions, ann: User, bob: User) -> None:
    here, there, his = begin(sessions, ann), begin(sessions, ann), begin(sessions, bob)

    assert sessions.end_of_user(ann.id, NOW, but=here) == 1
    assert (whose(sessions, here), whose(sessions, there)) == (ann, None)
    assert sessions.end_of_user(ann.id, NOW) == 1
    assert (whose(sessions, here), whose(sessions, his)) == (None, bob)


def test_a_user_who_is_switched_off_is_out_at_once_and_cannot_come_in(
    sessions: Sessions, database: Database, ann: User
) -> None:
    handle = begin(sessions, ann, BROWSER)
    sessions.enter(sessions.ticket(handle, NOW), BROWSER, COOKIE, NOW)

    with database.writing() as connection:
        connection.execute(update(app_user).where(app_user.c.id == ann.id).values(disabled_at=NOW))

    assert sessions.find(handle, NOW) is None
    assert sessions.of_cookie(COOKIE, NOW) is None
    with pytest.raises(UserDisabledError):
        begin(sessions, ann)


def test_a_proof_counts_from_when_it_was_given_and_never_backwards(sessions: Sessions, ann: User) -> None:
    handle = begin(sessions, ann)
    later = NOW + timedelta(hours=1)

    sessions.find(handle, NOW + timedelta(minutes=29))
    sessions.prove_again(handle, later, second_factor=True)
    sessions.prove_again(handle, NOW)

    live = sessions.find(handle, NOW + timedelta(minutes=50))
    assert live is not None
    assert (live.proved_at, live.second_factor) == (later, True)


def test_a_session_is_never_proved_later_than_now(sessions: Sessions, ann: User) -> None:
    handle = sessions.begin(Proof(ann, NOW + timedelta(hours=1), "acme"), "", "", NOW)

    live = sessions.find(handle, NOW)

    assert live is not None
    assert live.proved_at == NOW


def test_a_providers_tokens_are_kept_sealed_and_handed_out_once(
    sessions: Sessions, database: Database, ann: User
) -> None:
    handle = sessions.begin(Proof(ann, NOW, "acme", tokens="eyJ.secret.token"), BROWSER, "", NOW)
    sessions.end(handle, NOW)

    with database.reading() as connection:
        kept = repr(connection.execute(select(sign_in_session)).all())

    assert "secret" not in kept
    assert sessions.tokens(handle) == "eyJ.secret.token"
    assert sessions.tokens(handle) == ""
    assert sessions.tokens("never there") == ""


def test_tokens_sealed_with_a_key_that_is_gone_are_as_good_as_none(database: Database, vault: Vault, ann: User) -> None:
    handle = SqlSessions(database, vault, IDLE, ABSOLUTE).begin(Proof(ann, NOW, "acme", tokens="eyJ"), "", "", NOW)

    other = SqlSessions(database, AesVault([new_key()]), IDLE, ABSOLUTE)

    assert other.tokens(handle) == ""
    assert other.find(handle, NOW) is not None


def test_nothing_in_the_database_signs_anybody_in(sessions: Sessions, database: Database, ann: User) -> None:
    handle = begin(sessions, ann, BROWSER)
    ticket = sessions.ticket(handle, NOW)

    def kept() -> str:
        with database.reading() as connection:
            return repr(connection.execute(select(sign_in_session)).all())

    before = kept()
    sessions.enter(ticket, BROWSER, COOKIE, NOW)

    assert len(ticket) == 43  # 256 bits in base64
    assert not any(secret in before + kept() for secret in (ticket, BROWSER, COOKIE))


def test_sessions_beyond_their_limit_are_swept_away(sessions: Sessions, database: Database, ann: User) -> None:
    begin(sessions, ann)

    begin(sessions, ann, now=NOW + ABSOLUTE + SECOND)

    with database.reading() as connection:
        assert len(connection.execute(select(sign_in_session)).all()) == 1
