"""A line's status as it is read: from bus, journal, the services' files and the exchange, at work and dead."""

import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.simulator.engine.events import NewOrder
from services.simulator.simulator import serving
from services.strategy.plan import plan as strategy_plan
from services.strategy.protected_stage import ProtectedStage
from shared.account.simulated_stop import BarPrices
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings
from shared.config.fingerprint import config_hash
from shared.config.gateway import GatewaySettings
from shared.config.protect import ProtectSettings
from shared.config.settings import SignalSettings
from shared.config.strategy import StrategySettings
from shared.control.books import book_of, execution_row
from shared.control.capital import begun_row
from shared.drift.reference import DriftReference
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.explain.edge import edge_of, edge_on
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, LatchRow
from shared.lookup import Found, Lookup
from shared.messages import Decision, ExecutionReport, Message, Stream
from shared.messages.codec import pack
from shared.messages.monitor import POOLED, DriftReading, DriftState
from shared.messages.reasons import StopKind
from shared.record import WIRE
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.runner.health import HELD, alive_file
from shared.runner.symbol import FIELD, Symbol
from shared.status.exchange import look
from shared.status.reader import CORE, FEW, StatusReader, _health
from shared.status.state import LineStatus, Word
from shared.strategies.identity import decided_by_config
from shared.wall_time import UTC_TIME
from tests.simulator_venues import HYPERLIQUID, SPOTS, SWAPS, SYM, Place, named
from tests.unit.lookup.test_money import SYM as A
from tests.unit.lookup.test_money import Hour, played
from tests.unit.lookup.world import World

D = Decimal
LIFE = played([Hour(100, 1, 0), Hour(110, 0, 0), Hour(120, 0, 0)], 1)
MESSAGES = (*LIFE.ticks, *LIFE.decisions, *LIFE.reports)


@asynccontextmanager
async def reading(world: World, **options: bool) -> AsyncIterator[StatusReader]:
    lookup = Lookup(world.settings, world.bus)
    session = await world.bus.connect()
    yield StatusReader(world.settings, lookup, UTC_TIME, session=session, **options)
    await session.close()
    await lookup.close()


async def status_of(world: World, **options: bool) -> LineStatus:
    async with reading(world, **options) as reader:
        return await reader.read()


def touched(settings: Settings, names: Sequence[str], age_s: float = -600.0) -> None:
    """age_s: by default some of the time to come, so that no busy machine lets it grow old."""
    settings.state_dir.mkdir(exist_ok=True)
    for name in names:
        path = alive_file(settings.state_dir, name)
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "recording", symbols=(A,))
    made.settings = made.settings.model_copy(update={"state_dir": tmp_path / "state"})
    return made


async def test_on_paper_bus_and_files_tell_all(world: World) -> None:
    world.write(*MESSAGES)
    touched(world.settings, CORE)
    status = await status_of(world)
    assert (status.mode, status.line, status.missing, status.standing) == ("paper", "up", (), None)
    assert (status.money_from, status.not_asked) == ("bus", "")
    one = status.symbols[A]
    assert (one.price, one.qty, one.entry, one.unrealised, one.today) == (D(120), D(1), D(100), D(20), D(10))
    assert (one.decision, one.fill) == (LIFE.decisions[-1], LIFE.reports[-1])
    # The simulated market's ticks are of another time, and so is its today.
    assert status.event_ns == LIFE.ticks[-1].ts_event
    assert status.identity is not None
    assert (
        status.edge == "no edge shown: the model's card has no figures out of sample for this strategy and these costs"
    )
    assert [word.who for word in status.words] == ["feed simulated", "bus"]
    assert all(word.at_ns for word in status.words)


def lying(world: World) -> None:
    """Writes the snapshot of a book that holds 1 since 100, and has seen 120; its stops are those of the config."""
    stage = strategy_plan(world.settings).make_stage(A)
    assert isinstance(stage, ProtectedStage)
    stage.account.open_position(A, D(1), D(100))
    stage.stop.follow(D(1), D(100))
    assert stage.stop.on_bar(BarPrices(D(110), D(120), D(109), D(119))) is None
    place = PartitionId(world.settings.strategy.instance, partition_of(A, world.settings.bus.partitions))
    world.bus.partition(place).fields[f"{FIELD}{A}"] = Symbol(A, stage).dump()


