"""What every directory of users and sign-in sessions promises."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.directory import NOTED_EVERY, SqlDirectory
from allocation.adapters.sql.tables import metadata
from allocation.errors import UserNameTakenError
from allocation.ports import Directory, User

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def directory(database: Database) -> Directory:
    return SqlDirectory(database, IDLE, ABSOLUTE)


@pytest.fixture
def ann(directory: Directory) -> User:
    return directory.create_local_user("Ann", "$argon2id$ann")


def test_a_person_is_known_by_issuer_and_subject_and_by_nothing_else(directory: Directory) -> None:
    first = directory.user_for_identity("https://a.example", "1", "Ann", "ann@example.com")
    same_address = directory.user_for_identity("https://b.example", "1", "Ann", "ann@example.com")
    other_subject = directory.user_for_identity("https://a.example", "2", "Ann", "ann@example.com")

    assert len({first.id, same_address.id, other_subject.id}) == 3


def test_a_person_who_comes_again_is_the_same_with_the_new_name_and_address(directory: Directory) -> None:
    first = directory.user_for_identity("https://a.example", "1", "Ann", "ann@example.com")

    again = directory.user_for_identity("https://a.example", "1", "Ann Lee", "lee@example.com")

    assert again == User(first.id, "Ann Lee", "lee@example.com")
    session = directory.begin_session(first, "", NOW)
    assert directory.find_session(session, NOW) == again


def test_an_oidc_person_is_no_local_account(directory: Directory) -> None:
    directory.user_for_identity("https://a.example", "1", "Ann", "")

    assert not directory.has_local_users()
    assert directory.local_credentials("Ann") is None


def test_a_local_account_is_found_by_its_name_in_any_case(directory: Directory, ann: User) -> None:
    found = directory.local_credentials(" aNN ")

    assert found is not None
    assert found.user == ann
    assert found.password_hash == "$argon2id$ann"
    assert directory.has_local_users()


def test_the_password_hash_is_not_shown_with_the_credentials(directory: Directory, ann: User) -> None:
    assert "argon2" not in repr(directory.local_credentials("ann"))


@pytest.mark.parametrize("name", ["Ann", "ANN", " ann", "\uff21nn"])  # the last one with a full-width A
def test_a_user_name_is_taken_in_every_spelling(directory: Directory, ann: User, name: str) -> None:
    with pytest.raises(UserNameTakenError):
        directory.create_local_user(name, "$argon2id$other")

    kept = directory.local_credentials("ann")
    assert kept is not None
    assert kept.password_hash == "$argon2id$ann"


def test_an_unknown_user_name_has_no_credentials(directory: Directory, ann: User) -> None:
    assert directory.local_credentials("' OR 1=1 --") is None
    assert directory.local_credentials("") is None
    assert directory.local_credentials("ann\x00") is None


def test_a_session_tells_whose_it_is(directory: Directory, ann: User) -> None:
    bob = directory.create_local_user("Bob", "hash")

    hers, his = (directory.begin_session(user, "", NOW) for user in (ann, bob))

    assert directory.find_session(hers, NOW) == ann
    assert directory.find_session(his, NOW) == bob
    assert directory.find_session("", NOW) is None
    assert directory.find_session(hers[:-1], NOW) is None


def test_session_ids_are_long_and_never_the_same(directory: Directory, ann: User) -> None:
    ids = [directory.begin_session(ann, browser, NOW) for browser in ("", "", "b" * 64, "b" * 64)]

    assert len(set(ids)) == 4
    assert all(len(session_id) == 43 for session_id in ids)  # 256 bits in base64


def test_an_unused_session_ends_after_the_idle_limit(directory: Directory, ann: User) -> None:
    session = directory.begin_session(ann, "", NOW)

    assert directory.find_session(session, NOW + IDLE) is None


def test_use_keeps_a_session_alive_until_the_absolute_limit(directory: Directory, ann: User) -> None:
    session = directory.begin_session(ann, "", NOW)
    step = IDLE - SECOND

    alive = [directory.find_session(session, NOW + step * n) is not None for n in range(1, 30)]

    # 24 steps of 29:59 minutes are just under 12 hours.
    assert alive == [True] * 24 + [False] * 5


def test_use_is_noted_at_most_every_half_minute(directory: Directory, database: Database, ann: User) -> None:
    session = directory.begin_session(ann, "", NOW)

    def last_seen_after_use_at(moment: datetime) -> datetime:
        directory.find_session(session, moment)
        with database.reading() as connection:
            return connection.execute(select(metadata.tables["sign_in_session"].c.last_seen_at)).scalar_one()

    assert last_seen_after_use_at(NOW + NOTED_EVERY - SECOND) == NOW
    assert last_seen_after_use_at(NOW + NOTED_EVERY) == NOW + NOTED_EVERY


def test_a_browser_finds_its_session_again(directory: Directory, ann: User) -> None:
    session = directory.begin_session(ann, "browser-1", NOW)

    assert directory.session_of_browser("browser-1", NOW) == session
    assert directory.session_of_browser("browser-2", NOW) is None
    assert directory.session_of_browser("browser-1", NOW + IDLE) is None


def test_no_browser_key_finds_no_session(directory: Directory, ann: User) -> None:
    directory.begin_session(ann, "", NOW)

    assert directory.session_of_browser("", NOW) is None


def test_signing_out_ends_the_session_everywhere(directory: Directory, ann: User) -> None:
    session = directory.begin_session(ann, "browser-1", NOW)

    directory.end_session(session, NOW)
    directory.end_session(session, NOW)
    directory.end_session("never there", NOW)

    assert directory.find_session(session, NOW) is None
    assert directory.session_of_browser("browser-1", NOW) is None


def test_signing_in_again_in_a_browser_ends_the_session_before(directory: Directory, ann: User) -> None:
    bob = directory.create_local_user("Bob", "hash")
    first = directory.begin_session(ann, "browser-1", NOW)
    elsewhere = directory.begin_session(ann, "browser-2", NOW)

    second = directory.begin_session(bob, "browser-1", NOW)

    assert directory.find_session(first, NOW) is None
    assert directory.session_of_browser("browser-1", NOW) == second
    assert directory.find_session(elsewhere, NOW) == ann
    directory.end_session(second, NOW)
    assert directory.session_of_browser("browser-1", NOW) is None


def test_nothing_in_the_database_signs_anybody_in(directory: Directory, database: Database, ann: User) -> None:
    session = directory.begin_session(ann, "browser-1", NOW)

    with database.reading() as connection:
        kept = repr(connection.execute(select(metadata.tables["sign_in_session"])).all())

    assert session not in kept
    assert "browser-1" not in kept


def test_sessions_beyond_their_limit_are_swept_away(directory: Directory, database: Database, ann: User) -> None:
    directory.begin_session(ann, "", NOW)

    directory.begin_session(ann, "", NOW + ABSOLUTE + SECOND)

    with database.reading() as connection:
        assert len(connection.execute(select(metadata.tables["sign_in_session"])).all()) == 1
