"""How soon an IOC that ends short is over, by what the exchange shows and an order's life, in virtual time."""

import asyncio
import time
from decimal import Decimal

import pytest

from services.gateway.execution.session_context import SessionConfig
from services.simulator.engine.faults import RandomFaults
from shared.config import load_settings
from shared.messages.reasons import OrderPhase, OrderType, TimeInForce
from shared.orders import Ambiguous, Answer, OrderRequest, OrderState, OrderStatusReport, Refused, Send, on_event
from tests.simulator_venues import SPOTS, SWAPS, InProcess, Place, in_process, named, throttle_in_virtual_time
from tests.virtual_time import virtually

D = Decimal
OVER_S = 0.5
ORDERS = 12
PAUSE_S = 5.0  # look-ups of all in a row would be more than Hyperliquid lets an address ask
LATE = {"late_row": 1.0, "late_trades": 1.0, "short": 0.5, "miss": 0.5}


async def sent(made: InProcess, number: int) -> tuple[OrderState, float]:
    """Sends an IOC and asks as the gateway does, until it is over; returns its state, and how long after the answer."""
    venue, pace = made.venue, SessionConfig.of(load_settings())
    sym, listing = made.syms[0], made.listings[0]
    limit = made.engine.prices.quote(listing.id, venue.now_ms()).ask + listing.tick
    request = OrderRequest(
        sym, f"{number:032x}", D(1), False, venue.now_ms(), 5_000, "", OrderType.LIMIT, limit, TimeInForce.IOC
    )  # fmt: skip
    state = on_event(OrderState(D(1)), Send(request.at_ms, request.validity_ms), pace.grace_ms).state
    answer, asked_ms, wait_s = await venue.place(request), request.at_ms, pace.poll_s
    answered_s = time.monotonic()
    while True:
        assert not isinstance(answer, Refused), answer
        told = Answer(asked_ms, answer, venue.now_ms()) if isinstance(answer, OrderStatusReport) else answer
        state = on_event(state, told, pace.grace_ms).state
        if state.ended:
            return state, time.monotonic() - answered_s
        await asyncio.sleep(wait_s)
        wait_s, asked_ms = min(2 * wait_s, pace.poll_max_s), venue.now_ms()
        answer = await venue.find(sym, request.client_order_id, request.at_ms)
        assert not isinstance(answer, Ambiguous) or "not all are there yet" in answer.cause


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
@virtually()
async def test_what_ends_short_is_over_within_half_a_second_of_its_answer(place: Place) -> None:
    """Although row, end and trades are all late: without the trades it would be the validity and the grace time."""
    with throttle_in_virtual_time():
        made = in_process(place, 1, faults=RandomFaults(5, dict(LATE)))
        await made.venue.open(only_out=True)
        ends = []
        for number in range(ORDERS):
            ends.append(await sent(made, number))
            await asyncio.sleep(PAUSE_S)
        assert {state.phase for state, _ in ends} == {OrderPhase.CANCELED}
        assert {bool(state.filled_qty) for state, _ in ends} == {True, False}
        assert max(took_s for _, took_s in ends) <= OVER_S, ends
        await made.venue.close()
