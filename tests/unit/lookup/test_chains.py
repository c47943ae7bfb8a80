"""A chain is found by any of its ids and told whole: from bus, recording and journal, also where a gap led out."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.console.trace import lines as trace_lines
from services.console.trace import recomputed, trace_of
from services.console.why import lines
from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.records import OrderTrades, ending, funding_report, open_order_of
from services.gateway.execution.stop_records import fired_row, placed_life
from services.gateway.paper import PaperStage
from services.signal.stage import SignalStage
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.stage import StrategyStage
from shared.config import Mode, Settings
from shared.config.gateway import GatewaySettings
from shared.control.books import execution_row
from shared.errors import DataError
from shared.exchanges.trading.venue import MarketRules
from shared.journal.journal import Journal
from shared.journal.rows import EventRow, FillRow, OrderRow
from shared.lookup import Lookup
from shared.lookup.chains import Chains, as_json_of
from shared.messages import ExecutionReport, Gap, GapCause, MarketTick, Message, OrderIntent, OrderPhase, Stream
from shared.messages.market import trace_id
from shared.messages.reasons import StopKind
from shared.models.load_model import LoadedModel, load_model
from shared.models.model_input import ModelInput
from shared.models.save_model import save_model
from shared.orders import FundingPayment, VenueFill
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.strategies import make_strategy
from shared.user_code.loader import use_folder
from shared.wall_time import UTC_TIME
from tests.journal_rows import order as order_row
from tests.unit.lookup.world import World

SYM = "BTCUSDT"
H12 = 43_200 * 10**9
FIRST = 1_700_006_400 * 10**9
MODEL = load_model("weights/btcusdt_12h_linear.json")
RULES = MarketRules(
    "swap",
    "BTC/USDT:USDT",
    "BTC",
    "USDT",
    Decimal("1e-8"),
    Decimal("1e-8"),
    None,
    Decimal(0),
    Decimal("0.1"),
    Decimal(1),
)
PRICES = (100, 101, 99, 102, 100, 103, 98, 101)


class Session:
    """The line's stages in a row, message by message; a live one holds its orders back until they are filled."""

    def __init__(self, *, live: bool = False, model: LoadedModel = MODEL, **strategy: Any) -> None:
        self.settings = Settings(symbols=(SYM,), interval="12h", strategy=strategy)
        own = make_strategy(self.settings.strategy)
        rules = LiveRules(valid_ns=H12, stale_ns=2 * H12, on_missing="flat")
        self.signal = SignalStage(ModelInput.of(model.card, "12h"), model.predict(), model.hash)
        self.strategy = (
            LiveStrategyStage(SYM, own, Decimal(100), "b", rules)
            if live
            else StrategyStage(SYM, own, Decimal(100), "b")
        )
        self.paper = PaperStage(Decimal("0.0003"), Decimal(0))
        self.messages: list[Message] = []
        self.open: list[OrderIntent] = []
        self._live, self._n = live, 0

    def take(self, *prices: float) -> "Session":
        for price in prices:
            self._n += 1
            at = FIRST + self._n * H12
            tr, exact = trace_id("v", SYM, at, self._n), Decimal(str(price))
            self._on(MarketTick(n=self._n, sym=SYM, ts_event=at, tr=tr, venue="v", price=exact))
            if not self._live:
                self.fill()
        return self

    def gap(self) -> "Session":
        self._n += 1
        at = FIRST + self._n * H12
        tr = trace_id("v", SYM, at, self._n)
        return self._on(Gap(n=self._n, sym=SYM, ts_event=at, tr=tr, stream=Stream.TICKS, cause=GapCause.UNFILLED))

    def fill(self) -> "Session":
        while self.open:
            (report,) = self.paper.on_tick(self.open.pop(0)) or []
            self._write([report, *(self.strategy.on_tick(report) or [])])
        return self

    def _on(self, datum: Message) -> "Session":
        self.messages.append(datum)
        for made in self.signal.on_tick(datum) or []:
            self.messages.append(made)
            if made.to is Stream.PREDICTIONS:
                self._write(self.strategy.on_tick(made) or [])
        return self

    def _write(self, made: Iterable[Message]) -> None:
        for message in made:
            self.messages.append(message)
            if isinstance(message, OrderIntent):
                self.open.append(message)

    def orders(self) -> list[OrderIntent]:
        return [one for one in self.messages if isinstance(one, OrderIntent)]


