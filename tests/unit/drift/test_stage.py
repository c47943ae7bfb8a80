"""The drift stage: what it reads, what counts, and that a restored one goes on as if never stopped."""

import math
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.drift.reference import DriftReference
from shared.drift.stage import DriftRules, DriftStage
from shared.messages import Gap, GapCause, Message, Prediction, Reason, Stream
from shared.messages.codec import pack, unpack
from shared.messages.market import FundingGroup
from shared.messages.monitor import POOLED, DriftMoved, DriftReading, DriftState
from tests.examples import examples
from tests.unit.drift.lines import at, decision, gap, line, prediction
from tests.unit.drift.references import COSTS, REFERENCE, SYM

NO_EDGE = REFERENCE.model_copy(update={"lower": -0.01})


def stage(reference: DriftReference | None = REFERENCE, symbols: Sequence[str] = (SYM,), **rules: int) -> DriftStage:
    return DriftStage(symbols, COSTS, reference, DriftRules(**rules))  # type: ignore[arg-type]


def read(of: DriftStage, messages: Iterable[Message]) -> list[DriftReading]:
    return [reading for message in messages for reading in of.on_tick(message)]


def walk(bars: int, seed: int, drift: float = 0.0) -> list[float]:
    rng, prices = random.Random(seed), [100.0]
    for _ in range(bars - 1):
        prices.append(prices[-1] * math.exp(drift + rng.gauss(0, 0.01)))
    return prices


PRICES = st.integers(0, 10**6).map(lambda seed: walk(60, seed))
SIDES = st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=60, max_size=60)


def test_without_an_edge_in_the_card_there_is_none_to_lose() -> None:
    for reference in (None, NO_EDGE):
        readings = read(stage(reference), line(walk(200, 1, -0.01), [1] * 200))
        assert {reading.state for reading in readings} == {DriftState.NO_EDGE}
        assert {(reading.decay, reading.warn_bars, reading.latch_bars) for reading in readings} == {(0.0, 0, 0)}


def test_an_edge_that_turns_warns_then_latches_until_resumed() -> None:
    own = stage(warn_bars=20, latch_bars=200)
    readings = read(own, line(walk(300, 1, -0.01), [1] * 300))
    states = [reading.state for reading in readings]
    first = [states.index(state) for state in (DriftState.OK, DriftState.WARNING, DriftState.DECAYED)]
    assert first == sorted(first) and set(states[first[2] :]) == {DriftState.DECAYED}
    assert readings[first[1]].decay >= 20 > readings[first[1] - 1].decay
    assert readings[first[2]].decay >= 200 > readings[first[2] - 1].decay
    (resumed,) = own.resume(at(301))
    assert (resumed.state, resumed.moved, resumed.decay) == (DriftState.OK, DriftMoved.RESUMED, 0.0)
    after = read(own, [prediction(301, 99.0), decision(301, 1, 1, orders=2)])
    assert [reading.state for reading in after] == [DriftState.OK]


def test_readings_count_from_one_and_name_the_tick() -> None:
    readings = read(stage(), line(walk(10, 3), [1] * 10))
    assert [reading.n for reading in readings] == list(range(1, 10))
    assert {reading.sym for reading in readings} == {POOLED}
    assert readings[0].tr == prediction(2, 1.0).tr and readings[0].ts_event == at(2)
    assert readings[0].moved is DriftMoved.BEGUN and readings[1].moved is DriftMoved.BAR


def test_a_year_of_held_bars_warns_and_ten_latch() -> None:
    flat = REFERENCE.model_copy(update={"held": 146})
    assert (stage().warn_bars, stage().latch_bars) == (730, 7300)
    assert (stage(flat).warn_bars, stage(flat).latch_bars) == (146, 1458)


@given(PRICES, SIDES, st.integers(1, 119))
@settings(max_examples=examples(20), deadline=None)
def test_restored_it_goes_on_as_never_stopped(prices: list[float], sides: list[int], cut: int) -> None:
    messages = list(line(prices, sides))
    whole, first, second = stage(), stage(), stage()
    expected = read(whole, messages)
    found = read(first, messages[:cut])
    second.restore(unpack(pack(first.state())))
    assert found + read(second, messages[cut:]) == expected
    assert pack(second.state()) == pack(whole.state())


