"""Roles, verbs, and the one table that joins them."""

from pathlib import Path

import pytest

from allocation.authorisation import LEAST_ROLE, Role, TeamVerb, Verb, may, refusal, refusal_of_shared, require
from allocation.errors import NotAllowedError

DOCUMENT = Path(__file__).parents[2] / "docs" / "authorisation.md"


def test_every_verb_has_its_row_in_the_table() -> None:
    assert set(LEAST_ROLE) == {*Verb, *TeamVerb}


def test_an_owner_may_do_everything_and_a_viewer_changes_nothing() -> None:
    harmless = {Verb.SEE, Verb.TRY, Verb.EXPORT, Verb.ENTER_PRICES}

    assert all(may(Role.OWNER, verb) for verb in LEAST_ROLE)
    assert {verb for verb in Verb if may(Role.VIEWER, verb)} == harmless
    assert {verb for verb in Verb if may(Role.TRADER, verb)} == harmless | {
        Verb.CHANGE_TARGET,
        Verb.IMPORT,
        Verb.SEND_ORDERS,
    }


@pytest.mark.parametrize(
    ("role", "cap", "left"),
    [
        (Role.OWNER, Role.VIEWER, Role.VIEWER),
        (Role.VIEWER, Role.OWNER, Role.VIEWER),
        (Role.TRADER, Role.OWNER, Role.TRADER),
        (Role.OWNER, Role.OWNER, Role.OWNER),
    ],
)
def test_of_two_roles_the_smaller_one_counts(role: Role, cap: Role, left: Role) -> None:
    assert role.capped(cap) == left


def test_a_refusal_says_what_one_is_and_what_it_takes() -> None:
    require(Role.TRADER, Verb.CHANGE_TARGET)

    with pytest.raises(NotAllowedError, match=r"As a viewer you may not change the target; that takes a trader\."):
        require(Role.VIEWER, Verb.CHANGE_TARGET)
    assert refusal(Role.TRADER, Verb.REMOVE).code == "forbidden"
    assert "takes an owner" in str(refusal(Role.TRADER, Verb.REMOVE))


@pytest.mark.parametrize(
    ("in_team", "cap", "asked"),
    [
        (Role.TRADER, Role.VIEWER, "the account is shared up to viewer: ask Ann to change that."),
        (Role.VIEWER, Role.OWNER, "Ask an owner of the team to change your role."),
        (Role.VIEWER, Role.VIEWER, "Ask Ann, who shares it up to viewer, to change that, and an owner of the team"),
    ],
)
def test_a_refusal_of_a_shared_account_says_which_role_binds_and_whom_to_ask(
    in_team: Role, cap: Role, asked: str
) -> None:
    said = str(refusal_of_shared(in_team, cap, "Ann", Verb.CHANGE_TARGET))

    assert said.startswith("As a viewer you may not change the target; that takes a trader. ")
    assert asked in said
    assert ("Ann" in said) == (cap == Role.VIEWER)


def rows_of_the_document(heading: str) -> dict[str, list[bool]]:
    """What docs/authorisation.md says each role may do, under one of its headings."""
    part = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    assert cells[0][1:] == [role.value for role in Role]
    return {row[0]: [cell == "yes" for cell in row[1:]] for row in cells[2:]}


@pytest.mark.parametrize(("heading", "verbs"), [("With an account", Verb), ("With a team", TeamVerb)])
def test_the_document_says_what_the_table_says(heading: str, verbs: type[Verb | TeamVerb]) -> None:
    assert rows_of_the_document(heading) == {verb.value: [may(role, verb) for role in Role] for verb in verbs}