@asynccontextmanager
async def chains_of(
    world: World, session: Session, journal: Journal | None = None, left_out: Iterable[Message] = ()
) -> AsyncIterator[Chains]:
    """left_out: what is neither on the bus nor in a recording."""
    world.write(*[one for one in session.messages if one not in tuple(left_out)])
    settings = session.settings.model_copy(update={"recorder": world.settings.recorder})
    lookup = world.lookup()
    try:
        yield Chains(settings, lookup, journal, UTC_TIME)
    finally:
        await lookup.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "recording", (SYM,))


async def test_the_decision_of_a_time_is_the_last_one_up_to_then(world: World) -> None:
    session = Session().take(*PRICES)
    async with chains_of(world, session) as chains:
        fifth = FIRST + 5 * H12
        for asked in (fifth, fifth + 1, fifth + H12 - 1):
            found = await chains.decision_at(SYM, asked)
            assert found is not None and found.ts_event == fifth
        last, first = await chains.decision_at(SYM, None), await chains.decision_after(SYM, 0)
        assert last is not None and last.ts_event == FIRST + 8 * H12
        assert first is None, "too far away"
        near = await chains.decision_after(SYM, FIRST)
        assert near is not None and near.ts_event == FIRST + H12
        assert await chains.decision_at(SYM, FIRST) is None
        told = await chains.told(found.tr)
    assert told.complete
    shown = list(lines(told, found, fifth + H12 // 2, UTC_TIME, fifth + 2 * H12))
    assert shown[0].startswith("BTCUSDT, the decision on the tick of 2023-11-17 12:00:00 UTC, 24 h ago (v:BTCUSDT:")
    assert shown[1].endswith("itself: this is the last one before, by 6 h")
    future = list(lines(told, found, fifth + 3 * H12, UTC_TIME, fifth + 2 * H12))
    assert future[1] == "  2023-11-19 00:00:00 UTC is yet to come: this is the last one so far"
    assert [sentence.step for sentence in told.sentences][:4] == ["tick", "features", "prediction", "decision"]


async def test_every_step_of_a_chain_is_told_once_in_the_lines_order(world: World) -> None:
    session = Session().take(*PRICES)
    close, opened = session.orders()[-2:]
    async with chains_of(world, session) as chains:
        told = await chains.told(opened.tr)
    steps = [sentence.step for sentence in told.sentences]
    assert steps == ["tick", "features", "prediction", "decision", *["order", "risk", "report"] * 2]
    texts = "\n".join(sentence.text for sentence in told.sentences)
    assert texts.count(close.client_order_id) == texts.count(opened.client_order_id) == 1
    answer = as_json_of(told)
    assert (answer["complete"], answer["tr"], answer["origins"]) == (True, opened.tr, ["bus"])
    assert [step["step"] for step in answer["steps"]] == steps


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (MarketTick, "the tick"), (OrderIntent, "order "), (ExecutionReport, "the report of order "),
    ],
)  # fmt: skip
async def test_what_is_gone_is_named(world: World, lost: type[Message], said: str) -> None:
    session = Session().take(*PRICES)
    chosen = session.orders()[3].tr
    gone = [one for one in session.messages if isinstance(one, lost) and one.tr == chosen]
    async with chains_of(world, session, left_out=gone) as chains:
        told = await chains.told(chosen)
    assert not told.complete
    assert all(each.startswith(said) for each in told.lacking)
    assert any("not found any more" in line for line in trace_lines(told, UTC_TIME))


async def test_an_order_that_is_in_flight_lacks_nothing(world: World) -> None:
    session = Session(live=True).take(*PRICES[:4])
    async with chains_of(world, session) as chains:
        told = await chains.told(session.orders()[0].tr)
    assert told.complete
    assert [sentence.step for sentence in told.sentences][-2:] == ["order", "risk"]


async def test_what_waited_is_told_with_both_of_its_decisions(world: World) -> None:
    session = Session(live=True).take(*PRICES[:5]).fill().take(PRICES[5])
    async with chains_of(world, session) as chains:
        decision = await chains.decision_at(SYM, FIRST + 5 * H12)
        assert decision is not None
        told = await chains.told(decision.tr)
    first, second = [sentence.text for sentence in told.sentences if sentence.step == "decision"]
    assert first.startswith("no order: WAITING: ")
    assert f"1 order in flight ({session.orders()[0].client_order_id})" in first
    assert " goes by y_hat " in second
    assert told.complete