def holed(messages: list[Message], rng: random.Random) -> list[Message]:
    """Some messages are missing, and a gap stands before the next of its stream, as the runner puts it there."""
    found: list[Message] = []
    missing: set[bool] = set()
    for message in messages:
        kind = of_decisions(message)
        if rng.random() < 0.1:
            missing.add(kind)
            continue
        if kind in missing:
            missing.discard(kind)
            stream = Stream.DECISIONS if kind else Stream.PREDICTIONS
            found.append(gap(message.n, stream, message.sym, message.ts_event))
        found.append(message)
    return found


def of_decisions(message: Message) -> bool:
    return message.to is Stream.DECISIONS


@given(PRICES, SIDES, st.randoms(use_true_random=False))
@settings(max_examples=examples(20), deadline=None)
def test_how_streams_and_symbols_interleave_changes_nothing(
    prices: list[float], sides: list[int], rng: random.Random
) -> None:
    """Each symbol has holes in both streams, where messages were lost."""
    syms = ["A", "B"]
    both = [holed(list(line(prices[:50], sides[:50], "A")), rng), holed(list(line(prices[10:], sides[10:], "B")), rng)]
    streams = [[m for m in messages if of_decisions(m) is kind] for messages in both for kind in (True, False)]
    expected = read(stage(symbols=syms), (message for messages in both for message in messages))
    mixed = []
    while streams := [stream for stream in streams if stream]:
        mixed.append(rng.choice(streams).pop(0))
    assert read(stage(symbols=syms), mixed) == expected


@given(PRICES, SIDES, st.integers(1, 59), st.integers(1, 5))
@settings(max_examples=examples(20), deadline=None)
def test_a_flat_bar_changes_nothing(prices: list[float], sides: list[int], where: int, many: int) -> None:
    """Flat bars between, at the price where they begin, leave all evidence as it is."""
    sides = [side if n != where else 0 for n, side in enumerate(sides)]
    longer = prices[: where + 1] + [prices[where]] * many + prices[where + 1 :]
    flat = sides[: where + 1] + [0] * many + sides[where + 1 :]

    def evidence(readings: list[DriftReading]) -> list[tuple[float, ...]]:
        return [(each.x, each.decay, each.claim, each.edge, each.held) for each in readings]

    assert evidence(read(stage(), line(longer, flat))) == evidence(read(stage(), line(prices, sides)))


def test_the_bar_behind_a_gap_does_not_count() -> None:
    whole = list(line([100.0, 101.0, 102.0, 103.0, 104.0], [1] * 5))
    for missing in (Stream.PREDICTIONS, Stream.DECISIONS):
        messages = [*whole[:4], gap(3, missing), *whole[4:]]
        assert [reading.ts_event for reading in read(stage(), messages)] == [at(2), at(4), at(5)]


def test_another_model_begins_anew() -> None:
    own = stage()
    read(own, line(walk(30, 5), [1] * 30))
    other = [prediction(31, 99.0, model="f" * 16), decision(31, 1, 1, orders=2)]
    (reading,) = read(own, other)
    assert (reading.moved, reading.held, reading.n) == (DriftMoved.BEGUN, 1, 30)


def test_another_reference_begins_anew_but_the_position_and_n_go_on() -> None:
    first, second = stage(), stage(REFERENCE.model_copy(update={"mean": 0.2}))
    read(first, line(walk(30, 5), [1] * 30))
    second.restore(unpack(pack(first.state())))
    (reading,) = read(second, [prediction(31, 99.0), decision(31, 1, 1, orders=2)])
    assert (reading.moved, reading.held, reading.n) == (DriftMoved.BEGUN, 1, 30)


