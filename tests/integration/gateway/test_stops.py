"""Stops of a position through the whole gateway, on every dialect that has them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.simulator.engine.events import FillPlan
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.stop_faults import StopFate
from services.simulator.engine.stops import EngineStop, StopState
from shared.errors import ConfigError
from shared.exchanges.hyperliquid import rows
from shared.journal.rows import Change, NakedRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.reasons import OrderPhase
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.simulator_venues import BINANCE, BINANCE_SPOT, BYBIT, HYPERLIQUID, OKX, Place, named
from tests.until import until

D = Decimal
PLACES = [BINANCE, OKX, BYBIT, HYPERLIQUID]
SENDS = {"binance": "algoOrder", "okx": "order-algo", "bybit": "trading-stop"}
STOP = {"stop_bps": 250}  # of 42,000: 40,950
BOTH = {**STOP, "take_profit_bps": 300}  # 43,260
AT, BELOW, ABOVE = D(40_950), D(40_900), D(43_300)
LONG = D("0.010")
HOUR_S = 3_600.0


class Protected(Gateway):
    """A gateway whose positions have stops."""

    place: Place

    @property
    def stops(self) -> list[EngineStop]:
        """Returns what waits at the exchange."""
        return self.fake.engine.stops.waiting()

    @property
    def triggers(self) -> list[Decimal | None]:
        return sorted((stop.trigger for stop in self.stops), key=str)

    @property
    def held(self) -> Decimal:
        return self.fake.engine.wallet.holding(self.place.id).qty

    def price(self, mid: Decimal) -> None:
        self.fake.engine.prices.set(self.place.id, mid)
        self.fake.engine.advance(self.fake.state.now_ms())

    async def quoted(self, mid: Decimal) -> None:
        """The price moves, and the gateway has seen it."""
        self.price(mid)
        quotes = (await self.session()).context.risk.quotes
        await until(lambda: SYM in quotes and abs(quotes[SYM].ask - mid) < 3)

    async def enter(self, qty: str = "0.010", **changed: object) -> None:
        """Opens a position that has its stop."""
        before = len(self.reports())
        await self.write(self.intent(qty, **changed))
        await self.reported(before + 1)
        await until(lambda: self.triggers != [] and self.settled())

    def known(self) -> list[StopLife]:
        """Returns what the gateway knows of."""
        account = self.engine._account if self.engine is not None else None
        symbols = {} if account is None else account.context.protector.symbols
        return list(symbols[SYM].known.by_id.values()) if SYM in symbols else []

    def settled(self) -> bool:
        """Says whether no stop is about to be placed or cancelled, as far as the gateway knows."""
        waiting = [life for life in self.known() if life.live]
        return all(life.phase is StopPhase.WAITING and life.reduces for life in waiting) and waiting != []

    def bare(self) -> bool:
        """Says whether the gateway knows of a position without its stop."""
        account = self.engine._account if self.engine is not None else None
        return account is None or account.context.protector.symbols[SYM].bare

    async def lives(self) -> list[StopLife]:
        """Returns those of the journal, in the order of their placing."""
        async with self._opened() as journal:
            return await journal.stops(since_ms=0)

    async def naked(self) -> list[NakedRow]:
        async with self._opened() as journal:
            return await journal.naked()

    async def alarms(self) -> list[str]:
        return [event.text for event in await self.events() if event.kind == "ALARM"]

    async def cleared(self) -> None:
        """Until no stop is at the exchange, and the journal knows it."""

        async def none_live() -> bool:
            return not self.stops and not any(life.live for life in await self.lives())

        await until(none_live)


@asynccontextmanager
async def protected(
    tmp_path: Path,
    place: Place,
    protect: Mapping[str, object] = STOP,
    chances: Mapping[str, float] | None = None,
    **own: object,
) -> AsyncIterator[Protected]:
    """chances: of what befalls stops; None: fair weather."""
    fake, given = place.fake or place.exchange, {"exchange": place.exchange, "markets": {SYM: place.market}}
    strategy = {"protect": dict(protect)}
    async with gateway(tmp_path, fake_venue=fake, strategy=strategy, kind=Protected, **given, **own) as made:
        assert isinstance(made, Protected)
        made.fake.state.stop_faults.chances = dict(chances or {})
        made.place = place
        yield made


def doom(trading: Protected, monkeypatch: pytest.MonkeyPatch, **fate: object) -> None:
    """Every stop from now on has this fate."""
    monkeypatch.setattr(trading.fake.state.stop_faults, "fate", lambda words: StopFate(**fate))  # type: ignore[arg-type]


def told(report: ExecutionReport) -> tuple[Leg, OrderStatus, Reason | None, Decimal]:
    return report.leg, report.status, report.reason, report.last_qty


STOPPED_OUT = Leg.STOP, OrderStatus.FILLED, Reason.STOPPED_OUT, -LONG
PROFIT_TAKEN = Leg.STOP, OrderStatus.FILLED, Reason.PROFIT_TAKEN, -LONG


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_position_has_its_stop_which_closes_it_and_is_booked(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        assert trading.triggers == [AT]
        trading.price(BELOW)
        assert trading.held == 0
        _, closed = await trading.reported(2)
        assert told(closed) == STOPPED_OUT
        lives = await trading.lives()
        assert (lives[-1].phase, bool(lives[0].carried_by)) == (StopPhase.TRIGGERED, place is not BINANCE)
        await trading.agreed()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_what_has_fired_cancels_the_other_before_the_next_entry_goes(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place, BOTH) as trading:
        await trading.enter()
        await until(lambda: trading.triggers == [AT, D(43_260)] and trading.settled())
        trading.price(ABOVE)
        _, closed = await trading.reported(2)
        assert told(closed) == PROFIT_TAKEN
        await trading.cleared()
        await trading.quoted(D(42_000))
        await trading.enter()
        await until(lambda: trading.triggers == [AT, D(43_260)])
        assert trading.held == LONG
        await trading.agreed()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_stop_counts_in_nothing_a_close_goes_out_beside_it(tmp_path: Path, place: Place) -> None:
    """Neither as in flight, nor in what a close may reduce, nor in the rate of orders; and no comparison minds it."""
    limited = {"risk": {"max_order_notional": "10000", "max_position_notional": "10000", "orders_per_minute": 2,
                        "daily_loss": "1000", "max_leverage": "3"}}  # fmt: skip
    async with protected(tmp_path, place, BOTH, **limited) as trading:
        await trading.arm()
        await trading.enter()
        await trading.agreed()
        await trading.write(trading.intent("-0.010", Leg.CLOSE))
        _, closed = await trading.reported(2)
        assert told(closed) == (Leg.CLOSE, OrderStatus.FILLED, None, -LONG)
        await trading.cleared()
        session = await trading.session()
        assert session.managers[SYM].open_orders == {}


@pytest.mark.parametrize("fate", ["fails", "expires", "short", "sticks"])
@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_trigger_that_fails_is_closed_at_market_by_name(
    tmp_path: Path, place: Place, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with protected(tmp_path, place, {**STOP, "trigger_s": 0.5}) as trading:
        doom(trading, monkeypatch, at_trigger=fate)
        await trading.enter()
        trading.price(BELOW)
        await until(lambda: trading.held == 0)
        closed = trading.fake.engine.accepted[-1]
        assert closed.reduce_only
        await until(lambda: sum(report.last_qty for report in trading.reports()) == 0)
        assert (Leg.STOP, OrderStatus.FILLED, Reason.STOP_FAILED) in [told(one)[:3] for one in trading.reports()]
        assert any("STOP_FAILED" in text for text in await trading.alarms())
        await trading.cleared()
        if (place, fate) != (BYBIT, "sticks"):  # whose order never ends: that is shown, and a person's to say
            await trading.agreed()


async def test_a_price_that_the_market_is_beyond_is_closed_at_market_by_name(tmp_path: Path) -> None:
    """Binance takes no stop with the entry: the price has run away when it comes."""
    async with protected(tmp_path, BINANCE, {"stop_bps": 10}) as trading:
        await trading.quoted(D(41_950))
        await trading.write(trading.intent("0.010"))
        _, closed = await trading.reported(2)
        assert told(closed) == (Leg.STOP, OrderStatus.FILLED, Reason.STOP_BEYOND, -LONG)
        assert trading.stops == []
        assert any("STOP_BEYOND" in text for text in await trading.alarms())
        await trading.agreed()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_position_without_its_stop_alarms_and_gets_another(tmp_path: Path, place: Place) -> None:
    """Somebody cancels it, at the exchange."""
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        (there,) = trading.stops
        trading.fake.engine.stops.cancel(there, trading.fake.state.now_ms())
        await until(lambda: trading.triggers == [AT])
        assert trading.stops[0].id != there.id
        await until(lambda: not trading.bare())
        assert any("another is placed" in text for text in await trading.alarms())
        (without,) = [row for row in await trading.naked() if row.why == "it is not there any more"]
        assert without.from_ms <= without.until_ms
        trading.price(BELOW)
        assert told((await trading.reported(2))[1]) == STOPPED_OUT
        await trading.agreed()


async def test_the_time_between_a_fill_and_its_stop_is_in_the_journal(tmp_path: Path) -> None:
    async with protected(tmp_path, BINANCE) as trading:
        await trading.enter()
        await until(lambda: not trading.bare())
        (row,) = await trading.naked()
        (fill,) = await trading.fills()
        (life,) = await trading.lives()
        assert (row.from_ms, row.opened_by) == (fill.at_ms, fill.client_order_id)
        assert life.at_ms <= row.until_ms
        assert row.until_ms - row.from_ms <= 5_000


@pytest.mark.parametrize("place", [OKX, BYBIT, HYPERLIQUID], ids=named)
async def test_what_an_entry_carries_leaves_no_time_without(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        await trading.agreed()
        assert await trading.naked() == []
        assert [bool(life.carried_by) for life in await trading.lives()][:1] == [True]


@pytest.mark.parametrize("fate", ["", "expires"])
async def test_a_fired_stop_that_has_kept_its_number_is_booked_as_well(
    tmp_path: Path, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows which of both Hyperliquid does; the other tests have the other one."""
    async with protected(tmp_path, HYPERLIQUID, {**STOP, "trigger_s": 0.5}) as trading:
        trading.fake.engine.set("trigger_id", "same")
        doom(trading, monkeypatch, at_trigger=fate)
        await trading.enter()
        await until(lambda: trading.settled())
        (there,) = trading.stops
        trading.price(BELOW)
        await until(lambda: trading.held == 0)
        await until(lambda: sum(report.last_qty for report in trading.reports()) == 0)
        assert trading.reports()[-1].reason is (Reason.STOP_FAILED if fate else Reason.STOPPED_OUT)
        assert bool(trading.fake.engine.by_id(there.id))
        await trading.cleared()
        await trading.agreed()


