"""The order in which several processes take the tests, so that none is left with a long one at the end."""

from typing import TypeVar

T = TypeVar("T")


def order_for_workers(long: list[T], others: list[T], workers: int) -> list[T]:
    """Returns the tests so that each worker begins with long ones; the rest keeps its order.

    `--dist worksteal` cuts the list into as many runs as there are workers.
    """
    order: list[T] = []
    total = len(long) + len(others)
    for worker in range(workers):
        mine = long[worker::workers]
        share = max((total - len(order)) // (workers - worker) - len(mine), 0)
        order += mine + others[:share]
        others = others[share:]
    return order