@pytest.mark.parametrize(("funded", "paid"), [(None, 0.0006), (False, 0.0012), (True, 0.0012)])
def test_a_reference_of_before_is_compared_by_the_rule_that_it_was_measured_by(
    funded: bool | None, paid: float
) -> None:
    """It took each rate for one of 8 hours; its mean without that of a 4 h market would fall for no cause."""
    own = stage(REFERENCE.model_copy(update={"funded": funded}))
    rate = FundingGroup(rate=0.0004, interval_h=4)
    messages = [
        each.model_copy(update={"funding": rate}) if isinstance(each, Prediction) else each
        for each in line([100.0] * 4, [1] * 4)
    ]
    costs = COSTS.rate * 2  # it closes and opens
    assert read(own, messages)[-1].net == pytest.approx(-paid - costs)


@pytest.mark.parametrize("funded", [None, False])
def test_evidence_goes_on_where_a_card_now_says_that_it_knows_no_funding(funded: bool | None) -> None:
    first, second = stage(), stage(REFERENCE.model_copy(update={"funded": funded}))
    read(first, line(walk(30, 5), [1] * 30))
    second.restore(unpack(pack(first.state())))
    (reading,) = read(second, [prediction(31, 99.0), decision(31, 1, 1, orders=2)])
    assert reading.moved is DriftMoved.BAR


def test_a_reference_says_whether_it_is_net_of_funding() -> None:
    said = [REFERENCE.model_copy(update={"funded": funded}).text for funded in (None, False, True)]
    assert [text.count("whether net of funding is not told") for text in said] == [1, 0, 0]
    assert [text.count(", net of funding") for text in said] == [0, 0, 1]


def test_a_ruinous_bar_ends_what_showed_an_edge_and_is_said() -> None:
    own = stage()
    read(own, line([100.0, 101.0, 102.0], [1] * 3))
    (reading,) = read(own, [prediction(4, 70.0), decision(4, 1, 1, orders=2)])
    assert (reading.moved, reading.edge) == (DriftMoved.RUIN, 0.0) and reading.x < -18
    (after,) = read(own, [prediction(5, 71.0), decision(5, 1, 1, orders=2)])
    assert (after.moved, after.edge) == (DriftMoved.BAR, 0.0)


def test_a_silent_symbol_holds_the_others_up_until_a_gap_says_how_far_it_is() -> None:
    own = stage(symbols=["A", "B"])
    assert not read(own, line(walk(9, 1), [1] * 9, "A"))
    silent = Gap(n=1, sym="B", ts_event=at(5), tr="gap", stream=Stream.PREDICTIONS, cause=GapCause.LATE)
    assert [reading.ts_event for reading in own.on_tick(silent)] == [at(n) for n in (2, 3, 4, 5)]


def test_a_symbol_that_the_line_does_not_have_is_passed_over() -> None:
    assert own_readings(prediction(1, 1.0, "OTHER")) == []


def own_readings(message: Message) -> list[DriftReading]:
    return stage().on_tick(message)


def test_a_reading_says_it_in_one_line() -> None:
    readings = read(stage(), line([100.0, 101.0, 102.0], [1] * 3))
    assert readings[1].human().startswith("drift ok: M ") and "warns at 730, latches at 7300" in readings[1].human()
    shown = read(stage(None), line(walk(40, 2), [1] * 40))[0].human()
    assert shown.startswith("drift not watched (begun), the card shows no edge: 1 held bar, evidence of an edge ")


@pytest.mark.parametrize("reason", [Reason.NO_PREDICTION, Reason.BELOW_THRESHOLD])
def test_while_entries_are_refused_the_twin_goes_on(reason: Reason) -> None:
    """The book stays flat; what asks for no change leaves the wanted position."""
    own = stage()
    target = None if reason is Reason.NO_PREDICTION else 0
    messages = [prediction(1, 100.0), decision(1, 1)]
    for n in (2, 3):
        messages += [prediction(n, 100.0 + n), decision(n, target, 0, reason=reason)]
    assert [reading.ts_event for reading in read(own, messages)] == [at(2), at(3)]
