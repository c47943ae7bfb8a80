"""What a model is shown: bars of its own interval, their features, sequences of them."""

from decimal import Decimal

import numpy as np
import pytest

from shared.bar import Bar
from shared.models.model_input import ModelInput, resampler_of

MINUTE = 60 * 10**9


def bar(at: int, price: float) -> Bar:
    return Bar("A", MINUTE * at, Decimal(str(price)), price)


def test_a_longer_bar_is_shown_at_its_end_only() -> None:
    whole = ModelInput(["log_return_lags(1)"])
    resampled = ModelInput(["log_return_lags(1)"], resampler=resampler_of("1m", "3m"))
    assert not whole.takes_bars
    assert resampled.takes_bars
    made = [resampled.on_tick(bar(at, 100.0 + at)) for at in range(1, 10)]
    shown = [whole.on_price(100.0 + at) for at in (3, 6, 9)]
    assert [at for at, x in enumerate(made, 1) if x is not None] == [6, 9]
    for x, y in zip([made[5], made[8]], shown[1:], strict=True):
        assert x is not None
        assert y is not None
        assert x.tobytes() == y.tobytes()


def test_a_bar_that_is_late_fills_the_windows_and_is_not_shown() -> None:
    """Minute 6 is missing, so nothing is shown of its period; the next one's return is from the price that stood."""
    resampled = ModelInput(["log_return_lags(1)"], resampler=resampler_of("1m", "3m"))
    made = {at: resampled.on_tick(bar(at, 100.0 + at)) for at in (1, 2, 3, 4, 5, 7, 8, 9)}
    assert [at for at, x in made.items() if x is not None] == [9]
    shown = made[9]
    assert shown is not None
    assert shown.tolist() == [np.float32(np.log(109 / 105))]


def test_a_sequence_has_the_last_vectors() -> None:
    sequence, single = ModelInput(["log_return_lags(2)"], window=3), ModelInput(["log_return_lags(2)"])
    prices = [100.0, 101.0, 99.0, 103.0, 104.0, 100.0]
    made = [sequence.on_price(price) for price in prices]
    vectors = [single.on_price(price) for price in prices]
    assert [x is None for x in made] == [True] * 4 + [False] * 2
    last = made[-1]
    assert last is not None
    assert last.tobytes() == np.stack(vectors[-3:]).tobytes()  # type: ignore[arg-type]


def test_after_a_reset_all_windows_fill_anew() -> None:
    made = ModelInput(["log_return_lags(1)"], window=2, resampler=resampler_of("1m", "2m"))
    first = [made.on_tick(bar(at, 100.0 + at)) is not None for at in range(1, 9)]
    made.reset()
    again = [made.on_tick(bar(at, 100.0 + at)) is not None for at in range(9, 17)]
    assert first == again == [False] * 5 + [True, False, True]


@pytest.mark.parametrize(("own", "wanted"), [("1h", "1m"), ("7m", "1h"), ("trade", "1h")])
def test_ticks_that_do_not_fill_the_models_bars_are_refused(own: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=r"do not fill|interval"):
        resampler_of(own, wanted)


def test_the_same_interval_needs_no_resampler() -> None:
    assert resampler_of("60s", "1m") is None
    assert resampler_of("trade", "trade") is None
