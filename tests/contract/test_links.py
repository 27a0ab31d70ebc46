"""Links to brokers: linked, refreshed as a second import, ended with the right sentence, unlinked; and never told."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from allocation.adapters.aes_vault import AesVault
from allocation.adapters.alpaca_kind import AlpacaKind, OAuthApp
from allocation.adapters.broker_wire import Wire
from allocation.adapters.etrade_kind import EtradeKind
from allocation.adapters.paper_kind import PaperKind
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.links import SqlLinks
from allocation.adapters.sql.paper_books import SqlPaperBooks
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.tables import audit_event, sealed_secret
from allocation.authorisation import Verb
from allocation.brokers import BrokerAnswerError, BrokerAuthError, BrokerUnavailableError, Mode
from allocation.errors import AccountNotFoundError, NotAllowedError, TokenUnreadableError
from allocation.linking import Callback, Errand, Grant, Link, LinkState
from allocation.links import LinkError, Links
from allocation.model import Account, Portfolio, Position, PriceSource, Quote, TaxLot, TaxTreatment
from allocation.orders import Order
from allocation.paper_terms import PaperTerms
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side
from allocation.vault import new_key
from tests.alpaca_side import AlpacaSide
from tests.broker_side import CASH, HELD, PRICES, Fault
from tests.etrade_side import EtradeSide
from tests.people import new_world

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CANARY = "the-canary-of-the-links"


@dataclass
class Desk:
    """Ann's links, a loopback Alpaca, and a clock."""

    database: Database
    links: Links
    store: SqlStore
    rows: SqlLinks
    alpaca: AlpacaSide
    users: dict[str, str]
    share: str
    now: datetime = NOON

    @property
    def ann(self) -> str:
        return self.users["ann, who owns it"]

    def keys(self) -> dict[str, str]:
        return {"key_id": self.alpaca.stub.key_id, "secret": self.alpaca.stub.secret}

    def link(self) -> Link:
        link = self.links.begin(self.ann, "alpaca", "keys", Mode.PAPER, self.keys())
        assert isinstance(link, Link)
        return link


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    world = new_world(database)
    with ExitStack() as closing:
        alpaca = AlpacaSide(closing)
        rows = SqlLinks(database, AesVault([new_key()]), world.trail)
        app = OAuthApp("evenkeel-client", CANARY)
        kind = AlpacaKind(app, lambda: made.now, lambda _host: alpaca.wire)
        paper = PaperKind(SqlPaperBooks(database), lambda _user, wanted: quotes(wanted), lambda: made.now)
        links = Links((paper, kind), rows, world.store, world.trail, paper, lambda: made.now)
        made = Desk(database, links, world.store, rows, alpaca, world.users, world.share)
        yield made


def quotes(symbols: tuple[str, ...]) -> dict[str, Quote]:
    return {s: Quote(s, PRICES[s], "USD", NOON, PriceSource.YAHOO) for s in symbols if s in PRICES}


def only_account(desk: Desk, link: Link) -> Portfolio:
    (saved,) = desk.links.refresh(desk.ann, link.id).saved
    return desk.store.portfolio(desk.ann, saved.account.id)


# --- linking with keys


def test_a_linked_account_is_in_the_store_with_what_the_broker_says(desk: Desk) -> None:
    link = desk.link()

    account = only_account(desk, link)

    assert (link.mode, link.state, link.name) == (Mode.PAPER, LinkState.WORKING, "Alpaca (paper)")
    assert account.quantities == HELD
    assert account.cash == CASH
    assert (account.account.broker, account.account.masked_number) == ("Alpaca", "…IN01")
    linked = desk.links.linked(desk.ann)[account.account.id]
    assert (linked.link.id, linked.broker_account, linked.refreshed_at) == (link.id, desk.alpaca.account, NOON)


def test_keys_that_the_broker_does_not_know_link_nothing(desk: Desk) -> None:
    with pytest.raises(BrokerAuthError):
        desk.links.begin(desk.ann, "alpaca", "keys", Mode.PAPER, {"key_id": "PKnobody", "secret": CANARY})

    assert desk.links.of_user(desk.ann) == ()


