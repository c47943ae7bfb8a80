"""What is remembered has names: no state has a list in which the place says what a value is."""

import ast
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.execution.engine import GatewayStage
from services.ingestor.live.trade_order import OrderById, OrderByTime
from services.ingestor.source import Quote
from services.ingestor.stage import IngestStage
from services.monitor.alerts.bundle import BundleStage, MessagePace
from services.monitor.alerts.bus_watch import StreamWatch
from services.monitor.alerts.conditions import AlertKind, Condition, Observation
from services.monitor.alerts.journal_watch import JournalWatch
from services.monitor.comparisons import EquityBand, Outside, Ranges, RealisedCosts
from services.monitor.stage import MonitorStage
from shared.account import Account
from shared.account.live_book import LiveBook
from shared.config import load_settings
from shared.drift.twin import Costs
from shared.exchanges.market_data.events import Trade
from shared.journal.rows import EventRow
from shared.messages import Gap, GapCause, Stream
from shared.messages.codec import pack, unpack
from shared.runner.spec import SequenceNumbers
from shared.strategies import CoolDown, MovingAverageCross, TrailingStop
from tests.contract.test_tick_contract import CASES as LIBRARY
from tests.contract.test_tick_contract import PRICES
from tests.unit.gateway import test_paper as paper
from tests.unit.ingestor.live.test_live_states import CASES as LIVE
from tests.unit.monitor import session as monitor
from tests.unit.monitor.test_comparisons import KNOWN, SYM, TRAINING, line
from tests.unit.monitor.test_comparisons import ONE as ONE_SYMBOL
from tests.unit.signal import test_signal_stage as signal
from tests.unit.strategies.market import price_bar
from tests.unit.strategy import test_live_stage as live
from tests.unit.strategy import test_strategy_stage as strategy

ROOT = Path(__file__).parents[2]
ONE = Decimal(1)


def has_memory(found: ast.ClassDef) -> bool:
    """Whether the class itself says what it remembers."""
    methods = {each.name for each in found.body if isinstance(each, ast.FunctionDef)}
    return {"state", "restore"} <= methods and found.name not in {"Tick", "AnyFeature"}


def classes_with_memory() -> set[str]:
    return {
        found.name
        for package in ("shared", "services")
        for path in (ROOT / package).rglob("*.py")
        for found in ast.parse(path.read_text()).body
        if isinstance(found, ast.ClassDef) and has_memory(found)
    }


def numbers() -> Iterator[SequenceNumbers]:
    made = SequenceNumbers()
    yield made
    made.next(Stream.TICKS)
    made.next(Stream.ORDERS)
    yield made


def account() -> Iterator[Account]:
    made = Account(Decimal(100))
    yield made
    made.book("A", ONE, ONE, ONE)
    made.book("B", -ONE, ONE, ONE)
    yield made


def ingest_stage() -> Iterator[IngestStage]:
    made = IngestStage("v", "A")
    yield made
    made.on_tick(Quote("A", 1, ONE))
    yield made


def order_by_id() -> Iterator[OrderById]:
    made = OrderById()
    yield made
    for number in (1, 3, 5):
        made.put(Trade(number, 1, ONE, ONE))
    yield made


def order_by_time() -> Iterator[OrderByTime]:
    made = OrderByTime(10, 1)
    yield made
    for number, name in enumerate("abc"):
        made.put(Trade(name, number, ONE, ONE))
    yield made


def signal_stage() -> Iterator[Any]:
    made = signal.stage()
    yield made
    signal.run(made, [signal.tick(n, 100) for n in (1, 2, 3)])
    yield made


def strategy_stage() -> Iterator[Any]:
    made = strategy.strategy()
    yield made
    made.on_tick(strategy.prediction(1))
    yield made


def live_strategy_stage() -> Iterator[Any]:
    made = live.stage()
    yield made
    made.on_tick(live.prediction(1))
    made.on_tick(live.prediction(2))  # it waits
    yield made


def stateful_strategy() -> Iterator[MovingAverageCross]:
    made = MovingAverageCross(fast=1, slow=2).bind("A", Account(ONE))
    yield made
    made.on_tick(price_bar(1, 5))
    yield made


def wrapper() -> Iterator[Any]:
    made = CoolDown(ticks=2).around(TrailingStop(distance=0.1).around(MovingAverageCross())).bind("A", Account(ONE))
    yield made
    made.on_tick(price_bar(1, 5))
    yield made


def paper_stage() -> Iterator[Any]:
    made = paper.paper()
    yield made
    paper.filled(made, paper.order())
    yield made


def gateway_stage() -> Iterator[GatewayStage]:
    made = GatewayStage()
    yield made
    made.on_tick(paper.filled(paper.paper(), paper.order()))
    yield made


def monitor_stage() -> Iterator[MonitorStage]:
    made = monitor.stage()
    yield made
    for message in monitor.bars(1, 40, -0.01):
        made.on_tick(message)
    assert made.alarm is not None
    yield made


def bundle_stage() -> Iterator[BundleStage]:
    made = BundleStage("main", MessagePace(0, 1, 1))
    yield made
    one = Condition(AlertKind.HALT, "halt", "by ann")
    made.on_tick(Observation(5, {"journal": (one,)}))
    yield made