async def test_an_entry_that_was_filled_in_part_gets_its_stop_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hyperliquid places what an entry carries if all of it was filled, and else nothing."""
    async with protected(tmp_path, HYPERLIQUID) as trading:
        monkeypatch.setattr(trading.fake.state.random_faults, "ioc_plan", lambda id_: FillPlan(share=D("0.3")))
        await trading.enter()
        await until(lambda: not trading.bare())
        first, second = await trading.lives()
        assert (first.phase, bool(first.carried_by)) == (StopPhase.CANCELED, True)
        assert (second.phase, second.carried_by, second.revision, second.whole) == (StopPhase.WAITING, "", 1, True)
        (row,) = await trading.naked()
        assert 0 <= row.until_ms - row.from_ms <= 5_000
        monkeypatch.undo()
        trading.price(BELOW)
        assert told((await trading.reported(2))[1]) == (*STOPPED_OUT[:3], D("-0.003"))
        await trading.agreed()


@pytest.mark.parametrize("place", [OKX, BYBIT, HYPERLIQUID], ids=named)
async def test_one_that_was_not_placed_with_its_entry_is_placed_behind_it(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with protected(tmp_path, place) as trading:
        doom(trading, monkeypatch, unattached=True)
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        monkeypatch.undo()
        await until(lambda: trading.triggers == [AT])
        first, second = (await trading.lives())[:2]
        assert (bool(first.carried_by), bool(second.carried_by), second.revision) == (True, False, 1)
        await until(lambda: not trading.bare())
        (row,), (fill,) = await trading.naked(), await trading.fills()
        assert row.from_ms == fill.at_ms and row.until_ms > fill.at_ms, "it had none from its first trade on"


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_more_of_a_position_is_protected_at_the_first_ones_price(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        await trading.enter("0.005", price=D("42100.00"))

        def fits() -> bool:
            return [(one.trigger, one.qty in (0, D("0.015"))) for one in trading.stops] == [(AT, True)]

        await until(fits)
        trading.price(BELOW)
        assert trading.held == 0
        assert told((await trading.reported(3))[2]) == (*STOPPED_OUT[:3], D("-0.015"))
        await trading.agreed()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_part_of_a_position_that_was_closed_leaves_the_rest_protected(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place, BOTH) as trading:
        await trading.enter()
        await trading.write(trading.intent("-0.004", Leg.CLOSE))
        await trading.reported(2)

        def fits() -> bool:
            return [(one.trigger, one.qty in (0, D("0.006"))) for one in trading.stops] in (
                [(AT, True), (D(43_260), True)], [(D(43_260), True), (AT, True)]
            )  # fmt: skip

        await until(fits)
        trading.price(ABOVE)
        assert told((await trading.reported(3))[2]) == (*PROFIT_TAKEN[:3], D("-0.006"))
        await trading.cleared()


async def test_an_answer_that_is_lost_is_followed_by_another_and_none_is_left_over(tmp_path: Path) -> None:
    """The first one was taken: the second is refused since one is there, which is then adopted."""
    async with protected(tmp_path, BINANCE) as trading:
        trading.fake.server.faults.append(Fault(FaultMode.DROP, SENDS["binance"], after=True, method="POST"))
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        await until(lambda: [life.phase for life in trading.known() if life.live] == [StopPhase.WAITING])
        assert trading.triggers == [AT]
        assert len(trading.reports()) == 1, "it was not closed at market"
        await trading.agreed()


async def test_an_order_that_two_stops_may_have_become_is_booked_once(tmp_path: Path) -> None:
    """Bybit's have no id of ours: two revisions of which nobody knows find the same order, by its trades."""
    async with protected(tmp_path, BYBIT) as trading:
        await trading.enter()
        await until(lambda: any(life.seen_ms for life in trading.known()))
        await trading.kill()
        async with trading._opened() as journal:
            epoch = await journal.raise_epoch("test")
            (first,) = await journal.stops()
            unknown = first._replace(phase=StopPhase.UNKNOWN, venue_id="")
            await journal.write([unknown, unknown._replace(stop_id="0" * 32, revision=1, carried_by="")], epoch)
        trading.price(BELOW)
        trading.start()
        _, closed = await trading.reported(2)
        assert told(closed) == STOPPED_OUT
        await trading.cleared()
        await trading.agreed()
        assert sorted(life.phase for life in await trading.lives()) in (
            [StopPhase.CANCELED, StopPhase.TRIGGERED], [StopPhase.FAILED, StopPhase.TRIGGERED]
        )  # fmt: skip


