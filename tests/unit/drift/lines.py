"""Predictions and decisions of a made-up line, for the tests of drift."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from hypothesis import strategies as st

from shared.messages import Decision, Gap, GapCause, Message, Prediction, Reason, Stream
from shared.messages.market import FundingGroup, trace_id

BAR_NS = 43_200_000_000_000
START_NS = 1_700_000_000_000_000_000 // BAR_NS * BAR_NS


def at(n: int) -> int:
    """The end of bar n."""
    return START_NS + n * BAR_NS


def prediction(
    n: int, price: float, sym: str = "BTCUSDT", *, model: str = "0123456789abcdef", rate: float | None = None
) -> Prediction:
    return Prediction(
        n=n, sym=sym, ts_event=at(n), tr=trace_id("test", sym, at(n), n), tick_n=n, price=Decimal(repr(price)),
        y_hat=0.001, model=model, funding=None if rate is None else FundingGroup(rate=rate),
    )  # fmt: skip


def decision(
    n: int,
    target: int | str | None,
    held: int | str = 0,
    sym: str = "BTCUSDT",
    *,
    tick_n: int | None = None,
    orders: int = 1,
    reason: Reason | None = None,
) -> Decision:
    """A decision with orders, or with a reason and none."""
    ids = () if reason is not None else tuple(f"order{n:08d}{k}" for k in range(orders))
    tick = n if tick_n is None else tick_n
    return Decision(
        n=n, sym=sym, ts_event=at(tick), tr=trace_id("test", sym, at(tick), tick), tick_n=tick, prediction_n=tick,
        booked_n=0, y_hat=0.001, balance=Decimal(100), signed_qty=Decimal(held), orders=ids, reason=reason,
        target=None if target is None else Decimal(target),
    )  # fmt: skip


def gap(n: int, stream: Stream, sym: str = "BTCUSDT", ts_event: int | None = None) -> Gap:
    ts_event = at(n) if ts_event is None else ts_event
    return Gap(n=n, sym=sym, ts_event=ts_event, tr="gap", stream=stream, cause=GapCause.MISSED)


def line(prices: Sequence[float], sides: Sequence[int], sym: str = "BTCUSDT") -> Iterable[Message]:
    """Each bar's prediction, then its decision, which closes and opens where it wants a position."""
    held = 0
    for n, (price, side) in enumerate(zip(prices, sides, strict=True), 1):
        yield prediction(n, price, sym)
        if side or held:
            yield decision(n, side, held, sym, orders=2 if side and held else 1)
        else:
            yield decision(n, 0, 0, sym, reason=Reason.NO_CHANGE)
        held = side


SYMS, NUMBERS = st.sampled_from("AB"), st.integers(1, 9)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(prediction, NUMBERS, st.floats(1, 1e6), SYMS, rate=st.none() | st.floats(-0.01, 0.01)),
    st.builds(decision, NUMBERS, st.none() | st.integers(-1, 1), st.integers(-1, 1), SYMS, orders=st.integers(1, 2)),
    st.builds(decision, NUMBERS, st.integers(-1, 1), st.just(0), SYMS, reason=st.sampled_from(Reason)),
    st.builds(gap, NUMBERS, st.sampled_from([Stream.PREDICTIONS, Stream.DECISIONS]), SYMS),
)
OF_A = MESSAGES.map(lambda message: message.model_copy(update={"sym": "A"}))
