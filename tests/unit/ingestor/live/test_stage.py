"""LiveStage: ticks, gaps, history; a warmed stage equals one that had run all along."""

from decimal import Decimal
from typing import Literal

import pytest

from services.ingestor.live.stage import LiveStage, TickPipeline
from services.ingestor.plan import candle_pipeline, trade_pipeline
from services.signal.stage import SignalStage
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Candle,
    Clock,
    ClosedBar,
    Connected,
    Disconnected,
    Event,
    Missing,
    TopOfBook,
    Trade,
)
from shared.exchanges.market_data.options import ContinuityRules
from shared.intervals import NS_PER_S
from shared.messages import Gap, GapCause, MarketTick, Message, Prediction, Stream
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.tick import State

T = 1_730_203_200 * NS_PER_S
RULES = ContinuityRules()
AGE = 5 * NS_PER_S


def at(seconds: float) -> int:
    return T + round(seconds * NS_PER_S)


def live(interval: str = "1s", price: Literal["last", "mid"] = "last", warm: int = 0) -> LiveStage:
    return LiveStage("v", "A", trade_pipeline(interval, price, RULES, 0, warm), AGE)


def run(stage: LiveStage, *events: Event) -> list[Message]:
    return [message for event in events for message in stage.on_tick(event) or []]


def trade(number: int, seconds: float, price: int) -> Trade:
    return Trade(number, at(seconds), Decimal(price), Decimal(1))


def tick(n: int, seconds: float, price: str, history: bool = False) -> MarketTick:
    end = at(seconds)
    return MarketTick(n=n, sym="A", ts_event=end, tr=f"v:A:{end}:{n}", venue="v", price=Decimal(price), history=history)


def gap(n: int, seconds: float, cause: GapCause) -> Gap:
    end = at(seconds)
    return Gap(n=n, sym="A", ts_event=end, tr=f"v:A:{end}:{n}", stream=Stream.TICKS, cause=cause)


def test_bars_of_trades() -> None:
    said = run(live(), Clock(T), Connected(), Clock(T), trade(1, 0.5, 10), trade(2, 1.5, 11), Clock(at(3)))
    assert said == [tick(1, 1, "10"), tick(2, 2, "11"), tick(3, 3, "11")]


def test_every_trade() -> None:
    stage = live("trade")
    said = run(stage, Clock(T), Connected(), trade(1, 0.5, 10), trade(2, 0.5, 11), trade(4, 0.6, 13), Clock(at(1.2)))
    assert said == [tick(1, 0.5, "10"), tick(2, 0.5, "11")]
    (question,) = stage.questions
    assert (question.from_id, question.to_id) == (3, 3)
    assert run(stage, Answered(question.no, "trades", True)) == [gap(3, 0.6, GapCause.UNFILLED), tick(4, 0.6, "13")]


def test_bars_of_mids() -> None:
    quotes = [TopOfBook(at(s), Decimal(b), Decimal(b + 1)) for s, b in ((0.2, 10), (1.5, 12))]
    stage = live(price="mid")
    said = run(stage, Clock(T), Connected(), *quotes, Clock(at(2)), Disconnected(), Clock(at(3)), Connected())
    said += run(stage, TopOfBook(at(3.5), Decimal(20), Decimal(21)), Clock(at(4)))
    late, unfilled = gap(2, 2, GapCause.LATE), gap(3, 3, GapCause.UNFILLED)
    assert said == [tick(1, 2, "12.5"), late, unfilled, tick(4, 4, "20.5")]
    assert stage.questions == []


def test_bars_of_candles() -> None:
    stage = LiveStage("v", "A", candle_pipeline("1s", 0, 0, 10**9), AGE)
    said = run(stage, Clock(T), Connected(), *(Candle(at(s), Decimal(s + 10)) for s in range(3)))
    assert said == [tick(1, 1, "10"), tick(2, 2, "11")]
    assert run(stage, Clock(at(3))) == []
    assert stage.questions == [Missing(1, "bars", None, None, at(3), at(3))]
    assert run(stage, Bars((ClosedBar(at(3), Decimal(12)),)), Answered(1, "bars", True)) == [tick(3, 3, "12")]


def test_what_is_older_than_the_age_limit_is_history() -> None:
    stage = live(warm=8)
    run(stage, Clock(at(8.5)), Connected())
    assert stage.questions == [Missing(1, "bars", None, None, at(1), at(8))]
    said = run(stage, Bars(tuple(ClosedBar(at(s), Decimal(s)) for s in range(1, 9))))
    assert said == [tick(s, s, str(s), history=s <= 3) for s in range(1, 9)]
    assert stage.made == {"history": 3, "ticks": 5}
    assert stage.counts["joined_fetched"] == 8


def test_while_the_clock_is_not_sure_all_ticks_are_history() -> None:
    stage = live()
    run(stage, Clock(T), Connected(), Clock(T, sure=False), trade(1, 0.5, 10))
    assert run(stage, trade(2, 1.5, 11), Clock(at(2))) == [tick(1, 1, "10", history=True), tick(2, 2, "11")]


