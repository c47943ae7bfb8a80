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


@given(st.integers(1, 6), st.lists(st.integers(1, 3), max_size=20), st.integers(0, 20), st.integers(0, 60))
def test_every_worker_begins_with_its_share_of_what_takes_long_and_no_test_is_lost(
    workers: int, groups: list[int], sliced: int, rest: int
) -> None:
    dealt = [[f"dealt{n}-{m}" for m in range(size)] for n, size in enumerate(groups)]
    neighbours, quick = [f"n{n:03}" for n in range(sliced)], [f"q{n}" for n in range(rest + 5 * (workers + 60))]
    order = order_for_workers(dealt, neighbours, quick, workers)
    assert sorted(order) == sorted([*(name for names in dealt for name in names), *neighbours, *quick])
    pieces = []
    for number, run in enumerate(runs(order, workers)):
        mine = [name for names in dealt[number::workers] for name in names]
        assert run[: len(mine)] == mine
        pieces.append([name for name in run[len(mine) :] if name in neighbours])
        assert run[len(mine) : len(mine) + len(pieces[-1])] == pieces[-1]
        assert all(name in quick for name in run[len(mine) + len(pieces[-1]) :])
    assert [name for piece in pieces for name in piece] == neighbours
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


@pytest.mark.parametrize(("long", "sliced", "rest"), [(5, 0, 0), (5, 2, 1), (0, 0, 1), (0, 4, 0), (0, 0, 0)])
def test_few_tests_are_all_there(long: int, sliced: int, rest: int) -> None:
    names = [str(n) for n in range(long + sliced + rest)]
    dealt, others = [[name] for name in names[:long]], names[long:]
    assert sorted(order_for_workers(dealt, others[:sliced], others[sliced:], 3)) == names