async def test_one_that_fired_before_it_was_shown_is_booked_though_the_next_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bybit's list never shows it, its trade comes late, and more was bought meanwhile, with a stop of its own."""
    async with protected(tmp_path, BYBIT, grace_ms=3_000) as trading:
        doom(trading, monkeypatch, shown_ms=1 << 40)
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        monkeypatch.undo()
        trading.price(BELOW)
        engine = trading.fake.engine
        engine.fills[-1] = engine.fills[-1]._replace(late_ms=5_000)
        trading.price(D(42_000))
        await trading.write(trading.intent("0.005"))
        await until(lambda: trading.triggers == [AT])
        reports = await trading.reported(3)
        assert told(reports[2]) == STOPPED_OUT
        assert sum(report.last_qty for report in reports) == trading.held == D("0.005")


@pytest.mark.parametrize(
    ("lost", "taken"), [("algoOrder", False), ("algoOrder", True), ("fapi/v1/order", True)],
    ids=["the stop's request", "the stop's answer", "the entry's answer"],
)  # fmt: skip
async def test_silence_is_not_waited_for_while_a_position_has_no_stop(tmp_path: Path, lost: str, taken: bool) -> None:
    """Nobody answers the entry, or its stop, for an hour."""
    async with protected(tmp_path, BINANCE, {**STOP, "naked_s": 2}) as trading:
        venue: Any = (await trading.session()).context.venue
        venue.stops._timeout_s = venue._sender._timeout_s = HOUR_S
        trading.fake.server.faults.append(Fault(FaultMode.HOLD, lost, after=taken, method="POST"))
        await trading.write(trading.intent("0.010"))
        await until(lambda: trading.triggers == [AT])
        assert trading.held == LONG


