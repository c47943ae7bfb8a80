"""What lies around a decision explains it: orders in flight, a newer message, ticks since a gap or a close. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.explain.decisions import Circumstances
from shared.messages import Decision, ExecutionReport, Gap, GapCause, Leg, Message, Prediction, Stream
from shared.plural import plural
from shared.wall_time import WallTime

_CLOSING = frozenset({Leg.CLOSE, Leg.NET, Leg.LIQUIDATION, Leg.STOP})


class ModelNeeds(NamedTuple):
    """A model needs this before it predicts.

    - interval: of its bars; empty where they are the ticks. interval_ns: its length.
    - ticks: how many of its bars fill its windows; 0: not known.
    """

    interval: str = ""
    interval_ns: int = 0
    ticks: int = 0


def circumstances_of(
    decision: Decision, near: Iterable[Message], wall: WallTime, needs: ModelNeeds | None = None
) -> Circumstances:
    """Returns what explains a decision.

    - near: the symbol's decisions, predictions, gaps and reports before it, and the predictions behind it, in any
      order; what is not there is not told.
    - needs: of the model that predicts; None: not known.
    """
    messages = list(near)
    return Circumstances(
        in_flight=_in_flight(decision, messages),
        newer=_newer(decision, messages),
        no_y_hat=_no_y_hat(decision, messages, wall, needs),
        ticks_seen=_ticks_seen(decision, messages),
        ticks_flat=_ticks_flat(decision, messages),
    )


def _in_flight(decision: Decision, near: Sequence[Message]) -> tuple[str, ...]:
    """Returns the orders of the last decision with some, as far as none of them was booked before this one."""
    earlier = (one for one in near if isinstance(one, Decision) and one.n < decision.n and one.orders)
    last = max(earlier, key=lambda one: one.n, default=None)
    if last is None:
        return ()
    booked = {one.client_order_id for one in near if isinstance(one, ExecutionReport) and one.n <= decision.booked_n}
    return tuple(name for name in last.orders if name not in booked)


def _newer(decision: Decision, near: Sequence[Message]) -> Prediction | None:
    later = (one for one in near if isinstance(one, Prediction) and one.n > decision.prediction_n)
    return min(later, key=lambda one: one.n, default=None)


def _ticks_seen(decision: Decision, near: Sequence[Message]) -> int | None:
    """Returns how many predictions came since the last gap, or since the first; None where neither is near."""
    upto = decision.prediction_n
    seen = {one.n for one in near if isinstance(one, Prediction) and one.n <= upto} | {upto}
    gaps = [one.n for one in near if isinstance(one, Gap) and one.stream is Stream.PREDICTIONS and one.n < upto]
    begun = max(gaps, default=0)
    since = [n for n in seen if n > begun]
    return len(since) if len(since) == upto - begun else None


def _ticks_flat(decision: Decision, near: Sequence[Message]) -> int | None:
    if decision.signed_qty:
        return None
    closed = [
        one for one in near
        if isinstance(one, ExecutionReport) and one.n <= decision.booked_n and one.last_qty and one.leg in _CLOSING
    ]  # fmt: skip
    if not closed:
        return None
    last = max(closed, key=lambda one: one.n)
    if last.tick_n:
        return decision.tick_n - last.tick_n
    # No tick led to what fired at the exchange: the first decision that had booked it was the first tick flat.
    knew = [one.tick_n for one in near if isinstance(one, Decision) and last.n <= one.booked_n]
    return decision.tick_n - min(knew, default=decision.tick_n) + 1


def _no_y_hat(decision: Decision, near: Sequence[Message], wall: WallTime, needs: ModelNeeds | None) -> str:
    prediction = next((one for one in near if isinstance(one, Prediction) and one.n == decision.prediction_n), None)
    if prediction is None or prediction.y_hat is not None:
        return ""
    if not prediction.model:
        return "signal.model is none, and the rule makes nothing of this tick"
    gaps = [one for one in near if isinstance(one, Gap) and one.tr == decision.tr and one.cause is GapCause.UNFILLED]
    if gaps:
        return "the tick lacks what the model's features need, or its windows began anew: a gap stands before it"
    if needs is None:
        return ""
    if needs.interval_ns and prediction.ts_event % needs.interval_ns:
        end = prediction.ts_event - prediction.ts_event % needs.interval_ns + needs.interval_ns
        return f"the model's bar of {needs.interval} ends at {wall.second(end)}, and y_hat comes with it"
    seen = _ticks_seen(decision, near)
    had = "some ticks" if seen is None else plural(seen, "tick")
    wanted = f", and the model's windows need {plural(needs.ticks, 'bar')}" if needs.ticks else ""
    return f"{had} since the last gap, or the beginning{wanted}"