def test_one_gap_stands_for_all_that_is_missing_and_none_before_the_first_tick() -> None:
    stage = live("trade")
    said = run(stage, Clock(T), Connected(), trade(1, 0.1, 10), trade(5, 0.2, 15), trade(9, 0.3, 19), Clock(at(0.9)))
    said += run(stage, Answered(1, "trades", False))
    said += run(stage, Answered(2, "trades", False), trade(3, 0.15, 13))
    causes = [(out.n, out.cause if isinstance(out, Gap) else out.human()) for out in said]
    unfilled = GapCause.UNFILLED
    assert causes == [(1, "A 10"), (2, unfilled), (3, "A 15"), (4, unfilled), (5, "A 19")]
    fresh = live("trade")
    fresh.restore(stage.state())
    assert fresh.counts == stage.counts
    assert fresh.counts["heard_old"] == 1
    assert fresh.made == stage.made == {"ticks": 3, "gaps_unfilled": 2}


def test_a_late_trade_that_would_have_changed_a_bar_gives_a_gap() -> None:
    stage = live()
    run(stage, Clock(T), Connected(), Clock(T), trade(1, 0.5, 10), Clock(at(2)))
    assert run(stage, trade(2, 0.9, 11)) == [gap(3, 2, GapCause.LATE)]
    assert run(stage, trade(3, 0.95, 12), Clock(at(3))) == [tick(4, 3, "12")]
    assert stage.counts["sampled_late"] == 2


@pytest.mark.parametrize("silent_s", [1.4, 1.6])
def test_bars_that_are_missing_have_their_gap_also_when_those_before_them_turn_out_to_be_wrong(silent_s: float) -> None:
    """Whether silence had closed the bar before the hole was found is a matter of ms."""
    route = trade_pipeline("1s", "last", ContinuityRules(silence_ns=NS_PER_S), NS_PER_S // 2, warm=0)
    stage = LiveStage("v", "A", route, AGE)
    trades = [trade(i, i * 0.6, 10 + i) for i in (1, 2, 3)]
    said = run(stage, Clock(T), Connected(), Clock(T), *trades, Clock(at(1 + silent_s)))
    said += run(stage, trade(9, 4.2, 20), Clock(at(5)), Answered(1, "trades", False), Answered(1, "bars", False))
    late = [GapCause.LATE] * (silent_s > 1.5)
    assert [out.cause for out in said if isinstance(out, Gap)] == [*late, GapCause.UNFILLED]


@pytest.mark.parametrize("interval", ["1s", "trade"])
def test_a_trade_beside_the_book_fills_its_place_and_is_no_price(interval: str) -> None:
    stage = live(interval)
    beside = trade(2, 0.7, 99)._replace(on_book=False)
    said = run(stage, Clock(T), Connected(), Clock(T), trade(1, 0.5, 10), beside, trade(3, 1.5, 11), Clock(at(2)))
    prices = [out.price for out in said if isinstance(out, MarketTick)]
    assert prices == [Decimal(10), Decimal(11)]
    assert (stage.questions, stage.counts["heard_holes"]) == ([], 0)


def predictions(said: list[Message]) -> dict[int, tuple[float, Decimal, bool]]:
    model = load_model("weights/btcusdt_12h_linear.json").module
    signal = SignalStage(ModelInput(["log_return_lags(3)"]), Predict(model), "m")
    made = [out for message in said for out in signal.on_tick(message) or []]
    return {
        out.ts_event: (out.y_hat, out.price, out.history)
        for out in made
        if isinstance(out, Prediction) and out.y_hat is not None
    }


def test_a_warmed_stage_equals_one_that_had_run_all_along() -> None:
    trades = [trade(i, i * 0.37, 100 + i * 7 % 11) for i in range(1, 90)]
    clocks: list[Event] = [Clock(at(s / 4)) for s in range(4 * 34)]
    in_time = sorted([*trades, *clocks], key=lambda e: e.now if isinstance(e, Clock) else e.ts_event)  # type: ignore[union-attr]
    all_along = run(live(), Clock(T), Connected(), *in_time)
    closes = {out.ts_event: out.price for out in all_along if isinstance(out, MarketTick)}

    stage, warmed = live(warm=12), list[Message]()
    start = at(20.3)
    later = [event for event in in_time if (event.now if isinstance(event, Clock) else event.ts_event) > start]  # type: ignore[union-attr]
    for event in (Clock(start), Connected(), *later):
        warmed += run(stage, event)
        for asked in stage.questions:
            ends = range(asked.from_ns, asked.to_ns + 1, NS_PER_S)
            warmed += run(
                stage, Bars(tuple(ClosedBar(end, closes[end]) for end in ends)), Answered(asked.no, "bars", True)
            )
    assert not any(isinstance(out, Gap) for out in warmed)
    old, new = predictions(all_along), predictions(warmed)
    assert min(new) < start < max(new)
    assert max(new) == max(old)
    assert {ts: made[:2] for ts, made in new.items()} == {ts: old[ts][:2] for ts in new}
    assert [ts for ts, made in new.items() if made[2]] == [ts for ts in new if ts < start - AGE]


@pytest.mark.parametrize("state", [None, [], [1, 2], {"a": 1}, {"v": 3, "series": "", "route": None}])
def test_a_state_that_does_not_fit_is_refused(state: State) -> None:
    with pytest.raises(ValueError, match="LiveSnapshot"):
        live().restore(state)


def test_a_state_of_another_route_is_refused() -> None:
    with pytest.raises(ValueError, match="EachTradeSnapshot"):
        live("trade").restore(live("1s").state())


def test_a_mid_has_no_history_to_fetch() -> None:
    route: TickPipeline = trade_pipeline("1s", "mid", RULES, 0, warm=50)
    route.on_tick(Clock(T))
    assert route.questions == []
