"""Two users, a team, a viewer and a trader, in the app itself: by hand, by address, by forged state and by upload."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from allocation.allocation import start_session
from allocation.authorisation import Role, Verb
from allocation.bootstrap import Workbench, workbench
from allocation.ports import User
from allocation.settings import load_settings
from allocation.targets import TargetAllocation
from pages.shared import cache
from pages.shared.sharing import chosen_role
from pages.shared.state import SignedIn
from tests.app.conftest import OpenApp, button, said
from tests.people import HELD, REFUSALS, WANTED, add_user

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
OpenAs = Callable[..., AppTest]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """The process's workbench, which the tests reach as well."""
    made = workbench(load_settings({}))
    monkeypatch.setattr(cache.bootstrap, "workbench", lambda _: made)
    st.cache_resource.clear()
    return made


@pytest.fixture
def people(bench: Workbench) -> dict[str, User]:
    """Ann shares her account with a team, up to owner; Theo trades, Vera views, Sam is a stranger."""
    database = bench.store._database  # type: ignore[attr-defined]  the tests' own users need no passwords
    known = {name: User(add_user(database, name), name) for name in ("Ann", "Theo", "Vera", "Sam")}
    ann = known["Ann"].id
    bench.store.save_portfolios(ann, [HELD])
    bench.store.save_target(ann, "main", WANTED)
    team = bench.teams.create_team(ann, "Family")
    bench.teams.share(ann, "main", team, Role.OWNER)
    for name, role in {"Theo": Role.TRADER, "Vera": Role.VIEWER}.items():
        bench.teams.accept(known[name].id, bench.teams.invite(ann, team, role))
    return known


