"""Tasks in virtual time, in an order that a seed decides: races are found by many seeds, and each comes again.

Nothing waits: when all tasks do, time goes on to the next timer. Nothing may use a socket, a thread or a process.
"""

import asyncio
import functools
import inspect
import random
import selectors
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
START_NS = 1_730_203_200 * 10**9
NS_PER_S = 10**9
LONGEST_S = 3_600.0
STILL = 0.01


class _Timers(selectors.SelectSelector):
    """Waits for nothing but time, and lets that pass."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all tasks wait, and for no time: nothing will ever happen")
        self.now_s += max(timeout, 0.0)
        if self.now_s > LONGEST_S:
            raise RuntimeError(f"not over after {LONGEST_S:g} s of virtual time")
        return []


class SeededLoop(asyncio.SelectorEventLoop):
    """Of all tasks that can go on, the dice say which is next. Now and then all stand still for up to `busy_s`."""

    _ready: "deque[asyncio.Handle]"

    def __init__(self, seed: int, busy_s: float) -> None:
        self._timers = _Timers()
        self._dice = random.Random(seed)
        self._busy_s = busy_s
        super().__init__(self._timers)

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._timers.now_s

    def _run_once(self) -> None:
        ready = list(self._ready)
        self._dice.shuffle(ready)
        self._ready.clear()
        self._ready.extend(ready)
        if self._busy_s and self._dice.random() < STILL:
            self._timers.now_s += self._dice.uniform(0.0, self._busy_s)
        super()._run_once()  # type: ignore[misc]


@contextmanager
def virtual_time(loop: SeededLoop) -> Iterator[None]:
    """All of this process's clocks are the loop's."""

    def now_ns() -> int:
        return round(loop.time() * NS_PER_S)

    clocks: Mapping[str, Callable[[], float]] = {
        "monotonic": loop.time,
        "monotonic_ns": now_ns,
        "time": lambda: (START_NS + now_ns()) / NS_PER_S,
        "time_ns": lambda: START_NS + now_ns(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, clock in clocks.items():
            patch.setattr(time, name, clock)
        yield


def run(main: Callable[[], Coroutine[Any, Any, T]], *, seed: int, busy_s: float = 0.0) -> T:
    """What `main` returns. busy_s: how long other work keeps all tasks waiting, now and then, at most."""
    loop = SeededLoop(seed, busy_s)
    try:
        with virtual_time(loop):
            try:
                return loop.run_until_complete(main())
            finally:
                left = asyncio.all_tasks(loop)
                for task in left:
                    task.cancel()
                if left:
                    loop.run_until_complete(asyncio.wait(left))
                loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def virtually(seeds: int = 1, busy_s: float = 0.0) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Any]:
    """Have pytest run an asynchronous test in virtual time, once for each seed; its argument `seed` is that, if any."""

    def made(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
        wanted = inspect.signature(test)
        parameters = {**wanted.parameters, "seed": inspect.Parameter("seed", inspect.Parameter.POSITIONAL_OR_KEYWORD)}

        @functools.wraps(test)
        def in_virtual_time(*, seed: int, **given: Any) -> None:
            given = {**given, "seed": seed} if "seed" in wanted.parameters else given
            run(lambda: test(**given), seed=seed, busy_s=busy_s)

        in_virtual_time.__signature__ = wanted.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
        return pytest.mark.parametrize("seed", range(seeds))(in_virtual_time)

    return made
