"""Executing a batch of orders: each exactly once, whatever breaks on the way."""

from allocation.execution.executor import Executor, Progress, Standing
from allocation.execution.means import Means

__all__ = ["Executor", "Means", "Progress", "Standing"]
