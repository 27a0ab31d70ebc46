"""Places at which a process may be killed, by name: they do nothing unless a test says what."""

from collections.abc import Callable

_hooks: list[Callable[[str], None]] = []


def crashpoint(name: str) -> None:
    """Here is such a place."""
    for hook in _hooks:
        hook(name)


def at_crashpoints(hook: Callable[[str], None]) -> None:
    """From here on, do this at every place; tests only."""
    _hooks.append(hook)
