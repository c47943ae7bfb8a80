"""In which order several processes take the tests: none is to wait for the last long one."""

from typing import TypeVar

T = TypeVar("T")


def dealt(long: list[T], others: list[T], workers: int) -> list[T]:
    """`--dist worksteal` cuts it into a run for each worker: each begins with long ones; the rest keeps its order."""
    order: list[T] = []
    total = len(long) + len(others)
    for worker in range(workers):
        mine = long[worker::workers]
        share = max((total - len(order)) // (workers - worker) - len(mine), 0)
        order += mine + others[:share]
        others = others[share:]
    return order
