"""Virtual time for tests: a loop's time goes on when all its tasks wait, so that nobody waits for a timer.

- `virtually` and `run_seeded`: a seed decides which task goes on. Many seeds find races, and each comes again. Nothing
  may use a socket, a thread or a process.
- `run_with_sockets`: sockets are real, and a server in the same process answers before time goes on.
"""

import asyncio
import functools
import inspect
import random
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
START_NS = 1_730_203_200 * 10**9
NS_PER_S = 10**9
LONGEST_S = 3_600.0
STILL = 0.01
THROTTLER = "ccxt.async_support.base.throttler"
FAR_S, LOOK_S = 0.05, 0.005  # before a long jump it is looked for what may be on its way


class _Timers(selectors.SelectSelector):
    """A selector that waits for nothing but time, and lets that pass."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all tasks wait, and for no time: nothing will ever happen")
        self.now_s += max(timeout, 0.0)
        if self.now_s > LONGEST_S:
            raise RuntimeError(f"not over after {LONGEST_S:g} s of virtual time")
        return []


class SeededLoop(asyncio.SelectorEventLoop):
    """A loop without sockets: the dice say which task goes on. Now and then all stand still for up to `busy_s`."""

    _ready: "deque[asyncio.Handle]"

    def __init__(self, seed: int, busy_s: float) -> None:
        self._timers = _Timers()
        self._dice = random.Random(seed)
        self._busy_s = busy_s
        super().__init__(self._timers)

    def time(self) -> float:
        """Returns the seconds since the loop began."""
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
    """Sets all of this process's clocks to the loop's."""

    def now_ns() -> int:
        return round(loop.time() * NS_PER_S)

    clocks: Mapping[str, Callable[[], float]] = {
        "monotonic": loop.time,
        "monotonic_ns": now_ns,
        "time": lambda: (START_NS + now_ns()) / NS_PER_S,
        "time_ns": lambda: START_NS + now_ns(),
    }
    with clocks_set(clocks):
        yield


@contextmanager
def clocks_set(clocks: Mapping[str, Callable[[], float]]) -> Iterator[None]:
    """Sets functions of the module `time`.

    A module that is loaded meanwhile may take one for its own (`from time import time`, as ccxt's throttle does). It
    would stand still for good, in every later test of this process: so it gets the real one.
    """
    loaded = frozenset(sys.modules)
    real = {name: getattr(time, name) for name in clocks}
    with pytest.MonkeyPatch.context() as patch:
        for name, clock in clocks.items():
            patch.setattr(time, name, clock)
        try:
            yield
        finally:
            for module in [sys.modules[name] for name in sys.modules.keys() - loaded]:
                for name, clock in clocks.items():
                    for kept in [own for own, value in getattr(module, "__dict__", {}).items() if value is clock]:
                        setattr(module, kept, real[name])


def run_seeded(main: Callable[[], Coroutine[Any, Any, T]], *, seed: int, busy_s: float = 0.0) -> T:
    """Runs `main` on a SeededLoop, and returns its result.

    busy_s: how long other work keeps all tasks waiting, now and then, at most
    """
    loop = SeededLoop(seed, busy_s)
    try:
        with virtual_time(loop):
            try:
                return loop.run_until_complete(main())
            finally:
                while left := asyncio.all_tasks(loop):
                    for task in left:
                        task.cancel()
                    loop.run_until_complete(asyncio.wait(left))
                    loop.run_until_complete(asyncio.sleep(0))  # what they had called may begin more
                loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def virtually(seeds: int = 1, busy_s: float = 0.0) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Any]:
    """Lets pytest run an asynchronous test on a SeededLoop, once for each seed; an argument `seed` gets it."""

    def made(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
        wanted = inspect.signature(test)
        parameters = {**wanted.parameters, "seed": inspect.Parameter("seed", inspect.Parameter.POSITIONAL_OR_KEYWORD)}

        @functools.wraps(test)
        def in_virtual_time(*, seed: int, **given: Any) -> None:
            given = {**given, "seed": seed} if "seed" in wanted.parameters else given
            run_seeded(lambda: test(**given), seed=seed, busy_s=busy_s)

        in_virtual_time.__signature__ = wanted.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
        return pytest.mark.parametrize("seed", range(seeds))(in_virtual_time)

    return made


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with sockets, whose time is what was slept, and nothing of what was computed."""

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


def run_with_sockets(coroutine: Coroutine[Any, Any, T], monkeypatch: pytest.MonkeyPatch, *, clocks: bool = False) -> T:
    """Runs a coroutine on a VirtualLoop, and returns its result. ccxt's throttle keeps to the loop's time.

    clocks: all that reads the module `time` does, too
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, monkeypatch.context() as patched:
        passed_s = runner.get_loop().time
        patched.setattr(import_module(THROTTLER), "time", passed_s)
        going = [(of.__name__, of()) for of in (time.time_ns, time.monotonic_ns)] if clocks else []
        with clocks_set({name: clock for of in going for name, clock in _passing(*of, passed_s).items()}):
            return runner.run(coroutine)


def _passing(name: str, began_ns: int, passed_s: Callable[[], float]) -> dict[str, Callable[[], float]]:
    return {
        name: lambda: began_ns + round(passed_s() * NS_PER_S),
        name.removesuffix("_ns"): lambda: began_ns / NS_PER_S + passed_s(),
    }