def test_a_key_of_the_other_mode_links_nothing_and_says_which_it_is(desk: Desk) -> None:
    with pytest.raises(BrokerAnswerError) as refused:
        desk.links.begin(desk.ann, "alpaca", "keys", Mode.LIVE, desk.keys())

    assert refused.value.code == "ACCOUNT_MODE"
    assert desk.links.of_user(desk.ann) == ()


def test_every_empty_field_is_named(desk: Desk) -> None:
    with pytest.raises(LinkError, match="Key ID and Secret key"):
        desk.links.begin(desk.ann, "alpaca", "keys", Mode.PAPER, {"key_id": " "})


# --- refreshing


def test_a_refresh_keeps_target_locks_name_and_taxes(desk: Desk) -> None:
    link = desk.link()
    account = only_account(desk, link).account
    target = TargetAllocation.of({"VTI": "0.6", "BND": "0.4"}, locked={"BND"})
    desk.store.save_target(desk.ann, account.id, target)
    desk.store.rename_account(desk.ann, account.id, "For the house")
    free = replace(desk.store.portfolio(desk.ann, account.id).account, tax_treatment=TaxTreatment.TAX_FREE)
    desk.store.save_portfolios(desk.ann, [Portfolio(free, (), D(0))])
    desk.alpaca.stub.held["VTI"] = D("11.25")

    again = desk.links.refresh(desk.ann, link.id, confirmed=True).saved[0]

    assert again.quantities["VTI"] == D("11.25")
    assert (again.account.name, again.account.tax_treatment) == ("For the house", TaxTreatment.TAX_FREE)
    assert desk.store.target(desk.ann, account.id) == target


def test_holdings_that_are_suddenly_gone_are_not_believed_until_somebody_has_looked(desk: Desk) -> None:
    link = desk.link()
    before = only_account(desk, link)
    desk.alpaca.stub.held.clear()

    with pytest.raises(BrokerAnswerError) as refused:
        desk.links.refresh(desk.ann, link.id)

    assert refused.value.code == "HOLDINGS_VANISHED"
    assert desk.store.portfolio(desk.ann, before.account.id) == before
    assert desk.links.refresh(desk.ann, link.id, confirmed=True).saved[0].positions == ()


def test_holdings_that_were_all_sold_are_believed(desk: Desk) -> None:
    link = desk.link()
    only_account(desk, link)
    desk.alpaca.stub.held.clear()
    desk.alpaca.stub.cash += 5000

    assert only_account(desk, link).positions == ()


def test_a_broker_that_cannot_be_reached_leaves_link_and_holdings_as_they_were(desk: Desk) -> None:
    link = desk.link()
    before = only_account(desk, link)
    desk.alpaca.suffer(Fault.BUSY)

    with pytest.raises(BrokerUnavailableError):
        desk.links.refresh(desk.ann, link.id)

    assert desk.store.portfolio(desk.ann, before.account.id) == before
    assert [each.state for each in desk.links.of_user(desk.ann)] == [LinkState.WORKING]


# --- the end of a link


def test_a_link_that_the_broker_does_not_know_any_more_says_so_until_it_is_linked_again(desk: Desk) -> None:
    link = desk.link()
    account = only_account(desk, link).account
    desk.alpaca.revoke()

    with pytest.raises(BrokerAuthError):
        desk.links.refresh(desk.ann, link.id)

    (ended,) = desk.links.of_user(desk.ann)
    assert ended.state == LinkState.ENDED
    assert "again" in ended.reason
    with pytest.raises(BrokerAuthError):
        desk.links.open(desk.ann, account.id, Verb.SEND_ORDERS)
    desk.alpaca.stub.revoked = False
    assert only_account(desk, desk.link()).account.id == account.id
    assert len(desk.links.of_user(desk.ann)) == 1


def test_a_link_whose_time_has_passed_ends_without_asking_anybody(desk: Desk) -> None:
    link = desk.link()
    desk.rows.change(desk.ann, replace(link, expires_at=NOON + timedelta(hours=1)))
    asked = len(desk.alpaca.stub.asked)
    desk.now = NOON + timedelta(hours=1)

    (ended,) = desk.links.of_user(desk.ann)

    assert (ended.state, ended.reason) == (LinkState.ENDED, AlpacaKind.sign_in_again)
    with pytest.raises(BrokerAuthError):
        desk.links.refresh(desk.ann, link.id)
    assert len(desk.alpaca.stub.asked) == asked


