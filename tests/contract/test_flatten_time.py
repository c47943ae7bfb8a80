"""How long a flatten takes on every dialect, with ccxt's throttle on, in virtual time."""

import asyncio
import time
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest

from services.gateway.account.flatten import Flatten
from services.gateway.account.waiting import VenueWait
from services.simulator.engine.events import LIVE, NewOrder
from shared.config import load_settings
from shared.control.books import book_of
from shared.control.latches import AtWork
from shared.errors import VenueError
from shared.exchanges.trading.venue import Cleared, at_once
from shared.journal.rows import OrderRow
from shared.messages import Reason
from shared.orders import Ambiguous, OrderRequest, OrderStatusReport, Refused
from shared.orders.answers import VenueOrder
from shared.orders.stop_life import StopLife
from tests.journal_rows import order
from tests.simulator_venues import OKX, SWAPS, InProcess, Place, in_process, named, throttle_in_virtual_time
from tests.virtual_time import virtually

D = Decimal
HEDGED = {"binance": ("dual", "true"), "bybit": ("dual", "true"), "okx": ("mode", "long_short_mode")}
FLAT_S, LATE_S, SURE_S = 5.0, 2.0, 6.0  # with nothing under way; after the validity of what is; to be sure of it
LAST_S = 2.5  # likewise, for what comes to rest in the last moment: OKX is asked seven times for all its kinds
VALID_S = 10
CLOSED_S = 300


class Journal:
    """In memory: what the gateway had sent, and what is written."""

    def __init__(self, sent: Sequence[OrderRow]) -> None:
        self.sent = list(sent)
        self.written: list[Any] = []
        self.epoch = 1

    async def orders(self) -> list[OrderRow]:
        return self.sent

    async def stops(self) -> list[StopLife]:
        return []

    async def limits(self) -> dict[str, bytes]:
        return {}

    async def last_seqs(self) -> dict[str, int]:
        return {}

    async def executions(self, book: str, after: int, most: int) -> list[Any]:
        return []

    async def write(self, changes: Sequence[Any], epoch: int) -> None:
        assert epoch == self.epoch
        self.written += changes

    async def raise_epoch(self, owner: str, changes: Sequence[Any] = (), after: int | None = None) -> int:
        assert after == self.epoch
        self.epoch += 1
        return self.epoch


def crowded(made: InProcess, place: Place, hedged: bool) -> None:
    """Two positions, or a hedge pair beside one side of another; an order that rests, some that wait."""
    one, two, now_ms = made.listings[0].id, made.listings[1].id, made.venue.now_ms()
    if hedged:
        made.engine.set(*HEDGED[place.exchange])
    legs = [(one, 50, "LONG"), (one, -30, "SHORT"), (two, -10, "SHORT")] if hedged else [(one, 50, ""), (two, -10, "")]
    if place is OKX and not hedged:
        legs.append((one, -20, "CROSS"))
    for sym, size, leg in legs:
        made.engine.place(NewOrder(sym, D(size), leg=leg), now_ms)
    leg = "LONG" if hedged else ""
    made.engine.place(NewOrder(one, D(10), "resting", limit=D(60), leg=leg), now_ms)
    for number in range(3):
        made.engine.place(NewOrder(one, D(-10), f"waiting{number}", trigger=D(50 + number), leg=leg), now_ms)


def flat(made: InProcess) -> bool:
    """Nothing is held, and nothing rests or waits."""
    held = [made.engine.wallet.holding(one.id, leg=leg).qty for one in made.listings
            for leg in made.engine.wallet.legs(one.id)]  # fmt: skip
    return not any(held) and not any(order.state in LIVE for order in made.engine.orders())


async def last_not_flat(made: InProcess) -> None:
    """Ends when it is cancelled; `NOT_FLAT` has the time."""
    while True:
        if not flat(made):
            NOT_FLAT[0] = time.monotonic()
        await asyncio.sleep(0.01)


NOT_FLAT = [0.0]


