"""Loops over accounts compiled to machine code: the functions of one module, once there is enough to do.

They run as they are until then, and where numba is not installed, to the same results. What is compiled lets other
threads run, and is kept beside the source for the next process.
"""

import logging
import threading
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

_log = logging.getLogger(__name__)
# Accounts after which it would have been quicker to wait for the compiler.
_FEW = 1_000


class Loops:
    """One function of a module, and those that it calls there, compiled when it is first worth it."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module, self._name = module, name
        self._plain: Callable[..., None] = getattr(module, name)
        self._compiled: Callable[..., None] | None = None
        self._tried = False
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, accounts: int, *columns: Any) -> None:
        """Run the function on arrays that hold so many accounts."""
        self._seen += accounts
        run = self._plain if self._seen < _FEW and self._compiled is None else self.ready()
        run(*columns)

    def ready(self) -> Callable[..., None]:
        """The compiled function; the plain one where there is no numba."""
        with self._lock:
            if not self._tried:
                self._tried = True
                self._compiled = _compile(self._module, self._name)
        return self._compiled or self._plain


def _compile(module: ModuleType, name: str) -> Callable[..., None] | None:
    try:
        import numba  # noqa: PLC0415 - heavy, and not everybody has it
    except ImportError as missing:
        _log.info("%s runs uncompiled: %s", module.__name__, missing)
        return None
    try:
        return _bound(numba, module, name, cache=True)
    except RuntimeError as unwritable:
        _log.info("The machine code of %s is not kept: %s", module.__name__, unwritable)
        return _bound(numba, module, name, cache=False)


def _bound(numba: ModuleType, module: ModuleType, name: str, *, cache: bool) -> Callable[..., None]:
    """Every function of the module in a namespace in which the others are their compiled selves."""
    namespace = {each: value for each, value in vars(module).items() if not each.startswith("__")}
    for each, plain in [(n, v) for n, v in namespace.items() if isinstance(v, FunctionType)]:
        bound = FunctionType(plain.__code__, namespace, each, plain.__defaults__)
        bound.__module__, bound.__qualname__ = plain.__module__, plain.__qualname__
        namespace[each] = numba.njit(bound, nogil=True, error_model="numpy", cache=cache)
    compiled: Callable[..., None] = namespace[name]
    return compiled