@pytest.mark.parametrize("spoiled", [b"", b"plain-text-of-an-older-version", b"flip", b"swap"])
def test_a_token_that_does_not_open_ends_the_link_and_is_never_used(desk: Desk, spoiled: bytes) -> None:
    link = desk.link()
    asked = len(desk.alpaca.stub.asked)
    with desk.database.writing(desk.ann) as connection:
        row = connection.execute(select(sealed_secret)).mappings().one()
        there = bytes(row["sealed"])
        changed = {b"flip": bytes([there[0], there[1] ^ 1]) + there[2:], b"swap": there[::-1]}.get(spoiled, spoiled)
        connection.execute(sealed_secret.update().values(sealed=changed))

    with pytest.raises(TokenUnreadableError):
        desk.links.refresh(desk.ann, link.id)

    assert [each.state for each in desk.links.of_user(desk.ann)] == [LinkState.ENDED]
    assert len(desk.alpaca.stub.asked) == asked


def test_unlinking_forgets_the_token_and_leaves_the_holdings(desk: Desk) -> None:
    link = desk.link()
    account = only_account(desk, link).account

    assert desk.links.unlink(desk.ann, link.id) is None

    assert desk.links.of_user(desk.ann) == ()
    assert desk.links.linked(desk.ann) == {}
    assert desk.store.portfolio(desk.ann, account.id).quantities == HELD
    with desk.database.reading(desk.ann) as connection:
        assert connection.execute(select(sealed_secret)).all() == []
    with pytest.raises(LinkError):
        desk.links.open(desk.ann, account.id, Verb.SEND_ORDERS)


# --- signing in at the broker


def test_a_user_comes_back_from_the_broker_s_page_with_a_code_and_is_linked(desk: Desk, signing_in: Any) -> None:
    begun = desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))

    assert isinstance(begun, Errand)
    assert begun.url.startswith("https://app.alpaca.markets/oauth/authorize?")
    assert {"state=s1", "scope=account%3Awrite+trading+data", "env=paper"} <= set(
        begun.url.partition("?")[2].split("&")
    )
    assert desk.links.of_user(desk.ann) == ()
    link = desk.links.finish(desk.ann, "alpaca", {"code": "good"})
    assert signing_in[-1]["redirect_uri"] == "https://us.example/back"
    assert only_account(desk, link).quantities == HELD


def test_a_code_that_comes_too_late_or_twice_links_nothing(desk: Desk, signing_in: Any) -> None:
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))
    desk.now = NOON + timedelta(minutes=16)
    with pytest.raises(LinkError, match="too long"):
        desk.links.finish(desk.ann, "alpaca", {"code": "good"})

    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s2"))
    desk.links.finish(desk.ann, "alpaca", {"code": "good"})
    with pytest.raises(LinkError):
        desk.links.finish(desk.ann, "alpaca", {"code": "good"})


def test_an_errand_that_nobody_came_back_from_is_forgotten_with_what_it_knew(desk: Desk) -> None:
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))
    desk.now = NOON + timedelta(minutes=15)

    assert desk.links.of_user(desk.ann) == ()

    with desk.database.reading(desk.ann) as connection:
        assert connection.execute(select(sealed_secret)).all() == []


def test_an_errand_that_cannot_be_read_any_more_is_begun_again(desk: Desk) -> None:
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))
    with desk.database.writing(desk.ann) as connection:
        connection.execute(sealed_secret.update().values(sealed=b"spoiled"))

    assert desk.links.errand(desk.ann, "alpaca") is None


def test_a_code_that_the_broker_refuses_leaves_the_errand_to_be_tried_again(desk: Desk, signing_in: Any) -> None:
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))

    with pytest.raises(BrokerAuthError):
        desk.links.finish(desk.ann, "alpaca", {"code": "bad"})

    assert desk.links.errand(desk.ann, "alpaca") is not None


def test_a_refresh_token_is_kept_when_none_comes_with_the_new_access_token(desk: Desk, signing_in: Any) -> None:
    desk.alpaca.stub.tokens = {"expires_in": 3600, "refresh_token": "refresh-1"}
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))
    link = desk.links.finish(desk.ann, "alpaca", {"code": "good"})
    desk.alpaca.stub.tokens = {"expires_in": 3600}

    for hours in (1, 2, 3):
        desk.now = NOON + timedelta(hours=hours)
        desk.links.refresh(desk.ann, link.id)

    assert [each.get("refresh_token") for each in signing_in[1:]] == ["refresh-1"] * 3


