"""The gate runs the exact engine beside the fast one and looks for the first thing in which they differ."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.research.fast.engine import LEGS, FastRun, Fills, Floats
from shared.account import RoundTrip
from shared.errors import TicklineError
from shared.history.times import time_text
from shared.messages import ExecutionReport, Leg, Message

SAME = 1e-9  # of the exact one: equities, prices, and quantities without a step


class EnginesDiffer(TicklineError):
    """The fast engine did not trade as the exact one; the text says where first, and what each did."""


class ExactFill(NamedTuple):
    """A fill of the exact engine, at the bar of this place."""

    bar: int
    leg: Leg
    qty: float
    price: float


class ExactRun:
    """Watches the exact engine (an Observer), and keeps what the gate compares; `tap` is the run's tap."""

    def __init__(self) -> None:
        self._equity, self._y_hat = array("d"), array("d")
        self.fills: list[ExactFill] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Keeps equity and prediction."""
        self._equity.append(equity)
        self._y_hat.append(y_hat)

    def on_trip(self, trip: RoundTrip) -> None:
        """Does nothing: the fills have it."""

    def tap(self, message: Message) -> None:
        """Keeps a fill."""
        if isinstance(message, ExecutionReport) and message.last_px is not None and message.last_qty:
            fill = ExactFill(len(self._equity), message.leg, float(message.last_qty), float(message.last_px))
            self.fills.append(fill)

    @property
    def equity(self) -> Floats:
        """Returns the equity after each bar."""
        return np.frombuffer(self._equity)

    @property
    def y_hat(self) -> Floats:
        """Returns the prediction at each bar, NaN where there was none."""
        return np.frombuffer(self._y_hat)


def require_same(fast: FastRun, y_hat: Floats, exact: ExactRun, times: Sequence[int], step: float, name: str) -> None:
    """Raises EnginesDiffer unless both engines did the same over the same bars.

    - The predictions have the same bits. The fills are the same in bar, leg and side, in whole steps where there is a
      step, and else by 1e-9; so are their prices, and the equity after each bar.
    - fast: with its fills kept. y_hat: what it traded on. times: the ends of the bars. name: of what was run.
    """
    if not len(fast.equity) == len(y_hat) == len(exact.equity) == len(times):
        raise EnginesDiffer(f"{name}: {len(fast.equity)} bars in the fast engine, {len(exact.equity)} in the exact one")
    found = [*_predictions(y_hat, exact.y_hat), *_fills(fast.kept, exact.fills, step), *_equity(fast, exact)]
    if not found:
        return
    at, what = min(found, key=lambda each: each[0])
    raise EnginesDiffer(
        f"{name}: at {time_text(times[at])} {what}: let the exact engine trade it (--exact), and report this"
    )


def _predictions(fast: Floats, exact: Floats) -> list[tuple[int, str]]:
    apart = (fast != exact) & ~(np.isnan(fast) & np.isnan(exact))
    if not apart.any():
        return []
    at = int(np.argmax(apart))
    return [(at, f"the fast engine predicts {fast[at]!r}, the exact one {exact[at]!r}")]


def _fills(kept: Fills | None, exact: Sequence[ExactFill], step: float) -> list[tuple[int, str]]:
    assert kept is not None
    rows = zip(*(column.tolist() for column in kept), strict=True)
    for (bar, number, steps, qty, price, _), theirs in zip(rows, exact, strict=False):
        leg = LEGS[number]
        same = bar == theirs.bar and leg is theirs.leg and _near(price, theirs.price)
        size = steps == round(theirs.qty / step) if step else _near(qty, theirs.qty)
        if not (same and size):
            later = theirs.bar - bar
            return [
                (min(bar, theirs.bar), f"the fast engine fills {leg} {qty} at {price}, the exact one {theirs.leg} "
                 f"{theirs.qty} at {theirs.price}" + (f", {later} bars later" if later else ""))
            ]  # fmt: skip
    count = len(kept.bar)
    if count == len(exact):
        return []
    at = exact[count].bar if count < len(exact) else int(kept.bar[len(exact)])
    return [(at, f"the fast engine has {count} fills, the exact one {len(exact)}")]


def _equity(fast: FastRun, exact: ExactRun) -> list[tuple[int, str]]:
    apart = ~(np.abs(fast.equity - exact.equity) <= SAME * np.abs(exact.equity))
    if not apart.any():
        return []
    at = int(np.argmax(apart))
    return [(at, f"equity {fast.equity[at]!r} in the fast engine, {exact.equity[at]!r} in the exact one")]


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * abs(other)
