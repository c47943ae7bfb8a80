"""A loop whose time goes on when nothing else does: what waits for a minute takes none of ours.

Sockets are real; a server in the same process answers before time goes on.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
THROTTLER = "ccxt.async_support.base.throttler"
NS = 1_000_000_000
FAR_S, LOOK_S = 0.05, 0.005  # before a long jump it is looked for what may be on its way


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is what was slept, and nothing of what was computed."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now_s


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None:
            return super().select(None)
        if timeout > FAR_S and (found := super().select(LOOK_S)):
            return found
        self._loop.now_s += timeout
        return []


def run(coroutine: Coroutine[Any, Any, T], monkeypatch: pytest.MonkeyPatch, *, clocks: bool = False) -> T:
    """What it returns; ccxt's throttle keeps to the same time. clocks: and all that asks `time`."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, monkeypatch.context() as patched:
        passed_s = runner.get_loop().time
        patched.setattr(import_module(THROTTLER), "time", passed_s)
        if clocks:
            for of in (time.time_ns, time.monotonic_ns):
                _pass(patched, of.__name__, of(), passed_s)
        return runner.run(coroutine)


def _pass(patched: pytest.MonkeyPatch, name: str, began_ns: int, passed_s: Callable[[], float]) -> None:
    patched.setattr(time, name, lambda: began_ns + round(passed_s() * NS))
    patched.setattr(time, name.removesuffix("_ns"), lambda: began_ns / NS + passed_s())
