"""A process of ours loads its modules in its own way, and a child ends with its parent.

A child's standard input is a pipe whose other end the parent holds.
"""

import asyncio
import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GC_ALLOCATIONS = 50_000  # container objects more than were freed, before a young collection


@contextmanager
def loading() -> Iterator[None]:
    """Keeps the garbage collector off while modules are imported; from then on it works rarely, and not at the exit.

    What a process loads stays. The collector looked through it for a third of a second in a process with PyTorch, and
    found nothing.

    >>> with loading():
    ...     import decimal
    >>> gc.isenabled(), gc.get_threshold()[0] == GC_ALLOCATIONS
    (True, True)
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look for some in every installed package
    try:
        yield
    finally:
        atexit.register(gc.freeze)
        gc.set_threshold(GC_ALLOCATIONS)
        gc.enable()


WITH_PARENT = "TICKLINE_WITH_PARENT"
PYTHON = (sys.executable, "-P")  # -P: a file in the working directory, e.g. signal.py, shadows no module
SAFE_PATH = "PYTHONSAFEPATH"  # the same for those that a library starts


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Calls `stop` when the parent is gone, where the environment says that there is one. Needs a running loop."""
    if os.environ.get(WITH_PARENT):
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _parent_left, stop)


def _parent_left(stop: Callable[[], None]) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop()
