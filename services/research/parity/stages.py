"""The stages of signal, strategy and a gateway on paper run over what was recorded as their input.

The strategy takes its two inputs in the order that the recorded decisions tell.
"""

import contextlib

from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows, message_of
from services.strategy.live_stage import LIMITS_SINCE, MISSING, LiveStrategyStage, closed_by
from services.strategy.protected_stage import ProtectedStage
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    GapCause,
    Leg,
    MarketTick,
    Message,
    OrderIntent,
    Reason,
    Stream,
)
from shared.plural import plural
from shared.recording.part import RecordedEntry
from shared.runner.spec import Stage


def gap_before(recorded: Gap, outputs: RecordedRows, inputs: RecordedRows) -> Gap | None:
    """Returns the Gap that made the stage write `recorded`, and takes the input rows in front of it.

    The row with its trace id is a Gap itself, which was passed on. Or the reader of the stream made the Gap: MISSED
    when it had lost what comes before that row, another cause when that very row could not be taken. None: no row has
    this trace id.

    - outputs: what was written, from `recorded` on.
    - inputs: what was read.
    """
    while (row := inputs.peek()) is not None:
        if row.tr != recorded.tr:
            inputs.next()
            continue
        found = message_of(row)
        passed_on = isinstance(found, Gap) and found.cause is recorded.cause
        if isinstance(found, Gap) and passed_on and _gaps(outputs, row.tr) <= _gaps(inputs, row.tr):
            inputs.next()
            return found
        missed = recorded.cause is GapCause.MISSED
        if not missed:
            inputs.next()
        n = max(1, row.n - missed)
        return recorded.model_copy(update={"n": n, "stream": inputs.stream})
    return None


def _gaps(rows: RecordedRows, tr: str) -> int:
    """Counts the Gaps with this trace that come now, with the decisions that they led to."""
    count = further = 0
    while (row := rows.peek(further)) is not None:
        further += 1
        found = message_of(row)
        if row.tr == tr and isinstance(found, Gap):
            count += 1
        elif not _of_a_gap(found):
            break
    return count


def _of_a_gap(found: Message | None) -> bool:
    """Says whether a Gap led to a decision right behind it: what a newer message supersedes has its decision before."""
    return isinstance(found, Decision) and (MISSING in found.tr or found.reason is Reason.SUPERSEDED)


def replay_signal(
    sym: str,
    stage: Stage,
    ticks: RecordedRows,
    recorded: dict[Stream, RecordedRows],
    comparison: Comparison,
) -> None:
    """Computes every feature and prediction again, until the predictions end.

    Raises NotRecorded where rows are missing. recorded: predictions, and features where they were recorded.
    """
    predictions = recorded[Stream.PREDICTIONS]
    while (row := ticks.peek()) is not None and (expected := predictions.due()) is not None:
        said, tick = message_of(expected), message_of(row)
        if isinstance(said, Gap) and not predictions.lacks(predictions.last_n + 1) and not _own_gap(said, tick):
            tick = gap_before(said, predictions, ticks)
            if tick is None:
                what = f"{sym} predictions n={said.n}: recorded {said.human()}, no tick has its trace"
                comparison.differs(said.ts_event, what)
                return
        else:
            ticks.next()
            if tick is None:
                comparison.differs(0, f"{sym} ticks n={row.n}: cannot be read, and no Gap was recorded for it")
                return
        _compare(stage.on_tick(tick) or [], recorded, comparison)
    last = "prediction" if predictions.due() is None else "tick"
    comparison.behind(sym, predictions, "prediction", last)
    if Stream.FEATURES in recorded:
        comparison.behind(sym, recorded[Stream.FEATURES], "feature", last)
    if predictions.upto is None:
        comparison.ahead[Stream.TICKS] += ticks.left()


def _own_gap(said: Gap, tick: Message | None) -> bool:
    """Says whether the stage wrote the Gap of its own: the tick lacks a group, or the windows began anew before it.

    No reader makes such a one.
    """
    return said.cause is GapCause.UNFILLED and isinstance(tick, MarketTick) and tick.tr == said.tr


def _compare(computed: list[Message], recorded: dict[Stream, RecordedRows], comparison: Comparison) -> None:
    for message in computed:
        if message.to in recorded:
            comparison.compare(message, recorded[message.to])


def replay_gateway(
    sym: str, stage: Stage, orders: RecordedRows, executions: RecordedRows, comparison: Comparison
) -> None:
    """Computes every execution on paper again, until those that were recorded end.

    Raises NotRecorded where rows are missing.
    """
    while orders.peek() is not None and executions.due() is not None:
        row = orders.next()
        order = message_of(row)
        if order is None:  # what it was, the strategy's replay has told
            raise NotRecorded(Stream.ORDERS, row.n, row.n)
        _compare(stage.on_tick(order) or [], {Stream.EXECUTIONS: executions}, comparison)
    comparison.behind(sym, executions, "execution", "order")
    if executions.upto is None:
        comparison.ahead[Stream.ORDERS] += orders.left()


class Stuck(Exception):
    """The recording does not lead to its next decision."""