async def test_a_stop_of_an_older_position_is_cancelled_as_a_difference(tmp_path: Path) -> None:
    """It was placed late, or its cancel did nothing: the journal knows that it is ours, and over."""
    async with protected(tmp_path, BINANCE) as trading:
        await trading.enter()
        (there,) = trading.stops
        await trading.write(trading.intent("-0.010", Leg.CLOSE))
        await trading.reported(2)
        await trading.cleared()
        await trading.enter()
        engine = trading.fake.engine
        again = there._replace(qty=LONG, id=engine.next_id(), state=StopState.WAITING, trigger=D(39_000))
        engine.note(again)
        await until(lambda: trading.triggers == [AT])
        assert any(event.kind == "EXTERNAL" and "cancelled" in event.text for event in await trading.events())


@pytest.mark.parametrize(("place", "wanted"), [(HYPERLIQUID, {"trail_bps": 100}), (BINANCE_SPOT, STOP)], ids=named)
async def test_who_has_no_such_stops_is_refused_by_name(
    tmp_path: Path, place: Place, wanted: Mapping[str, object]
) -> None:
    async with protected(tmp_path, place, wanted) as trading:
        assert trading.task is not None
        with pytest.raises(ConfigError, match="no such stop can lie"):
            await trading.task


async def test_two_that_fire_together_are_both_booked_though_no_fill_names_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hyperliquid: the one that the entry carried has a size, the one that replaces it has not; its cancel is lost.

    What is left when the first is booked is nothing that it did not close, though the journal does not have it yet.
    """
    async with protected(tmp_path, HYPERLIQUID, {"take_profit_bps": 300}) as trading:
        await trading.enter()
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "exchange/cancel", times=1_000))
        await trading.write(trading.intent("0.005"))
        await until(lambda: sorted(one.qty for one in trading.stops) == [0, LONG])
        context, done = (await trading.session()).context, list[bool]()
        stops, write = context.protector.symbols[SYM], context.fenced.write

        async def written(changes: Sequence[Change], meanwhile: Callable[[], None] | None = None) -> None:
            for row in [one for one in changes if isinstance(one, OrderRow) and one.state is OrderPhase.FILLED]:
                holding, _ = await stops.holding.now(stops.known.by_id.values())
                done.append(row.stop_id in holding.done or not holding.held)
            await write(changes, meanwhile)

        monkeypatch.setattr(context.fenced, "write", written)
        trading.price(ABOVE)
        assert trading.held == 0
        first, second = (one for one in trading.fake.engine.accepted if not one.client_id)
        reports = await trading.reported(4)
        assert {told(one) for one in reports[2:]} == {PROFIT_TAKEN, (*PROFIT_TAKEN[:3], D("-0.005"))}
        assert {life.order_id for life in await trading.lives()} >= {str(first.id), str(second.id)}
        assert done == [True, True]
        assert not any("closed at market" in text for text in await trading.alarms())
        await trading.agreed()


async def test_what_is_left_below_the_least_order_is_told_once_and_left(tmp_path: Path) -> None:
    """Hyperliquid takes no order below 10 USDC; the next position has its stop at its own price, and closes it too."""
    rest, entry = D("0.0002"), D("0.010")
    async with protected(tmp_path, HYPERLIQUID) as trading:
        await trading.enter()
        await trading.write(trading.intent("-0.0098", Leg.CLOSE))
        await trading.reported(2)
        await until(lambda: trading.settled() and not trading.bare())
        trading.price(BELOW)
        refused = (await trading.reported(3))[2]
        assert told(refused) == (Leg.STOP, OrderStatus.REJECTED, Reason.BELOW_MINIMUM, 0)
        assert (refused.dust, trading.held) == (rest, rest)
        await trading.cleared()
        await until(lambda: not trading.bare())
        assert [text for text in await trading.alarms() if "dust" in text] == [
            "0.0002 is left, which the exchange lets nobody close: it is dust, and has no stop"
        ]
        closes = sum("closed at market" in text for text in await trading.alarms())
        await trading.agreed()
        await trading.quoted(D(50_000))
        await trading.enter(str(entry), price=D(50_000))
        await until(lambda: [(one.trigger, one.qty) for one in trading.stops] == [(D(48_750), 0)])
        assert closes == sum("closed at market" in text for text in await trading.alarms()) == 1
        trading.price(D(48_700))
        assert trading.held == 0
        assert told((await trading.reported(5))[4]) == (*STOPPED_OUT[:3], -entry - rest)
        await trading.agreed()


async def test_an_entry_that_nobody_answers_and_that_was_filled_in_part_has_its_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hyperliquid places what an entry carries if all of it was filled, and nobody knows for an hour."""
    async with protected(tmp_path, HYPERLIQUID, {**STOP, "naked_s": 2}) as trading:
        venue: Any = (await trading.session()).context.venue
        venue.stops._timeout_s = venue._sender._timeout_s = HOUR_S
        monkeypatch.setattr(trading.fake.state.random_faults, "ioc_plan", lambda id_: FillPlan(share=D("0.3")))
        trading.fake.server.faults.append(Fault(FaultMode.HOLD, "exchange/order", after=True, method="POST"))
        await trading.write(trading.intent("0.010"))
        await until(lambda: trading.triggers == [AT])
        assert (trading.held, trading.reports()) == (D("0.003"), [])
        trading.price(BELOW)
        assert trading.held == 0