async def test_a_gap_that_led_out_is_told_with_its_cause(world: World) -> None:
    session = Session(live=True).take(*PRICES[:4]).fill().gap()
    close = session.orders()[-1]
    session.fill()
    async with chains_of(world, session) as chains:
        assert ":missing:" in close.tr
        found = await trace_of(chains, session.settings, close.client_order_id)
        told = await chains.told(found)
    texts = [sentence.text for sentence in told.sentences]
    assert any(text.startswith("something is missing in the predictions before it: UNFILLED") for text in texts)
    assert any("by a gap, as on_missing = flat says, from " in text for text in texts)
    assert any("to close what was held" in text for text in texts)
    assert told.complete


async def test_any_id_leads_to_the_chain(world: World, tmp_path: Path) -> None:
    session = Session().take(*PRICES)
    chosen = session.orders()[2]
    row = _row(chosen)
    url = f"sqlite:///{tmp_path}/journal.db"
    async with await Journal.open(url, "main", durable=False) as journal:
        fill = FillRow(SYM, "t9", "77", chosen.client_order_id, chosen.signed_qty, chosen.price, Decimal(0), "USDT", 5)
        await journal.write([row, fill], await journal.raise_epoch("me"))
        async with chains_of(world, session, journal) as chains:
            names = (
                chosen.tr,
                chosen.client_order_id,
                f"orders:{SYM}:{chosen.n}",
                "77",
                "t9",
                f"ticks:{SYM}:{chosen.tick_n}",
            )
            for name in names:
                assert await trace_of(chains, session.settings, name) == chosen.tr
            for name in ("nobody", f"executions:{SYM}:9999", f"dead:{SYM}:1"):
                with pytest.raises(DataError):
                    await trace_of(chains, session.settings, name)


def _row(order: OrderIntent, **changed: Any) -> OrderRow:
    row = order_row(
        client_order_id=order.client_order_id, tick_n=order.tick_n, tr=order.tr, ts_event=order.ts_event, leg=order.leg,
        intended_qty=order.signed_qty, reduce_only=order.reduce_only, price=order.price, order_n=order.n,
        state=OrderPhase.FILLED, signed_qty=order.signed_qty, venue_order_id="77",
    )  # fmt: skip
    return row._replace(**changed)


async def test_what_bus_and_recording_have_lost_comes_from_the_journal(world: World, tmp_path: Path) -> None:
    """Orders may be trimmed after a minute; the journal keeps them, with what was noted, and their reports."""
    session = Session().take(*PRICES)
    chosen = session.orders()[0]
    report = next(one for one in session.messages if isinstance(one, ExecutionReport) and one.tr == chosen.tr)
    gateway = GatewaySettings(mode="testnet", venue="fake", account="main", markets={SYM: "BTC/USDT:USDT"})
    session.settings = session.settings.model_copy(update={"gateway": gateway})
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        noted = EventRow("CUT", SYM, chosen.client_order_id, "only 1 of 2 is sent: ABOVE_MAXIMUM", 5)
        changes = [_row(chosen), noted, execution_row("b", report, 7)]
        await journal.write(changes, await journal.raise_epoch("me"))
        async with chains_of(world, session, journal, left_out=[chosen, report]) as chains:
            told = await chains.told(chosen.tr)
    assert told.complete
    assert {hop.origin for hop in told.chain.hops} == {"bus", "journal"}
    by_step = {sentence.step: sentence.text for sentence in told.sentences}
    assert by_step["risk"].startswith("cut: only 1 of 2 is sent: ABOVE_MAXIMUM (it was cut to the most")
    assert by_step["exchange"].startswith("sent -0.98039216 at 2024-10-29 12:00:00.001 UTC")
    assert "the exchange's order 77: it was filled" in by_step["exchange"]
    assert by_step["report"].startswith("FILLED: ")


