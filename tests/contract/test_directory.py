"""What every directory of providers' users promises."""

import pytest

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.ports import Directory, User


@pytest.fixture
def directory(database: Database) -> Directory:
    return SqlDirectory(database)


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