@pytest.mark.parametrize("under_way", ["", "lost", "late", "rests"], ids=lambda what: what or "quiet")
@pytest.mark.parametrize(
    ("place", "hedged"),
    [
        pytest.param(place, hedged, id=f"{named(place)}-{'hedge' if hedged else 'one-way'}")
        for place in SWAPS
        for hedged in (False, True)
        if not hedged or place.exchange in HEDGED
    ],
)
@virtually()
async def test_flat_soon(place: Place, hedged: bool, under_way: str) -> None:
    """What was on its way is lost, or arrives in the last moment of its validity, where it may rest."""
    with throttle_in_virtual_time():
        made = in_process(place, 2)
        venue, engine = made.venue, made.engine
        await venue.open(only_out=True)
        crowded(made, place, hedged)
        settings = load_settings(
            symbols=tuple(made.syms),
            gateway={
                "mode": "testnet", "venue": "ccxt", "exchange": place.exchange, "account": "main",
                "markets": {sym: venue.rules(sym).market for sym in made.syms},
            },
        )  # fmt: skip
        begun_s, valid_ms = time.monotonic(), venue.now_ms() + VALID_S * 1_000
        book = book_of(settings, made.syms[0])
        sent = order(sym=made.syms[0], book=book, signed_qty=D(10), valid_until_ms=valid_ms)
        arriving = NewOrder(made.listings[0].id, D(10), "late", leg="LONG" if hedged else "")
        if under_way == "rests":
            arriving = arriving._replace(limit=D(60))
        if under_way in ("late", "rests"):
            at_s = begun_s + VALID_S - 0.1
            asyncio.get_running_loop().call_at(at_s, lambda: engine.place(arriving, venue.now_ms()))
        looking = asyncio.create_task(last_not_flat(made))
        journal = cast(Any, Journal([sent] if under_way else []))
        await Flatten(settings, journal, venue, AtWork(journal, 1, "test"), lambda said: None).flatten(begun_s + 60)
        looking.cancel()
        took_s, flat_s = time.monotonic() - begun_s, NOT_FLAT[0] - begun_s
        assert flat(made)
        assert flat_s <= {"": FLAT_S, "lost": FLAT_S, "late": VALID_S + LATE_S, "rests": VALID_S + LAST_S}[under_way]
        assert took_s <= {"": SURE_S, "lost": VALID_S + LATE_S}.get(under_way, VALID_S + SURE_S)
        assert took_s > (VALID_S if under_way else 0)
        await venue.close()


@pytest.mark.parametrize("place", SWAPS, ids=named)
@virtually()
async def test_what_is_filled_between_the_last_two_looks_is_seen(place: Place) -> None:
    """All looks flat while something can still arrive. Then a stop fires after the positions were read, before the
    orders are: these show nothing, too."""
    with throttle_in_virtual_time():
        made = in_process(place, 1)
        venue, engine, sym = made.venue, made.engine, made.syms[0]
        await venue.open(only_out=True)
        settings = load_settings(
            symbols=tuple(made.syms),
            gateway={
                "mode": "testnet", "venue": "ccxt", "exchange": place.exchange, "account": "main",
                "markets": {sym: venue.rules(sym).market},
            },
        )  # fmt: skip
        valid_ms = venue.now_ms() + VALID_S * 1_000
        sent = order(sym=sym, book=book_of(settings, sym), signed_qty=D(10), valid_until_ms=valid_ms)
        read, fired = venue.all_open_orders, list[str]()

        async def fires_meanwhile(syms: Sequence[str] = ()) -> list[VenueOrder]:
            if venue.now_ms() > valid_ms and not fired:
                fired.append(sym)
                engine.place(NewOrder(made.listings[0].id, D(-10), "fired"), venue.now_ms())
            return await read(syms)

        venue.all_open_orders = fires_meanwhile  # type: ignore[method-assign]
        journal = cast(Any, Journal([sent]))
        await Flatten(settings, journal, venue, AtWork(journal, 1, "test"), lambda said: None).flatten(
            time.monotonic() + 60
        )
        assert fired
        assert flat(made)
        await venue.close()