async def test_on_paper_the_bus_tells_where_simulated_stops_would_fire(world: World) -> None:
    own = StrategySettings(protect=ProtectSettings(stop_bps=500, trail_bps=1_000))
    world.settings = world.settings.model_copy(update={"strategy": own})
    world.write(*MESSAGES)
    assert (await status_of(world)).symbols[A].simulated == {}
    lying(world)
    assert (await status_of(world)).symbols[A].simulated == {StopKind.STOP: D(95), StopKind.TRAIL: D(108)}
    async with reading(world) as reader:
        reader._session = None
        assert (await reader.read()).symbols[A].simulated == {}
    for fields in [part.fields for part in world.bus.partitions.values() if f"{FIELD}{A}" in part.fields]:
        fields[f"{FIELD}{A}"] = pack({"v": WIRE + 1})
    assert (await status_of(world)).symbols[A].simulated == {}, "a newer Tickline's, which may say something else"


async def test_the_stops_of_a_replay_are_those_that_it_ran_with(world: World) -> None:
    own = StrategySettings(protect=ProtectSettings(take_profit_bps=3_000))
    then = world.settings.model_copy(update={"strategy": own})
    world.record(Stream.TICKS, world.write(*MESSAGES))
    write_checkpoint(world.folder, Checkpoint(taken_ns=1, settings=kept_settings(then), snapshots={}))
    now, world.settings = world.settings, then
    lying(world)
    world.settings = now
    assert (await status_of(world, replay=True)).symbols[A].simulated == {StopKind.TAKE_PROFIT: D(130)}


class GoingOn(Lookup):
    """A lookup of a line that writes on after its decision was read."""

    meanwhile: Callable[[], object] | None = None
    searched: frozenset[Stream] = frozenset()  # by time, which reads hundreds

    async def messages(self, stream: Stream, *given: Any) -> list[Found]:
        self.searched |= {stream}
        return await super().messages(stream, *given)

    async def last(self, stream: Stream, sym: str, count: int = 1, until_ns: int | None = None) -> list[Found]:
        found = await super().last(stream, sym, count, until_ns)
        if stream is Stream.DECISIONS and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found


def decided(fill: ExecutionReport, n: int) -> tuple[Decision, ExecutionReport]:
    """A decision, n hours after the last one, with its order's fill."""
    last = LIFE.decisions[-1]
    at_ns, name, number = last.ts_event + n * 3_600 * 10**9, f"{n:032x}", last.n + n
    tr = f"t:{A}:{at_ns}:{number}"
    of = {"ts_event": at_ns, "tr": tr, "tick_n": number}
    made = last.model_copy(update={**of, "n": number, "prediction_n": number, "orders": (name,)})
    return made, fill.model_copy(update={**of, "n": fill.n + n, "client_order_id": name})


@pytest.mark.parametrize("behind", [0, FEW], ids=["among the last decisions", "long ago by then"])
async def test_while_the_line_goes_on_no_answered_decision_is_called_unanswered(world: World, behind: int) -> None:
    """A decision is read before the reports; meanwhile the line decides anew, and fills that."""
    (first, filled), (second, later) = (decided(LIFE.reports[0], n) for n in (1, 2))
    waiting = [decided(later, n)[0].model_copy(update={"orders": ()}) for n in range(3, 3 + behind)]
    world.write(*LIFE.ticks, *LIFE.reports, first, filled)
    going = GoingOn(world.settings, world.bus)
    going.meanwhile = lambda: world.write(second, later, *waiting)
    session = await world.bus.connect()
    one = (await StatusReader(world.settings, going, UTC_TIME, session=session).read()).symbols[A]
    await session.close()
    await going.close()
    assert (one.decision, one.fill, one.outcome) == (second, later, "FILLED")
    assert (Stream.DECISIONS in going.searched) == bool(behind)


async def test_where_it_is_read_is_asked_again_until_there_is_something(world: World) -> None:
    async with reading(world) as reader:
        assert "no recording" in " ".join((await reader.read()).sources)
        world.write(*MESSAGES)
        (source,) = (await reader.read()).sources
    assert source.startswith("decisions from the bus, since ")


async def test_what_the_monitor_said_last_is_the_edge(world: World) -> None:
    said = DriftReading(
        n=1, sym=POOLED, ts_event=1, tr="t", net=0.0, syms=(), nets=(), x=0.0, decay=12.5, claim=0.0, edge=3.25,
        held=311, warn_bars=730, latch_bars=7_300, state=DriftState.OK,
    )  # fmt: skip
    world.write(*MESSAGES, said)
    assert (await status_of(world)).edge == (
        "live no edge shown: evidence 3.25 of 20 in 311 held bars; decay ok: 12.5 of 7300"
    )


