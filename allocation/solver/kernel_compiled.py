"""The kernel compiled to machine code: made ready in the background, because that takes long the first time.

The source is the same. Every function of the kernel is bound anew to a namespace in which columns are arrays and the
other functions are their compiled selves; numba compiles it there, strictly as Python computes (no fused or reordered
floating-point arithmetic). A process of its own does so, and keeps the machine code in a folder named after the source,
from which this and every later process loads it. Where numba is not installed the kernel runs as it is, to the same
results.
"""

import hashlib
import logging
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from allocation.solver import (
    kernel_alone,
    kernel_balance,
    kernel_base,
    kernel_batch,
    kernel_lines,
    kernel_menus,
    kernel_near,
    kernel_price,
    kernel_queue,
    kernel_settle,
    kernel_states,
    kernel_walk,
)
from allocation.solver.kernel_lines import UNLIMITED

try:
    import fcntl
except ModuleNotFoundError:  # Windows: each compiles for itself
    fcntl = None  # type: ignore[assignment]

Wholes = npt.NDArray[np.int64]

_log = logging.getLogger(__name__)
_PARTS: tuple[ModuleType, ...] = (
    kernel_lines,
    kernel_price,
    kernel_queue,
    kernel_states,
    kernel_base,
    kernel_menus,
    kernel_walk,
    kernel_settle,
    kernel_balance,
    kernel_near,
    kernel_alone,
    kernel_batch,
)
# What was imported, not what may stand in the files when they are compiled.
_SOURCE = hashlib.sha256(b"".join(Path(part).read_bytes() for part in (*(str(p.__file__) for p in _PARTS), __file__)))
# Beside the machine code when all of it is there.
_COMPLETE = "complete"

# Functions so small and so often called that a call with its many columns would cost more than they do.
_SMALL = {"spends", "excess", "nearest", "cheapest", "wanted_cash", "regret_beyond", "cash_regret", "least_ahead"}
# Parts of a loop, for which the same holds. Not all functions: that would compile for minutes.
_IN_LOOPS = {
    "has_one_run",
    "step_regret",
    "surely",
    "_least_regret",
    "_is_wasted",
    "_take_step",
    "_consider",
    "merge",
    "write_down",
    "add_move",
    "look_ahead",
    "margin_of",
    "_least",
    "push",
    "drop_first",
    "replace_first",
    "_before",
    "_line_up_next",
}


class Compiled:
    """The compiled kernel of this process, once there is one."""

    def __init__(self) -> None:
        self.solve_book: Callable[..., None] | None = None
        self.solve_alone: Callable[..., tuple[int, float, float, float]] | None = None
        self._started = False
        self._lock = threading.Lock()
        self._done = threading.Event()

    def make_ready(self) -> None:
        """Start compiling in the background; calling again does nothing."""
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._compile, name="compile-kernel", daemon=True).start()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the compiled kernel is ready after so long; False where there is no numba."""
        self.make_ready()
        self._done.wait(seconds)
        return self.solve_book is not None

    @property
    def solve_accounts(self) -> Callable[..., None] | None:
        """`kernel_batch.solve_accounts` on arrays of int64 (floats: float64); None until it is ready.

        It releases the interpreter's lock, and accounts are independent, so several threads may share a book.
        """
        return None if self.solve_book is None else partial(_solve_accounts, self.solve_book)

    def _compile(self) -> None:
        try:
            import numba  # noqa: PLC0415 - heavy, and not everybody has it
        except ImportError as missing:
            _log.info("The kernel runs uncompiled: %s", missing)
        else:
            _let_another_process_compile(numba.__version__)
            compiled = compile_here(numba)
            self.solve_book, self.solve_alone = compiled["solve_book"], compiled["solve_alone"]
        finally:
            self._done.set()


COMPILED = Compiled()


def _solve_accounts(
    solve_book: Callable[..., None],
    offsets: Wholes,
    step: Wholes,
    held: Wholes,
    target: Wholes,
    lowest: Wholes,
    highest: Wholes,
    free: Wholes,
    cash_target: Wholes,
    squared: bool,
    width: int,
    visits: int,
    unique: bool,
    *outcome: Any,
) -> None:
    count = len(step)
    line = (step, target - held, np.ones(count), np.arange(count + 1), lowest, highest, step * lowest, step)
    # An array that must not be written to would be another type to numba, and compiled for anew.
    columns = [np.require(column, requirements=("C", "W")) for column in (offsets, *line, free, cash_target)]
    most = np.full(len(free), UNLIMITED)
    solve_book(*columns, most, 1.0, bool(squared), width, visits, bool(unique), 0.0, *outcome)


def compile_here(numba: ModuleType) -> dict[str, Any]:
    """The kernel's functions by name, compiled in this process or loaded from what another one compiled."""
    folder = _machine_code_folder(numba.__version__)
    compiled = _bind(numba, folder)
    _call_once(compiled)
    if folder is not None:
        (folder / _COMPLETE).touch()
    return compiled


