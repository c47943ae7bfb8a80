"""The gateway's own parts with a clock in front: what they do is not touched.

When an order, by its client id, came to each place: seconds of the monotonic clock.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import aiohttp

from services.gateway.execution.engine import ExecutionEngine
from services.gateway.risk.check import ProposedOrder, Verdict
from services.gateway.risk.limits import RiskCheck
from shared.bus.entry import Entry
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.bus.names import PartitionId
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.venue import Cleared, at_once
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages import Message, OrderIntent, OrderPhase
from shared.messages.codec import decode
from shared.orders import Ambiguous, OrderRequest, OrderStatusReport, Refused
from shared.orders.stops import StopRequest


class Places:
    """read: of each order's entry, when the bus had given it. at: by client id, then by place."""

    def __init__(self) -> None:
        self.read: list[tuple[float, Entry]] = []
        self.at: dict[str, dict[str, float]] = defaultdict(dict)

    def times(self) -> dict[str, dict[str, float]]:
        """All places of all orders."""
        for at_s, entry in self.read:
            intent = decode(OrderIntent.TAG, entry.d)
            assert isinstance(intent, OrderIntent)
            self.at[intent.client_order_id]["read"] = at_s
        self.read.clear()
        return self.at


class ClockedBus(MemoryBus):
    """`clock` sees what its sessions read of the orders."""

    places: Places

    async def connect(self) -> MemorySession:
        return _Session(self)


class _Session(MemorySession):
    def __init__(self, bus: ClockedBus) -> None:
        super().__init__(bus)
        self._places = bus.places

    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        found = await super().read(cursors, count, block_ms)
        now_s = time.monotonic()
        self._places.read += [(now_s, entry) for _, entries in found for entry in entries]
        return found


class ClockedEngine(ExecutionEngine):
    """keep: the orders that were read have been through their stages."""

    places: Places

    async def keep(self, taken: Sequence[Message]) -> None:
        now_s = time.monotonic()
        for intent in taken:
            assert isinstance(intent, OrderIntent)
            self.places.at[intent.client_order_id]["kept"] = now_s
        await super().keep(taken)


class ClockedRisk(RiskCheck):
    """spent_s: of each verdict."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.spent_s: list[float] = []

    def on_tick(self, val: ProposedOrder) -> Verdict:
        began_s = time.monotonic()
        verdict = super().on_tick(val)
        self.spent_s.append(time.monotonic() - began_s)
        return verdict


class ClockedJournal(Journal):
    """Before and after the write that says SENT."""

    places: Places

    async def write(self, changes: Sequence[Change], epoch: int, meanwhile: Callable[[], None] | None = None) -> None:
        sent = [row.client_order_id for row in changes if isinstance(row, OrderRow) and row.state is OrderPhase.SENT]
        with self._noted(sent):
            await super().write(changes, epoch, meanwhile)

    @contextlib.contextmanager
    def _noted(self, names: Sequence[str]) -> Iterator[None]:
        began_s = time.monotonic()
        yield
        ended_s = time.monotonic()
        for name in names:
            self.places.at[name] |= {"writing": began_s, "written": ended_s}


class ClockedVenue(CcxtVenue):
    """When an order was made and cleared, and when aiohttp writes its request to the socket."""

    places: Places

    async def open(self, *, only_out: bool = False) -> None:
        await super().open(only_out=only_out)
        config = aiohttp.TraceConfig()
        config.on_request_chunk_sent.append(self._sent)
        config.freeze()
        self._client.session.trace_configs.append(config)

    async def place(
        self, request: OrderRequest, cleared: Cleared = at_once, stops: Sequence[StopRequest] = ()
    ) -> OrderStatusReport | Refused | Ambiguous:
        async def noted() -> None:
            await cleared()
            self.places.at[request.client_order_id]["cleared"] = time.monotonic()

        return await super().place(request, noted, stops)

    async def _sent(self, session: Any, context: Any, chunk: aiohttp.TraceRequestChunkSentParams) -> None:
        now_s = time.monotonic()
        for name in parse_qs(chunk.chunk.decode()).get("newClientOrderId", ()):
            self.places.at[name]["sent"] = now_s
