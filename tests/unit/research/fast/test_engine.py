"""The kernel is compiled once, in two forms that trade alike, whatever memory its columns come in."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.research.fast import BarColumns, Floats, Terms, trade
from services.research.fast.engine import _kernels

COMPILE = """
from services.research.fast.engine import _kernels
stats = _kernels().trade.stats
print(sum(stats.cache_misses.values()), sum(stats.cache_hits.values()))
"""
TERMS = Terms(100.0, 1e-4, 1e-4, 1.0, 1.0, 0.5, 0, 1.0, 0.0, 0.0)


def market(bars: int = 400) -> tuple[BarColumns, Floats]:
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(bars)))
    return BarColumns.of_closes(np.arange(1, bars + 1) * 60 * 10**9, close), rng.standard_normal(bars)


@pytest.mark.long
def test_of_two_processes_one_compiles(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", COMPILE], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sorted(process.communicate()[0].split() for process in both) == [["0", "2"], ["2", "0"]]


def test_both_forms_trade_to_the_same_bits() -> None:
    """A margin without leverage is never called in; it only brings in the guards."""
    bars, y_hat = market()
    bare, guarded = trade(bars, y_hat, TERMS, keep=True), trade(bars, y_hat, TERMS._replace(margin=0.0), keep=True)
    assert bare.fills == guarded.fills == 2 * 400 - 1
    assert bare.equity.tobytes() == guarded.equity.tobytes()
    assert bare.kept is not None
    assert guarded.kept is not None
    assert [column.tobytes() for column in bare.kept] == [column.tobytes() for column in guarded.kept]


def test_no_memory_makes_it_compile_again() -> None:
    bars, y_hat = market()
    before = trade(bars, y_hat, TERMS).equity
    closed = bars.close.copy()
    closed.flags.writeable = False
    strided = np.repeat(bars.close, 2)[::2]
    for close in (closed, strided):
        for terms in (TERMS, TERMS._replace(margin=0.0)):
            found = trade(bars._replace(close=close, high=close), y_hat, terms)
            assert found.equity.tobytes() == before.tobytes()
    assert [len(kernel.signatures) for kernel in _kernels()] == [2, 1]
