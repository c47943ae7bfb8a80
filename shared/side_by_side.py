"""Several works go on side by side, and end together: none goes on alone once another has failed.

Where one that is slow must not hold up the rest it goes on beside it (`Beside`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Generic, TypeVar

R = TypeVar("R")


async def side_by_side(works: Iterable[Coroutine[Any, Any, R]]) -> list[R]:
    """Returns what each gives, in their order. The first error cancels the others, and is raised once they are over.

    `asyncio.gather` raises it at once and leaves the others at work, behind the back of whoever has caught it.

    >>> async def doubled(number: int) -> int:
    ...     return 2 * number
    >>> asyncio.run(side_by_side(map(doubled, (3, 1))))
    [6, 2]
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def to_its_end(work: Coroutine[Any, Any, R]) -> R:
    """Returns what it gives. It is not left half done where this is cancelled, however often: CancelledError behind it.

    Then nobody sees what it gives: it keeps that itself.

    >>> async def slow() -> None:
    ...     await asyncio.sleep(0.01)
    ...     print("done")
    >>> async def stopped_twice() -> None:
    ...     task = asyncio.ensure_future(to_its_end(slow()))
    ...     for _ in range(2):
    ...         await asyncio.sleep(0)
    ...         task.cancel()
    ...     await asyncio.wait([task])
    ...     print(task.cancelled())
    >>> asyncio.run(stopped_twice())
    done
    True
    """
    task, stopped = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            stopped = error
    if stopped is not None:
        task.exception()  # it is over, and this is heard
        raise stopped
    return task.result()


class Beside(Generic[R]):
    """Works go on beside whoever has begun them, each by its name, until they are done or all is ended."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[R]] = {}

    async def done(self, works: Mapping[str, Callable[[], Coroutine[Any, Any, R]]], patience_s: float) -> dict[str, R]:
        """Begins those that are not under way, and returns what is done of these works within `patience_s`.

        What is not goes on, and a later call returns it. Raises what one of them has raised.

        >>> async def slow() -> int:
        ...     await asyncio.sleep(0.01)
        ...     return 3
        >>> async def twice() -> list[dict[str, int]]:
        ...     beside = Beside[int]()
        ...     return [await beside.done({"a": slow}, patience_s) for patience_s in (0, 60)]
        >>> asyncio.run(twice())
        [{}, {'a': 3}]
        """
        for name, work in works.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.ensure_future(work())
        if works:
            await asyncio.wait([self._tasks[name] for name in works], timeout=patience_s)
        return {name: self._tasks.pop(name).result() for name in works if self._tasks[name].done()}

    async def end(self) -> None:
        """Cancels what is under way still; nothing of it is at work once this returns."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
