"""A heap of what may be tried next, by the regret per grain of cash it moves."""

from typing import NamedTuple

from allocation.solver.kernel_columns import reals, wholes


class Queue(NamedTuple):
    """A binary heap in two columns: `density` orders it, then `item`; `size` has one cell."""

    density: list[float]
    item: list[int]
    size: list[int]


def new_queue(room: int) -> Queue:
    """An empty heap with room for so many items."""
    return Queue(reals(room), wholes(room), wholes(1))


def push(queue: Queue, density: float, item: int) -> None:
    """Add an item."""
    place = queue.size[0]
    queue.size[0] = place + 1
    while place > 0:
        above = (place - 1) >> 1
        if not _before(density, item, queue.density[above], queue.item[above]):
            break
        queue.density[place], queue.item[place] = queue.density[above], queue.item[above]
        place = above
    queue.density[place], queue.item[place] = density, item


def drop_first(queue: Queue) -> None:
    """Remove the first item."""
    last = queue.size[0] - 1
    queue.size[0] = last
    if last > 0:
        replace_first(queue, queue.density[last], queue.item[last])


def replace_first(queue: Queue, density: float, item: int) -> None:
    """Put another item in the place of the first."""
    size, place = queue.size[0], 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        right = below + 1
        if right < size and _before(queue.density[right], queue.item[right], queue.density[below], queue.item[below]):
            below = right
        if not _before(queue.density[below], queue.item[below], density, item):
            break
        queue.density[place], queue.item[place] = queue.density[below], queue.item[below]
        place = below
    queue.density[place], queue.item[place] = density, item


def _before(density: float, item: int, than: float, than_item: int) -> bool:
    return density < than or (density == than and item < than_item)