def journal_watch() -> Iterator[JournalWatch]:
    made = JournalWatch.of(load_settings())
    yield made
    made._told, made._events_ms, made._opened = {EventRow("ALARM", SYM, "x", "its id is known", 7)}, 7, True
    again = JournalWatch.of(load_settings())
    again.restore(unpack(pack(made.state())))
    assert pack(again.state()) == pack(made.state())
    yield again


def stream_watch() -> Iterator[StreamWatch]:
    made = StreamWatch(load_settings(symbols=(SYM,)))
    yield made
    made.see(Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED))
    again = StreamWatch(load_settings(symbols=(SYM,)))
    again.restore(unpack(pack(made.state())))
    assert list(again.conditions()) == list(made.conditions()) != []
    yield again


def compared(make: Callable[[], Any]) -> Callable[[], Iterator[Any]]:
    def grow() -> Iterator[Any]:
        made = make()
        yield made
        for message in line([0.01, -0.01]):
            made.on_tick(message)
        yield made

    return grow


def outside() -> Iterator[Outside]:
    made = Outside(KNOWN)
    yield made
    made.on_tick(2.0)
    yield made


# class -> the same object before it saw anything, and after
GROWN: dict[str, Callable[[], Iterator[Any]]] = {
    "Account": account,
    "BundleStage": bundle_stage,
    "EquityBand": compared(lambda: EquityBand((SYM,), ONE_SYMBOL)),
    "GatewayStage": gateway_stage,
    "IngestStage": ingest_stage,
    "JournalWatch": journal_watch,
    "LiveBook": compared(lambda: LiveBook(SYM)),
    "LiveStrategyStage": live_strategy_stage,
    "SequenceNumbers": numbers,
    "MonitorStage": monitor_stage,
    "OrderById": order_by_id,
    "OrderByTime": order_by_time,
    "Outside": outside,
    "PaperStage": paper_stage,
    "Ranges": compared(lambda: Ranges(TRAINING)),
    "RealisedCosts": compared(lambda: RealisedCosts(Costs())),
    "SignalStage": signal_stage,
    "StatefulStrategy": stateful_strategy,
    "StrategyStage": strategy_stage,
    "StreamWatch": stream_watch,
    "Wrapper": wrapper,
}
ANYTHING = {"DequeWindow", "Last"}  # they keep what they are given, whatever it is
WINDOWS = {"DequeWindow", "NumpyWindow", "TensorWindow"}  # values of one kind, as many as there are: a list says it
TICKS = [
    pytest.param(
        case.make,
        PRICES if kind.__name__ in ANYTHING else case.values if cases is LIBRARY else st.one_of(case.values),
        getattr(case, "after", None),
        list if kind.__name__ in WINDOWS else dict,
        id=f"{kind.__name__}-{number}",
    )
    for cases in (LIBRARY, LIVE)
    for kind, of_kind in cases.items()
    for number, case in enumerate(of_kind)  # type: ignore[arg-type, var-annotated]
]


def lists_in(state: object) -> Iterator[list[Any]]:
    """All lists in what was unpacked."""
    if isinstance(state, list):
        yield state
    if isinstance(state, dict | list):
        for each in state.values() if isinstance(state, dict) else state:
            yield from lists_in(each)


def unnamed(state: object, fresh: bool = False) -> list[list[Any]]:
    """The lists in a state where the place says what a value is.

    Such are those of several kinds, and those that are not empty though nothing was seen yet.
    """
    found = lists_in(unpack(pack(state)))  # type: ignore[arg-type]
    return [each for each in found if len({type(value) for value in each}) > 1 or (fresh and each)]


def test_this_suite_would_see_one() -> None:
    assert unnamed({"a": {"b": [1, "x"]}}) == [[1, "x"]]
    assert unnamed({"a": [[1, None]]}) == [[1, None]]
    assert unnamed({"a": [{"n": 1}, {"n": 2}], "b": (1, 2)}) == []
    assert unnamed({"numbers": [0] * 14}, fresh=True) == [[0] * 14]


def test_every_class_with_memory_is_tried_here() -> None:
    tried = GROWN.keys() | {kind.__name__ for kind in (*LIBRARY, *LIVE)}
    missing = classes_with_memory() - tried
    assert not missing, f"add a line to GROWN in {__file__} for: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("grow", GROWN.values(), ids=GROWN.keys())
def test_what_is_remembered_has_names(grow: Callable[[], Iterator[Any]]) -> None:
    before, *after = (pack(each.state()) for each in grow())
    assert after, "it saw nothing"
    assert [before] != after, "it remembers nothing"
    assert unnamed(unpack(before), fresh=True) == []
    assert [unnamed(unpack(each)) for each in after] == [[]] * len(after)
    assert isinstance(unpack(before), dict)


@pytest.mark.parametrize(("make", "values", "after", "form"), TICKS)
@given(data=st.data())
def test_what_a_tick_remembers_has_names(
    make: Callable[[], Any],
    values: st.SearchStrategy[Any],
    after: Callable[..., None] | None,
    form: type,
    data: st.DataObject,
) -> None:
    tick = make()
    assert tick.state() is None or isinstance(unpack(pack(tick.state())), form)
    assert unnamed(tick.state(), fresh=True) == []
    for val in data.draw(st.lists(values, max_size=12)):
        result = tick.on_tick(val)
        if after is not None:
            after(tick, val, result)
        assert unnamed(tick.state()) == []