def compile_for_parent() -> None:
    """What the other process does: compile for the one that started it, and end when that ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)
    import numba  # noqa: PLC0415 - heavy, and not everybody has it

    folder = _machine_code_folder(numba.__version__)
    with nullcontext() if folder is None else _taking_turns(folder):
        if folder is None or not (folder / _COMPLETE).exists():
            compile_here(numba)


@contextmanager
def _taking_turns(folder: Path) -> Iterator[None]:
    """Servers that start together on a fresh machine compile once: the others wait, and find it done."""
    with (folder / "compiling").open("a") as file:
        if fcntl is not None:  # given back by the system, however the process ends
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _end_with_parent() -> None:
    """The parent holds the other end of standard input and never writes: there is something to read once it is gone."""
    os.read(0, 1)
    os._exit(1)


def _let_another_process_compile(version: str) -> None:
    """Compiling is Python's work and would hold up every other thread of this process for half a minute."""
    folder = _machine_code_folder(version)
    if folder is None or (folder / _COMPLETE).exists() or not sys.executable:
        return
    # If it fails, this process compiles for itself and shows why.
    with subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", f"from {__name__} import compile_for_parent; compile_for_parent()"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        other.wait()


def _bind(numba: ModuleType, folder: Path | None) -> dict[str, Any]:
    """Every function of the kernel in one namespace, compiled when it is first called."""
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)
    options = {"cache": folder is not None, "nogil": True, "error_model": "numpy"}
    namespace: dict[str, Any] = {}
    for part in _PARTS:
        namespace |= {name: value for name, value in vars(part).items() if not name.startswith("__")}
    for name, plain in [(n, v) for n, v in namespace.items() if isinstance(v, FunctionType)]:
        bound = FunctionType(plain.__code__, namespace, name, plain.__defaults__)
        bound.__module__, bound.__qualname__ = plain.__module__, plain.__qualname__
        inline = "always" if name in _SMALL else "never"
        namespace[name] = numba.njit(bound, inline=inline, forceinline=name in _IN_LOOPS, **options)
    for array_version in (wholes, reals, nth_least):
        namespace[array_version.__name__] = numba.njit(array_version, **options)
    return namespace


def wholes(length: int) -> Any:
    """`kernel_columns.wholes` as an array."""
    return np.zeros(length, np.int64)


def reals(length: int) -> Any:
    """`kernel_columns.reals` as an array."""
    return np.zeros(length, np.float64)


def nth_least(numbers: Any, count: int, place: int) -> float:
    """`kernel_columns.nth_least` of an array."""
    ordered = np.sort(numbers[:count])
    return float(ordered[place])


def _call_once(compiled: dict[str, Any]) -> None:
    """The first call compiles, or loads what an earlier process compiled."""
    whole, one = np.ones(1, np.int64), np.ones(1)
    ends = np.array([0, 1])
    line = (whole, whole, one, ends, whole - 1, whole.copy(), whole - 1, whole)
    outcome = (whole.copy(), one.copy(), one.copy(), one.copy(), whole.copy())
    compiled["solve_book"](ends, *line, whole, whole - 1, whole * UNLIMITED, 1.0, True, 16, 16, True, 0.0, *outcome)
    compiled["solve_alone"](np.ones((5, 1), np.int64), 1, 0, True, 16, 16, 0.0, whole.copy())


def _machine_code_folder(numba_version: str) -> Path | None:
    """Where machine code of exactly this source and numba is kept, for numba looks at one file at a time only.

    Beside the source, or for an installation that cannot be written to in a folder of this user's own. None where
    nothing can be kept. It is nowhere that others may write: machine code is not to be taken from anybody.
    """
    name = hashlib.sha256(f"{numba_version} {sys.version} {_SOURCE.hexdigest()}".encode()).hexdigest()[:16]
    for place in (Path(__file__).parent / "__pycache__", _own_folder()):
        if place is not None and (folder := _writable(place / f"kernel-{name}")) is not None:
            return folder
    return None


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _own_folder() -> Path | None:
    """A folder for temporary files that nobody but this user can write to; None where somebody else made it."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"evenkeel-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private else None
