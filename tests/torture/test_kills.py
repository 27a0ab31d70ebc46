"""The short version: nothing lost, nothing doubled, whoever is killed; and every broken submitter is caught."""

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from allocation.__main__ import main
from allocation.adapters.sql.database import open_database
from tests.torture import modes
from tests.torture.battle import Battle, Run, Verdict, Weather
from tests.torture.naive import NAIVE, Naive

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only POSIX systems can kill without notice")
FAULTS = 0.23


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
    else:
        url = f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"
    open_database(url).close()
    return url


def battle(store: str, folder: Path, weather: Weather, orders: int = 4, submit: Run = main) -> Battle:
    return Battle(store, folder, weather, orders, submit)


def test_kills_at_random_moments_with_a_faulty_broker_lose_and_double_nothing(store: str, tmp_path: Path) -> None:
    total, dice = Verdict(), random.Random(7)

    while total.kills < 2 and total.trades < 40:  # on a quick machine a batch may be done before it is killed
        total.add(modes.at_random(battle(store, tmp_path, Weather(FAULTS, seed=total.trades)), dice))

    assert total.is_clean, total
    assert total.held == 0


@pytest.mark.parametrize("first", [3, 7, 11, 15, 19])
def test_a_kill_at_a_crash_point_and_another_in_the_recovery(tmp_path: Path, first: int) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"
    open_database(url).close()

    verdict, hit = modes.at_point(battle(url, tmp_path, Weather(), 2), first, 4)

    assert hit
    assert verdict.is_clean, verdict


def test_three_executors_at_once_send_each_order_once(store: str, tmp_path: Path) -> None:
    verdict = modes.contested(battle(store, tmp_path, Weather(FAULTS, seed=3)), random.Random(5))

    assert verdict.is_clean, verdict


def test_without_unique_ids_what_is_in_doubt_is_held_and_never_sent_twice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"
    open_database(url).close()
    weather = Weather(FAULTS, unique=False, lag=timedelta(seconds=0.2), seed=11)

    verdict = modes.at_random(battle(url, tmp_path, weather), random.Random(2))

    assert verdict.is_clean, verdict


@pytest.mark.parametrize("name", NAIVE)
def test_a_submitter_that_is_broken_on_purpose_is_caught(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"
    open_database(url).close()
    total, dice = Verdict(), random.Random(3)

    while total.is_clean and total.kills < 40:
        weather = Weather(FAULTS, seed=total.trades)
        total.add(modes.at_random(battle(url, tmp_path, weather, 4, Naive(name)), dice))

    assert not total.is_clean, f"{name} got away"
