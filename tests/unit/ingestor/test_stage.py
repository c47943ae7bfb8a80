"""The ingestor's stage: numbering, what is no tick, and a state that goes on where it stopped."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.source import Datum, Quote
from services.ingestor.stage import IngestStage
from shared.messages import Gap, GapCause, MarketTick, Message, Stream
from shared.messages.codec import pack, unpack
from shared.tick import State

TIMES = st.lists(st.integers(0, 30), max_size=40)


def quotes(times: list[int]) -> list[Quote]:
    return [Quote("BTCUSDT", ts, Decimal(100 + i) / 10) for i, ts in enumerate(times)]


def run(stage: IngestStage, taken: Sequence[Datum]) -> list[Message]:
    return [tick for quote in taken for tick in stage.on_tick(quote)]


def test_a_quote_becomes_a_numbered_tick_with_its_trace_id() -> None:
    ticks = run(IngestStage("replay", "BTCUSDT"), quotes([5, 9]))
    assert ticks == [
        MarketTick(n=1, sym="BTCUSDT", ts_event=5, tr="replay:BTCUSDT:5:1", venue="replay", price=Decimal("10")),
        MarketTick(n=2, sym="BTCUSDT", ts_event=9, tr="replay:BTCUSDT:9:2", venue="replay", price=Decimal("10.1")),
    ]


@given(TIMES)
def test_ticks_are_newer_each_time_and_numbered_without_a_hole(times: list[int]) -> None:
    stage = IngestStage("replay", "BTCUSDT")
    ticks = run(stage, quotes(times))
    assert [tick.n for tick in ticks] == list(range(1, len(ticks) + 1))
    assert [tick.ts_event for tick in ticks] == sorted(
        {t for i, t in enumerate(times) if t > max(times[:i], default=-1)}
    )
    assert stage.position == len(times)
    assert stage.stale == len(times) - len(ticks)


@given(TIMES, st.integers(0, 40))
def test_restored_is_never_stopped(times: list[int], cut: int) -> None:
    whole, first, second = (IngestStage("replay", "BTCUSDT") for _ in range(3))
    head, tail = quotes(times)[:cut], quotes(times)[cut:]
    before = run(first, head)
    second.restore(unpack(pack(first.state())))
    assert before + run(second, tail) == run(whole, head + tail)
    assert second.state() == whole.state()


def test_what_was_recorded_is_written_again_under_its_own_number() -> None:
    stage = IngestStage("binance", "A")
    tick = MarketTick(n=7, sym="A", ts_event=5, tr="binance:A:5:7", venue="binance", price=Decimal(9), history=True)
    gap = Gap(n=8, sym="A", ts_event=4, tr="binance:A:4:8", stream=Stream.TICKS, cause=GapCause.LATE)
    assert run(stage, [tick, gap]) == [
        tick.model_copy(update={"n": 1, "tr": "binance:A:5:1"}), gap.model_copy(update={"n": 2, "tr": "binance:A:4:2"}),
    ]  # fmt: skip
    assert stage.position == 2
    other = IngestStage("binance", "A")
    other.restore(stage.state())
    assert run(other, [tick])[0].n == 3
    with pytest.raises(ValueError, match="A was given to B"):
        IngestStage("binance", "B").on_tick(tick)


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_an_impossible_price_is_refused_and_nothing_is_counted(price: Decimal) -> None:
    stage = IngestStage("replay", "BTCUSDT")
    with pytest.raises(ValueError, match="price"):
        stage.on_tick(Quote("BTCUSDT", 1, price))
    assert stage.state() == IngestStage("replay", "BTCUSDT").state()


def test_another_symbols_quote_is_refused() -> None:
    with pytest.raises(ValueError, match="ETHUSDT was given to BTCUSDT"):
        IngestStage("replay", "BTCUSDT").on_tick(Quote("ETHUSDT", 1, Decimal(1)))


@pytest.mark.parametrize(
    "state", [None, {}, [1], {"v": 3, "position": "1", "last_ts_event": 1, "stale": 0, "numbers": {}}, {"v": 3}]
)
def test_a_state_that_does_not_fit_is_refused(state: State) -> None:
    with pytest.raises(ValueError, match="IngestSnapshot"):
        IngestStage("replay", "BTCUSDT").restore(state)
