"""What every directory of users promises."""

import pytest

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.errors import UserNameTakenError
from allocation.ports import Directory, User


@pytest.fixture
def directory(database: Database) -> Directory:
    return SqlDirectory(database)


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
    assert directory.find_identity("https://a.example", "1") == again


def test_looking_for_a_person_makes_nobody(directory: Directory) -> None:
    assert directory.find_identity("https://a.example", "1") is None
    assert directory.find_identity("https://a.example", "1") is None


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
