"""A flatten while the venue does not tell all: an order holds up its own quantity only, and a list nothing."""

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.account import flatten, resting
from services.gateway.account.flatten import Flatten
from services.gateway.account.requested import carry_out_requests
from services.gateway.execution.baseline import mine_row
from services.simulator.engine.events import NewOrder, State
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import serving
from shared.control.books import execution_row
from shared.control.latches import AtWork, halt
from shared.control.requests import FLATTEN, ask
from shared.errors import VenueError
from shared.messages import OrderPhase
from shared.orders import Absent, Ambiguous, OrderRequest, OrderStatusReport
from shared.orders.answers import VenueOrder
from tests.integration.gateway.conftest import SYM
from tests.integration.gateway.flattening import account, bought, settings_of, stranger
from tests.journal_rows import BOOK, order
from tests.simulator_venues import BINANCE, BINANCE_SPOT, BYBIT, OKX, Place, named

D = Decimal


async def test_what_is_surely_ours_is_sold_and_the_order_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends so without a time that it was given, too, and calls nothing flat."""
    monkeypatch.setattr(flatten, "UNTOLD_S", 0.5)
    async with serving("binance-spot", chances={}) as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.050")
        coins, said = fake.engine.wallet.cash["BTC"], list[str]()
        async with account(settings) as (venue, journal):
            find = venue.find

            async def found(sym: str, name: str, since_ms: int | None = None) -> OrderStatusReport | Absent | Ambiguous:
                if name == "order000001":
                    return Ambiguous("the order says 0.001 filled, its fills 0: not all are there yet")
                return await find(sym, name, since_ms)

            monkeypatch.setattr(venue, "find", found)
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            sent = order(1, signed_qty=D("0.001"), state=OrderPhase.UNKNOWN)
            mine = mine_row(SYM, coins - D("0.010"))
            await journal.write([execution_row(BOOK, bought(SYM, "0.010"), 1), sent, mine], own.epoch)
            with pytest.raises(VenueError, match="how order order000001 ended: `tickline resolve` lists it"):
                await Flatten(settings, journal, venue, own, said.append).flatten(float("inf"))
        assert coins - fake.engine.wallet.cash["BTC"] == D("0.010")
        assert not [line for line in said if line.startswith("flat")], said
        assert any(line.startswith("closed is all that is surely ours") for line in said), said


@pytest.mark.parametrize("place", ["binance", "binance-spot"])
async def test_a_close_that_nobody_tells_does_not_hold_up_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The first one never reaches the exchange. On spot it counts as sold until a person has looked."""
    monkeypatch.setattr(flatten, "UNTOLD_S", 0.5)
    async with serving(place, chances={}) as fake:
        swap = place == "binance"
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT:USDT" if swap else "BTC/USDT"})
        stranger(fake, "0.050")
        async with account(settings) as (venue, journal):
            placed, found, lost = venue.place, venue.find, list[str]()

            async def loses(request: OrderRequest) -> object:
                if not lost:
                    lost.append(request.client_order_id)
                    return Ambiguous("no answer")
                return await placed(request)

            async def silent(sym: str, name: str, since_ms: int | None = None) -> object:
                return Ambiguous("no answer") if name in lost else await found(sym, name, since_ms)

            monkeypatch.setattr(venue, "place", loses)
            monkeypatch.setattr(venue, "find", silent)
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await journal.write([execution_row(BOOK, bought(SYM, "0.010"), 1)], own.epoch)
            closing = Flatten(settings, journal, venue, own, print)
            if swap:
                await closing.flatten(time.monotonic() + 60)
                assert fake.engine.wallet.holding(SYM).qty == 0
            else:
                with pytest.raises(VenueError, match="`tickline resolve` lists it"):
                    await closing.flatten(float("inf"))


async def test_a_request_closes_before_the_list_of_orders_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That has its time-outs, and a request its seconds."""
    monkeypatch.setattr(resting, "PATIENCE_S", 0.0)
    async with serving("binance", chances={}) as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        async with account(settings) as (venue, journal):
            place, shown, happened, sent = venue.place, venue.all_open_orders, list[str](), asyncio.Event()

            async def placed(request: OrderRequest) -> object:
                happened.append("sent")
                sent.set()
                return await place(request)

            async def late(syms: Sequence[str] = ()) -> list[VenueOrder]:
                happened.append("list asked")
                await sent.wait()
                return await shown(syms)

            monkeypatch.setattr(venue, "place", placed)
            monkeypatch.setattr(venue, "all_open_orders", late)
            asked = await ask(journal, FLATTEN, "ann", time.time_ns() // 1_000_000)
            await carry_out_requests(settings, journal, venue)
            done = await journal.request(asked.request_id)
        assert fake.engine.wallet.holding(SYM).qty == 0
        assert sorted(happened[:2]) == ["list asked", "sent"], "one round"
        assert done is not None
        assert done.well, done.answer


async def test_what_was_refused_of_another_book_is_over_in_the_journal(tmp_path: Path) -> None:
    """No gateway comes back for it. It may come as long as it is valid, and is asked for until then."""
    async with serving("binance", chances={}) as fake:
        settings, said = settings_of(tmp_path, fake), list[str]()
        stranger(fake, "0.050")
        refusal = '{"code": -2020, "msg": "Unable to fill."}'
        fake.server.faults.append(Fault(FaultMode.STATUS, "/order", method="POST", status=400, text=refusal))
        async with account(settings) as (venue, journal):
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await journal.write([execution_row(f"older:{SYM}", bought(SYM, "0.050"), 1)], own.epoch)
            await Flatten(settings, journal, venue, own, said.append).flatten(time.monotonic() + 60)
            ended = [row.state for row in await journal.orders(open_only=False)]
        assert fake.engine.wallet.holding(SYM).qty == 0
        assert sorted(set(ended)) == [OrderPhase.EXPIRED, OrderPhase.FILLED], said


@pytest.mark.parametrize("place", [BINANCE, OKX, BYBIT, BINANCE_SPOT], ids=named)
async def test_a_close_that_rests_is_cancelled_and_what_is_left_is_closed(tmp_path: Path, place: Place) -> None:
    """The exchange takes a part of it, and shows it as open from then on."""
    async with serving(place.fake or place.exchange, chances={}) as fake:
        settings = settings_of(tmp_path, fake, exchange=place.exchange, markets={SYM: place.market})
        fake.engine.place(NewOrder(place.id, D("0.050")), fake.state.now_ms())
        faults, said = fake.state.random_faults, list[str]()
        faults.chances, faults.apart_ms = {"partial": 1.0}, 3_600_000

        def say(line: str) -> None:
            said.append(line)
            if len([one for one in said if "order" in one]) > 1:
                faults.chances = {}

        async with account(settings) as (venue, journal):
            own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
            await journal.write([execution_row(BOOK, bought(SYM, "0.049"), 1)], own.epoch)
            await Flatten(settings, journal, venue, own, say).flatten(time.monotonic() + 30)
        first, *others = [one for one in fake.engine.orders() if one.client_id]
        assert (first.state, 0 < abs(first.filled) < abs(first.signed_qty)) == (State.CANCELED, True)
        assert sum(one.filled for one in (first, *others)) == (D("-0.049") if place is BINANCE_SPOT else D("-0.050"))