class StrategyReplay:
    """A StrategyReplay replays one symbol's strategy stage.

    A decision says which message it is of and which execution was booked last before it. A message leaves its first
    decision when it comes; a later one, or one beside it, follows of itself.

    - Executions up to that one come first, then messages up to the decision's own. That of a simulated stop comes
      behind the message that fired it.
    - Its wire says whether an order's limit could be read then.
    - A Gap says neither. Where it closes a position, or supersedes what waits, the decision that comes with it does.
      Else it led to nothing, and comes as soon as it leads to nothing: where it would close a position, the executions
      that ended that one, or its order, came first. In any later place it leaves the same.
    """

    def __init__(
        self,
        sym: str,
        stage: Stage,
        inputs: dict[Stream, RecordedRows],
        recorded: dict[Stream, RecordedRows],
        comparison: Comparison,
    ) -> None:
        self._sym, self._stage, self._comparison = sym, stage, comparison
        self._predictions, self._executions = inputs[Stream.PREDICTIONS], inputs[Stream.EXECUTIONS]
        self._recorded = recorded
        self._decisions, self._orders = recorded[Stream.DECISIONS], recorded[Stream.ORDERS]
        self._made = self._decisions.last_n  # n of the last computed decision

    def run(self) -> None:
        """Computes every decision and order again, until the decisions end.

        Raises NotRecorded where rows are missing.
        """
        while (row := self._decisions.due()) is not None:
            said, n = message_of(row), self._decisions.last_n + 1
            if isinstance(self._stage, LiveStrategyStage):
                self._stage.takes_limits = int(row.t.rpartition("/")[2]) >= LIMITS_SINCE
            try:
                self._require(n, row)
                if isinstance(said, Decision):
                    self._lead_to(said)
                elif isinstance(said, Gap):
                    self._gap(said)
                else:
                    raise Stuck("it cannot be read")
            except Stuck as stuck:
                ts_event = said.ts_event if said else 0
                self._comparison.differs(ts_event, f"{self._sym} decisions n={n}: {stuck}")
                self._comparison.not_compared.append(
                    f"{self._sym}: {plural(self._decisions.left(), 'decision')} from there on"
                )
                return
        with contextlib.suppress(Stuck):  # then its order is left
            self._fire_last_stop()
        self._comparison.behind(self._sym, self._orders, "order", "decision")
        if self._decisions.upto is None:
            self._comparison.ahead[Stream.PREDICTIONS] += self._predictions.left()

    def _fire_last_stop(self) -> None:
        """Gives the stage the message that has fired a simulated stop, whose decision was still to come."""
        stage, row, message = self._stage, self._orders.due(), self._predictions.peek()
        if not isinstance(stage, ProtectedStage) or row is None or message is None or row.tr != message.tr:
            return
        order = message_of(row)
        if isinstance(order, OrderIntent) and order.leg is Leg.STOP:
            while stage.in_flight and (execution := self._executions.peek()) and not self._is_to_come(execution):
                self._give(self._executions)
            self._give(self._predictions)

    def _require(self, n: int, row: RecordedEntry) -> None:
        """Raises where the next decision is not n."""
        if n < row.n and self._decisions.lacks(n):
            raise Stuck("recorded none, so it is not known what came before it")
        self._decisions.require(row.n - 1)

    def _lead_to(self, said: Decision) -> None:
        """Gives the stage what it takes for its next decision."""
        made = self._made
        while self._made == made:
            execution, message = self._executions.peek(), self._predictions.peek()
            if execution is not None and execution.n <= said.booked_n and not self._is_to_come(execution):
                self._give(self._executions)
                continue
            if execution is None or execution.n > said.booked_n:
                self._executions.require(said.booked_n)
            if message is None or message.n > said.prediction_n:
                self._predictions.require(said.prediction_n)
                raise Stuck(f"recorded {said.human()}, computed nothing of prediction n={said.prediction_n}")
            self._give(self._predictions)

    def _is_to_come(self, row: RecordedEntry) -> bool:
        """Says whether an execution is of a stop that the stage itself has not fired yet."""
        stage, report = self._stage, message_of(row)
        if not isinstance(stage, ProtectedStage) or not isinstance(report, ExecutionReport):
            return False
        return report.leg is Leg.STOP and report.client_order_id not in stage.in_flight

    def _gap(self, said: Gap) -> None:
        decision = self._next_decision()
        gap = gap_before(said, self._decisions, self._predictions)
        if gap is None:
            raise Stuck(f"recorded {said.human()}, no prediction has its trace")
        own = decision is not None and (closed_by(gap, decision) or decision.reason is Reason.SUPERSEDED)
        while (row := self._executions.peek()) is not None:
            booked = decision is None or row.n <= decision.booked_n
            if self._stage.ready(gap) and not (booked and (own or self._closes_at(gap))):
                break
            self._give(self._executions)
        self._take(gap)

    def _closes_at(self, gap: Gap) -> bool:
        return isinstance(self._stage, LiveStrategyStage) and self._stage.closes_at(gap)

    def _next_decision(self) -> Decision | None:
        """Returns the first decision behind the Gaps that come now."""
        further = 0
        while (row := self._decisions.peek(further)) is not None:
            if isinstance(decision := message_of(row), Decision):
                return decision
            further += 1
        return None

    def _give(self, rows: RecordedRows) -> None:
        row = rows.next()
        message = message_of(row)
        if message is None:
            raise Stuck(f"{rows.stream} n={row.n} cannot be read")
        self._take(message)

    def _take(self, message: Message) -> None:
        if not self._stage.ready(message):
            raise Stuck(f"{message.to} n={message.n} came while orders were in flight")
        try:
            computed = self._stage.on_tick(message) or []
        except ValueError as error:
            raise Stuck(str(error)) from error
        for output in computed:
            self._made += output.to is Stream.DECISIONS
            self._comparison.compare(output, self._recorded[output.to])
