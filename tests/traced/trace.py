"""Which files of the house have functions that run between two moments of a service.

The services run as they are, several of them in one process. A context variable says whose code runs; it goes with
every task that a service starts. Threads belong to the gateway, whose journal writes in one. Module and class bodies do
not count, functions, methods and properties do.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from shared.config import Settings
from shared.runner.parts import Build
from shared.runner.service import limits_of, make_bus
from shared.runner.worker import Worker

ROOT = Path(__file__).parents[2]
ROOMS = tuple(f"{ROOT}/{room}/" for room in ("shared", "services"))

Moment = Callable[[FrameType, str, Any], bool]
SERVICE: ContextVar[str] = ContextVar("service", default="")
THREADS = "gateway"


class Way:
    """The functions of the house that one service enters from `begins` to `ends`; each passage is a sample.

    `begins` while a passage is under way begins that one anew.
    """

    def __init__(self, name: str, service: str, begins: Moment, ends: Moment) -> None:
        self.name = name
        self.service = service
        self.samples: list[dict[str, set[CodeType]]] = []
        self._begins = begins
        self._ends = ends
        self._entered: dict[str, set[CodeType]] | None = None

    def see(self, frame: FrameType, event: str, value: Any) -> None:
        """Takes an event of `sys.setprofile`."""
        if self._begins(frame, event, value):
            self._entered = {}
            return
        entered = self._entered
        if entered is None:
            return
        code = frame.f_code
        if event == "call" and code.co_flags & CO_OPTIMIZED and code.co_filename.startswith(ROOMS):
            entered.setdefault(code.co_filename, set()).add(code)
        if self._ends(frame, event, value):
            self._entered = None
            self.samples.append(entered)

    def files(self) -> dict[str, int]:
        """The files that every sample entered, in order, with the lines of the functions entered.

        What runs beside it now and then (quotes, heartbeats) is not in every sample.
        """
        first, *others = self.samples
        return {
            str(Path(name).relative_to(ROOT)): sum(map(_lines, codes))
            for name, codes in first.items()
            if all(name in other for other in others)
        }

    def told(self) -> Iterator[str]:
        """The lines that a person reads: its figures, then each file."""
        files = self.files()
        yield f"{self.name}: {len(files)} files, {sum(files.values()):,} lines (in each of {len(self.samples)} runs)"
        yield from (f"  {lines:5}  {name}" for name, lines in files.items())


@contextmanager
def traced(ways: list[Way]) -> Iterator[None]:
    """Watch this thread, and all that begin from now on."""
    main = threading.get_ident()

    def profile(frame: FrameType, event: str, value: Any) -> None:
        if event not in ("call", "return"):
            return
        if threading.get_ident() != main and not SERVICE.get():
            SERVICE.set(THREADS)  # what the thread hands back to the loop runs in a copy of its context
        service = SERVICE.get()
        for way in ways:
            if way.service == service:
                way.see(frame, event, value)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def started(name: str, build: Build, settings: Settings) -> tuple[Worker, "asyncio.Task[None]"]:
    """Starts a service as its process makes it; whatever it starts itself is known by its name."""
    before = SERVICE.set(name)
    try:
        limits = limits_of(settings)
        parts, bus = build(settings, limits), make_bus(settings)
        worker = Worker(
            parts.spec, bus, parts.feeder, partitions=settings.bus.partitions, limits=limits, store=parts.store,
            close=parts.close,
        )  # fmt: skip
        return worker, asyncio.create_task(worker.run())
    finally:
        SERVICE.reset(before)


def called(name: str, within: str) -> Moment:
    """When a function of that name begins, in a file whose path has `within`."""

    def moment(frame: FrameType, event: str, value: Any) -> bool:
        code = frame.f_code
        return event == "call" and code.co_name == name and within in code.co_filename

    return moment


def read(stream: str) -> Moment:
    """When redis-py has read the reply of an XREAD that has entries of `stream`."""
    key = f"{stream}:".encode()

    def moment(frame: FrameType, event: str, value: Any) -> bool:
        if event != "return" or frame.f_code.co_qualname != "AbstractConnection.read_response":
            return False
        return isinstance(value, list) and isinstance(value[0], list) and any(key in source for source, _ in value)

    return moment


def commits(script: str, message: str) -> Moment:
    """When redis-py gets a call of the script, by its SHA1, which writes such a message."""

    def moment(frame: FrameType, event: str, value: Any) -> bool:
        if event != "call" or frame.f_code.co_name != "send_packed_command":
            return False
        sent = b"".join(frame.f_locals["command"])
        return script.encode() in sent and f"{message}/".encode() in sent

    return moment


def _lines(code: CodeType) -> int:
    return len({line for *_, line in code.co_lines() if line})
