"""What a gateway asks of its journal when it begins is no more for many symbols than for few."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.gateway.execution.account_session import AccountSession
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.watches import MarketWatch
from services.simulator.binance.dialect import swap
from services.simulator.simulator import Simulator
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.control.books import book_of, execution_row
from shared.journal.journal import Journal
from shared.messages import ExecutionReport, Leg, OrderStatus, Stream
from tests.integration.gateway.conftest import Gateway, P, gateway
from tests.until import until

FEW, MANY = 2, 40


class OfMany(Gateway):
    """A gateway of all markets that the simulator lists."""

    def __init__(self, settings: Settings, bus: MemoryBus, fake: Simulator) -> None:
        listed = {listing.id: f"{listing.base}/USDT:USDT" for listing in fake.engine.listings.values()}
        own = settings.gateway.model_copy(update={"markets": listed})
        super().__init__(settings.model_copy(update={"symbols": tuple(listed), "gateway": own}), bus, fake)

    async def refused(self) -> None:
        """An order of each book was refused, long ago; the gateway is stopped."""
        async with self._opened() as journal:
            epoch = await journal.raise_epoch("test")
            for number, sym in enumerate(self.settings.symbols):
                report = ExecutionReport(
                    n=1, sym=sym, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"{number:032x}",
                    leg=Leg.OPEN, status=OrderStatus.REJECTED, last_qty=Decimal(0), last_px=None,
                    commission=Decimal(0), reason=None,
                )  # fmt: skip
                await journal.write([execution_row(book_of(self.settings, sym), report, 1)], epoch)

    def written(self) -> int:
        """How many reports are on the bus."""
        places = [(Stream.EXECUTIONS, PartitionId("gateway", p)) for p in range(P)]
        return sum(len(self.bus.streams.get(place, [])) for place in places)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was done until the account was taken over and its markets were looked at, the newest time."""
    done, found = Counter[str](), Counter[str]()

    def counted(kind: type[Any], name: str, what: str) -> None:
        real = getattr(kind, name)

        def wrapper(self: Any, *given: Any, **named: Any) -> Any:
            done[what] += 1
            return real(self, *given, **named)

        monkeypatch.setattr(kind, name, wrapper)

    begin, as_opened = AccountSession.begin, MarketWatch.as_opened

    async def begun(self: AccountSession, *given: Any) -> None:
        done.clear()
        await begin(self, *given)
        found.clear()
        found.update(done)

    async def opened(self: MarketWatch) -> None:
        before = done["write"]
        await as_opened(self)
        found["write"] += done["write"] - before

    monkeypatch.setattr(AccountSession, "begin", begun)
    monkeypatch.setattr(MarketWatch, "as_opened", opened)
    counted(Journal, "_select", "read")
    counted(Journal, "write", "write")
    counted(OrderManager, "go_on", "look")
    return found


async def ready(made: Gateway) -> None:
    await until(lambda: made.engine is not None and made.engine.account is not None and
                made.engine.account.context.risk.ready)  # fmt: skip


async def test_a_start_reads_and_writes_no_more_for_many_symbols(tmp_path: Path, counts: Counter[str]) -> None:
    first, again = [], []
    for count in (FEW, MANY):
        listings = tuple(swap(f"C{number:02d}") for number in range(count))
        async with gateway(tmp_path / str(count), listings=listings, kind=OfMany, armed=False) as made:
            assert isinstance(made, OfMany)
            await ready(made)
            first.append(dict(counts))
            await made.stop()
            await made.refused()
            made.start()
            await until(lambda made=made, count=count: made.written() == count)  # type: ignore[misc]
            await made.stop()
            made.start()
            await ready(made)
            again.append(dict(counts))
    assert first[0] == first[1]
    assert again[0] == again[1]


async def test_a_symbol_without_an_open_order_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, real = [], OrderManager.go_on

    async def go_on(self: OrderManager) -> None:
        looked.append(self.sym)
        await real(self)

    monkeypatch.setattr(OrderManager, "go_on", go_on)
    async with gateway(tmp_path) as made:
        await made.compared(3)
        assert looked == []
        await made.write(made.intent("0.003"))
        await made.reported(1)
