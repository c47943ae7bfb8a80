"""After a stop has closed a position nothing adds, until `after_stop` of the config lets it."""

from typing import Literal

from shared.bar import Bar
from shared.intervals import NS_PER_S
from shared.messages import ExecutionReport
from shared.messages.reasons import Leg, Reason
from shared.strategies.cool_down import reducing
from shared.strategies.decider import Prediction
from shared.strategies.stateful import Made
from shared.strategies.wrapper import Wrapper

NS_PER_MINUTE = 60 * NS_PER_S


class AfterStop(Wrapper):
    """An AfterStop answers what adds with STOPPED_OUT after a stop of the position has fired.

    A stop fires within a bar, and that bar's end is where its time counts from: live, where its report has the time of
    the trade, and in a backtest, where it has the bar's.

    What a stop has opened, of one that an exchange did not limit to reducing, was nobody's position: that it is closed
    again tells nothing of a side.

    - after: next_bar: the bar within which it fired adds nothing. flip: nor does anything on the side that was stopped,
      until the strategy has wanted the other one, or has answered NO_CHANGE while the symbol was flat. A number: for so
      many minutes nothing adds.

    >>> from decimal import Decimal
    >>> from tickline import Account, BasicTaker, Prediction
    >>> from shared.messages import ExecutionReport, OrderStatus
    >>> account = Account(100)
    >>> strategy = AfterStop(after="next_bar").around(BasicTaker()).bind("BTCUSDT", account)
    >>> def bar(n):
    ...     strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(50)))
    ...     return strategy.on_prediction(
    ...         Prediction(n=n, sym="BTCUSDT", ts_event=n, tr="t", tick_n=n, price=Decimal(50), y_hat=0.01, model="")
    ...     )
    >>> _ = bar(1)
    >>> strategy.on_execution(
    ...     ExecutionReport(
    ...         n=1, sym="BTCUSDT", ts_event=2, tr="t", tick_n=2, order_n=1, client_order_id="0" * 32, leg=Leg.STOP,
    ...         status=OrderStatus.FILLED, last_qty=Decimal(-2), last_px=Decimal(49), commission=Decimal(0),
    ...         reason=Reason.STOPPED_OUT,
    ...     )
    ... )
    >>> str(bar(2)), str(bar(3)[0])
    ('STOPPED_OUT', 'Order(BUY 2 BTCUSDT)')
    """

    after: Literal["next_bar", "flip"] | int

    _fired_ns: int | None = None  # a stop fired then, in a bar that is not over yet
    _seen_ns: int = -1  # the end of the last bar
    _bar_ns: int | None = None  # the end of the bar within which the last stop fired
    _side: int = 0  # flip: the side that was stopped
    _turned: bool = False  # what is held now a stop has opened

    def on_execution(self, report: ExecutionReport) -> None:
        """Passes it on, and learns of a stop."""
        super().on_execution(report)
        of_stop, turned, after = report.leg is Leg.STOP and bool(report.last_qty), self._turned, self.held()
        before = after - report.last_qty
        self._turned = bool(after) and (turned if before * after > 0 else of_stop)
        if not of_stop:
            return
        if before * report.last_qty < 0 and not turned:
            self._side = (1 if before > 0 else -1) if self.after == "flip" else 0
        if report.ts_event <= self._seen_ns:  # told late: that bar is over
            self._fired_ns, self._bar_ns = None, self._seen_ns
        else:
            self._fired_ns = report.ts_event

    def on_tick(self, bar: Bar) -> Made:
        """Returns what the strategy within makes of it, without what may not add yet."""
        self._seen_ns = bar.ts_event
        if self._fired_ns is not None and bar.ts_event >= self._fired_ns:
            self._fired_ns, self._bar_ns = None, bar.ts_event
        return self._allowed(self.ask_tick(bar), bar.ts_event)

    def on_prediction(self, prediction: Prediction) -> Made:
        """Returns what the strategy within makes of it, without what may not add yet."""
        return self._allowed(self.ask_prediction(prediction), prediction.ts_event)

    def _allowed(self, made: Made, now_ns: int) -> Made:
        held = self.held()
        if not isinstance(made, list):
            if made is Reason.NO_CHANGE and not held:
                self._side = 0
            return made
        after = held
        for order in made:
            after += order.signed_qty
        wanted = 1 if after > 0 else -1 if after < 0 else 0
        if wanted == -self._side:
            self._side = 0
        if self._is_early(now_ns) or (self._side and wanted == self._side):
            return reducing(made, held) or Reason.STOPPED_OUT
        return made

    def _is_early(self, now_ns: int) -> bool:
        if self._fired_ns is not None or self._bar_ns is None:
            return self._fired_ns is not None
        minutes = self.after if isinstance(self.after, int) else 0
        return now_ns <= self._bar_ns or now_ns < self._bar_ns + minutes * NS_PER_MINUTE
