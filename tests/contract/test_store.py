"""What every store promises, held against each of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from allocation.adapters.memory import MemoryStore
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.store import SqlStore
from allocation.authorisation import Verb
from allocation.errors import AccountNotFoundError, DuplicateAccountError, PriceOrderError
from allocation.mapping import ColumnMapping, DayOrder, Field
from allocation.model import Account, Portfolio, Position, PriceSource, Quote, SetAside, TaxLot, TaxTreatment
from allocation.ports import Store
from allocation.price_order import DEFAULT_ORDER, PriceOrder
from allocation.targets import TargetAllocation

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """A store under test and two users it knows."""

    store: Store
    ann: str
    bob: str


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> Kept:
    if request.param == "memory":
        return Kept(MemoryStore(), "ann", "bob")
    database = opened(request.param)
    people = SqlPeople(database)
    ann, bob = (people.add(name, NOON).id for name in ("ann", "bob"))
    return Kept(SqlStore(database), ann, bob)


def main_account(**changes: object) -> Portfolio:
    """An account that uses every field there is."""
    berlin = timezone(timedelta(hours=1))
    account = Account(
        "main",
        "Main — Übersicht 🙂",
        "Fidelity",
        "Z12345678",
        "EUR",
        TaxTreatment.TAX_FREE,
        "For the 'house'; DROP TABLE",
    )
    lots = (TaxLot(D("4"), D("100.10"), date(2020, 1, 31)), TaxLot(D("6.000000000001"), D("0.1")))
    quote = Quote("VTI", D("250.10"), "EUR", datetime(2026, 11, 20, 22, 0, tzinfo=berlin), PriceSource.FILE)
    whole = Portfolio(
        account,
        (
            Position("VTI", D("10.000000000001"), lots, "Total market", quote),
            Position("BND", D("5")),
            Position("A B", D(0)),
        ),
        D("-1250.00"),
        NOON,
        (SetAside("AAPL 200C 2027", "an option", D("-12.5")), SetAside("Bond", "no price")),
        balances={"USD": D("1000.10"), "JPY": D(-12000), "CHF": D("0.000000000001")},
    )
    return replace(whole, **changes)


def small_account(account_id: str, name: str = "Small") -> Portfolio:
    return Portfolio(Account(account_id, name), (Position("KO", D(1)),), D(10))


def test_a_portfolio_comes_back_exactly_as_it_was_saved(kept: Kept) -> None:
    portfolio = main_account()

    kept.store.save_portfolios(kept.ann, [portfolio])

    assert kept.store.portfolio(kept.ann, "main") == portfolio


@pytest.mark.parametrize(
    "cash",
    [
        "0.1",
        "1.50",
        "999999999999999.999999999999",
        "-0.000000000001",
        "1E+3",
        "0",
        "12345678901234567890123.4567890123456789",
    ],
)
def test_money_keeps_every_digit(kept: Kept, cash: str) -> None:
    kept.store.save_portfolios(kept.ann, [main_account(cash=D(cash))])

    assert kept.store.portfolio(kept.ann, "main").cash == D(cash)


def test_a_time_is_the_same_moment_whatever_its_zone(kept: Kept) -> None:
    tokyo = datetime(2026, 11, 21, 0, 30, 15, 123456, tzinfo=timezone(timedelta(hours=9)))

    kept.store.save_portfolios(kept.ann, [main_account(as_of=tokyo)])

    found = kept.store.portfolio(kept.ann, "main").as_of
    assert found == tokyo
    assert found is not None
    assert found.tzinfo is not None


def test_an_account_may_hold_nothing_at_all(kept: Kept) -> None:
    empty = Portfolio(Account("empty", "Empty"), ())

    kept.store.save_portfolios(kept.ann, [empty])

    assert kept.store.portfolio(kept.ann, "empty") == empty


def test_accounts_are_listed_by_name_without_regard_to_case(kept: Kept) -> None:
    saved = [
        small_account("1", "beta"),
        small_account("2", "Alpha"),
        small_account("4", "alpha"),
        small_account("3", "Zeta"),
    ]

    kept.store.save_portfolios(kept.ann, saved)

    assert [a.id for a in kept.store.accounts(kept.ann)] == ["2", "4", "1", "3"]


def test_importing_again_replaces_the_holdings_and_keeps_the_target(kept: Kept) -> None:
    target = TargetAllocation.of({"VTI": "0.6"})
    kept.store.save_portfolios(kept.ann, [main_account()])
    kept.store.save_target(kept.ann, "main", target)
    again = main_account(positions=(Position("BND", D(7)),), set_aside=(), cash=D(3), balances={"GBP": D(5)})

    kept.store.save_portfolios(kept.ann, [again])

    assert kept.store.portfolio(kept.ann, "main") == again
    assert kept.store.target(kept.ann, "main") == target


def test_an_import_that_breaks_off_leaves_everything_as_it_was(kept: Kept) -> None:
    kept.store.save_portfolios(kept.ann, [main_account()])

    def breaking_off() -> Iterator[Portfolio]:
        yield main_account(positions=(), cash=D(0))
        yield small_account("new")
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        kept.store.save_portfolios(kept.ann, breaking_off())

    assert kept.store.portfolio(kept.ann, "main") == main_account()
    assert [a.id for a in kept.store.accounts(kept.ann)] == ["main"]


def test_the_same_account_twice_in_one_import_is_refused_whole(kept: Kept) -> None:
    twice = [small_account("x"), small_account("y"), small_account("x", "Other")]

    with pytest.raises(DuplicateAccountError, match="x") as refusal:
        kept.store.save_portfolios(kept.ann, twice)

    assert refusal.value.culprits == ("x",)
    assert kept.store.accounts(kept.ann) == ()


def test_saving_no_portfolios_changes_nothing(kept: Kept) -> None:
    kept.store.save_portfolios(kept.ann, [])

    assert kept.store.accounts(kept.ann) == ()


def test_a_target_keeps_its_order_its_digits_and_its_locks(kept: Kept) -> None:
    target = TargetAllocation.of(
        {"VTI": "0.333333333333", "BND": "0", "AAPL": "0.10"}, frozenset({"BND", "XOM", "CVX"})
    )
    kept.store.save_portfolios(kept.ann, [main_account()])

    kept.store.save_target(kept.ann, "main", TargetAllocation.of({"KO": 1}))
    kept.store.save_target(kept.ann, "main", target)

    found = kept.store.target(kept.ann, "main")
    assert found == target
    assert found is not None
    assert list(found.weights) == ["VTI", "BND", "AAPL"]


def test_an_empty_target_is_a_target(kept: Kept) -> None:
    kept.store.save_portfolios(kept.ann, [main_account()])
    assert kept.store.target(kept.ann, "main") is None

    kept.store.save_target(kept.ann, "main", TargetAllocation({}))

    assert kept.store.target(kept.ann, "main") == TargetAllocation({})


def test_a_removed_account_is_gone_with_its_target(kept: Kept) -> None:
    kept.store.save_portfolios(kept.ann, [main_account(), small_account("other")])
    kept.store.save_target(kept.ann, "main", TargetAllocation.of({"VTI": 1}))

    kept.store.remove_account(kept.ann, "main")

    assert [a.id for a in kept.store.accounts(kept.ann)] == ["other"]
    kept.store.save_portfolios(kept.ann, [main_account()])
    assert kept.store.target(kept.ann, "main") is None


def test_a_price_entered_by_hand_is_kept_as_such_until_it_is_removed(kept: Kept) -> None:
    typed = Quote("VTI", D("251.5"), "USD", NOON, PriceSource.YAHOO)

    kept.store.save_manual_price(kept.ann, replace(typed, price=D(1)))
    kept.store.save_manual_price(kept.ann, typed)

    assert kept.store.manual_prices(kept.ann) == {"VTI": replace(typed, source=PriceSource.MANUAL)}
    kept.store.remove_manual_price(kept.ann, "VTI")
    kept.store.remove_manual_price(kept.ann, "VTI")
    assert kept.store.manual_prices(kept.ann) == {}


# Every verb that names an account; a new one belongs in this list.
ACCOUNT_VERBS: dict[str, Callable[[Store, str, str], object]] = {
    "portfolio": lambda store, user, account: store.portfolio(user, account),
    "target": lambda store, user, account: store.target(user, account),
    "save_target": lambda store, user, account: store.save_target(user, account, TargetAllocation.of({"VTI": "0.5"})),
    "authorise": lambda store, user, account: store.authorise(user, account, Verb.SEE),
    "rename_account": lambda store, user, account: store.rename_account(user, account, "Mine now"),
    "why_not": lambda store, user, account: store.why_not(user, account, Verb.SEE),
    "remove_account": lambda store, user, account: store.remove_account(user, account),
}


@pytest.mark.parametrize("verb", ACCOUNT_VERBS)
def test_another_users_account_answers_exactly_like_one_that_does_not_exist(kept: Kept, verb: str) -> None:
    kept.store.save_portfolios(kept.ann, [main_account()])
    kept.store.save_target(kept.ann, "main", TargetAllocation.of({"VTI": 1}))

    with pytest.raises(AccountNotFoundError) as not_mine:
        ACCOUNT_VERBS[verb](kept.store, kept.bob, "main")
    kept.store.remove_account(kept.ann, "main")
    with pytest.raises(AccountNotFoundError) as not_there:
        ACCOUNT_VERBS[verb](kept.store, kept.bob, "main")

    assert str(not_mine.value) == str(not_there.value)
    assert not_mine.value.culprits == not_there.value.culprits


@pytest.mark.parametrize("verb", ACCOUNT_VERBS)
def test_what_another_user_tries_changes_nothing(kept: Kept, verb: str) -> None:
    target = TargetAllocation.of({"VTI": 1})
    kept.store.save_portfolios(kept.ann, [main_account()])
    kept.store.save_target(kept.ann, "main", target)

    with pytest.raises(AccountNotFoundError):
        ACCOUNT_VERBS[verb](kept.store, kept.bob, "main")

    assert kept.store.portfolio(kept.ann, "main") == main_account()
    assert kept.store.target(kept.ann, "main") == target
    assert kept.store.accounts(kept.bob) == ()


def test_two_users_may_use_the_same_account_id_and_never_meet(kept: Kept) -> None:
    kept.store.save_portfolios(kept.ann, [main_account()])
    kept.store.save_target(kept.ann, "main", TargetAllocation.of({"VTI": 1}))

    kept.store.save_portfolios(kept.bob, [small_account("main", "Bob's")])
    kept.store.save_target(kept.bob, "main", TargetAllocation.of({"KO": "0.5"}))
    kept.store.remove_account(kept.bob, "main")

    assert kept.store.portfolio(kept.ann, "main") == main_account()
    assert kept.store.target(kept.ann, "main") == TargetAllocation.of({"VTI": 1})
    assert kept.store.accounts(kept.bob) == ()


def test_prices_entered_by_hand_are_each_users_own(kept: Kept) -> None:
    typed = Quote("VTI", D(5), "USD", NOON, PriceSource.MANUAL)
    kept.store.save_manual_price(kept.ann, typed)

    kept.store.remove_manual_price(kept.bob, "VTI")

    assert kept.store.manual_prices(kept.bob) == {}
    assert kept.store.manual_prices(kept.ann) == {"VTI": typed}


def test_everybody_has_an_order_of_price_sources_of_their_own(kept: Kept) -> None:
    other = (PriceSource.ALPACA, PriceSource.MANUAL, PriceSource.YAHOO, PriceSource.FILE)
    assert kept.store.price_order(kept.ann) == DEFAULT_ORDER

    kept.store.save_price_order(kept.ann, DEFAULT_ORDER[::-1])
    kept.store.save_price_order(kept.ann, other)

    assert kept.store.price_order(kept.ann) == other
    assert kept.store.price_order(kept.bob) == DEFAULT_ORDER


@pytest.mark.parametrize("order", [(), DEFAULT_ORDER[:3], (*DEFAULT_ORDER, PriceSource.SAMPLE), DEFAULT_ORDER[:1] * 4])
def test_an_order_that_does_not_name_every_source_once_is_refused_and_nothing_kept(
    kept: Kept, order: PriceOrder
) -> None:
    with pytest.raises(PriceOrderError, match="every source of prices once"):
        kept.store.save_price_order(kept.ann, order)

    assert kept.store.price_order(kept.ann) == DEFAULT_ORDER


def test_the_columns_of_a_table_are_remembered_for_their_user_alone(kept: Kept) -> None:
    first = ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 2})
    second = ColumnMapping({Field.SYMBOL: 0, Field.QUANTITY: 3, Field.ACQUIRED: 1}, True, DayOrder.DAY_FIRST, "EUR")
    assert kept.store.column_mapping(kept.ann, "a" * 64) is None

    kept.store.save_column_mapping(kept.ann, "a" * 64, first)
    kept.store.save_column_mapping(kept.ann, "a" * 64, second)

    assert kept.store.column_mapping(kept.ann, "a" * 64) == second
    assert kept.store.column_mapping(kept.ann, "b" * 64) is None
    assert kept.store.column_mapping(kept.bob, "a" * 64) is None


def test_a_file_that_was_saved_is_known_again_by_its_user_alone(kept: Kept) -> None:
    assert kept.store.imported_at(kept.ann, "d" * 64) is None

    kept.store.note_import(kept.ann, "d" * 64)
    kept.store.note_import(kept.ann, "d" * 64)

    found = kept.store.imported_at(kept.ann, "d" * 64)
    assert found is not None
    assert found.tzinfo is not None
    assert kept.store.imported_at(kept.bob, "d" * 64) is None


@pytest.mark.parametrize("account_id", ["", "1 OR 1=1", "main'--", "MAIN", "main ", "a\x00b", "\ud800", "x" * 100_000])
def test_an_account_id_that_nobody_has_is_refused_in_a_sentence(kept: Kept, account_id: str) -> None:
    kept.store.save_portfolios(kept.ann, [main_account()])

    with pytest.raises(AccountNotFoundError):
        kept.store.portfolio(kept.ann, account_id)


def test_the_matrix_of_verbs_covers_the_whole_protocol() -> None:
    own = {"accounts", "save_portfolios", "manual_prices", "save_manual_price", "remove_manual_price"} | {
        "price_order",
        "save_price_order",
        "column_mapping",
        "save_column_mapping",
        "imported_at",
        "note_import",
    }

    promised = {name for name in vars(Store) if not name.startswith("_")}

    assert promised == own | ACCOUNT_VERBS.keys()