async def test_what_a_stop_became_is_told_behind_the_order_that_opened_its_position(
    world: World, tmp_path: Path
) -> None:
    """At the exchange no tick fires it: it goes by the opening order's trace, long after its decision."""
    session = Session().take(*PRICES)
    opener = session.orders()[0]
    gateway = GatewaySettings(mode="testnet", venue="fake", account="main", markets={SYM: "BTC/USDT:USDT"})
    session.settings = session.settings.model_copy(update={"gateway": gateway})
    held, at_ms = opener.signed_qty, opener.ts_event // 10**6 + 9_000_000
    life = placed_life(
        Place(StopKind.STOP, WantedStop(Decimal(110)), held, opener.client_order_id, 0, True), "b", SYM, 5, 5
    )
    fired = fired_row(life._replace(order_id="78"), held, _row(opener), at_ms - 1_000, at_ms)
    names = (fired.client_order_id, "78", life.stop_id)
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        epoch = await journal.raise_epoch("me")
        await journal.write([_row(opener), fired], epoch)
        async with chains_of(world, session, journal) as chains:
            under_way = await chains.told(opener.tr)
            assert [await trace_of(chains, session.settings, name) for name in names] == [opener.tr] * 3
            done = fired._replace(state=OrderPhase.FILLED, filled_qty=-held, paid=abs(held) * 109, updated_ms=at_ms)
            fill = VenueFill("t8", "78", "", SYM, -held, Decimal(109), Decimal(0), "USDT", at_ms)
            end = ending(fired, open_order_of(done).state, OrderTrades((fill,)), RULES, seq=1, epoch=1, now_ms=at_ms)
            assert end is not None
            await journal.write(end.changes, epoch)
            told = await chains.told(opener.tr)
    assert under_way.complete and told.complete
    steps = [sentence.step for sentence in told.sentences]
    assert steps[steps.index("decision") :] == ["decision", *("order", "risk", "exchange", "report") * 2]
    assert [one.text for one in under_way.sentences[:-3]] == [one.text for one in told.sentences[:-4]]
    assert told.sentences[-4].text == f"BUY 0.98039216 BTCUSDT (stop) at 110, id {fired.client_order_id}"
    assert told.sentences[-2].text.endswith("and became order 78: it was filled: +0.98039216 at 109 (trade t8)")
    assert "STOPPED_OUT: a stop of the position has closed it: its trigger is 110" in told.sentences[-1].text


async def test_a_stop_of_a_position_that_no_order_opened_has_nothing_behind_it(world: World, tmp_path: Path) -> None:
    """A person has given it to the book."""
    session = Session().take(*PRICES)
    gateway = GatewaySettings(mode="testnet", venue="fake", account="main", markets={SYM: "BTC/USDT:USDT"})
    session.settings = session.settings.model_copy(update={"gateway": gateway})
    place = Place(StopKind.STOP, WantedStop(Decimal(90)), Decimal(2), "", 0, True)
    life = placed_life(place, "b", SYM, 5, 5)._replace(order_id="78")
    fired = fired_row(life, Decimal(2), None, 5_000, 6_000)
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        await journal.write([fired], await journal.raise_epoch("me"))
        async with chains_of(world, session, journal) as chains:
            told = await chains.told(await trace_of(chains, session.settings, "78"))
    assert [sentence.step for sentence in told.sentences] == ["order", "risk", "exchange"]
    assert told.complete


async def test_an_order_that_only_a_restored_journal_knows_is_told_and_the_rest_named(
    world: World, tmp_path: Path
) -> None:
    session = Session().take(*PRICES)
    chosen = session.orders()[0]
    report = next(one for one in session.messages if isinstance(one, ExecutionReport) and one.tr == chosen.tr)
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        await journal.write([_row(chosen), execution_row("b", report, 7)], await journal.raise_epoch("me"))
        async with chains_of(world, session, journal, left_out=session.messages) as chains:
            told = await chains.told(await trace_of(chains, session.settings, chosen.client_order_id))
            nothing = await chains.told("replay:NO:1:1")
    assert {hop.origin for hop in told.chain.hops} == {"journal"}
    assert {"order", "exchange", "report"} <= {sentence.step for sentence in told.sentences}
    assert {"the tick", "the decision"} <= set(told.lacking)
    assert not nothing.chain


async def test_the_rule_is_told_as_it_was_configured_then(world: World) -> None:
    strict = Session(name="threshold", params={"threshold": 1.0}).take(*PRICES)
    told_ns = 1_700_000_000 * 10**9
    now = Session(name="threshold", params={"threshold": 0.001}).settings
    async with chains_of(world, strict) as chains:
        as_now = await chains.told(strict.messages[-1].tr)
    world.record(Stream.TICKS, world.bus.streams[str(Stream.TICKS), world.place(Stream.TICKS, SYM)])
    write_checkpoint(world.folder, Checkpoint(taken_ns=told_ns, settings=kept_settings(strict.settings), snapshots={}))
    later = Checkpoint(taken_ns=4 * 10**18, settings=kept_settings(now), snapshots={})
    write_checkpoint(world.folder, later)
    strict.settings = now
    lookup = world.lookup()
    chains = Chains(now.model_copy(update={"recorder": world.settings.recorder}), lookup, None, UTC_TIME)
    as_then = await chains.told(strict.messages[-1].tr)
    await lookup.close()
    for told, of_now in ((as_now, True), (as_then, False)):
        assert told.as_now is of_now
        assert "above the threshold of 1.0" in told.sentences[-1].text


