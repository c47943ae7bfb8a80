"""Virtual time is over when its loop is: whatever was loaded in it has the real clocks."""

import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.virtual_time import START_NS, run_seeded, run_with_sockets

NAME = "keeps_its_clocks"


@pytest.mark.parametrize("sockets", [False, True])
def test_what_was_loaded_meanwhile_gets_the_real_clocks(
    sockets: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it ccxt's throttle, loaded so, lets one request through, and none in any later test of the process."""
    (tmp_path / f"{NAME}.py").write_text("from time import monotonic, time, time_ns as now_ns\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def load() -> ModuleType:
        loaded = import_module(NAME)
        assert loaded.time is time.time and loaded.now_ns is time.time_ns
        return loaded

    try:
        real = time.time, time.monotonic, time.time_ns
        loaded = run_with_sockets(load(), monkeypatch, clocks=True) if sockets else run_seeded(load, seed=0)
        assert (loaded.time, loaded.monotonic, loaded.now_ns) == real == (time.time, time.monotonic, time.time_ns)
        assert loaded.now_ns() > START_NS + 10**9
    finally:
        sys.modules.pop(NAME, None)
