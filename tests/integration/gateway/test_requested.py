"""What a person at the page asks for is carried out by the gateway that is at work, and by none that comes later."""

import time
from decimal import Decimal
from typing import Any

import pytest

from services.monitor.page.acts import PageActs
from shared.control import requests
from shared.errors import SafetyRefusal
from shared.journal.rows import RequestRow
from shared.messages import Leg, OrderStatus, Reason
from tests.integration.gateway.conftest import SYM, Gateway
from tests.until import until

QTY = Decimal("0.010")


def held(trading: Gateway) -> Decimal:
    return trading.fake.engine.wallet.holding(SYM).qty


async def asked(trading: Gateway, act: str) -> dict[str, Any]:
    """What the page answers."""
    status, answer = await PageActs(trading.settings).do(act, "main")
    assert status == 200, answer
    return answer


async def request(trading: Gateway) -> RequestRow:
    """The one that stands in the journal."""
    texts = [event.text for event in await trading.events() if event.text.startswith("asked for by the page")]
    assert len(texts) == 1
    async with trading._opened() as journal:
        found = await journal.request(texts[0].rpartition(" ")[2])
    assert found is not None
    return found


async def test_a_flatten_closes_what_is_held_and_the_account_stays_halted(trading: Gateway) -> None:
    await trading.write(trading.intent(str(QTY)))
    await trading.reported(1)
    answer = await asked(trading, "flatten")
    assert (answer["done"], answer["command"]) == (True, None), answer
    assert held(trading) == 0
    row = await request(trading)
    assert row.well
    assert row.at_ms <= row.taken_ms <= row.done_ms
    assert "flat" in row.answer
    assert row.answer in answer["sentence"]
    _, closed = await trading.reported(2)
    assert (closed.leg, closed.last_qty, closed.status) == (Leg.CLOSE, -QTY, OrderStatus.FILLED)
    await trading.write(trading.intent(str(QTY)))
    assert (await trading.reported(3))[-1].reason is Reason.HALTED
    assert held(trading) == 0


async def test_a_cancel_leaves_the_position(trading: Gateway) -> None:
    await trading.write(trading.intent(str(QTY)))
    await trading.reported(1)
    answer = await asked(trading, "cancel-all")
    assert answer["done"], answer
    assert held(trading) == QTY
    await until(lambda: trading.latches() == ["HALT"])


async def test_where_no_gateway_is_at_work_the_command_is_told_and_none_does_it_later(
    trading: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BEGUN_MS", 200)
    await trading.write(trading.intent(str(QTY)))
    await trading.reported(1)
    await trading.stop()
    answer = await asked(trading, "flatten")
    assert (answer["done"], answer["command"]) == (False, "tickline halt --flatten")
    assert "no gateway is at work" in answer["sentence"]
    trading.start()
    await until(lambda: trading.latches() == ["HALT"])
    await trading.compared(2)
    assert held(trading) == QTY
    assert not (await request(trading)).taken_ms


async def test_nothing_is_closed_on_an_account_that_is_not_the_journals(
    trading: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that begins with another key finds the request before it is refused."""
    monkeypatch.setattr(requests, "BEGUN_MS", 60_000)
    await trading.write(trading.intent(str(QTY)))
    await trading.reported(1)
    await trading.stop()
    trading.fake.engine.set("uid", "another")
    async with trading._opened() as journal:
        wanted = await requests.ask(journal, requests.FLATTEN, "test", time.time_ns() // 1_000_000)
        trading.start()
        answered = await requests.answered(journal, wanted, 60.0)
    assert not answered.well
    assert "this key is of another account" in answered.answer
    assert held(trading) == QTY
    assert trading.task is not None
    with pytest.raises(SafetyRefusal):
        await trading.task
