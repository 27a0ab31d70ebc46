"""What a viewer's browser sends past its own controls, message by message, to the real server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from google.protobuf.message import DecodeError
from playwright.sync_api import Browser, Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.teams import SqlTeams
from allocation.adapters.sql.trail import SqlTrail
from allocation.adapters.sql.users import new_local_user
from allocation.authorisation import Role
from tests.e2e.running import RunningApp, running_app, settled
from tests.people import HELD, REFUSALS, WANTED

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
# The page's own socket, where a script can reach it.
KEEP_SOCKET = """
const Plain = window.WebSocket;
window.WebSocket = class extends Plain { constructor(...a) { super(...a); window.kept = this; } };
"""
SEND = "bytes => window.kept.send(new Uint8Array(bytes))"


class Seeded:
    """Ann's account, shared with Vera, who may view it; and Sam, who has nothing to do with it."""

    def __init__(self, database: Database) -> None:
        self.trail = SqlTrail(database)
        self.store, teams = SqlStore(database, self.trail), SqlTeams(database, self.trail)
        secret, now = PasswordHasher().hash(PASSWORD), datetime.now(UTC)
        with database.writing() as connection:
            self.ann, self.vera, self.sam = (
                new_local_user(connection, name, secret, now).id for name in ("ann", "vera", "sam")
            )
        self.store.save_portfolios(self.ann, [HELD])
        self.store.save_target(self.ann, "main", WANTED)
        team = teams.create_team(self.ann, "Family")
        self.share = teams.share(self.ann, "main", team, Role.OWNER)
        teams.accept(self.vera, teams.invite(self.ann, team, Role.VIEWER))
        self.store.save_portfolios(self.sam, [HELD])

    def refusals_of(self, user_id: str) -> list[tuple[str, str]]:
        return [(str(line.kind), line.subject) for line in self.trail.of_user(user_id, REFUSALS)]

    def is_untouched(self) -> bool:
        return (self.store.portfolio(self.ann, "main"), self.store.target(self.ann, "main")) == (HELD, WANTED)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder: Path = tmp_path_factory.mktemp("forged")
    with running_app(folder) as running:
        yield running


@pytest.fixture(scope="module")
def seeded(app: RunningApp) -> Iterator[Seeded]:
    database = open_database(f"sqlite:///{app.data_dir / 'evenkeel.sqlite'}")
    yield Seeded(database)
    database.close()


class Tab:
    """A signed-in tab that notes what its socket hears and says, and can say something else."""

    def __init__(self, page: Page, app: RunningApp, user: str) -> None:
        self.page, self.heard, self.said = page, list[ForwardMsg](), list[BackMsg]()
        page.add_init_script(KEEP_SOCKET)
        page.on("websocket", self._listen)
        page.goto(app.url)
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self._note(self.heard, ForwardMsg(), frame))
        socket.on("framesent", lambda frame: self._note(self.said, BackMsg(), frame))

    @staticmethod
    def _note(notes: list, message: ForwardMsg | BackMsg, frame: bytes | str) -> None:  # type: ignore[type-arg]
        if isinstance(frame, bytes):
            try:
                message.ParseFromString(frame)
            except DecodeError:
                return
            notes.append(message)

    def widget(self, kind: str, label: str) -> str:
        """The id of the newest widget of a kind with this label, switched off or not."""
        elements = (message.delta.new_element for message in reversed(self.heard) if message.HasField("delta"))
        return next(
            str(getattr(element, kind).id)
            for element in elements
            if element.WhichOneof("type") == kind and getattr(element, kind).label == label
        )

    def forge(self, widget_id: str, **value: object) -> None:
        """What the page last asked for, with another value for one widget."""
        message = BackMsg()
        message.CopyFrom(next(said for said in reversed(self.said) if said.HasField("rerun_script")))
        states = message.rerun_script.widget_states.widgets
        for index in [i for i, state in enumerate(states) if state.id == widget_id]:
            del states[index]
        states.add(id=widget_id, **value)
        message.rerun_script.fragment_id = ""
        self.page.evaluate(SEND, list(message.SerializeToString()))
        self.page.wait_for_timeout(3000)


@pytest.fixture
def tab(browser: Browser, app: RunningApp, seeded: Seeded, request: pytest.FixtureRequest) -> Iterator[Tab]:
    context = browser.new_context()
    yield Tab(context.new_page(), app, request.param)
    context.close()


def open_page(tab: Tab, name: str, heading: str) -> None:
    tab.page.get_by_role("link", name=name, exact=True).click()
    # For a moment the page that goes and the one that comes both stand there.
    expect(tab.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
    settled(tab.page)


@pytest.mark.parametrize("tab", ["vera"], indirect=True)
def test_a_viewer_who_forges_the_click_on_a_control_that_is_off_changes_nothing(tab: Tab, seeded: Seeded) -> None:
    open_page(tab, "Rebalance", "Targets")
    tab.forge(tab.widget("button", "Save targets"), trigger_value=True)

    assert seeded.is_untouched()
    open_page(tab, "Accounts", "Accounts")
    tab.forge(tab.widget("button", "Remove for good"), trigger_value=True)

    assert seeded.is_untouched()
    assert seeded.refusals_of(seeded.vera) == [("action_refused", seeded.share)]  # the first one Streamlit dropped


@pytest.mark.parametrize("tab", ["sam"], indirect=True)
def test_a_stranger_who_forges_an_account_into_the_picker_or_the_address_sees_nothing(
    tab: Tab, app: RunningApp, seeded: Seeded
) -> None:
    picker = tab.widget("selectbox", "Account")
    tab.forge(picker, string_value=seeded.share)
    assert "(ann)" not in tab.page.content()

    tab.page.goto(f"{app.url}/holdings?account={seeded.share}")
    expect(tab.page.get_by_text("not among yours")).to_be_visible()
    assert "(ann)" not in tab.page.content()
    assert seeded.refusals_of(seeded.sam)[0] == ("account_refused", seeded.share)
    assert seeded.is_untouched()