def test_a_refresh_token_that_is_refused_ends_the_link(desk: Desk, signing_in: Any) -> None:
    desk.alpaca.stub.tokens = {"expires_in": 3600, "refresh_token": "refresh-1"}
    desk.links.begin(desk.ann, "alpaca", "oauth", Mode.PAPER, {}, Callback("https://us.example/back", "s1"))
    link = desk.links.finish(desk.ann, "alpaca", {"code": "good"})
    desk.alpaca.stub.tokens = None
    desk.now = NOON + timedelta(hours=1)

    with pytest.raises(BrokerAuthError):
        desk.links.refresh(desk.ann, link.id)

    assert [each.state for each in desk.links.of_user(desk.ann)] == [LinkState.ENDED]


@pytest.fixture
def signing_in(desk: Desk) -> list[dict[str, str]]:
    """What was asked of the token endpoint."""
    return desk.alpaca.stub.asked_for_tokens


# --- a broker whose sessions end at midnight


def come_back(etrade: EtradeSide, begun: object) -> dict[str, str]:
    """Agree on E*TRADE's page, and copy the code it shows."""
    assert isinstance(begun, Errand)
    (token,) = parse_qs(urlsplit(begun.url).query)["token"]
    return {"code": etrade.stub.tokens.agree(token)}


def test_a_session_that_ended_at_midnight_is_begun_again_without_filling_in_the_key(database: Database) -> None:
    world = new_world(database)
    with ExitStack() as closing:
        etrade = EtradeSide(closing)
        rows = SqlLinks(database, AesVault([new_key()]), world.trail)
        paper = PaperKind(SqlPaperBooks(database), lambda _user, wanted: quotes(wanted), etrade.now)
        kinds = (EtradeKind(None, etrade.now, etrade.stub.url),)
        links = Links(kinds, rows, world.store, world.trail, paper, etrade.now)
        filled = {"key": etrade.consumer.key, "secret": etrade.consumer.secret}
        begun = links.begin(world.ann, "etrade", "key", Mode.LIVE, filled)
        link = links.finish(world.ann, "etrade", come_back(etrade, begun))
        (account,) = links.refresh(world.ann, link.id).saved

        etrade.stub.ahead = timedelta(days=1)
        (ended,) = links.of_user(world.ann)
        again = links.finish(world.ann, "etrade", come_back(etrade, links.again(world.ann, ended.id)))

        assert (ended.state, ended.reason) == (LinkState.ENDED, EtradeKind().sign_in_again)
        assert "midnight US Eastern" in ended.reason
        assert [each.id for each in links.of_user(world.ann)] == [again.id]
        assert links.refresh(world.ann, again.id).saved[0].account.id == account.account.id


# --- paper accounts


def a_start() -> Portfolio:
    lots = (TaxLot(D(4), D(100), NOON.date()), TaxLot(D(6), D(200), NOON.date() - timedelta(days=900)))
    return Portfolio(Account("main", "Main"), (Position("VTI", D(10), lots),), D(1000))


def test_a_paper_account_begins_with_the_holdings_of_another(desk: Desk) -> None:
    opened = desk.links.open_paper(desk.ann, "Rehearsal", a_start(), PaperTerms())

    assert (opened.account.name, opened.quantities, opened.cash) == ("Rehearsal", {"VTI": D(10)}, D(1000))
    assert desk.links.linked(desk.ann)[opened.account.id].link.mode == Mode.PAPER
    assert desk.store.portfolio(desk.ann, "main").account.name == "Main"


