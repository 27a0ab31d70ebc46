"""The trail in a reader's words, and as a file no spreadsheet trips over."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime

from allocation.history import MEANINGS, Topic, entries, history_csv, kinds_of
from allocation.trail import Detail, EventKind, Line, details_text

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def line(kind: str, subject: str = "", session: str | None = None, **details: Detail) -> Line:
    told: Mapping[str, Detail] = details
    return Line(7, NOON, "u1", session, "req", kind, subject, details_text(told), "0" * 64, "f" * 64)


def test_every_kind_of_event_has_a_name_and_a_topic() -> None:
    assert set(MEANINGS) == set(EventKind)
    assert sorted(kinds_of(Topic)) == sorted(EventKind)


def test_a_topic_finds_its_own_kinds_only() -> None:
    assert EventKind.SIGN_IN_REFUSED in kinds_of([Topic.REFUSED])
    assert EventKind.SIGN_IN not in kinds_of([Topic.REFUSED])
    assert kinds_of([]) == ()


def test_a_line_names_the_account_as_its_user_does() -> None:
    (entry,) = entries([line("plan_made", "ek-1", account="main", trades=3, locked=True, note="")], {"main": "Family"})

    assert entry.title == "Plan taken along"
    assert entry.about == "Family · locked yes · trades 3 · plan ek-1"


def test_a_plan_is_named_by_the_first_characters_of_its_hash_after_the_account() -> None:
    plan = "sha256:" + "0a1b2c3d" * 8
    (entry,) = entries([line("trades_downloaded", plan, account="main", format="csv")], {"main": "Family"})

    assert entry.about == "Family · format csv · plan 0a1b2c3d…"
    assert plan in history_csv([line("trades_downloaded", plan)])


def test_teams_and_members_have_names_and_who_is_unknown_a_short_id() -> None:
    team, theo, gone = "c" * 31 + "1", "b" * 31 + "2", "d" * 31 + "3"
    names = {team: "Family", theo: "Theo"}
    shown = entries([line("role_changed", team, member=who, role="trader") for who in (theo, gone)], names)

    assert shown[0].about == "Family · member Theo · role trader"
    assert shown[1].about == "Family · member dddddddd… · role trader"


def test_codes_are_read_as_words() -> None:
    (refused, entered) = entries(
        [
            line("account_refused", "no-such_One", why="account_not_found"),
            line("sign_in", "local", second_factor=False),
        ],
        {},
    )

    assert refused.about == "no-such_One · why account not found"
    assert entered.about == "local account · second factor no"


def test_an_account_that_is_gone_keeps_its_id() -> None:
    (entry,) = entries([line("account_removed", "main")], {})

    assert entry.about == "main"


def test_the_session_that_reads_is_marked_and_no_other() -> None:
    shown = entries([line("sign_in", session="a"), line("sign_in", session="b"), line("sign_in")], {}, "a")

    assert [entry.this_session for entry in shown] == [True, False, False]
    assert not any(entry.this_session for entry in entries([line("sign_in")], {}, None))


def test_a_kind_of_a_newer_version_is_shown_by_its_own_name() -> None:
    (entry,) = entries([line("order_sent")], {})

    assert entry.title == "Order sent"


def test_the_file_holds_every_line_and_no_formula() -> None:
    text = history_csv([line("import", '=HYPERLINK("http://evil")', "@handle", note="+1")])

    head, row = csv.reader(text.splitlines())
    assert head == ["number", "time", "what", "subject", "details", "session", "request", "kind", "hash"]
    assert row == [
        "7",
        "2026-11-20T12:00:00+00:00",
        "Account imported",
        '\'=HYPERLINK("http://evil")',
        '{"note":"+1"}',
        "'@handle",
        "req",
        "import",
        "f" * 64,
    ]
