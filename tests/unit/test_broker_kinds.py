"""How E*TRADE and SnapTrade are linked, opened, renewed and let go; what opens them is read by nobody else."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from allocation.adapters.etrade_kind import EtradeKind
from allocation.adapters.etrade_sign_in import ConsumerKey
from allocation.adapters.snaptrade_kind import SnaptradeKind
from allocation.brokers import BrokerAuthError, Mode
from allocation.errors import TokenUnreadableError
from allocation.linking import Callback, Comeback, Errand, Grant, Link
from tests.etrade_side import EtradeSide
from tests.etrade_stub import KEY
from tests.snaptrade_side import SnaptradeSide
from tests.snaptrade_stub import ACCOUNT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def etrade() -> Iterator[EtradeSide]:
    with ExitStack() as closing:
        yield EtradeSide(closing)


@pytest.fixture
def snaptrade() -> Iterator[SnaptradeSide]:
    with ExitStack() as closing:
        yield SnaptradeSide(closing)


def kind_of(side: EtradeSide, house: ConsumerKey | None = None) -> EtradeKind:
    return EtradeKind(house, side.now, side.stub.url)


def a_link(broker: str, way: str) -> Link:
    return Link(f"{broker}-1", broker, way, Mode.LIVE, broker, NOW)


def granted(side: EtradeSide, kind: EtradeKind, way: str = "key") -> Grant:
    """What the customer gets who goes to E*TRADE, agrees and copies the code."""
    typed = {} if way == "house" else {"key": side.consumer.key, "secret": side.consumer.secret}
    errand = kind.begin(way, Mode.LIVE, typed, Callback())
    assert isinstance(errand, Errand)
    code = side.stub.tokens.agree(errand.url.rpartition("token=")[2])
    return kind.finish(way, Mode.LIVE, errand.memory, {"code": code})


def kept(_: Grant) -> None:
    raise AssertionError("nothing was to be renewed")


# --- E*TRADE


def test_etrade_is_linked_on_its_own_page_until_midnight_in_new_york(etrade: EtradeSide) -> None:
    kind = kind_of(etrade)

    grant = granted(etrade, kind)
    broker = kind.open("ann", a_link("etrade", "key"), grant.token, kept)

    assert [way.comeback for way in kind.ways] == [Comeback.CODE]
    assert [account.id for account in broker.accounts()] == [KEY]
    assert broker.mode == Mode.LIVE
    assert grant.expires_at is not None
    assert timedelta(0) < grant.expires_at - etrade.now() <= timedelta(hours=25)
    assert (grant.expires_at.minute, grant.expires_at.second) == (0, 0)
    assert "midnight US Eastern" in kind.sign_in_again


def test_an_installation_with_a_key_of_its_own_asks_for_none(etrade: EtradeSide) -> None:
    kind = kind_of(etrade, etrade.consumer)

    assert (kind.ways[0].id, kind.ways[0].asks) == ("house", ())
    grant = granted(etrade, kind, "house")
    assert kind.open("ann", a_link("etrade", "house"), grant.token, kept).accounts()


def test_the_way_of_an_installations_key_ends_with_the_key(etrade: EtradeSide) -> None:
    with pytest.raises(BrokerAuthError, match="with your own"):
        kind_of(etrade).begin("house", Mode.LIVE, {}, Callback())


def test_a_wrong_code_links_nothing_and_says_to_begin_again(etrade: EtradeSide) -> None:
    kind = kind_of(etrade)
    typed = {"key": etrade.consumer.key, "secret": etrade.consumer.secret}
    errand = kind.begin("key", Mode.LIVE, typed, Callback())
    assert isinstance(errand, Errand)

    with pytest.raises(BrokerAuthError, match="Begin again"):
        kind.finish("key", Mode.LIVE, errand.memory, {"code": "WRONG1"})


def test_a_sleeping_token_is_renewed_once_and_kept(etrade: EtradeSide) -> None:
    kind, renewed = kind_of(etrade), list[Grant]()
    grant = granted(etrade, kind)
    told = json.loads(grant.token)
    early = (etrade.now() - timedelta(hours=3)).isoformat()
    sleeping = json.dumps(told | {"used": early}).encode()

    broker = kind.open("ann", a_link("etrade", "key"), sleeping, renewed.append)
    broker.accounts()
    broker.accounts()

    (again,) = renewed
    assert json.loads(again.token)["used"] > early
    assert again.expires_at == grant.expires_at


def test_unlinking_etrade_makes_the_token_worthless_there(etrade: EtradeSide) -> None:
    kind = kind_of(etrade)
    grant = granted(etrade, kind)
    broker = kind.open("ann", a_link("etrade", "key"), grant.token, kept)

    kind.revoke(a_link("etrade", "key"), grant.token)

    with pytest.raises(BrokerAuthError):
        broker.accounts()


def test_a_token_of_yesterday_is_not_sent_anywhere_to_be_revoked(etrade: EtradeSide) -> None:
    kind = kind_of(etrade)
    grant = granted(etrade, kind)
    etrade.stub.ahead = timedelta(days=1)
    asked = len(etrade.stub.asked)

    kind.revoke(a_link("etrade", "key"), grant.token)

    assert len(etrade.stub.asked) == asked


# --- SnapTrade


def test_snaptrade_is_linked_with_a_key_that_is_tried_at_once(snaptrade: SnaptradeSide) -> None:
    kind = SnaptradeKind(snaptrade.now, snaptrade.stub.url)
    typed = {"client_id": snaptrade.key.client_id, "consumer_key": snaptrade.key.consumer_key}

    grant = kind.begin("keys", Mode.LIVE, typed, Callback())

    assert isinstance(grant, Grant)
    assert grant.expires_at is None
    broker = kind.open("ann", a_link("snaptrade", "keys"), grant.token, kept)
    assert [account.id for account in broker.accounts()] == [ACCOUNT]


def test_a_wrong_key_of_snaptrades_is_refused_before_it_is_kept(snaptrade: SnaptradeSide) -> None:
    kind = SnaptradeKind(snaptrade.now, snaptrade.stub.url)

    with pytest.raises(BrokerAuthError, match="Check client id and consumer key"):
        kind.begin("keys", Mode.LIVE, {"client_id": snaptrade.key.client_id, "consumer_key": "wrong"}, Callback())


# --- what opens them


@pytest.mark.parametrize("token", [b"", b"plain text of an old version", b"[]", b"{}", b'{"key_id": "1"}', b"\xff\x00"])
def test_what_is_no_token_of_theirs_is_said_to_be_unreadable_and_not_told(token: bytes) -> None:
    for kind in (EtradeKind(), SnaptradeKind()):
        with pytest.raises(TokenUnreadableError) as refused:
            kind.open("ann", a_link(kind.id, "keys"), token, kept)

        assert "text" not in str(refused.value)


def test_neither_kinds_nor_grants_nor_errands_say_a_secret(etrade: EtradeSide, snaptrade: SnaptradeSide) -> None:
    kind = kind_of(etrade, etrade.consumer)
    grant = granted(etrade, kind)
    errand = kind.begin("house", Mode.LIVE, {}, Callback())
    theirs = SnaptradeKind(snaptrade.now, snaptrade.stub.url)
    typed = {"client_id": snaptrade.key.client_id, "consumer_key": snaptrade.key.consumer_key}

    said = repr((kind, grant, errand, theirs, theirs.begin("keys", Mode.LIVE, typed, Callback())))

    for secret in (*etrade.secrets, *snaptrade.secrets):
        assert secret not in said
