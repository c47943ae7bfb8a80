"""Orders with a limit through the whole gateway, on every dialect: over at once, and a close goes out meanwhile."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.events import EngineOrder, FillPlan, Lags
from services.simulator.simulator import FEE
from shared.messages import ExecutionReport, Leg, OrderIntent, OrderStatus, Reason
from shared.messages.reasons import OrderPhase, OrderType, TimeInForce
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.simulator_venues import HYPERLIQUID, SPOTS, SWAPS, Place, named
from tests.until import until

D = Decimal
HOUR_MS = 3_600_000
# So late would an end be believed that nothing proves: more look-ups than these few.
SLOW = {"request_validity_ms": 8_000, "grace_ms": 20_000}
LOOKED_UP = 3


@asynccontextmanager
async def trading_at(
    tmp_path: Path, place: Place, chances: Mapping[str, float] | None = None
) -> AsyncIterator[Gateway]:
    """chances: None: fair weather."""
    own = {**SLOW, "exchange": place.exchange, "markets": {SYM: place.market}}
    fake = place.fake or place.exchange
    async with gateway(tmp_path, fake_venue=fake, chances=chances or {}, **own) as made:
        yield made


def ioc(trading: Gateway, qty: str, limit: Decimal) -> OrderIntent:
    limited = {"type": OrderType.LIMIT, "limit_price": limit, "time_in_force": TimeInForce.IOC}
    return trading.intent(qty, **limited)


def best_ask(trading: Gateway, place: Place) -> Decimal:
    return trading.fake.engine.prices.quote(place.id, trading.fake.state.now_ms()).ask


def looked_up(trading: Gateway) -> int:
    """Returns how often orders were asked for by their ids."""
    named_so = ("clOrdId", "orderLinkId", "origClientOrderId")
    asked = [request for request in trading.fake.server.requests if request.method == "GET"]
    signed = trading.fake.server.count("info/orderStatus", "POST")  # at Hyperliquid
    return sum(any(name in request.form for name in named_so) for request in asked) + signed


def net(place: Place, qty: str) -> Decimal:
    """Returns what a buy brings: on spot its fee is paid in coins."""
    return D(qty) * (1 - FEE if place in SPOTS else 1)


def told(report: ExecutionReport) -> tuple[OrderStatus, Reason | None, Decimal]:
    return report.status, report.reason, report.last_qty


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
async def test_what_misses_or_falls_short_is_over_when_the_exchange_has_said_it_once(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading_at(tmp_path, place) as trading:
        faults, ask = trading.fake.state.random_faults, best_ask(trading, place)
        await trading.write(ioc(trading, "0.010", ask - 10))
        (missed,) = await trading.reported(1)
        assert told(missed) == (OrderStatus.CANCELED, Reason.BEYOND_LIMIT, 0)
        assert looked_up(trading) <= LOOKED_UP
        monkeypatch.setattr(faults, "ioc_plan", lambda client_id: FillPlan(share=D("0.5")))
        await trading.write(ioc(trading, "0.010", ask + D("0.07")))  # no price of the market: rounded down
        _, short = await trading.reported(2)
        # The simulator's Hyperliquid calls one that was filled in part this or that, marginCanceled among it.
        why = short.reason if place is HYPERLIQUID and short.reason is Reason.ENDED_BY_VENUE else Reason.BEYOND_LIMIT
        assert told(short) == (OrderStatus.CANCELED, why, net(place, "0.005"))
        assert looked_up(trading) <= 2 * LOOKED_UP
        monkeypatch.undo()
        await trading.write(ioc(trading, "0.010", ask + 10))
        *_, filled = await trading.reported(3)
        assert told(filled) == (OrderStatus.FILLED, None, net(place, "0.010"))
        limits = [order.limit for order in trading.fake.engine.accepted]
        assert limits[1] is not None
        assert ask <= limits[1] <= ask + D("0.07") and limits[1] % trading.rules().price_tick == 0
        assert trading.fake.server.count(place.orders, "POST") == 3


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_a_close_goes_out_while_an_ioc_is_not_over_yet(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange shows the IOC as open for an hour."""
    async with trading_at(tmp_path, place) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        faults = trading.fake.state.random_faults
        monkeypatch.setattr(faults, "lags", lambda client_id: Lags(end_ms=HOUR_MS))
        monkeypatch.setattr(trading.fake.server, "faults", [])
        late = ioc(trading, "0.005", best_ask(trading, place) - 10)
        if place.exchange == "binance":  # its answer would tell the end
            monkeypatch.setattr("services.simulator.binance.orders.BinanceOrders._answer", _acknowledged)
        if place is HYPERLIQUID:
            monkeypatch.setattr("services.simulator.hyperliquid.orders.HyperliquidOrders._answer", _resting)
        await trading.write(late)
        engine = trading.engine
        assert engine is not None

        def open_there() -> bool:
            account = engine._account
            order = account and account.managers[SYM].open_orders.get(late.client_order_id)
            return order is not None and order.state.phase is OrderPhase.NEW

        await until(open_there)
        monkeypatch.setattr(faults, "lags", lambda client_id: Lags())
        close = trading.intent("-0.010", Leg.CLOSE)
        await trading.write(close)
        closed = (await trading.reported(2))[1]
        assert (closed.client_order_id, closed.status) == (close.client_order_id, OrderStatus.FILLED)


def _acknowledged(orders: object, order: object, form: object) -> dict[str, object]:
    """Answers as for ACK, whatever was asked for."""
    shown: dict[str, object] = orders._row(order)  # type: ignore[attr-defined]
    return {**shown, "status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0.00"}


def _resting(orders: object, order: EngineOrder, told: str) -> dict[str, object]:
    return {"resting": {"oid": order.id}}


USUAL_AND_MORE = {"miss": 0.2, "short": 0.2, "late_row": 0.3, "late_trades": 0.3}


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_many_that_miss_and_fall_short_are_booked_as_the_exchange_has_them(tmp_path: Path, place: Place) -> None:
    async with trading_at(tmp_path, place, USUAL_AND_MORE) as trading:
        for number in range(12):
            await trading.write(ioc(trading, "0.010", best_ask(trading, place) + 1))
            report = (await trading.reported(number + 1))[-1]
            assert report.status in (OrderStatus.FILLED, OrderStatus.CANCELED)
        reports = trading.reports()
        assert {report.status for report in reports} == {OrderStatus.FILLED, OrderStatus.CANCELED}
        held = trading.fake.engine.wallet.holding(place.id).qty
        assert sum(report.last_qty for report in reports) == held == (await trading.books()).position(SYM)
        assert len(trading.fake.engine.accepted) == 12
