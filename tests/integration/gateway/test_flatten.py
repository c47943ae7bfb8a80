"""A flatten while requests fail at random ends flat, never goes through zero, and journals before it sends."""

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest

from services.gateway.account.flatten import Flatten
from services.gateway.account.resting import Resting
from services.gateway.account.waiting import Overtaken, VenueWait
from services.gateway.execution.baseline import mine_row
from services.simulator.engine.events import LIVE, NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import serving
from shared.config import Settings
from shared.control.books import execution_row
from shared.control.latches import AtWork, halt
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.orders.answers import VenueOrder, VenuePosition, VenueQuote
from tests.integration.gateway.conftest import SYM
from tests.integration.gateway.flattening import at_work, bought, settings_of, stranger
from tests.journal_rows import BOOK, order
from tests.simulator_venues import BINANCE, BYBIT, HYPERLIQUID, OKX, Place, named
from tests.until import until

WEATHER = {
    "drop_after": 0.1, "drop_before": 0.1, "status_after": 0.1, "status_before": 0.1, "late": 0.05, "slow": 0.1,
    "partial": 0.3, "expire": 0.2, "stale": 0.1,
}  # fmt: skip


async def sold(settings: Settings, venue: Venue) -> list[str]:
    """Flattens an account whose book has bought 0.020; returns what it has said. The venue is closed."""
    said: list[str] = []
    async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
        epoch = await journal.raise_epoch("halt")
        await journal.write([execution_row(BOOK, bought(SYM, "0.020"), 1)], epoch)
        try:
            own = AtWork(journal, epoch, "test")
            await Flatten(settings, journal, venue, own, said.append).flatten(time.monotonic() + 40)
        finally:
            await venue.close()
    return said


async def test_another_halt_that_begins_has_the_account_alone(tmp_path: Path) -> None:
    """Two at once would sell twice; on spot that is somebody's savings. A gateway that takes the account is no halt."""
    async with serving("binance", chances={}) as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        venue = make_venue(settings)
        await venue.open(only_out=True)
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            epoch = await halt(journal, "ann", 1, at_work=True)
            first = Flatten(settings, journal, venue, AtWork(journal, epoch, "ann"), print)
            second = await halt(journal, "bob", 1, at_work=True)
            with pytest.raises(Overtaken, match="another halt by bob is at work on the account since"):
                await first.flatten(time.monotonic() + 60)
            assert (await journal.epoch()).epoch == second
            assert fake.engine.wallet.holding(SYM).qty == Decimal("0.050")
            await journal.raise_epoch("gateway 1")
            await Flatten(settings, journal, venue, AtWork(journal, second, "bob"), print).flatten(
                time.monotonic() + 60
            )
        await venue.close()
        assert fake.engine.wallet.holding(SYM).qty == 0


async def test_what_another_halt_has_closed_meanwhile_is_not_sold_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is over, and what is left in the account is somebody's savings."""
    async with serving("binance-spot", chances={}) as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.020")
        savings = fake.engine.wallet.cash["BTC"] - Decimal("0.010")
        venues = make_venue(settings), make_venue(settings)
        for venue in venues:
            await venue.open(only_out=True)
        asked, over, shown = asyncio.Event(), asyncio.Event(), venues[0].positions

        async def late() -> list[VenuePosition]:
            asked.set()
            await over.wait()
            return await shown()

        monkeypatch.setattr(venues[0], "positions", late)
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            epoch = await halt(journal, "ann", 1, at_work=True)
            await journal.write([execution_row(BOOK, bought(SYM, "0.010"), 1), mine_row(SYM, savings)], epoch)
            first = Flatten(settings, journal, venues[0], AtWork(journal, epoch, "ann"), said.append)
            closing = asyncio.create_task(first.flatten(time.monotonic() + 60))
            await asked.wait()
            second = await halt(journal, "bob", 1, at_work=True)
            await Flatten(settings, journal, venues[1], AtWork(journal, second, "bob"), print).flatten(
                time.monotonic() + 60
            )
            await journal.raise_epoch("a person, bob, after a halt")
            assert fake.engine.wallet.cash["BTC"] == savings
            over.set()
            await closing
        for venue in venues:
            await venue.close()
        assert fake.engine.wallet.cash["BTC"] == savings, said


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("start", ["0.050", "-0.050"])
async def test_flat_in_any_weather(tmp_path: Path, seed: int, start: str) -> None:
    async with serving("binance", seed=seed) as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, start)
        venue = make_venue(settings)
        await venue.open(only_out=True)
        fake.state.random_faults.chances = dict(WEATHER)
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            epoch = await journal.raise_epoch("halt by test")
            try:
                until = time.monotonic() + 40
                flatten = Flatten(settings, journal, venue, AtWork(journal, epoch, "test"), said.append)
                await flatten.flatten(until)
            finally:
                await venue.close()
            noted = {event.client_order_id for event in await journal.events(100) if event.kind == "FLATTEN"}
        assert fake.engine.wallet.holding(SYM).qty == 0, said
        ours = {order.client_id for order in fake.engine.orders()} - {""}
        assert ours <= noted
        held = list(accumulate(fill.qty for fill in fake.engine.fills))
        assert all(qty * Decimal(start) >= 0 for qty in held), "through zero"