def test_an_order_on_paper_is_in_the_holdings_after_a_refresh(desk: Desk) -> None:
    opened = desk.links.open_paper(desk.ann, "Rehearsal", a_start(), PaperTerms(spread=D(0)))
    way = desk.links.open(desk.ann, opened.account.id, Verb.SEND_ORDERS)

    way.broker.place(Order("rb1", way.account.broker_account, "VTI", Side.SELL, D(7)))
    (again,) = desk.links.refresh(desk.ann, way.account.link.id).saved

    assert (again.quantities, again.cash) == ({"VTI": D(3)}, D(2750))
    assert again.positions[0].lots == (
        TaxLot(D(3), D(100), NOON.date()),
    )  # first in, first out: the old lot went first
    assert [each.gain for each in desk.links.paper_gains(desk.ann, opened.account.id)] == [D(300), D(150)]
    assert desk.links.paper_gains(desk.ann, "main") == ()


def test_a_second_paper_account_shares_the_link_of_the_first(desk: Desk) -> None:
    for name in ("One", "Two"):
        desk.links.open_paper(desk.ann, name, a_start(), PaperTerms())

    (link,) = desk.links.of_user(desk.ann)
    assert {p.account.name for p in desk.links.refresh(desk.ann, link.id).saved} == {"One", "Two"}


def test_a_removed_paper_account_does_not_come_back(desk: Desk) -> None:
    first, second = (desk.links.open_paper(desk.ann, name, a_start(), PaperTerms()) for name in ("One", "Two"))

    desk.links.remove_account(desk.ann, first.account.id)

    (link,) = desk.links.of_user(desk.ann)
    assert [p.account.id for p in desk.links.refresh(desk.ann, link.id).saved] == [second.account.id]


# --- who may


def test_a_trader_of_the_team_reaches_the_owner_s_broker_and_a_viewer_does_not(desk: Desk) -> None:
    link = desk.link()
    desk.rows.note_accounts(desk.ann, link.id, {"main": desk.alpaca.account}, NOON)

    way = desk.links.open(desk.users["a trader of the team"], desk.share, Verb.SEND_ORDERS)

    assert way.broker.accounts()[0].id == desk.alpaca.account
    assert way.account.owner_id == desk.ann
    with pytest.raises(NotAllowedError):
        desk.links.open(desk.users["a viewer of the team"], desk.share, Verb.SEND_ORDERS)
    assert desk.links.linked(desk.users["a viewer of the team"])[desk.share].link.mode == Mode.PAPER
    with pytest.raises(AccountNotFoundError):
        desk.links.open(desk.users["a stranger"], desk.share, Verb.SEND_ORDERS)
    assert desk.links.linked(desk.users["a stranger"]) == {}


def test_nobody_else_refreshes_or_unlinks_a_link(desk: Desk) -> None:
    link = desk.link()

    for who in ("a trader of the team", "a stranger"):
        with pytest.raises(LinkError):
            desk.links.refresh(desk.users[who], link.id)
        with pytest.raises(LinkError):
            desk.links.unlink(desk.users[who], link.id)

    assert len(desk.links.of_user(desk.ann)) == 1


# --- what is never told


def test_what_opens_a_link_is_nowhere_but_sealed(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    link = desk.link()
    only_account(desk, link)
    said = [repr(link), repr(Grant(desk.alpaca.stub.secret.encode())), repr(Errand("u", CANARY.encode()))]
    said += [
        repr(OAuthApp("id", CANARY)),
        repr(desk.links),
        repr(desk.links.open(desk.ann, next(iter(desk.links.linked(desk.ann))), Verb.SEE)),
        caplog.text,
    ]
    desk.alpaca.revoke()
    with pytest.raises(BrokerAuthError) as refused:
        desk.links.refresh(desk.ann, link.id)
    said += [repr(refused.value), str(refused.value)]
    with desk.database.reading(desk.ann) as connection:
        said += [repr(connection.execute(select(audit_event)).all())]
        said += [repr(bytes(row.sealed)) for row in connection.execute(select(sealed_secret))]

    for secret in (desk.alpaca.stub.secret, desk.alpaca.stub.key_id, CANARY):
        assert not [text for text in said if secret in text]


def test_a_wire_that_fails_tells_no_secret_of_the_installation(desk: Desk) -> None:
    kind = AlpacaKind(OAuthApp("id", CANARY), lambda: NOON, lambda _host: Wire("Alpaca", "http://127.0.0.1:9"))

    with pytest.raises(BrokerUnavailableError) as failed:
        kind.finish("oauth", Mode.PAPER, b"https://us.example/back", {"code": "good"})

    assert CANARY not in repr(failed.value) + repr(failed.value.__cause__)