@virtually()
async def test_a_close_that_is_refused_again_and_again_is_sent_less_and_less_often() -> None:
    """It goes on without end: a market that is closed overnight would get five orders a second, each in the journal."""
    with throttle_in_virtual_time():
        made = in_process(SWAPS[0], 1)
        venue, sym = made.venue, made.syms[0]
        await venue.open(only_out=True)
        made.engine.place(NewOrder(made.listings[0].id, D(50)), venue.now_ms())
        settings = load_settings(
            symbols=tuple(made.syms),
            gateway={
                "mode": "testnet", "venue": "ccxt", "exchange": SWAPS[0].exchange, "account": "main",
                "markets": {sym: venue.rules(sym).market},
            },
        )  # fmt: skip
        place, refused, begun_s = venue.place, list[OrderRequest](), time.monotonic()

        async def closed(request: OrderRequest, cleared: Cleared = at_once) -> OrderStatusReport | Refused | Ambiguous:
            if time.monotonic() - begun_s > CLOSED_S:
                return await place(request, cleared)
            refused.append(request)
            return Refused(Reason.VENUE_REFUSED, "the market is closed")

        venue.place = closed  # type: ignore[method-assign]
        journal = cast(Any, Journal([]))
        flatten = Flatten(settings, journal, venue, AtWork(journal, 1, "test"), lambda said: None)
        await flatten.flatten(begun_s + 2 * CLOSED_S)
        assert flat(made)
        assert 20 < len(refused) < 100
        assert time.monotonic() - begun_s < CLOSED_S + 10
        await venue.close()


@virtually()
async def test_an_order_of_another_book_that_nobody_tells_holds_up_no_end() -> None:
    """It is flat, and says so; what became of that order is asked for no longer than the halt may take."""
    with throttle_in_virtual_time():
        made = in_process(SWAPS[0], 1)
        venue, sym = made.venue, made.syms[0]
        await venue.open(only_out=True)
        settings = load_settings(
            symbols=tuple(made.syms),
            gateway={
                "mode": "testnet", "venue": "ccxt", "exchange": SWAPS[0].exchange, "account": "main",
                "markets": {sym: venue.rules(sym).market},
            },
        )  # fmt: skip
        on, said = set[str](), list[str]()

        async def unknown(sym: str, client_order_id: str, since_ms: int | None = None) -> Ambiguous:
            on.add(waiting.on)
            return Ambiguous("no answer")

        venue.find = unknown  # type: ignore[method-assign]
        rows = [order(sym=sym, book=f"other:{sym}", client_order_id=f"{n:016}", signed_qty=D(1)) for n in range(5)]
        begun_s, waiting = time.monotonic(), VenueWait("main", said.append)
        journal = cast(Any, Journal(rows))
        flatten = Flatten(settings, journal, venue, AtWork(journal, 1, "test"), said.append, waiting=waiting)
        await flatten.flatten(begun_s + 10)
        assert time.monotonic() - begun_s < 11
        assert on == {f"it is flat; what became of order {row.client_order_id} of {row.book} is asked" for row in rows}
        assert sum("is not told yet" in line for line in said) == 5
        await venue.close()


@virtually()
async def test_flat_is_said_once_while_an_order_cannot_be_cancelled() -> None:
    with throttle_in_virtual_time():
        made = in_process(SWAPS[0], 1)
        venue, sym = made.venue, made.syms[0]
        await venue.open(only_out=True)
        made.engine.place(NewOrder(made.listings[0].id, D(10), "resting", limit=D(60)), venue.now_ms())
        settings = load_settings(
            symbols=tuple(made.syms),
            gateway={
                "mode": "testnet", "venue": "ccxt", "exchange": SWAPS[0].exchange, "account": "main",
                "markets": {sym: venue.rules(sym).market},
            },
        )  # fmt: skip
        cancel, begun_s, said, on = venue.cancel_all, time.monotonic(), list[str](), set[str]()

        async def refuses(sym: str, shown: Sequence[VenueOrder] | None = None, keep: Collection[str] = ()) -> None:
            on.add(waiting.on)
            if time.monotonic() - begun_s < 60:
                raise VenueError("it cannot be cancelled")
            await cancel(sym, shown, keep)

        venue.cancel_all = refuses  # type: ignore[method-assign]
        waiting = VenueWait("main", said.append)
        journal = cast(Any, Journal([]))
        flatten = Flatten(settings, journal, venue, AtWork(journal, 1, "test"), said.append, waiting=waiting)
        await flatten.flatten(begun_s + 120)
        assert flat(made)
        assert said.count("flat") == 1
        assert "not flat yet (it cannot be cancelled)" in on
        await venue.close()
