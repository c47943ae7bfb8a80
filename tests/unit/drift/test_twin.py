"""The paper twin: what a bar returns, what it costs, and whose wish it follows."""

from collections.abc import Iterable
from decimal import Decimal

import pytest

from shared.drift.twin import MAX_WAITING, Costs, Twin
from shared.messages import Message, Reason, Stream
from shared.messages.market import FundingGroup
from tests.unit.drift.lines import at, decision, gap, prediction

SYM = "BTCUSDT"
FEE = 0.001


def nets(messages: Iterable[Message], *, legs: bool = False, fee: float = 0.0) -> dict[int, float | None]:
    """Bar's number -> its return, of all bars that ended."""
    twin = Twin(SYM, Costs(fee, 0.0, legs))
    bars = [bar for message in messages for bar in twin.on_tick(message)]
    numbers = {at(n): n for n in range(100)}
    return {numbers[bar.ts_event]: bar.net for bar in bars}


def test_it_holds_what_was_wanted_one_bar_earlier_at_leverage_1() -> None:
    messages = [
        prediction(1, 100.0), decision(1, "0.5"),
        prediction(2, 110.0), decision(2, "-7", "0.5"),
        prediction(3, 99.0), decision(3, 0, "-7"),
        prediction(4, 120.0), decision(4, 0, reason=Reason.NO_CHANGE),
    ]  # fmt: skip
    assert nets(messages) == {1: None, 2: pytest.approx(0.1), 3: pytest.approx(0.1), 4: None}


@pytest.mark.parametrize(("legs", "turnover"), [(False, [1, 0, 2, 2]), (True, [1, 2, 2, 2])])
def test_each_held_bar_pays_for_what_led_to_it(legs: bool, turnover: list[int]) -> None:
    """In, held on, turned, then out; the way out and in again is paid by the next held bar."""
    sides = [1, 1, -1, 0, 1, 1]
    messages: list[Message] = []
    for n, (side, before) in enumerate(zip(sides, [0, *sides], strict=False), 1):
        messages += [prediction(n, 100.0)]
        moved = legs or side != before
        messages += [decision(n, side, before) if moved else decision(n, side, before, reason=Reason.NO_CHANGE)]
    found = nets(messages, legs=legs, fee=FEE)
    assert [found[n] for n in (2, 3, 4, 6)] == pytest.approx([-FEE * each for each in turnover])
    assert found[1] is found[5] is None


def test_slippage_is_paid_as_the_fee_is() -> None:
    assert Costs(0.0003, 5.0).rate == pytest.approx(0.0008)


@pytest.mark.parametrize(("side", "sign"), [(1, -1), (-1, 1)])
def test_a_long_pays_the_funding_that_was_known_and_a_short_gets_it(side: int, sign: int) -> None:
    """12 hours are one and a half times 8."""
    messages = [prediction(1, 100.0), decision(1, side), prediction(2, 100.0, rate=0.0004), decision(2, side, side)]
    assert nets(messages)[2] == pytest.approx(sign * 0.0006)


@pytest.mark.parametrize(("hours", "paid"), [(None, 0.0006), (8, 0.0006), (4, 0.0012), (1, 0.0048)])
def test_a_rate_is_one_for_as_long_as_the_exchange_says(hours: int | None, paid: float) -> None:
    """Of 12 hours; 8 where nobody tells."""
    last = prediction(2, 100.0, rate=0.0004)
    last = last.model_copy(update={"funding": FundingGroup(rate=0.0004, interval_h=hours)})
    assert nets([prediction(1, 100.0), decision(1, 1), last, decision(2, 1, 1)])[2] == pytest.approx(-paid)


def test_what_is_decided_later_holds_from_then_on() -> None:
    """A prediction that waited is answered after the next tick's price, and before the strategy took that up."""
    waited = [
        prediction(1, 100.0), decision(1, None, reason=Reason.WAITING),
        prediction(2, 110.0), decision(2, 1, tick_n=1), decision(3, None, reason=Reason.NO_PREDICTION, tick_n=2),
        prediction(3, 121.0), decision(4, 1, 1, tick_n=3, reason=Reason.NO_CHANGE),
    ]  # fmt: skip
    assert nets(waited) == {1: None, 2: pytest.approx(0.1), 3: pytest.approx(0.1)}


def test_in_flight_what_was_wanted_counts() -> None:
    messages = [
        prediction(1, 100.0), decision(1, 1, reason=Reason.IN_FLIGHT), prediction(2, 110.0), decision(2, 1, 1),
    ]  # fmt: skip
    assert nets(messages)[2] == pytest.approx(0.1)


@pytest.mark.parametrize("target", [0, None])
def test_a_strategy_that_keeps_its_position_keeps_the_twins_while_its_book_is_flat(target: int | None) -> None:
    messages = [prediction(1, 100.0), decision(1, 1)]
    for n in (2, 3):
        messages += [prediction(n, 100.0), decision(n, target, 0, reason=Reason.BELOW_THRESHOLD)]
    assert list(nets(messages).values()) == [None, 0.0, 0.0]


def test_a_strategy_that_wants_to_be_flat_is() -> None:
    messages = [prediction(1, 100.0), decision(1, 1), prediction(2, 100.0), decision(2, 0, 0, reason=Reason.NO_CHANGE)]
    assert nets([*messages, prediction(3, 100.0), decision(3, 1)]) == {1: None, 2: 0.0, 3: None}


def test_behind_missing_decisions_the_book_tells_the_position() -> None:
    messages = [
        prediction(1, 100.0), decision(1, 1), gap(2, Stream.DECISIONS),
        prediction(2, 100.0), decision(3, None, -1, tick_n=2, reason=Reason.NO_PREDICTION),
        prediction(3, 90.0), decision(4, None, -1, tick_n=3, reason=Reason.NO_PREDICTION),
    ]  # fmt: skip
    assert nets(messages) == {1: None, 2: None, 3: pytest.approx(0.1)}


def test_an_ingestor_that_counts_anew_is_no_bar() -> None:
    messages = [prediction(7, 100.0), decision(7, 1)]
    again = [
        prediction(1, 50.0).model_copy(update={"ts_event": at(8)}), decision(8, 1, 1, tick_n=1),
        prediction(2, 55.0).model_copy(update={"ts_event": at(9)}), decision(9, 1, 1, tick_n=2),
    ]  # fmt: skip
    assert nets([*messages, *again]) == {7: None, 8: None, 9: pytest.approx(0.1)}


def test_what_waits_is_bounded() -> None:
    twin = Twin(SYM, Costs())
    one = prediction(1, 100.0)
    for n in range(1, MAX_WAITING + 50):
        twin.on_tick(one.model_copy(update={"n": n, "tick_n": n, "ts_event": n, "price": Decimal(100)}))
    assert len(twin.state().marks) == MAX_WAITING  # type: ignore[union-attr]


def test_a_message_of_another_stream_is_refused() -> None:
    with pytest.raises(TypeError, match="takes no Features"):
        Twin(SYM, Costs()).on_tick(features())


def features() -> Message:
    import numpy as np

    from shared.messages import Features, Tensor

    return Features(n=1, sym=SYM, ts_event=1, tr="t", spec="s", values=Tensor.of(np.zeros(1, np.float32)))
