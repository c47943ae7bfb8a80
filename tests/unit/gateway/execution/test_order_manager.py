"""A manager goes on with the orders of an earlier session."""

from types import SimpleNamespace
from typing import Any

from services.gateway.execution.order_manager import OrderManager
from shared.messages import OrderPhase
from tests.journal_rows import BOOK, SYM, order


async def test_no_order_is_followed_before_all_are_known_and_written() -> None:
    """One that is followed may end at once: it is open no more, and its end is not written over."""
    did: list[str] = []

    def spawn(work: Any) -> None:
        work.close()
        did.append("followed")

    async def recalled(_: str) -> None:
        if "followed" in did:  # it has ended
            del manager.open_orders["order000001"]

    async def written(changes: Any) -> None:
        did.append(f"written {len(changes)}")

    context: Any = SimpleNamespace(
        spawn=spawn, journal=SimpleNamespace(order=recalled), fenced=SimpleNamespace(epoch=1, write=written),
        config=SimpleNamespace(grace_ms=300), open_orders={},
    )  # fmt: skip
    manager = OrderManager(SYM, BOOK, 0, context)
    await manager.resume([order(1), order(2, after="before00001"), order(3, state=OrderPhase.UNKNOWN)])
    assert did == ["written 2", "followed", "followed", "followed"]
