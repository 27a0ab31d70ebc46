"""The kernel's word on a problem that the search in whole numbers left open.

It answers only where it has proved that one plan is better than all others, compiled or not, so that whether it was ready
makes a difference of time and not of plans.
"""

from allocation.solver.problem import Problem

# Visits of the kernel beyond which the search in whole numbers is the better way.
_VISITS = 60_000


def make_ready() -> None:
    """Have the kernel compiled in the background, for a process that will plan more than once."""
    from allocation.solver.kernel_compiled import COMPILED  # noqa: PLC0415 - numpy is slow to start

    COMPILED.make_ready()


def only_plan(problem: Problem) -> tuple[int, ...] | None:
    """The steps of the one best plan; None where there are several, or none that the kernel can prove."""
    from allocation.solver.kernel import propose  # noqa: PLC0415 - numpy is slow to start

    if not all(line.weight for line in problem.lines):
        # A line that does not count may stand anywhere at the same distance; the kernel does not look for such ties.
        return None
    proposal = propose(problem, visits=_VISITS)
    return proposal.steps if proposal is not None and proposal.decided else None
