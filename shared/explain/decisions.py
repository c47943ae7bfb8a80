"""A decision in one sentence: what the rule saw, the limit that it met, and the orders or the reason for none. Pure.

`decision_line` makes the sentence. Where there is no order it ends with the number that met a limit: NUMBERS, the table
at the end, has the function that finds it for each reason, and `_as_it_was` is for all others.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from shared.exchanges.trading.amounts import plain
from shared.explain.reasons import ORIGINS, REASONS
from shared.messages import Decision, Origin, Prediction, Reason
from shared.plural import plural
from shared.strategies.identity import AROUND, called, called_around
from shared.wall_time import WallTime, age

MISSING = ":missing:"  # in the trace of a decision that a missing prediction led to


class Rule(NamedTuple):
    """A rule is the strategy as it was configured.

    - params: all of its parameters, those of wrappers under `wrappers`, and its stops under `protect`.
    - age_limit_s, stale_s: of the ingestor and of the strategy service; None: not configured.
    """

    name: str
    params: Mapping[str, Any] = {}
    age_limit_s: float | None = None
    stale_s: float | None = None

    def __str__(self) -> str:
        own = {name: value for name, value in self.params.items() if name not in (*AROUND, "qty_step", "qty_steps")}
        return " in ".join([called(self.name, own), *called_around(self.params)])

    def param(self, name: str) -> Any:
        """Returns a parameter of the strategy or of what is around it; None where nobody has it."""
        if name in self.params:
            return self.params[name]
        around = (*self.params.get("wrappers", ()), self.params.get("protect", {}))
        return next((each[name] for each in around if each.get(name)), None)


class Circumstances(NamedTuple):
    """What lies around a decision explains it; each is empty where it is not known, or not needed.

    - in_flight: orders whose end the strategy did not know.
    - newer: the message that took the place of this one.
    - no_y_hat: why the prediction has none.
    - ticks_seen: since the last gap, or the beginning. ticks_flat: since the position was closed.
    """

    in_flight: tuple[str, ...] = ()
    newer: Prediction | None = None
    no_y_hat: str = ""
    ticks_seen: int | None = None
    ticks_flat: int | None = None


class Decided(NamedTuple):
    """A decision with all that is needed to explain it.

    - at_ns: when it was written; tick_at_ns: when its tick was, 0 if not known.
    """

    decision: Decision
    at_ns: int
    rule: Rule
    wall: WallTime
    prediction: Prediction | None = None
    tick_at_ns: int = 0
    circumstances: Circumstances = Circumstances()


def decision_line(case: Decided) -> str:
    """Returns what was decided and why, with the number and the limit that it met."""
    decision = case.decision
    if decision.reason is not None:
        met = NUMBERS.get(decision.reason, _as_it_was)(case)
        return f"no order: {decision.reason}: {REASONS[decision.reason]}: {met} ({case.rule})"
    aim = "" if decision.target is None else f" to {qty(decision.target)}"
    made = f"{case.rule} goes {_by(case)} from {qty(decision.signed_qty)}{aim}"
    return f"{made}, with a balance of {amount(decision.balance)}: {plural(len(decision.orders), 'order')}"


def _by(case: Decided) -> str:
    """Returns what the rule goes by."""
    decision = case.decision
    if MISSING in decision.tr:
        return "by a gap, as on_missing = flat says,"
    if decision.origin is Origin.PREDICTION:
        return f"by {_y_hat(case)}"
    said = ORIGINS[decision.origin]
    # Nothing on the bus tells these two apart: the strategy may have wanted it, or a missing prediction led out.
    leaves = case.prediction is not None and case.prediction.model and decision.y_hat is None and not decision.target
    return f"{said}, or behind a gap by on_missing = flat," if leaves else said


def figures(number: float, count: int, sign: str = "-") -> str:
    """Returns a number with so many significant figures, without an exponent: beside its limit a person compares them.

    >>> figures(0.0000731234567, 6), figures(-0.00042, 6, "+"), figures(1234567.0, 3)
    ('0.0000731235', '-0.00042', '1230000')
    """
    return f"{Decimal(f'{number:.{count}g}'):{sign}f}"


def qty(number: Decimal) -> str:
    """Returns a signed quantity with the digits that a person reads.

    >>> qty(Decimal("0.0013997700000000000001")), qty(Decimal(0)), qty(Decimal(-2))
    ('+0.00139977', '0', '-2')
    """
    return figures(float(number), 8, "+") if number else "0"


def amount(number: Decimal) -> str:
    """Returns an amount of money likewise.

    >>> amount(Decimal("99.99990000000001")), amount(Decimal("0.0299970001"))
    ('99.9999', '0.029997')
    """
    return figures(float(number), 7)


def _y_hat(case: Decided) -> str:
    y_hat = case.decision.y_hat
    return "no y_hat" if y_hat is None else f"y_hat {figures(y_hat, 6, '+')}"


def _as_it_was(case: Decided) -> str:
    return f"{_y_hat(case)}, position {qty(case.decision.signed_qty)}"


def _zero(case: Decided) -> str:
    return "y_hat 0, and it takes one above or below 0"


def _nan(case: Decided) -> str:
    said = case.prediction.y_hat if case.prediction is not None else None
    return f"y_hat {said}, and it takes a finite number"


def _none(case: Decided) -> str:
    return case.circumstances.no_y_hat or "the prediction of this tick has no y_hat"


def _threshold(case: Decided) -> str:
    limit, y_hat = case.rule.param("threshold"), case.decision.y_hat
    number = "no y_hat" if y_hat is None else f"|y_hat| {figures(abs(y_hat), 6)}"
    return number if limit is None else f"{number}, and it must be above the threshold of {limit}"


def _no_change(case: Decided) -> str:
    held, aim = qty(case.decision.signed_qty), case.decision.target
    return f"{_y_hat(case)}, position {held}, aim {'not said' if aim is None else qty(aim)}"


def _no_equity(case: Decided) -> str:
    return f"balance {amount(case.decision.balance)} with nothing held, and it must be above a millionth of the capital"


def _history(case: Decided) -> str:
    limit = case.rule.age_limit_s
    least = "" if limit is None else f", age_limit_s is {limit:g}"
    if not case.tick_at_ns:
        return f"the tick was too old, or its age in doubt{least}"
    old_s = (case.tick_at_ns - case.decision.ts_event) / 1e9
    return f"the tick was {old_s:.3f} s old when it was written{least}"


def _superseded(case: Decided) -> str:
    newer, flight = case.circumstances.newer, _flight(case)
    came = "a gap, or a newer one, came" if newer is None else f"that of {case.wall.second(newer.ts_event)} came"
    return f"{came} {age(max(0, case.at_ns - case.decision.ts_event))} after it, while {flight}"


def _flight(case: Decided) -> str:
    names = case.circumstances.in_flight
    if not names:
        return "orders were in flight, and only what reduces may go beside them"
    return f"{plural(len(names), 'order')} in flight ({', '.join(names)}), and only what reduces may go beside them"


def _in_flight(case: Decided) -> str:
    wanted = case.decision.target
    aim = "" if wanted is None else f"it wanted {qty(wanted)} from {qty(case.decision.signed_qty)}, "
    return f"{aim}{_flight(case)}"


def _warming_up(case: Decided) -> str:
    seen, wanted = case.circumstances.ticks_seen, case.rule.param("slow")
    needs = "" if wanted is None else f", and slow needs {wanted}"
    return f"{'some ticks' if seen is None else plural(seen, 'tick')} since the last gap, or the beginning{needs}"


def _stopped(case: Decided) -> str:
    limits = {name: case.rule.param(name) for name in ("distance", "atr", "gain")}
    set_at = ", ".join(f"{name} {value}" for name, value in limits.items() if value is not None)
    fired = f"it fired at {plain(case.prediction.price)}" if case.prediction is not None else "it fired at this tick"
    return f"{fired}{f' ({set_at})' if set_at else ''}, and until the next tick the limit is no entry"


def _cooling_down(case: Decided) -> str:
    flat, limit = case.circumstances.ticks_flat, case.rule.param("ticks")
    since = "flat for some ticks" if flat is None else f"flat for {plural(flat, 'tick')}"
    return f"{since}, and more than {limit} must pass" if limit is not None else since


def _stopped_out(case: Decided) -> str:
    after = case.rule.param("after_stop")
    return "a stop closed the position" + ("" if after is None else f", and after_stop is {_waits(after)}")


def _waits(after: object) -> str:
    if after == "next_bar":
        return "next_bar: nothing enters in that bar"
    return "flip: that side waits for the other one" if after == "flip" else f"{after} minutes"


def _stale(case: Decided) -> str:
    waited_s, limit = (case.at_ns - case.decision.ts_event) / 1e9, case.rule.stale_s
    return f"it waited {waited_s:.3f} s{'' if limit is None else f', prediction_stale_s is {limit:g}'}"


# The number and the limit of each reason; another one is told with y_hat and position.
NUMBERS: Mapping[Reason, Callable[[Decided], str]] = {
    Reason.ZERO_PREDICTION: _zero,
    Reason.NAN_PREDICTION: _nan,
    Reason.NO_PREDICTION: _none,
    Reason.BELOW_THRESHOLD: _threshold,
    Reason.NO_CHANGE: _no_change,
    Reason.NO_EQUITY: _no_equity,
    Reason.HISTORY: _history,
    Reason.SUPERSEDED: _superseded,
    Reason.WAITING: _flight,
    Reason.IN_FLIGHT: _in_flight,
    Reason.WARMING_UP: _warming_up,
    Reason.STOPPED: _stopped,
    Reason.COOLING_DOWN: _cooling_down,
    Reason.STOPPED_OUT: _stopped_out,
    Reason.STALE_PREDICTION: _stale,
}
