"""The order in which several processes take the tests, so that none has long ones, or waits alone, at the end."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order_for_workers(dealt: Sequence[Sequence[T]], sliced: list[T], rest: list[T], workers: int) -> list[T]:
    """Returns the tests so that each worker begins with its share of those that take long, or wait.

    `--dist worksteal` cuts the list into as many runs as there are workers; who is done takes half of another's rest.

    - dealt: they go to the workers in turn; those of one of them stay together
    - sliced: each worker gets a piece, so that neighbours stay together, which share servers
    - rest: what fills the runs
    """
    order: list[T] = []
    total = sum(map(len, dealt)) + len(sliced) + len(rest)
    for worker in range(workers):
        left = workers - worker
        piece = -(-len(sliced) // left)
        mine = [*(test for tests in dealt[worker::workers] for test in tests), *sliced[:piece]]
        share = max((total - len(order)) // left - len(mine), 0)
        order += mine + rest[:share]
        sliced, rest = sliced[piece:], rest[share:]
    return order