async def test_what_is_refused_as_too_large_goes_in_smaller_pieces(tmp_path: Path) -> None:
    """Whatever the market's rules say: they may be older than the venue's mind."""
    async with serving("binance") as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        venue = make_venue(settings)
        await venue.open(only_out=True)
        fake.engine.listings[SYM] = fake.engine.listings[SYM]._replace(most_market=Decimal("0.020"))
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            try:
                flatten = Flatten(settings, journal, venue, await at_work(journal), said.append)
                await flatten.flatten(time.monotonic() + 40)
            finally:
                await venue.close()
        assert fake.engine.wallet.holding(SYM).qty == 0
        assert sum("refused" in line for line in said) == 2, said  # 0.050, 0.025


@pytest.mark.parametrize("place", [BINANCE, OKX, BYBIT, HYPERLIQUID], ids=named)
async def test_an_answer_that_is_held_back_is_not_waited_for_longer_than_its_request_is_good(
    tmp_path: Path, place: Place
) -> None:
    """The order was taken. Until the connection's time-out the position would not be looked at again."""
    path = {"okx": "trade/order", "bybit": "order/create"}.get(place.exchange, place.orders)
    async with serving(place.exchange, chances={}) as fake:
        settings = settings_of(tmp_path, fake, exchange=place.exchange, markets={SYM: place.market}, timeout_s=50)
        fake.engine.place(NewOrder(place.id, Decimal("0.050")), fake.state.now_ms())
        venue = make_venue(settings)
        await venue.open(only_out=True)
        held = Fault(FaultMode.HOLD, path, method="POST", after=True)
        fake.server.faults.append(held)
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            flatten = Flatten(settings, journal, venue, await at_work(journal), said.append)
            try:
                await flatten.flatten(time.monotonic() + 40)
            finally:
                held.release.set()
                await venue.close()
        assert held.struck == 1
        assert fake.engine.wallet.holding(place.id).qty == 0, said
        assert sum("order" in line for line in said) == 1, "sent once"


async def test_a_share_that_is_refused_holds_up_no_other(tmp_path: Path) -> None:
    """E.g. it is less than the venue takes by now. It is a book's, and the first one."""
    async with serving("binance") as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.050")
        venue = make_venue(settings)
        await venue.open(only_out=True)
        listing = fake.engine.listings[SYM]
        fake.engine.listings[SYM] = listing._replace(min_qty=Decimal("0.005"))
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            own = await at_work(journal)
            await journal.write([execution_row(BOOK, bought(SYM, "0.002"), 1)], own.epoch)
            closing = asyncio.create_task(Flatten(settings, journal, venue, own, print).flatten(float("inf")))
            try:
                await until(lambda: fake.engine.wallet.holding(SYM).qty == Decimal("0.002"), within_s=60)
                fake.engine.listings[SYM] = listing
                await closing
            finally:
                closing.cancel()
                await venue.close()
        assert fake.engine.wallet.holding(SYM).qty == 0


async def test_a_refusal_for_another_cause_makes_no_piece_small_for_ever(tmp_path: Path) -> None:
    """For a while nothing is taken, whatever its size: then it is not sold crumb by crumb."""
    async with serving("binance") as fake:
        settings = settings_of(tmp_path, fake)
        stranger(fake, "0.400")
        venue = make_venue(settings)
        await venue.open(only_out=True)
        refusal = '{"code": -2020, "msg": "Unable to fill."}'
        fake.server.faults.append(Fault(FaultMode.STATUS, "/order", method="POST", status=400, text=refusal, times=8))
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            try:
                flatten = Flatten(settings, journal, venue, await at_work(journal), print)
                await flatten.flatten(time.monotonic() + 40)
            finally:
                await venue.close()
        assert fake.engine.wallet.holding(SYM).qty == 0
        assert len(fake.engine.fills) - 1 < 100, "0.400 in pieces of 0.001 are 400"


async def test_coins_that_a_person_has_called_theirs_are_not_sold_for_an_order_that_nobody_knows(
    tmp_path: Path,
) -> None:
    """The books hold nothing, a buy was sent and not answered, and the coins that are there were there before."""
    async with serving("binance-spot") as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.020")
        coins = fake.engine.wallet.cash["BTC"]
        venue = make_venue(settings)
        await venue.open(only_out=True)
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            epoch = await journal.raise_epoch("halt")
            await journal.write([order(signed_qty=Decimal("0.020"), epoch=epoch), mine_row(SYM, coins)], epoch)
            try:
                own = AtWork(journal, epoch, "test")
                await Flatten(settings, journal, venue, own, said.append).flatten(time.monotonic() + 40)
            finally:
                await venue.close()
        assert fake.engine.wallet.cash["BTC"] == coins, said


