"""How far an account is from its target."""

from collections.abc import Mapping
from fractions import Fraction


def measure_drift(
    values: Mapping[str, Fraction], cash: Fraction, weights: Mapping[str, Fraction], cash_weight: Fraction
) -> Fraction:
    """½ Σ|weight − target weight|, cash included; 0 on target, 1 when nothing is where it should be.

    Args:
        values: money in each line.
        cash: money that counts in the weights (without any reserve).
        weights: target weights as fractions; a line without one has target 0.
    """
    total = sum(values.values(), cash)
    lines = values.keys() | weights.keys()
    off = abs(cash / total - cash_weight)
    off += sum(abs(values.get(s, Fraction(0)) / total - weights.get(s, Fraction(0))) for s in lines)
    return off / 2
