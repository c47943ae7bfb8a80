"""Several works go on side by side, and end together: none goes on alone once another has failed."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

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