async def test_a_stop_that_stays_triggered_calls_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bybit: the position is closed, the stop cannot be cancelled, and no list shows it."""
    async with protected(tmp_path, BYBIT, {**STOP, "trigger_s": 0.5}) as trading:
        doom(trading, monkeypatch, at_trigger="sticks")
        await trading.enter()
        trading.price(BELOW)
        await until(lambda: trading.held == 0)

        async def called() -> list[str]:
            return [text for text in await trading.alarms() if "no order came of it" in text]

        await until(called)
        (text,) = await called()
        assert text.startswith(f"stop at 40950 ({trading.place.order_id(trading.fake.engine.stops.all()[-1].id)}) was")
        await trading.agreed()


async def test_what_has_ended_short_as_it_fired_is_closed_before_its_trades_are_certain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hyperliquid says at once that it is over; its fills may come until 10 s later, and the rest is closed by then."""
    async with protected(tmp_path, HYPERLIQUID) as trading:
        doom(trading, monkeypatch, at_trigger="short")
        await trading.enter()
        while trading.fake.engine.next_id() % 8:  # the next one is `canceled`, and its row counts nothing
            pass
        trading.price(BELOW)
        assert trading.held == LONG / 2
        await until(lambda: trading.held == 0)
        _, closed = await trading.reported(2)
        assert told(closed) == (Leg.STOP, OrderStatus.FILLED, Reason.STOP_FAILED, -LONG / 2)
        session = await trading.session()
        (fired,) = session.managers[SYM].open_orders.values()
        assert (fired.ended_with, fired.state.in_flight) == (-LONG / 2, True)
        (bare,) = await trading.naked()
        assert bare.why == "it is not there any more"
        monkeypatch.setattr(rows, "EVER_LATE_MS", 0)
        assert told((await trading.reported(3))[2]) == (Leg.STOP, OrderStatus.CANCELED, Reason.STOP_FAILED, -LONG / 2)
        await trading.agreed()
