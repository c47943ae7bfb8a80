"""A child process of ours: how it is started, and how it ends with its parent.

Its standard input is a pipe whose other end the parent holds.
"""

import asyncio
import os
import sys
from collections.abc import Callable

WITH_PARENT = "TICKLINE_WITH_PARENT"
PYTHON = (sys.executable, "-P")  # -P: a file in the working directory, e.g. signal.py, shadows no module
SAFE_PATH = "PYTHONSAFEPATH"  # the same for those that a library starts


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Call `stop` when the parent is gone, where the environment says that there is one. Needs a running loop."""
    if os.environ.get(WITH_PARENT):
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _parent_left, stop)


def _parent_left(stop: Callable[[], None]) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop()
