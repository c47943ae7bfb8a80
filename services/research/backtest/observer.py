"""Who watches a backtest."""

from typing import Protocol

from shared.account import RoundTrip


class Observer(Protocol):
    """Gets what happens, as it happens, and keeps as little of it as it can: a backtest may have 10 million bars."""

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        """Once per bar, after its orders were filled (or sent) and the book was marked at its close.

        ts_event: the bar's end, ns since 1970 UTC. exposure: signed value of the position / equity, 0.0 when flat.
        y_hat: the prediction made at this bar, NaN when there was none.
        """

    def on_trip(self, trip: RoundTrip) -> None:
        """A round trip was closed. Comes before the mark of its bar."""
