"""An order on its way out goes when it is in the journal, and not before."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.gateway.execution.order_manager import PreparedSend
from shared.exchanges.trading.reply import NotCleared
from shared.exchanges.trading.venue import Cleared


class Sent:
    """What a lane would do: made, then gone."""

    def __init__(self, barred: str = "") -> None:
        self.steps: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.departure = PreparedSend(self._send, self._spawn, lambda: barred)

    async def _send(self, cleared: Cleared) -> None:
        self.steps.append("made")
        await cleared()
        self.steps.append("gone")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def until_it_waits(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_it_is_made_before_and_goes_after() -> None:
    sent = Sent()
    sent.departure.prepare()
    await sent.until_it_waits()
    assert sent.steps == ["made"]
    sent.departure.go()
    await asyncio.gather(*sent.tasks)
    assert (sent.steps, len(sent.tasks)) == (["made", "gone"], 1)


async def test_it_goes_without_having_been_prepared_and_is_made_once() -> None:
    sent = Sent()
    sent.departure.go()
    sent.departure.prepare()
    await asyncio.gather(*sent.tasks)
    assert (sent.steps, len(sent.tasks)) == (["made", "gone"], 1)


async def test_the_last_look_is_when_it_is_to_go() -> None:
    sent = Sent("the lease is over")
    sent.departure.go()
    with pytest.raises(NotCleared, match="the lease is over"):
        await sent.tasks[0]
    assert sent.steps == ["made"]