@pytest.fixture
def open_as(open_app: OpenApp, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> OpenAs:
    """The app, opened by one of the people at a page, with a query in the address."""
    monkeypatch.setattr("pages.shared.state._is_alive", lambda _: True)
    monkeypatch.setattr("pages.shared.state.ended_elsewhere", lambda: False)

    def opened(name: str, page: str = "pages/rebalance.py", **query: str) -> AppTest:
        app = open_app()
        session = start_session(people[name], bench.store, bench.market)
        app.session_state["state.signed_in"] = SignedIn(session, "handle")
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        return app.switch_page(page).run() if not query else app

    return opened


def shared_id(bench: Workbench, user: User) -> str:
    return bench.store.accounts(user.id)[0].id


def refusals(bench: Workbench, user: User) -> list[tuple[str, str]]:
    return [(str(line.kind), line.subject) for line in bench.trail.of_user(user.id, REFUSALS)]


def captions(app: AppTest) -> str:
    return "\n".join(str(e.value) for e in (*app.caption, *app.markdown)).replace("\\", "")


def test_the_history_of_a_team_owner_reads_in_names(open_as: OpenAs, bench: Workbench, people: dict[str, User]) -> None:
    ann, theo = people["Ann"], people["Theo"]
    team = bench.teams.teams(ann.id)[0]
    bench.teams.change_role(ann.id, team.id, theo.id, Role.VIEWER)

    app = open_as("Ann", "pages/history.py")

    about = list(app.dataframe[0].value["about"])
    assert "Family · member Theo · role viewer" in about
    assert not any(team.id[:8] in each or theo.id[:8] in each for each in about)


def test_a_viewer_sees_everything_and_is_told_why_nothing_can_be_saved(open_as: OpenAs, bench: Workbench) -> None:
    app = open_as("Vera")

    assert not app.exception
    assert "Main (Ann)" in app.title[0].value.replace("\\", "")
    assert button(app, "Save targets").disabled
    assert "As a viewer you may not change the target; that takes a trader." in captions(app)


def test_a_viewer_tries_what_ifs_without_touching_the_target(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Vera")

    button(app, "Equal weights").click().run()

    assert not app.exception
    assert bench.store.target(people["Ann"].id, "main") == WANTED
    assert refusals(bench, people["Vera"]) == []


def test_a_forged_click_of_a_viewer_is_refused_by_the_store_and_written_down_once(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the browser had been talked into enabling every control: the page's own caution is off.
    monkeypatch.setattr("allocation.accounts.Accounts.why_not", lambda *_: "")
    app = open_as("Vera")
    button(app, "Equal weights").click().run()

    button(app, "Save targets").click().run()

    assert "As a viewer you may not change the target" in said(app)
    assert bench.store.target(people["Ann"].id, "main") == WANTED
    assert refusals(bench, people["Vera"]) == [("action_refused", shared_id(bench, people["Vera"]))]


@pytest.mark.parametrize("who", ["Vera", "Theo"])
def test_whoever_is_no_owner_cannot_rename_or_remove_even_with_a_forged_click(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    assert [b.label for b in open_as(who, "pages/accounts.py").button if b.label == "Remove for good"]
    monkeypatch.setattr("allocation.accounts.Accounts.why_not", lambda *_: "")
    app = open_as(who, "pages/accounts.py")

    button(app, "Remove for good").click().run()
    assert "you may not remove the account" in said(app)
    button(app, "Save name").click().run()
    assert "you may not rename the account" in said(app)

    assert bench.store.portfolio(people["Ann"].id, "main") == HELD
    assert [kind for kind, _ in refusals(bench, people[who])] == ["action_refused"] * 2


def test_a_trader_saves_the_target_of_the_shared_account(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Theo")
    button(app, "Equal weights").click().run()

    button(app, "Save targets").click().run()

    assert not app.exception
    assert bench.store.target(people["Ann"].id, "main") == TargetAllocation.of({"VTI": "0.5", "BND": "0.5"})


@pytest.mark.parametrize("forged", ["share", "main", "1 OR 1=1", "'--", "x" * 100_000, "a\x00b"])
def test_an_address_that_names_somebody_elses_account_shows_nothing_and_is_written_down(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], forged: str
) -> None:
    named = shared_id(bench, people["Theo"]) if forged == "share" else forged

    app = open_as("Sam", account=named)

    assert not app.exception
    assert "Main" not in " ".join(e.value for e in app.title)
    assert "not among yours" in " ".join(e.value for e in app.toast)
    assert [kind for kind, _ in refusals(bench, people["Sam"])] == ["account_refused"]
    assert app.query_params.get("account") in (None, [], [named])


def test_a_link_of_a_team_mate_opens_the_shared_account_and_the_owners_own(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    link = shared_id(bench, people["Theo"])

    assert open_as("Vera", account=link).selectbox(key="shell.account").value == link
    assert open_as("Ann", account=link).selectbox(key="shell.account").value == "main"
    assert refusals(bench, people["Ann"]) == []


def test_an_account_forged_into_the_picker_is_refused(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.save_portfolios(people["Sam"].id, [HELD])
    app = open_as("Sam")
    theirs = shared_id(bench, people["Theo"])
    monkeypatch.setattr("pages.shared.shell._PICKER", "forged")
    app.session_state["forged"] = theirs

    from pages.shared import shell

    monkeypatch.setattr(shell.st, "session_state", {"forged": theirs, "state.aside": ""})
    monkeypatch.setattr(shell.state, "current_session", lambda: start_session(people["Sam"], bench.store, bench.market))
    shell._choose()

    assert refusals(bench, people["Sam"]) == [("account_refused", theirs)]


def test_a_trader_imports_a_file_into_the_shared_account(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Theo", "pages/accounts.py")
    app.file_uploader[0].upload("positions.csv", (GOLDEN / "schwab_individual.csv").read_bytes())
    app.run()
    choice = next(box for box in app.selectbox if box.label == "Save it as")
    choice.set_value(shared_id(bench, people["Theo"])).run()

    button(app, "Save account").click().run()

    assert not app.exception
    held = bench.store.portfolio(people["Ann"].id, "main")
    assert held.account == HELD.account
    assert held.positions != HELD.positions
    assert len(bench.store.accounts(people["Theo"].id)) == 1


def test_a_viewer_is_not_offered_the_shared_account_for_an_import_and_a_forged_one_is_refused(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def uploaded() -> AppTest:
        app = open_as("Vera", "pages/accounts.py")
        app.file_uploader[0].upload("positions.csv", (GOLDEN / "schwab_individual.csv").read_bytes())
        return app.run()

    assert not [box for box in uploaded().selectbox if box.label == "Save it as"]
    monkeypatch.setattr("allocation.accounts.Accounts.why_not", lambda *_: "")
    app = uploaded()
    choice = next(box for box in app.selectbox if box.label == "Save it as")
    choice.set_value(shared_id(bench, people["Vera"])).run()
    button(app, "Save account").click().run()

    assert "As a viewer you may not import new holdings" in said(app)
    assert bench.store.portfolio(people["Ann"].id, "main") == HELD
    assert [kind for kind, _ in refusals(bench, people["Vera"])] == ["action_refused"]


def test_an_account_that_is_not_shared_any_more_is_gone_at_the_next_run(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Vera")
    bench.teams.unshare(people["Ann"].id, shared_id(bench, people["Vera"]))

    app.run()

    assert not app.exception
    assert app.title[0].value == "No account chosen"
    assert not app.metric


def test_nothing_is_cached_across_users(open_as: OpenAs, bench: Workbench, people: dict[str, User]) -> None:
    bench.store.save_portfolios(people["Sam"].id, [HELD])
    bench.store.rename_account(people["Sam"].id, "main", "Sam's own")

    titles = [open_as(name).title[0].value.replace("\\", "") for name in ("Ann", "Sam", "Ann", "Sam")]

    assert titles == ["Main", "Sam's own", "Main", "Sam's own"]


# ── The page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_somebody_without_a_team_is_told_how_to_begin_and_begins_one(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Sam", "pages/teams.py")
    assert "You are in no team yet" in said(app)

    app.text_input(key="teams.new.name").input("  Sam's   friends ")
    button(app, "Create the team").click().run()

    assert not app.exception
    (team,) = bench.teams.teams(people["Sam"].id)
    assert (team.name, team.role) == ("Sam's friends", Role.OWNER)


def test_a_team_without_a_name_is_refused_on_the_page(open_as: OpenAs) -> None:
    app = open_as("Sam", "pages/teams.py")

    button(app, "Create the team").click().run()

    assert "Give the team a name of 1 to 60 characters" in said(app)


@pytest.mark.parametrize("fields", [{}, {"role": None}, {"role": "emperor"}], ids=str)
def test_a_click_without_a_role_that_there_is_names_none(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    monkeypatch.setattr("pages.shared.sharing.st.session_state", fields)

    assert chosen_role("role") is None


def test_an_owner_invites_and_the_link_lets_one_person_in_once(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Ann", "pages/teams.py")
    button(app, "Create a link").click().run()
    link = app.code[0].value
    token = link.partition("/?invitation=")[2]
    assert len(token) == 43  # 256 bits in base64
    assert app.run().code[0].value == link  # until it was copied
    assert not button(app, "Done").click().run().code

    guest = open_as("Sam", invitation=token)
    assert "invitation" not in guest.query_params
    assert "Join Family?" in [e.value for e in guest.subheader]
    assert bench.teams.teams(people["Sam"].id) == ()  # looking is no deed
    button(guest, "Join the team").click().run()

    assert [team.name for team in bench.teams.teams(people["Sam"].id)] == ["Family"]
    late = open_as("Theo", invitation=token)
    assert "not valid any more" in said(late)
    assert [kind for kind, _ in refusals(bench, people["Theo"])] == ["invitation_refused"]


def test_a_viewer_of_a_team_has_no_controls_but_leaving_and_sharing(open_as: OpenAs) -> None:
    app = open_as("Vera", "pages/teams.py")

    labels = {b.label for b in app.button}
    assert "Leave the team" in labels
    assert not labels & {"Create a link", "Remove for good", "Take out", "Stop sharing", "Save name", "Withdraw"}


def test_the_last_owner_stays(open_as: OpenAs, bench: Workbench, people: dict[str, User]) -> None:
    app = open_as("Ann", "pages/teams.py")

    button(app, "Leave the team").click().run()

    assert "A team needs an owner, and you are the last one" in said(app)
    assert bench.teams.teams(people["Ann"].id)[0].role == Role.OWNER


def test_an_owner_changes_a_role_and_takes_somebody_out(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Ann", "pages/teams.py")
    box = next(box for box in app.selectbox if box.label == "Role of Vera")

    box.set_value(Role.TRADER).run()
    assert bench.store.authorise(people["Vera"].id, shared_id(bench, people["Vera"]), Verb.SEE) == Role.TRADER
    next(b for b in app.button if b.key and b.key.startswith("teams.out") and people["Vera"].id in b.key).click().run()

    assert not app.exception
    assert bench.store.accounts(people["Vera"].id) == ()


def test_the_demo_says_that_it_is_not_for_sharing(demo_app: AppTest) -> None:
    app = demo_app.switch_page("pages/teams.py").run()

    assert not app.exception
    assert "nothing in it can be shared" in said(app)
    assert not [b for b in app.button if b.key and b.key.startswith("teams.")]
