"""Every Tick of the live package: restored = never stopped after every event, and any other state is refused."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.ingestor.live as live
from services.ingestor.live.at_end import AtEnd
from services.ingestor.live.bar_join import BarJoin, Close, Cut
from services.ingestor.live.candles import Candles
from services.ingestor.live.continuity import Continuity
from services.ingestor.live.mid_prices import MidPrices
from services.ingestor.live.sampler import EachTrade, Sampler
from services.ingestor.live.stage import LiveStage, TickPipeline
from services.ingestor.live.traded_bars import TradedBars
from services.ingestor.plan import candle_pipeline, trade_pipeline
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Candle,
    Clock,
    ClosedBar,
    Connected,
    Disconnected,
    Late,
    Lost,
    MissingTrades,
    Page,
    SettledRates,
    Short,
    TopOfBook,
    Trade,
    Watermark,
)
from shared.exchanges.market_data.options import ContinuityRules
from shared.history.funding import SettledRate
from shared.intervals import NS_PER_S
from shared.messages import GapCause
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup
from shared.record import NewerWire
from shared.tick import Tick

AnyTick = Tick[Any, Any]
TIME = st.integers(10, 100)
PRICE = st.integers(1, 3).map(Decimal)
NUMBER, WHAT = st.integers(1, 4), st.sampled_from(["trades", "bars"])
NAMED = st.builds(Trade, st.sampled_from("abcdef"), TIME, PRICE, PRICE, st.integers(0, 2))
NUMBERED = st.builds(Trade, st.integers(1, 9), TIME, PRICE, PRICE, st.just(0))
END = st.integers(1, 10).map(lambda number: 10 * number)
AMOUNT = st.none() | st.sampled_from([0.0, 1.5])
GROUP = st.none() | st.builds(
    BarGroup, open=st.just(1.0), high=st.just(2.0), low=st.just(1.0), volume=st.just(0.5), quote_volume=AMOUNT,
    trades=st.none() | st.integers(0, 3), taker_volume=AMOUNT,
)  # fmt: skip
BAR = st.builds(ClosedBar, END, st.none() | PRICE, GROUP)
CANDLE = st.builds(Candle, END, PRICE, GROUP, st.none() | st.booleans())
COMMON = [
    st.builds(Clock, TIME, st.booleans()),
    st.builds(Connected),
    st.builds(Disconnected),
    st.builds(Answered, NUMBER, WHAT, st.booleans()),
    st.builds(Bars, st.lists(BAR, max_size=3).map(tuple)),
]
SAMPLED = [BAR, st.builds(Lost, END), st.builds(Late, END), st.builds(Short, END)]
MARKS = [st.builds(Watermark, TIME), st.builds(MissingTrades, TIME, TIME)]
STATES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5) | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def with_pages(trades: st.SearchStrategy[Trade]) -> list[st.SearchStrategy[Any]]:
    return [trades, st.builds(Page, st.lists(trades, max_size=4).map(tuple)), *COMMON]


def rules(consecutive: bool) -> ContinuityRules:
    return ContinuityRules(consecutive, 5, 2, 4, 20, 3, 30, 40)


def seconds(event: Any) -> Any:
    """The same event, so many seconds late instead of ns: for what samples by whole seconds."""
    if isinstance(event, Page | Bars):
        return type(event)(tuple(seconds(one) for one in event[0]))
    names = {"ts_event", "now", "start"} & set(event._fields)
    return event._replace(**{name: getattr(event, name) * NS_PER_S for name in names})


def slowly(values: list[st.SearchStrategy[Any]]) -> list[st.SearchStrategy[Any]]:
    return [value.map(seconds) for value in values]


@dataclass(frozen=True)
class Case:
    make: Callable[[], AnyTick]
    values: list[st.SearchStrategy[Any]]


def routed(make: Callable[[], TickPipeline]) -> Callable[[], AnyTick]:
    return lambda: LiveStage("v", "A", make(), 20 * NS_PER_S)


CLOSED = st.builds(Close, END, PRICE, GROUP, st.none(), st.none()) | st.builds(Cut, END, st.just(GapCause.UNFILLED))
RATES = st.builds(
    SettledRates, st.lists(st.builds(SettledRate, TIME, PRICE), max_size=3).map(tuple), st.integers(0, 100)
)
CASES: dict[type[AnyTick], list[Case]] = {
    AtEnd: [
        Case(
            lambda: AtEnd(10, 3, quote=True, funding=True),
            [st.builds(TopOfBook, TIME, PRICE, PRICE, PRICE, PRICE), CLOSED, RATES, *COMMON],
        )
    ],
    BarJoin: [
        Case(lambda: BarJoin(10, 2, waiting=3, fill_ns=30), [*SAMPLED, *COMMON]),
        Case(lambda: BarJoin(10, 2, waiting=3, fill_ns=30, grouped=True), [*SAMPLED, *COMMON]),
    ],
    Candles: [
        Case(lambda: Candles(10, 3), [CANDLE, *COMMON]),
        Case(lambda: Candles(10, 3, grouped=True, begins=True), [CANDLE, *COMMON]),
    ],
    Continuity: [
        Case(lambda: Continuity(rules(True)), with_pages(NUMBERED)),
        Case(lambda: Continuity(rules(False)), with_pages(NAMED)),
    ],
    EachTrade: [Case(EachTrade, [NUMBERED, *MARKS])],
    MidPrices: [Case(lambda: MidPrices(20, 40), [st.builds(TopOfBook, TIME, PRICE, PRICE, PRICE, PRICE), *COMMON])],
    Sampler: [Case(lambda: Sampler(10, 3), [NUMBERED, *MARKS])],
    TradedBars: [Case(lambda: TradedBars(Sampler(10, 3), 10, 3), [NUMBERED, *MARKS])],
    TickPipeline: [
        Case(lambda: trade_pipeline("10s", "last", ContinuityRules(), 0, 3), slowly(with_pages(NUMBERED))),
        Case(lambda: candle_pipeline("10s", 0, 3, 10**9), slowly([CANDLE, *COMMON])),
    ],
    LiveStage: [
        Case(routed(lambda: trade_pipeline("trade", "last", rules(True), 0, 0)), with_pages(NUMBERED)),
        Case(
            routed(lambda: trade_pipeline("10s", "mid", ContinuityRules(), 0, 0)),
            slowly([st.builds(TopOfBook, TIME, PRICE, PRICE, PRICE, PRICE), *COMMON]),
        ),
    ],
}  # fmt: skip
ALL = [
    pytest.param(case, id=f"{kind.__name__}-{place}")
    for kind, cases in CASES.items()
    for place, case in enumerate(cases)
]


def test_every_tick_of_the_package_is_tried_here() -> None:
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(live.__path__, f"{live.__name__}.")
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Tick) and kind.__module__ == module.__name__
    }
    assert kinds == CASES.keys()


@pytest.mark.parametrize("case", ALL)
@given(data=st.data())
def test_restored_after_every_event_is_never_stopped(case: Case, data: st.DataObject) -> None:
    never_stopped, snapshot = case.make(), pack(case.make().state())
    for val in data.draw(st.lists(st.one_of(case.values), max_size=20)):
        tick = case.make()
        tick.restore(unpack(snapshot))
        assert tick.on_tick(val) == never_stopped.on_tick(val)
        snapshot = pack(tick.state())
        assert snapshot == pack(never_stopped.state())


@pytest.mark.parametrize("case", ALL)
@given(state=STATES)
def test_any_other_state_is_taken_or_refused_with_a_value_error(case: Case, state: Any) -> None:
    tick = case.make()
    try:
        tick.restore(state)
    except (ValueError, NewerWire):
        return
    pack(tick.state())