@pytest.mark.parametrize("other_side", [True, False])
async def test_coins_for_which_nobody_bids_now_are_not_left_as_too_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_side: bool
) -> None:
    """An exchange tells 0 then: that is no price. other_side: somebody asks one; else nobody does, for a while."""
    async with serving("binance-spot") as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.020")
        venue = make_venue(settings)
        await venue.open(only_out=True)
        asked, told = list[int](), venue.quote

        async def one_sided(sym: str) -> VenueQuote:
            asked.append(1)
            found = await told(sym)
            if other_side:
                return found._replace(bid=Decimal(0))
            return found if len(asked) > 2 else found._replace(bid=Decimal(0), ask=Decimal(0))

        monkeypatch.setattr(venue, "quote", one_sided)
        said = await sold(settings, venue)
        assert fake.engine.wallet.cash["BTC"] < Decimal("0.0001"), said
        first = next(line for line in said if " stays" in line or "SELL" in line)
        assert "SELL" in first, said


async def test_a_sale_that_rests_and_that_no_list_shows_yet_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It locks the coins that are to be sold."""
    async with serving("binance-spot") as fake:
        settings = settings_of(tmp_path, fake, markets={SYM: "BTC/USDT"})
        stranger(fake, "0.020")
        resting = NewOrder(SYM, Decimal("-0.019"), "rests", limit=Decimal(50_000))
        fake.engine.place(resting, fake.state.now_ms())
        venue = make_venue(settings)
        await venue.open(only_out=True)
        asked, shown = list[int](), venue.all_open_orders

        async def late(syms: Sequence[str] = ()) -> list[VenueOrder]:
            asked.append(1)
            return [] if len(asked) == 1 else await shown(syms)

        monkeypatch.setattr(venue, "all_open_orders", late)
        said = await sold(settings, venue)
        assert fake.engine.wallet.cash["BTC"] < Decimal("0.0001"), said
        assert not [order for order in fake.engine.orders() if order.state in LIVE]


@pytest.mark.parametrize("listed", [True, False])
async def test_a_cancel_that_fails_is_tried_again_until_all_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """listed: whether a list shows the orders; one may be older than they are."""
    async with serving("binance") as fake:
        settings = settings_of(tmp_path, fake)
        venue = make_venue(settings)
        await venue.open(only_out=True)
        for number, trigger in enumerate((None, Decimal(30_000))):
            limit = Decimal(40_000) if trigger is None else None
            ask = NewOrder(SYM, Decimal("0.010" if limit else "-0.010"), f"o{number}", limit=limit, trigger=trigger)
            fake.engine.place(ask, fake.state.now_ms())
        if not listed:

            async def nothing(syms: Sequence[str] = ()) -> list[VenueOrder]:
                return []

            monkeypatch.setattr(venue, "all_open_orders", nothing)
            monkeypatch.setattr(venue, "waiting_orders", nothing)
        fake.server.faults.append(Fault(FaultMode.STATUS, "algoOpenOrders", method="DELETE", times=9))
        try:
            await Resting(venue, [SYM], print).cancel_all(time.monotonic() + 40, VenueWait("main", print))
        finally:
            await venue.close()
        assert not [order for order in fake.engine.orders() if order.state in LIVE]


@pytest.mark.parametrize("place", [OKX, BYBIT], ids=named)
async def test_a_hedge_and_what_waits_in_any_weather(tmp_path: Path, place: Place) -> None:
    async with serving(place.exchange, seed=1) as fake:
        settings = settings_of(tmp_path, fake, exchange=place.exchange)
        fake.engine.set(*(("mode", "long_short_mode") if place is OKX else ("dual", "true")))
        now_ms = fake.state.now_ms()
        for leg, size in (("LONG", "0.050"), ("SHORT", "-0.030")):
            fake.engine.place(NewOrder(place.id, Decimal(size), leg=leg), now_ms)
        fake.engine.place(NewOrder(place.id, Decimal("0.010"), "rests", limit=Decimal(40_000), leg="LONG"), now_ms)
        fake.engine.place(NewOrder(place.id, Decimal("-0.010"), "waits", trigger=Decimal(30_000), leg="LONG"), now_ms)
        venue = make_venue(settings)
        await venue.open(only_out=True)
        fake.state.random_faults.chances = dict(WEATHER)
        said: list[str] = []
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            try:
                flatten = Flatten(settings, journal, venue, await at_work(journal), said.append)
                await flatten.flatten(time.monotonic() + 40)
            finally:
                await venue.close()
        assert [fake.engine.wallet.holding(place.id, leg=leg).qty for leg in ("LONG", "SHORT")] == [0, 0], said
        assert not [order for order in fake.engine.orders() if order.state in LIVE]
