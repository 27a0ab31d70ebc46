"""Many random requests against enumeration: `python tests/brute_force/long.py --count 100000 --seconds 13 [--kind costs]`.

Prints each mismatch as the smallest request that shows it, and counts at the end; exit status 1 where there was any.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.brute_force.answering import answer_of  # noqa: E402  found once the root is on the path
from tests.brute_force.judge import Judge  # noqa: E402
from tests.brute_force.kinds import KINDS  # noqa: E402
from tests.brute_force.question import Json  # noqa: E402
from tests.brute_force.smaller import Request, smallest  # noqa: E402
from tests.brute_force.walk import TooLargeError  # noqa: E402

# Seconds to try one request: some lots may be sold in very many ways.
PATIENCE = 10


def main() -> int:
    """Run, print, and say whether everything agreed."""
    chosen = _arguments()
    counts: Counter[str] = Counter()
    for kind in chosen.kind:
        ends = time.monotonic() + chosen.seconds
        for seed in range(chosen.seed, chosen.seed + chosen.count):
            if time.monotonic() > ends or counts["wrong"] >= chosen.most_wrong:
                break
            counts += _count(kind, seed)
    _say(*(f"{count:7} {name}" for name, count in sorted(counts.items())))
    return 1 if counts["wrong"] else 0


def _count(kind: str, seed: int) -> Counter[str]:
    """How the request of one seed was answered; a mismatch is told."""
    request = KINDS[kind].request(seed)
    answer, faults = _examine(request)
    if faults:
        _tell(kind, seed, request, faults)
    return Counter({f"{kind}: {answer}": 1, "requests": 1, "wrong": int(bool(faults))})


def _examine(request: Json) -> tuple[str, list[str]]:
    """How the request was answered, and what is wrong with that."""
    try:
        answer = answer_of(request)
    except Exception as error:  # noqa: BLE001  whatever escapes is a finding, to be told like all others
        return "crash", [f"{type(error).__name__}: {error}"]
    said = str(answer["error"]["code"] if "error" in answer else answer["status"])
    if said == "not_supported":
        return said, []
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(PATIENCE)
    try:
        return said, Judge(request).faults(answer)
    except TooLargeError:
        return "too large", []
    finally:
        signal.alarm(0)


def _give_up(*_: object) -> None:
    raise TooLargeError


def _tell(kind: str, seed: int, request: Request, faults: list[str]) -> None:
    _say(f"{kind}, seed {seed}: {faults}")
    first = faults[0].split(":")[0]
    small = smallest(request, lambda other: any(f.startswith(first) for f in _examine_safely(other)))
    _say(f"smaller: {_examine(small)[1]}", json.dumps(small))


def _examine_safely(request: Request) -> list[str]:
    """Faults of a request that may have become senseless while it was made smaller."""
    try:
        return _examine(request)[1]
    except (KeyError, ValueError, ZeroDivisionError, IndexError):
        return []


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201  a command talks


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="seeds to run, each in every kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=13, help="the most time for each kind")
    parser.add_argument("--most-wrong", type=int, default=5)
    parser.add_argument("--kind", nargs="*", default=list(KINDS), choices=list(KINDS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
