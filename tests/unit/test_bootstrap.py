"""The workbench put together as an installation has it, and the demo that stands apart from it."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.samples import sample_quotes
from allocation.base_currency import in_base_currency
from allocation.bootstrap import Workbench, workbench
from allocation.currencies import RateOrigin
from allocation.errors import AccountNotFoundError, SettingsError
from allocation.model import Account, Portfolio, PriceSource, TaxTreatment
from allocation.settings import Settings
from allocation.targets import TargetAllocation


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return workbench(Settings(data_dir=tmp_path / "data", prices="off"))


def test_what_is_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", prices="off")
    before = workbench(settings)
    ann = before.people.add("ann", datetime.now(UTC))
    portfolio = Portfolio(Account("main", "Main"), (), Decimal("12.50"))
    before.store.save_portfolios(ann.id, [portfolio])

    after = workbench(settings)

    assert after.store.portfolio(ann.id, "main") == portfolio
    assert after.credentials.has_local_users()


def test_an_installation_starts_without_users_and_accounts(bench: Workbench) -> None:
    assert not bench.credentials.has_local_users()
    assert bench.store.accounts("anybody") == ()


def test_a_data_directory_that_cannot_be_made_is_said_at_start_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="cannot be opened and written"):
        workbench(Settings(data_dir=tmp_path / "file" / "data"))


def test_starting_loads_neither_yahoo_nor_what_only_a_new_database_needs(tmp_path: Path) -> None:
    workbench(Settings(data_dir=tmp_path))
    script = (
        "import sys, pathlib; from allocation.bootstrap import workbench; from allocation.settings import Settings; "
        f"workbench(Settings(data_dir=pathlib.Path({str(tmp_path)!r}))).demo(); "
        "print(sorted({'yfinance', 'curl_cffi', 'alembic', 'pandas', 'streamlit', 'psycopg'} & sys.modules.keys()))"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout == "[]\n"


def test_the_demo_shows_four_accounts_with_targets_and_a_price_or_rate_for_every_line(bench: Workbench) -> None:
    user, store, market = bench.demo()

    assert user.demo
    names = ["Education fund", "Family brokerage", "Retirement (IRA)", "Savings in euro"]
    assert [a.name for a in store.accounts(user.id)] == names
    for account in store.accounts(user.id):
        portfolio, target = store.portfolio(user.id, account.id), store.target(user.id, account.id)
        assert target is not None
        symbols = {*portfolio.symbols, *target.weights}
        at_hand = market.at_hand(symbols, portfolio, store.manual_prices(user.id))
        told = in_base_currency(portfolio, at_hand.quotes, at_hand.rates, target.weights)
        assert told.prices.keys() == symbols
        assert {q.source for q in at_hand.quotes.values()} == {PriceSource.SAMPLE}
        assert {r.source for r in told.rates.values()} <= {RateOrigin.SAMPLE}
        assert told.unrated == {}


def test_the_demos_rates_are_of_the_day_of_its_prices(bench: Workbench) -> None:
    _, _, market = bench.demo()

    rates = market.rates(["EUR", "JPY"], "USD").rates

    assert rates.price("EUR", "USD") == Decimal("1.064")  # the European Central Bank on 28 December 2022
    assert rates["USD", "JPY"].time.date() == sample_quotes()["QUAL"].time.date()


def test_every_demo_account_has_lots_names_and_a_story(bench: Workbench) -> None:
    user, store, _ = bench.demo()

    for account in store.accounts(user.id):
        positions = store.portfolio(user.id, account.id).positions
        assert account.note
        assert 8 <= len(positions) <= 14
        assert all(p.lots and p.name for p in positions)
        assert all(lot.acquired and lot.unit_cost > 0 for p in positions for lot in p.lots)


def weights_of(bench: Workbench, account_id: str) -> dict[str, Decimal]:
    user, store, _ = bench.demo()
    portfolio = store.portfolio(user.id, account_id)
    values = {s: q * sample_quotes()[s].price for s, q in portfolio.quantities.items()}
    values["cash"] = portfolio.cash
    return {s: v / sum(values.values()) for s, v in values.items()}


def test_each_demo_account_has_the_problem_it_tells_of(bench: Workbench) -> None:
    user, store, _ = bench.demo()
    target = {a.id: store.target(user.id, a.id) or TargetAllocation({}) for a in store.accounts(user.id)}

    # Employer stock over a third, meant to be a tenth; a contribution in cash; cash short of what tuition needs.
    assert weights_of(bench, "family-brokerage")["LLY"] > Decimal("0.33")
    assert target["family-brokerage"].weights["LLY"] == Decimal("0.10")
    assert weights_of(bench, "retirement-ira")["cash"] > Decimal("0.10")
    assert target["retirement-ira"].cash_weight == 0
    assert weights_of(bench, "education-fund")["cash"] < Decimal("0.02")
    assert target["education-fund"].cash_weight == Decimal("0.20")


def test_the_demo_accounts_are_taxed_as_their_names_say(bench: Workbench) -> None:
    user, store, _ = bench.demo()

    taxed = {a.id: a.tax_treatment for a in store.accounts(user.id)}

    assert taxed == {
        "family-brokerage": TaxTreatment.TAXABLE,
        "retirement-ira": TaxTreatment.TAX_DEFERRED,
        "education-fund": TaxTreatment.TAXABLE,
        "euro-savings": TaxTreatment.TAXABLE,
    }


def test_two_demo_visitors_never_see_each_others_changes(bench: Workbench) -> None:
    (user, one, _), (_, other, _) = bench.demo(), bench.demo()

    one.remove_account(user.id, "education-fund")
    one.save_target(user.id, "retirement-ira", TargetAllocation({}))

    assert len(other.accounts(user.id)) == 4
    assert other.target(user.id, "retirement-ira") != TargetAllocation({})


def test_the_demo_visitor_is_nobody_in_the_real_store(bench: Workbench) -> None:
    user, _, _ = bench.demo()

    assert bench.store.accounts(user.id) == ()
    with pytest.raises(AccountNotFoundError):
        bench.store.portfolio(user.id, "family-brokerage")


def test_the_demo_asks_no_network_for_prices(bench: Workbench) -> None:
    _, _, market = bench.demo()

    answer = market.refresh(["AAPL"], datetime(2026, 11, 20, tzinfo=UTC))

    assert answer.quotes == {}
    assert answer.failures.keys() == {"AAPL"}
