"""A sweep on a cluster of Dask, of a scheduler and two workers, each a process of its own."""

import os
import time
from pathlib import Path

import pytest
from distributed import LocalCluster

from services.research.sweep import Axis, Pool, SweepSpec, sweep
from tests.unit.research.sweep.made import settings_of, written


@pytest.mark.long
def test_it_gives_the_same_bits(tmp_path: Path) -> None:
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
