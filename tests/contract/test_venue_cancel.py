"""One order of ours is cancelled, on every dialect."""

from decimal import Decimal

import pytest

from services.simulator.engine.events import Lags, NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from shared.exchanges.hyperliquid.rows import EVER_LATE_MS
from shared.messages import OrderPhase
from shared.orders import Absent, Ambiguous, OrderStatusReport
from tests.simulator_venues import HYPERLIQUID, SPOTS, SWAPS, SYM, Pair, Place, named, trading


async def rests(pair: Pair, number: int) -> OrderStatusReport:
    """Makes a market order that is filled in part; the rest would come in an hour."""
    faults, request = pair.fake.state.random_faults, pair.request("0.020", number)
    if pair.place == HYPERLIQUID:  # its market orders are over at once
        resting = NewOrder(pair.place.id, request.signed_qty, request.client_order_id, limit=Decimal(40_000))
        pair.fake.engine.place(resting, pair.fake.state.now_ms())
        told = await pair.venue.find(SYM, request.client_order_id)
    else:
        faults.chances, faults.apart_ms = {"partial": 1.0}, 3_600_000
        told = await pair.venue.place(request)
    assert isinstance(told, OrderStatusReport)
    return told


@pytest.mark.parametrize("by_name", [True, False], ids=["client id", "venue id"])
@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
async def test_an_order_that_rests_is_cancelled_once_by_either_id(place: Place, by_name: bool) -> None:
    async with trading(place) as pair:
        kept, request = pair.request("0.020", 1), pair.request("0.020", 2)
        await rests(pair, 1)
        told = await rests(pair, 2)
        given = (SYM, request.client_order_id, "" if by_name else told.venue_order_id)
        assert await pair.venue.cancel(*given) is None
        if place == HYPERLIQUID:  # so long its fills may be late
            assert isinstance(await pair.venue.find(SYM, request.client_order_id), Ambiguous)
            pair.fake.state.skew_ms = EVER_LATE_MS
            await pair.venue.server_time_ms()
        found = await pair.venue.find(SYM, request.client_order_id)
        assert isinstance(found, OrderStatusReport)
        assert found.phase is OrderPhase.CANCELED
        assert 0 < found.filled_qty < Decimal("0.020") or pair.place == HYPERLIQUID
        assert isinstance(await pair.venue.cancel(*given), Absent), "it is over"
        assert isinstance(await pair.venue.cancel(SYM, "f" * 32, ""), Absent), "there was none"
        assert [order.client_order_id for order in await pair.venue.open_orders(SYM)] == [kept.client_order_id]


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_a_cancel_that_is_not_answered_may_have_been_taken_or_not(place: Place) -> None:
    async with trading(place, attempts=1) as pair:
        request = pair.request("0.020")
        await rests(pair, 1)
        path = "exchange/cancel" if place == HYPERLIQUID else "order"
        pair.fake.server.faults.append(Fault(FaultMode.STATUS, path, after=True))
        assert isinstance(await pair.venue.cancel(SYM, request.client_order_id, ""), Ambiguous)
        assert isinstance(await pair.venue.cancel(SYM, request.client_order_id, ""), Absent)


@pytest.mark.parametrize("place", [place for place in SWAPS + SPOTS if place != HYPERLIQUID], ids=named)
async def test_what_was_filled_before_the_cancel_is_in_its_row_though_reads_lagged(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hyperliquid's market orders are over at once."""
    async with trading(place) as pair:
        faults, request = pair.fake.state.random_faults, pair.request("0.020")
        monkeypatch.setattr(faults, "lags", lambda client_id: Lags(end_ms=3_600_000))
        await rests(pair, 1)
        ours = await pair.venue.find(SYM, request.client_order_id)
        assert isinstance(ours, OrderStatusReport)
        assert (ours.phase, ours.filled_qty) == (OrderPhase.NEW, 0)
        assert await pair.venue.cancel(SYM, request.client_order_id, "") is None
        found = await pair.venue.find(SYM, request.client_order_id)
        assert isinstance(found, OrderStatusReport)
        assert found.phase is OrderPhase.CANCELED
        assert found.filled_qty == sum(fill.qty for fill in pair.fake.engine.fills) != 0