async def test_mode_and_costs_are_told_as_they_were_configured_then(world: World) -> None:
    session = Session().take(*PRICES)
    then = session.settings.model_copy(
        update={"gateway": GatewaySettings(fee=Decimal("0.0003"), slippage_bps=Decimal(7))}
    )
    world.record(Stream.TICKS, ())
    write_checkpoint(world.folder, Checkpoint(taken_ns=1, settings=kept_settings(then), snapshots={}))
    live = GatewaySettings(mode=Mode.TESTNET, venue="fake", account="main", fee=Decimal("0.001"))
    session.settings = session.settings.model_copy(update={"gateway": live})
    async with chains_of(world, session) as chains:
        told = await chains.told(session.orders()[-1].tr)
    assert not told.as_now
    texts = [sentence.text for sentence in told.sentences]
    assert any(text.startswith("on paper no limit is asked") and "slippage_bps 7 worse" in text for text in texts)
    assert any("(fee 3.00 bps)" in text and "(slippage_bps 7)" in text for text in texts)


async def test_a_payment_has_nothing_behind_it_and_lacks_nothing(world: World) -> None:
    session = Session().take(*PRICES)
    seq = sum(isinstance(one, ExecutionReport) for one in session.messages) + 1
    paid = funding_report(FundingPayment("p1", SYM, Decimal("-0.25"), FIRST // 10**6), seq)
    session.messages.append(paid)
    async with chains_of(world, session) as chains:
        told = await chains.told(await trace_of(chains, session.settings, f"executions:{SYM}:{seq}"))
    assert told.complete
    shown = "\n".join(trace_lines(told, UTC_TIME))
    assert "funding 0.25 paid" in shown
    assert "no decision and no order stand behind it" in shown
    written = world.bus.streams[str(Stream.TICKS), world.place(Stream.TICKS, SYM)]
    world.record(Stream.TICKS, written)
    elsewhere = session.settings.model_copy(update={"symbols": ("A",), "recorder": world.settings.recorder})
    other = Lookup(elsewhere.model_copy(update={"bus": world.settings.bus}), world.bus)
    assert [one.message for one in await other.of_trace(paid.tr)] == [paid]
    await other.close()


async def test_y_hat_is_computed_again_and_another_one_is_seen(world: World) -> None:
    session = Session().take(*PRICES)
    async with chains_of(world, session) as chains:
        told = await chains.told(session.orders()[0].tr)
    again = recomputed(session.settings, told.chain, [])
    assert again.bits and again.same
    assert "the same to the bit" in again.line
    prediction = next(hop for hop in told.chain.hops if hop.message.to is Stream.PREDICTIONS)
    other = prediction.message.model_copy(update={"y_hat": np.nextafter(again.computed, 1.0) * 1.5})
    hops = tuple(hop._replace(message=other) if hop is prediction else hop for hop in told.chain.hops)
    wrong = recomputed(session.settings, told.chain._replace(hops=hops), [])
    assert not wrong.same and "no runtime explains that" in wrong.line


FLAT = """
from torch import nn


class Flat(nn.Module):
    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * no_features, 1)

    def forward(self, x):
        return self.linear(x.flatten(-2))
"""


async def test_a_model_that_is_shown_a_sequence_is_shown_it_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flat_net.py").write_text(FLAT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TICKLINE_USER_CODE", str(tmp_path))
    module = importlib.import_module("flat_net").Flat(1)
    monkeypatch.delitem(sys.modules, "flat_net")
    folder = tmp_path / "weights"
    model = save_model(
        module,
        "flat",
        features=["log_return()"],
        symbols="*",
        interval="12h",
        window=3,
        weights=folder,
        folder=tmp_path,
    )
    session = Session(model=model).take(*PRICES)
    signal = session.settings.signal.model_copy(update={"weights": folder, "model": "flat"})
    session.settings = session.settings.model_copy(update={"signal": signal})
    async with chains_of(world, session) as chains:
        told = await chains.told(session.orders()[-1].tr)
        before = await chains.features_before(told.chain)
    assert len(before) == 2
    again = recomputed(session.settings, told.chain, before)
    assert again.bits and again.model == "flat"
    with pytest.raises(DataError, match="shown 3 ticks' features, and 2 of them are found"):
        recomputed(session.settings, told.chain, before[1:])
    use_folder(None)
