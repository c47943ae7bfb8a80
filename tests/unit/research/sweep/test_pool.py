"""Where work is done does not matter; what cannot be had is one line."""

import os
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from distributed import LocalCluster

from services.research.sweep import Axis, Pool, SweepSpec, sweep
from shared.errors import ConfigError, DataError
from tests.unit.research.sweep.made import settings_of, written


def square(value: int) -> int:
    if value < 0:
        raise DataError(f"{value} is below 0")
    return value * value


@pytest.mark.parametrize(
    "pool", [Pool(jobs=1), Pool(jobs=2), Pool("threading", 2), Pool("multiprocessing", 2), Pool("sequential")]
)
def test_every_task_has_its_result(pool: Pool) -> None:
    assert sorted(pool.map(square, [3, 1, 2])) == [(0, 9), (1, 1), (2, 4)]


@pytest.mark.parametrize("pool", [Pool(jobs=2), Pool("threading", 2)])
def test_an_error_comes_through(pool: Pool) -> None:
    with pytest.raises(DataError, match="-1 is below 0"):
        list(pool.map(square, [1, -1, 2]))


@pytest.mark.long
def test_a_cluster_of_dask_gives_the_same_bits(tmp_path: Path) -> None:
    """A scheduler and two workers, each a process of its own."""
    settings = settings_of(written(tmp_path))
    spec = SweepSpec(intervals=("1h", "2h"), grid=(Axis.told("lags=1,2"), Axis.told("threshold=0,0.002")), folds=2)
    here = sweep(settings, spec, Pool("sequential"))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        options = {"scheduler_host": cluster.scheduler_address}
        there = sweep(settings, spec, Pool("dask", 2, options))
        assert len(set(dict(Pool("dask", 2, options).map(process_of, [0.5] * 4)).values()) - {os.getpid()}) == 2
    assert here.model_dump_json() == there.model_dump_json()


def process_of(seconds: float) -> int:
    time.sleep(seconds)  # so that no worker can do all
    return os.getpid()


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("nosuch", "--backend nosuch: Invalid backend: nosuch, expected one of .*: use loky"),
        ("dask", "--backend dask: .*: pip install distributed, and name the cluster"),  # missing, or no cluster named
        pytest.param(
            "ray",
            "--backend ray: No module named 'ray': pip install ray",
            marks=pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is here"),
        ),
    ],
)
def test_a_backend_that_cannot_be_had_is_one_line(backend: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        list(Pool(backend).map(square, [1]))
    assert len(str(refused.value).splitlines()) == 1
