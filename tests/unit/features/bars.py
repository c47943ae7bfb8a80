"""Bars for tests of features."""

from decimal import Decimal

from hypothesis import strategies as st

from shared.bar import Bar

_PRICES = st.floats(0.01, 1e6)
_AMOUNTS = st.floats(0, 1e9)


@st.composite
def _bars(draw: st.DrawFn) -> Bar:
    open_, high, low, close = draw(_PRICES), draw(_PRICES), draw(_PRICES), draw(_PRICES)
    volume, taken = draw(_AMOUNTS), draw(st.floats(0, 1))
    bid = draw(_PRICES)
    return Bar(
        "BTCUSDT", draw(st.integers(0, 2**61)), Decimal(repr(close)), close,
        open=open_, high=max(open_, high, low, close), low=min(open_, high, low, close),
        volume=volume, quote_volume=volume * close, trades=draw(st.integers(0, 10**6)), taker_volume=volume * taken,
        bid=bid, ask=bid * draw(st.floats(1, 1.01)), bid_qty=draw(_AMOUNTS), ask_qty=draw(_AMOUNTS),
        funding_rate=draw(st.floats(-0.01, 0.01)),
    )  # fmt: skip


BARS = _bars()
