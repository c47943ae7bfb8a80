"""The order that tests are given fits to how xdist cuts it."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.scheduler.worksteal import WorkStealingScheduling

from tests.worker_order import order_for_workers


class Worker:
    """Takes what the scheduler sends."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="worker")

    def send_runtest_some(self, indices: list[int]) -> None:
        self.runs += indices

    def send_steal(self, indices: list[int]) -> None:
        """It has its first already; nothing is given back."""

    def shutdown(self) -> None:
        self.shutting_down = True


def runs(order: list[str], count: int) -> list[list[str]]:
    """What each worker is given at first."""
    config: Any = SimpleNamespace(getvalue={"tx": ["popen"] * count}.get)
    scheduler: Any = WorkStealingScheduling(config)
    workers = [Worker() for _ in range(count)]
    for worker in workers:
        scheduler.add_node(worker)
    for worker in workers:
        scheduler.add_node_collection(worker, order)
    scheduler.schedule()
    return [[order[index] for index in worker.runs] for worker in workers]


@given(st.integers(1, 6), st.integers(0, 20), st.integers(0, 60))
def test_every_worker_begins_with_long_ones_and_no_test_is_lost(workers: int, long: int, others: int) -> None:
    slow, quick = [f"long{n}" for n in range(long)], [f"other{n}" for n in range(others + 2 * (workers + long))]
    order = order_for_workers(slow, quick, workers)
    assert sorted(order) == sorted(slow + quick)
    for number, run in enumerate(runs(order, workers)):
        mine = slow[number::workers]
        assert run[: len(mine)] == mine
        assert [name for name in run[len(mine) :] if name in slow] == []


@pytest.mark.parametrize(("long", "others"), [(5, 0), (5, 1), (0, 1), (0, 0)])
def test_few_tests_are_all_there(long: int, others: int) -> None:
    names = [str(n) for n in range(long + others)]
    assert sorted(order_for_workers(names[:long], names[long:], 3)) == names
