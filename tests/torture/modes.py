"""How a batch is fought over: killed at random, at every crash point, or by several at once."""

import random
from collections.abc import Callable
from time import sleep

from tests.torture.battle import Battle, Verdict
from tests.torture.children import Child

Opens = Callable[[], Battle]
LONGEST = 0.35  # seconds after READY within which a kill comes: about as long as a batch takes


def at_random(battle: Battle, dice: random.Random) -> Verdict:
    """Kill one to four submitters, each some time after it said READY; then let one finish."""
    kills = 0
    for _ in range(dice.randint(1, 4)):
        child = battle.submitter()
        if child.wait_until_ready():
            sleep(dice.uniform(0, LONGEST))
            kills += child.kill()
    return _ended(battle, kills)


def at_point(battle: Battle, first: int, second: int) -> tuple[Verdict, bool]:
    """Die at the n-th crash point, then in the recovery at its m-th, then finish; whether there was an n-th."""
    child = battle.submitter(crash_at=first)
    hit = child.finish() < 0
    kills = int(hit)
    if second:
        kills += battle.submitter(crash_at=second).finish() < 0
    return _ended(battle, kills), hit


def contested(battle: Battle, dice: random.Random, executors: int = 3) -> Verdict:
    """Several submitters of one batch at once, killed one by one or all together; then let one finish."""
    kills = 0
    for _ in range(dice.randint(1, 3)):
        children = [battle.submitter() for _ in range(executors)]
        ready = [child for child in children if child.wait_until_ready()]
        together = dice.random() < 0.5
        sleep(dice.uniform(0, LONGEST))
        for child in ready:
            if not together:
                sleep(dice.uniform(0, LONGEST / 3))
            kills += child.kill()
        _let_end(children)
    return _ended(battle, kills)


def _ended(battle: Battle, kills: int) -> Verdict:
    try:
        battle.submitter().finish()
        return battle.verdict(kills)
    finally:
        battle.close()


def _let_end(children: list[Child]) -> None:
    for child in children:
        child.kill()
