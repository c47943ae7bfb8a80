"""Longer bars out of shorter ones, one by one: as `history.resample` makes them of a whole file."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bar import Bar
from shared.history import HistoryBar
from shared.history.bar import resample
from shared.messages.codec import pack, unpack
from shared.resampler import Resampler

EVERY = 60
AMOUNT = st.decimals("0", "1000", places=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[HistoryBar]]:
    """An interval, and bars of a minute with holes: a period may lack its first, last or all bars.

    The first two are a minute apart: of a file alone nobody knows before how long its bars are.
    """
    start = draw(st.integers(1, 9))
    times = sorted({start, start + 1} | draw(st.sets(st.integers(start + 2, 40), max_size=30)))
    sums = [st.none() | AMOUNT, st.none() | AMOUNT, st.none() | st.integers(0, 99)]
    last = st.none() | AMOUNT
    bars = []
    for row, at in enumerate(times, 2):
        low, first, close, high = sorted(draw(st.lists(st.decimals("1", "99", places=2), min_size=4, max_size=4)))
        volume, quote_volume, trades = map(draw, sums)
        taker = None if volume is None else volume / 2
        bars.append(
            HistoryBar(
                EVERY * at, first, high, low, close, row, False, volume, quote_volume, trades, taker,
                draw(last), draw(last), draw(last), draw(last), draw(last),
            )
        )  # fmt: skip
    return EVERY * draw(st.integers(2, 7)), bars


def seen(bar: HistoryBar) -> Bar:
    return Bar(
        "A", bar.ts_event, bar.close, float(bar.close), float(bar.open), float(bar.high), float(bar.low),
        *(value if value is None or isinstance(value, int) else float(value) for value in bar[7:16]),
    )  # fmt: skip


def given_by(resampler: Resampler, bars: list[Bar]) -> list[Bar]:
    return [made for bar in bars for made in (resampler.late(bar), resampler.on_tick(bar)) if made is not None]


@given(histories())
def test_it_gives_what_a_file_resampled_gives(history: tuple[int, list[HistoryBar]]) -> None:
    interval, bars = history
    made, wanted = given_by(Resampler(EVERY, interval), [seen(bar) for bar in bars]), list(resample(bars, interval))
    assert [bar.ts_event for bar in made] == [bar.ts_event for bar in wanted]
    for one, other in zip(made, map(seen, wanted), strict=True):
        assert one._replace(volume=None, quote_volume=None, taker_volume=None) == other._replace(
            volume=None, quote_volume=None, taker_volume=None
        )
        for field in ("volume", "quote_volume", "taker_volume"):
            sums = getattr(one, field), getattr(other, field)
            assert None not in sums or sums == (None, None)
            assert None in sums or sums[0] == pytest.approx(sums[1], rel=1e-12)


def bar(at: int, price: float = 1.0, **fields: float) -> Bar:
    return Bar("A", EVERY * at, Decimal(str(price)), price, **fields)  # type: ignore[arg-type]


def test_only_the_end_of_a_period_gives_a_bar() -> None:
    resampler = Resampler(EVERY, 3 * EVERY)
    assert [resampler.on_tick(bar(at)) is None for at in range(1, 7)] == [True, True, False] * 2


def test_a_period_entered_in_its_midst_is_not_given() -> None:
    assert given_by(Resampler(EVERY, 3 * EVERY), [bar(2), bar(3)]) == []
    assert [each.ts_event for each in given_by(Resampler(EVERY, 3 * EVERY), [bar(3), bar(4), bar(5), bar(6)])] == [360]


def test_a_period_whose_last_bar_never_came_is_late() -> None:
    resampler = Resampler(EVERY, 3 * EVERY)
    assert given_by(resampler, [bar(1, 5.0), bar(2, 7.0)]) == []
    late = resampler.late(bar(4))
    assert late is not None
    assert (late.ts_event, late.close) == (180, 7.0)
    assert resampler.late(bar(4)) is None


def test_after_a_reset_a_period_counts_from_its_start_only() -> None:
    resampler = Resampler(EVERY, 3 * EVERY)
    given_by(resampler, [bar(at) for at in range(1, 5)])
    resampler.reset()
    assert [each.ts_event for each in given_by(resampler, [bar(at) for at in range(5, 10)])] == [540]


def test_what_one_bar_lacks_the_period_lacks() -> None:
    whole = {"open": 1.0, "high": 2.0, "low": 0.5, "volume": 3.0}
    (made,) = given_by(Resampler(EVERY, 2 * EVERY), [bar(1, **whole), bar(2)])
    assert (made.open, made.high, made.low, made.volume) == (None,) * 4
    (made,) = given_by(Resampler(EVERY, 2 * EVERY), [bar(1), bar(2, **whole)])
    assert (made.open, made.high, made.low, made.volume) == (None,) * 4


@given(histories(), st.integers(0, 40))
def test_restored_is_never_stopped(history: tuple[int, list[HistoryBar]], cut: int) -> None:
    interval, bars = history[0], [seen(each) for each in history[1]]
    whole, first, second = (Resampler(EVERY, interval) for _ in range(3))
    before = given_by(first, bars[:cut])
    second.restore(unpack(pack(first.state())))
    assert before + given_by(second, bars[cut:]) == given_by(whole, bars)
    assert second.state() == whole.state()


@pytest.mark.parametrize(("every", "interval"), [(60, 60), (60, 90), (0, 60), (60, 0)])
def test_an_interval_that_is_no_multiple_is_refused(every: int, interval: int) -> None:
    with pytest.raises(ValueError, match=f"bars of {every} ns do not fill bars of {interval} ns"):
        Resampler(every, interval)


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = {**unpack(pack(Resampler(60, 120).state())), "period": {"sym": "A"}}
    with pytest.raises(ValueError, match="a Resampler's period has a bar's fields"):
        Resampler(60, 120).restore(state)