async def test_the_card_is_read_once_as_what_trades(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find it, all cards of a folder are read."""
    world.write(*MESSAGES)
    async with reading(world) as reader:
        found = await reader.read()
        monkeypatch.setattr("shared.status.reader.chosen_card", lambda *_: pytest.fail("it was searched for again"))
        assert (await reader.read()).edge == found.edge != ""


def test_how_long_it_may_take_yet_is_said_where_the_card_tells() -> None:
    said = DriftReading(
        n=1, sym=POOLED, ts_event=1, tr="t", net=0.0, syms=(), nets=(), x=0.0, decay=12.5, claim=0.0, edge=4.5,
        held=311, warn_bars=0, latch_bars=0, state=DriftState.NO_EDGE,
    )  # fmt: skip
    reference = DriftReference(
        strategy="x", decides="a" * 64, symbols=(A,), interval="1s", fee=0.0, slippage_bps=0.0, legs=True, start="a",
        end="b", bars=9, held=9, mean_net=0.0002, sd_net=0.1, mean=0.05, sd=1.0, lower=-0.1,
    )  # fmt: skip
    assert edge_of(said, reference).endswith("in 311 held bars, about 1718 more")
    assert edge_on(reference) == "no edge shown by the model's card: out of sample +2.00 bps a held bar, 9 held bars"


@pytest.mark.parametrize(
    ("late", "line", "missing"),
    [((), "up", ()), (("signal",), "partly", ("signal",)), (CORE, "down", CORE), (("recorder",), "up", ("recorder",))],
)
async def test_a_line_is_at_work_whose_services_touch_their_files(
    world: World, late: Sequence[str], line: str, missing: Sequence[str]
) -> None:
    touched(world.settings, (*CORE, "recorder"))
    touched(world.settings, late, age_s=60)
    status = await status_of(world)
    assert (status.line, status.missing) == (line, tuple(missing))


async def test_a_service_that_was_killed_some_seconds_ago_is_not_at_work(world: World) -> None:
    touched(world.settings, CORE)
    alive_file(world.settings.state_dir, "gateway").write_bytes(HELD)  # nobody holds it
    touched(world.settings, ("gateway",))
    assert (await status_of(world)).line == "up", "it is touched just now: another machine may hold it"
    touched(world.settings, ("gateway",), age_s=5)
    status = await status_of(world)
    assert (status.line, status.missing) == ("partly", ("gateway",))


@pytest.mark.parametrize(
    ("age_s", "heard_s", "line", "missing"),
    [(0, 5, "up", ()), (0, 61, "partly", ("ingestor", "signal", "strategy")), (60, 5, "partly", ("gateway",))],
)
def test_services_whose_files_are_in_other_containers_are_not_missed_while_the_bus_has_news(
    world: World, age_s: float, heard_s: float, line: str, missing: Sequence[str]
) -> None:
    """docker-compose.live.yml: gateway and monitor share a folder, the others have each their own."""
    touched(world.settings, ("gateway", "monitor"), age_s)
    now_ns = time.time_ns()
    health = _health(world.settings, now_ns, [Word("bus", now_ns - round(heard_s * 10**9))])
    assert (health.line, set(health.missing) - {"monitor"}) == (line, set(missing))


async def test_without_its_bus_no_line_is_at_work(world: World) -> None:
    """Right after its end a run's files are still fresh."""
    touched(world.settings, CORE)
    assert (await status_of(world, rests=True)).line == "down"


async def test_a_replay_is_read_by_its_ticks_clock_and_the_config_does_not_tell_what_traded(world: World) -> None:
    world.settings = account_of(world).model_copy(update={"symbols": (A,), "gateway": world.settings.gateway})
    world.write(*MESSAGES)
    status = await status_of(world, replay=True)
    assert (status.identity, status.edge, status.event_ns) == (None, "", LIFE.ticks[-1].ts_event)
    assert status.notes == ("what traded is not known any more: the replay has no recording",)
    assert status.words[0].who == "feed replay", "not the feed of today's config"


async def test_what_traded_in_a_replay_is_read_in_its_recording(world: World) -> None:
    then = world.settings.model_copy(update={"signal": SignalSettings(model="btcusdt_12h_linear")})
    world.record(Stream.TICKS, world.write(*MESSAGES))
    write_checkpoint(world.folder, Checkpoint(taken_ns=1, settings=kept_settings(then), snapshots={}))
    status = await status_of(world, replay=True)
    assert status.identity is not None
    assert (status.identity.model, status.edge) == ("btcusdt_12h_linear", "")


async def test_where_no_service_of_this_folder_ever_ran_the_bus_tells(world: World) -> None:
    world.write(*MESSAGES)  # years ago
    assert (await status_of(world)).line == "down"


async def test_what_trades_need_not_be_readable(world: World) -> None:
    world.settings = world.settings.model_copy(update={"strategy": StrategySettings(name="no_such_one")})
    world.write(*MESSAGES)
    status = await status_of(world)
    assert status.identity is None
    assert "no_such_one" in status.notes[0]
    assert status.symbols[A].qty == 1


# An account.


def account_of(world: World, url: str = "http://127.0.0.1:1", place: Place = SWAPS[0]) -> Settings:
    own = GatewaySettings(
        mode="testnet", venue="fake", account="main", exchange=place.exchange, fake_url=url,
        markets={SYM: place.market},
    )  # fmt: skip
    changes = {"gateway": own, "symbols": (SYM,), "signal": SignalSettings(model="none")}
    changes |= {"strategy": StrategySettings(name="moving_average_cross")}
    return world.settings.model_copy(update=changes)


def of_sym(messages: Sequence[Message]) -> list[Message]:
    return [message.model_copy(update={"sym": SYM}) for message in messages]


async def journaled(settings: Settings, qty: Decimal) -> None:
    book = book_of(settings, SYM)
    report = LIFE.reports[0].model_copy(update={"sym": SYM, "last_qty": qty})
    now_ms = time.time_ns() // 1_000_000
    by = decided_by_config(settings)
    armed = ArmingRow(D(500), now_ms, now_ms + 3_600_000, config_hash(settings), "ada", by)
    async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
        rows = [begun_row(book, D(100)), execution_row(book, report, 1)]
        await journal.write(rows, await journal.raise_epoch("gateway"))
        await journal.write_by_person([armed, LatchRow("DRIFT", "M 500", "monitor", 1)])


async def test_an_account_s_right_to_send_and_its_money_are_the_journal_s(world: World) -> None:
    settings = world.settings = account_of(world)
    world.write(*of_sym(LIFE.ticks))
    touched(settings, CORE)
    await journaled(settings, D(1))
    status = await status_of(world, asks=True)
    assert (status.line, status.money_from, status.not_asked) == ("up", "journal", "")
    assert status.standing is not None
    assert 3_590 <= status.standing.armed_ns(status.now_ns) / 1e9 <= 3_600
    assert list(status.standing.latches) == ["DRIFT"]
    assert status.symbols[SYM].qty == 1
    assert [word.who for word in status.words] == ["feed simulated", "bus", "exchange"]


async def test_with_the_line_dead_an_exchange_that_does_not_answer_is_said(world: World) -> None:
    world.settings = account_of(world)
    await journaled(world.settings, D(1))
    status = await status_of(world, asks=True)
    assert status.line == "down"
    assert "127.0.0.1" in status.not_asked
    assert status.symbols[SYM].qty == 1, "the journal knows it all the same"


async def test_a_first_start_has_no_journal_and_that_is_no_error(world: World) -> None:
    world.settings = account_of(world)
    status = await status_of(world)
    assert status.money_from == "nothing"
    assert any("journal" in note for note in status.notes)


@pytest.mark.parametrize("place", [*SWAPS, SPOTS[0]], ids=named)
async def test_with_the_line_dead_the_exchange_is_asked_and_nothing_is_changed_there(
    world: World, place: Place
) -> None:
    """A stop may have fired since: what the exchange holds is shown beside what the books hold."""
    async with serving(place.fake or place.exchange) as fake:
        settings = world.settings = account_of(world, fake.url, place)
        venue = make_venue(settings)
        await venue.open()
        await venue.close()
        fake.engine.place(NewOrder(place.id, D("0.100")), fake.state.now_ms())
        await journaled(settings, D("0.200"))
        fake.server.requests.clear()
        status = await status_of(world, asks=True)
        asked = {(one.method, one.path.endswith("/info")) for one in fake.server.requests}
        assert asked == {("POST", True) if place is HYPERLIQUID else ("GET", False)}
    one = status.symbols[SYM]
    assert (status.line, status.not_asked) == ("down", "")
    assert one.exchange is not None
    assert (one.qty, one.exchange.open_orders, one.apart) == (D("0.200"), 0, True)
    assert abs(one.exchange.qty - D("0.100")) < D("0.001"), "on spot the fee is taken from the coins"
    assert one.price == one.exchange.price
    assert one.price_ns is not None
    assert [word.at_ns is not None for word in status.words if word.who == "exchange"] == [True]


async def test_a_slow_exchange_does_not_keep_a_person_waiting(world: World) -> None:
    async with serving("binance") as fake:
        settings = account_of(world, fake.url)
        seen = await look(settings, {}, within_s=0.0)
    assert (seen.symbols, seen.why, seen.asked) == ({}, "no answer within 0 s", True)


async def test_without_keys_the_exchange_is_not_asked(world: World) -> None:
    settings = account_of(world)
    own = settings.gateway.model_copy(update={"api_key": SecretStr(""), "venue": "ccxt", "exchange": "binance"})
    seen = await look(settings.model_copy(update={"gateway": own}), {})
    assert seen.why.startswith("config: no keys: set TICKLINE_GATEWAY__API_KEY")
    assert not seen.asked
