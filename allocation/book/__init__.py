"""Thousands to a million accounts in one call: Arrow in, Arrow out, on all cores; the same numbers as one by one.

`rebalance_book` takes tables, `rebalance_files` goes from file to file, `solve_partition` is the pure function that both
hand to their workers.
"""

from allocation.book.book import Progress, Watch, rebalance_book
from allocation.book.partition import Book, Planner, solve_partition
from allocation.book.to_files import Report, rebalance_files

__all__ = [
    "Book",
    "Planner",
    "Progress",
    "Report",
    "Watch",
    "rebalance_book",
    "rebalance_files",
    "solve_partition",
]
