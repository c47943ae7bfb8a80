"""What a process loads stays: the garbage collector is not to look through it, while it grows or at the end."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

GC_ALLOCATIONS = 50_000  # container objects more than were freed, before a young collection


@contextmanager
def loading() -> Iterator[None]:
    """Keep the garbage collector off while modules are imported; from then on let it work rarely, and not at the exit.

    Of a process that loads PyTorch it took a third of a second for what it never found.

    >>> with loading():
    ...     import decimal
    >>> gc.isenabled(), gc.get_threshold()[0] == GC_ALLOCATIONS
    (True, True)
    """
    gc.disable()
    try:
        yield
    finally:
        atexit.register(gc.freeze)
        gc.set_threshold(GC_ALLOCATIONS)
        gc.enable()
