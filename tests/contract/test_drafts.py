"""What is kept of what users were about to change: each user's own, also where the database keeps watch."""

import pytest

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.drafts import SqlDrafts
from tests.people import NOON, add_user


@pytest.fixture
def drafts(database: Database) -> SqlDrafts:
    return SqlDrafts(database)


def test_a_draft_is_kept_replaced_and_dropped(database: Database, drafts: SqlDrafts) -> None:
    ann = add_user(database, "Ann")

    drafts.save(ann, "main", "first", NOON)
    drafts.save(ann, "main", "second", NOON)

    assert drafts.load(ann, "main") == "second"
    drafts.drop(ann, "main")
    drafts.drop(ann, "main")
    assert drafts.load(ann, "main") is None


def test_two_users_with_an_account_of_the_same_id_never_see_each_others_draft(
    database: Database, drafts: SqlDrafts
) -> None:
    ann, bob = add_user(database, "Ann"), add_user(database, "Bob")
    drafts.save(ann, "main", "hers", NOON)

    drafts.drop(bob, "main")

    assert drafts.load(bob, "main") is None
    assert drafts.load(ann, "main") == "hers"
