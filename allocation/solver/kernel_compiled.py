"""The kernel compiled to machine code: made ready in the background, because that takes seconds.

The source is the same. Every function of the kernel is bound anew to a namespace in which columns are arrays and the
other functions are their compiled selves; numba compiles it there, strictly as Python computes (no fused or reordered
floating-point arithmetic), and keeps the machine code in a folder named after the source, so that the next process only
loads it. Where numba is not installed the kernel runs as it is, to the same results.
"""

import hashlib
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from allocation.solver import (
    kernel_batch,
    kernel_lines,
    kernel_price,
    kernel_queue,
    kernel_settle,
    kernel_states,
    kernel_walk,
)

_log = logging.getLogger(__name__)
_PARTS: tuple[ModuleType, ...] = (
    kernel_lines,
    kernel_price,
    kernel_queue,
    kernel_states,
    kernel_walk,
    kernel_settle,
    kernel_batch,
)


class Compiled:
    """The compiled kernel of this process, once there is one."""

    def __init__(self) -> None:
        self.solve_columns: Callable[..., Any] | None = None
        self.solve_account: Callable[..., Any] | None = None
        self.solve_accounts: Callable[..., Any] | None = None
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
        return self.solve_columns is not None

    def _compile(self) -> None:
        try:
            import numba  # noqa: PLC0415 - heavy, and not everybody has it
        except ImportError as missing:
            _log.info("The kernel runs uncompiled: %s", missing)
        else:
            functions = _bind(numba)
            _call_once(functions)
            self.solve_account = functions["solve_account"]
            self.solve_accounts = functions["solve_accounts"]
            self.solve_columns = functions["solve_columns"]
        finally:
            self._done.set()


COMPILED = Compiled()


def _bind(numba: ModuleType) -> dict[str, Any]:
    """Every function of the kernel in one namespace, compiled when it is first called."""
    numba.config.CACHE_DIR = str(_machine_code_folder(numba.__version__))
    compiled = numba.njit(cache=True, nogil=True)
    namespace: dict[str, Any] = {}
    for part in _PARTS:
        namespace |= {name: value for name, value in vars(part).items() if not name.startswith("__")}
    for name, plain in [(n, v) for n, v in namespace.items() if isinstance(v, FunctionType)]:
        bound = FunctionType(plain.__code__, namespace, name, plain.__defaults__)
        bound.__module__, bound.__qualname__ = plain.__module__, plain.__qualname__
        namespace[name] = compiled(bound)
    for array_version in (wholes, reals, nth_least):
        namespace[array_version.__name__] = compiled(array_version)
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


def _call_once(functions: dict[str, Any]) -> None:
    """The first call compiles, or loads what an earlier process compiled."""
    one, none = np.ones(1, np.int64), np.zeros(1, np.int64)
    ends, result = np.array([0, 1], np.int64), np.zeros(3)
    limits = (True, 16, 16, True)
    functions["solve_columns"](one, one, np.ones(1), ends, none, one, none, one, 1, 0, 2, 1.0, *limits, none.copy())
    functions["solve_account"](one, none, one, none, one, 1, 0, *limits, none.copy(), result)
    outcome = (none.copy(), np.zeros(1), np.zeros(1), np.zeros(1), none.copy())
    functions["solve_accounts"](ends, one, none, one, none, one, one, none, *limits, *outcome)


def _machine_code_folder(numba_version: str) -> Path:
    """Where machine code of exactly this source and numba is kept, for numba looks at one file at a time only."""
    digest = hashlib.sha256(numba_version.encode())
    for part in (*_PARTS, sys.modules[__name__]):
        digest.update(Path(str(part.__file__)).read_bytes())
    return Path(__file__).parent / "__pycache__" / f"kernel-{digest.hexdigest()[:16]}"
