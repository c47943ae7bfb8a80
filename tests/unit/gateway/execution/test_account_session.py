"""How a session ends, whatever goes wrong on the way."""

import asyncio
from typing import Any, cast

import pytest

from services.gateway.execution.account_session import AccountSession
from services.gateway.execution.engine import ExecutionEngine
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.session_context import Outbox, SessionConfig
from shared.control.whereabouts import Whereabouts


class Resting:
    """A manager with an order that rests. fails: what its cancel raises, if anything."""

    def __init__(self, sym: str, fails: BaseException | None = None) -> None:
        self.sym = sym
        self.fails = fails
        self.cancelled = False

    def resting(self) -> list[object]:
        return [object()]

    async def let_nothing_rest(self) -> None:
        if self.fails:
            raise self.fails
        self.cancelled = True


def session(*managers: Resting, leased: bool = True) -> AccountSession:
    nothing: Any = None
    made = AccountSession(nothing, nothing, nothing, nothing, Outbox(1), nothing, lambda: leased)
    made.managers = {one.sym: cast(OrderManager, one) for one in managers}
    return made


async def test_an_error_out_of_one_cancel_keeps_no_task_alive_and_no_other_order_resting() -> None:
    broken, other = Resting("BTCUSDT", KeyError("BTCUSDT")), Resting("ETHUSDT")
    made = session(broken, other)
    made.tasks.spawn(asyncio.sleep(1_000_000))
    (task,) = made.tasks._tasks
    await made.end()
    assert task.cancelled()
    assert other.cancelled


async def test_a_session_that_has_ended_sends_nothing_though_the_next_one_has_leases() -> None:
    """A request that it was still making when the next session began would go out by that one's lease."""
    made = session()
    assert made._may_send()
    await made.end()
    assert not made._may_send()


async def test_a_session_of_which_a_part_has_failed_sends_nothing_until_it_ends() -> None:
    """What it was at is half done in memory, e.g. an order that is over and not booked."""
    made = session()

    async def fails() -> None:
        raise KeyError("x")

    made.tasks.spawn(fails())
    await asyncio.gather(*made.tasks._tasks, return_exceptions=True)
    assert made.tasks.lost
    assert not made._may_send()
    await made.end()


@pytest.mark.parametrize("fails", [KeyError("x"), asyncio.CancelledError()])
async def test_a_detach_that_fails_leaves_nothing_in_the_outbox(fails: BaseException) -> None:
    config = SessionConfig((), str, cast(Any, 1), 1, 1, 1, 1.0, whereabouts=Whereabouts())
    engine = ExecutionEngine(config, cast(Any, None), cast(Any, None), cast(Any, None))
    made = session()

    async def end() -> None:
        raise fails

    made.end = end  # type: ignore[method-assign]
    made.context = cast(Any, _Whole())
    engine._account, cleared = made, []
    engine.outbox.clear = lambda: cleared.append(True)  # type: ignore[method-assign, assignment]
    with pytest.raises(type(fails)):
        await engine.detach()
    assert cleared
    assert engine._account is None


class _Whole:
    """A context whose journal is whole."""

    class fenced:  # noqa: N801
        refused = broken = ""
