"""Columns of numbers for the kernel where it is not compiled: plain lists."""


def wholes(length: int) -> list[int]:
    """Whole numbers, all zero."""
    return [0] * length


def reals(length: int) -> list[float]:
    """Floats, all zero."""
    return [0.0] * length


def nth_least(numbers: list[float], count: int, place: int) -> float:
    """The number at this place (from zero) once the first `count` are sorted."""
    return sorted(numbers[:count])[place]
