"""What a book holds is protected as what it is: by the order that opened it, and by nothing of an older position."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.execution.protection import Holding, ProtectTimes, WantedStop
from services.gateway.execution.protector import Protector
from services.gateway.execution.records import open_order_of
from services.gateway.execution.stop_holding import StopHolding
from shared.config.protect import ProtectSettings
from shared.control.books import Books
from shared.exchanges.binance.stops import FORM as BINANCE
from shared.exchanges.bybit.stops import FORM as BYBIT
from shared.exchanges.hyperliquid.stops import FORM as HYPERLIQUID
from shared.exchanges.okx.stops import FORM as OKX
from shared.exchanges.trading.stop_profile import StopForm
from shared.exchanges.trading.venue import MarketRules
from shared.journal.rows import OrderRow
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus
from shared.messages.reasons import StopKind
from shared.orders.answers import VenuePosition
from tests.journal_rows import SYM, order

D = Decimal
STOP, TRAIL = StopKind.STOP, StopKind.TRAIL
NOW_MS, TIMES = 1_730_203_300_000, ProtectTimes(naked_ms=5_000, trigger_ms=10_000)
RULES = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", D("0.1"), D("0.1"), None, D(0), D("0.5"), D(1))
LONG, SHORT = order(1, price=D(100), signed_qty=D(1)), order(2, price=D(100), signed_qty=D(-1))


class Book:
    """A book with the holding of its stops.

    - flying: its orders in flight.
    """

    def __init__(self, form: StopForm = BINANCE, **protect: object) -> None:
        self.books, self.flying, self.rows = Books([SYM], D(1_000)), dict[str, Any](), dict[str, OrderRow]()
        self._n = 0
        venue = SimpleNamespace(stops=SimpleNamespace(form=form), now_ms=lambda: NOW_MS, rules=lambda sym: RULES)
        config = SimpleNamespace(protect=ProtectSettings(**protect or {"stop_bps": 500}))  # type: ignore[arg-type]
        context: Any = SimpleNamespace(
            books=self.books, venue=venue, config=config, journal=SimpleNamespace(order=self._row)
        )
        manager: Any = SimpleNamespace(sym=SYM, open_orders=self.flying)
        self.holding, self.changed, self._protector = StopHolding(manager, context, TIMES), asyncio.Event(), Protector()
        stops: Any = SimpleNamespace(holding=self.holding, changed=self.changed)
        self._protector.symbols[SYM] = stops

    async def _row(self, name: str) -> OrderRow | None:
        return self.rows.get(name)

    def flies(self, row: OrderRow) -> None:
        self.flying[row.client_order_id] = open_order_of(row)

    def books_it(self, row: OrderRow) -> None:
        """The order was filled whole, and is over."""
        self.rows[row.client_order_id], self._n = row, self._n + 1
        self.flying.pop(row.client_order_id, None)
        self.books.book(
            ExecutionReport(
                n=self._n,
                sym=SYM,
                ts_event=1,
                tr=row.tr,
                tick_n=1,
                order_n=1,
                client_order_id=row.client_order_id,
                leg=Leg.OPEN,
                status=OrderStatus.FILLED,
                last_qty=row.signed_qty,
                last_px=row.price,
                commission=D(0),
                reason=None,
            )
        )

    def reads(self, qty: int, liquidation: object) -> bool:
        """The exchange tells of the position; returns whether its stops are looked at."""
        self.changed.clear()
        self._protector.see([VenuePosition(SYM, D(qty), D(100), liquidation=D(str(liquidation)))])
        return self.changed.is_set()

    async def now(self) -> Holding:
        return (await self.holding.now([]))[0]

    async def wanted(self) -> Mapping[StopKind, WantedStop]:
        return (await self.now()).wanted


async def test_a_stop_lies_before_the_liquidation_of_its_own_position_only() -> None:
    """It is read now and then; the position may have been turned since, or opened anew."""
    book = Book()
    book.books_it(LONG)
    assert book.reads(1, 97)
    assert not book.reads(1, "97.05"), "about the same"
    assert await book.wanted() == {STOP: WantedStop(D(98))}
    book.books_it(SHORT)
    book.books_it(order(3, price=D(100), signed_qty=D(-1)))
    assert await book.wanted() == {STOP: WantedStop(D(105))}
    book.reads(1, 97)
    assert await book.wanted() == {STOP: WantedStop(D(105))}, "it was read before the position was turned"
    assert book.reads(-1, 103)
    assert await book.wanted() == {STOP: WantedStop(D("101.5"))}


async def test_a_position_that_an_order_in_flight_has_turned_hangs_on_that_orders_price() -> None:
    """Without a limit of its price one order turns it; the long one was opened at 100, and it is 110 by now."""
    book = Book()
    book.books_it(LONG)
    turns = order(2, price=D(110), signed_qty=D(-2), state=OrderPhase.PARTIALLY_FILLED, filled_qty=D("-0.5"))
    book.flies(turns)
    now = await book.now()
    assert (now.held, now.opened_by, now.wanted) == (D("0.5"), LONG.client_order_id, {STOP: WantedStop(D(95))})
    book.flies(turns._replace(filled_qty=D("-1.5")))
    now = await book.now()
    assert (now.held, now.opened_by) == (D("-0.5"), turns.client_order_id)
    assert now.wanted == {STOP: WantedStop(D("115.5"))}, "not at 105, which the market is beyond"


@pytest.mark.parametrize(
    ("form", "protect", "supposed"),
    [
        (BINANCE, {"stop_bps": 500}, True),
        (HYPERLIQUID, {"stop_bps": 500}, True),
        (OKX, {"stop_bps": 500}, False),
        (BYBIT, {"stop_bps": 500, "trail_bps": 300}, False),
        (OKX, {"trail_bps": 300}, True),
        (BYBIT, {"trail_bps": 300}, True),
        (BYBIT, {"trail_bps": 300, "take_profit_bps": 900}, True),
    ],
)
async def test_an_entry_that_nobody_answers_is_supposed_to_be_filled_where_it_carries_nothing_that_limits_the_loss(
    form: StopForm, protect: Mapping[str, object], supposed: bool
) -> None:
    """No entry carries a trailing stop."""
    book = Book(form, **protect)
    book.flies(LONG._replace(state=OrderPhase.UNKNOWN))
    now, sure = await book.holding.now([])
    assert (now.held, sure) == ((D(1), False) if supposed else (D(0), True))
    assert (TRAIL in now.wanted) == (supposed and "trail_bps" in protect)
