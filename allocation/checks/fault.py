"""What is wrong with a plan."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a plan. `code` is stable."""

    code: str
    message: str
