"""The strategy stage over recorded predictions and executions, in the order that the recorded decisions tell."""

from services.research.recording.gaps import gap_before
from services.research.recording.rows import Rows, message_of
from services.research.recording.tally import Tally
from services.strategy.live_stage import closed_by
from shared.messages import Decision, Gap, Message, Stream
from shared.plural import plural
from shared.recording.part import RecordedEntry
from shared.runner.stage import Stage

SUPERSEDED, STALE = "SUPERSEDED", "STALE_PREDICTION"  # reasons of a live strategy's waiting predictions


class Stuck(Exception):
    """What was recorded does not lead to the next recorded decision."""


class StrategyReplay:
    """One symbol. A decision says which prediction it is of and which execution was booked last before it.

    - Executions up to that one come first, then predictions up to its own.
    - A SUPERSEDED prediction was answered when the next one came, so that one is taken too.
    - A STALE_PREDICTION waited for the last of those executions, so it comes before that one.
    - A Gap says neither. Where it closes a position, the decision that comes with it does. A prediction that the next
      decision is of and that stands before the Gap waited then, so it comes before it.
    """

    def __init__(
        self, sym: str, stage: Stage, inputs: dict[Stream, Rows], recorded: dict[Stream, Rows], tally: Tally
    ) -> None:
        self._sym, self._stage, self._tally = sym, stage, tally
        self._predictions, self._executions = inputs[Stream.PREDICTIONS], inputs[Stream.EXECUTIONS]
        self._recorded = recorded
        self._decisions = recorded[Stream.DECISIONS]
        self._made = self._decisions.last_n  # n of the last computed decision

    def run(self, upto: int | None = None) -> None:
        """Compare until the decisions end, or up to n = `upto`. Raises Hole where rows are missing."""
        while (row := self._decisions.peek()) is not None and (upto is None or self._decisions.last_n < upto):
            said, n = message_of(row), self._decisions.last_n + 1
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
                self._tally.differs(ts_event, f"{self._sym} decisions n={n}: {stuck}")
                self._tally.unshown.append(f"{self._sym}: {plural(self._decisions.left(), 'decision')} from there on")
                return
        self._tally.ahead[Stream.PREDICTIONS] += self._predictions.left() if upto is None else 0

    def _require(self, n: int, row: RecordedEntry) -> None:
        """The next decision must be n."""
        if n < row.n and self._decisions.lacks(n):
            raise Stuck("recorded none, so it is not known what came before it")
        self._decisions.require(row.n - 1)

    def _lead_to(self, said: Decision) -> None:
        """Give the stage what it takes for its next decision."""
        made, last = self._made, said.prediction_n + (said.reason == SUPERSEDED)
        while self._made == made:
            execution, prediction = self._executions.peek(), self._predictions.peek()
            due = prediction is not None and (prediction.n <= last or said.reason == SUPERSEDED)
            booked = execution is not None and execution.n <= said.booked_n
            waits = said.reason == STALE and due and execution is not None and execution.n == said.booked_n
            if booked and not waits:
                self._give(self._executions)
            elif due:
                self._executions.require(said.booked_n - waits)
                self._give(self._predictions)
            else:
                self._executions.require(said.booked_n)
                self._predictions.require(last)
                raise Stuck(f"recorded {said.human()}, computed nothing of prediction n={said.prediction_n}")

    def _gap(self, said: Gap) -> None:
        decision = self._next_decision()
        waits = self._predictions.peek()
        if decision and waits and waits.tr != said.tr and waits.n == decision.prediction_n:
            self._give(self._predictions)
        gap = gap_before(said, self._decisions, self._predictions)
        if gap is None:
            raise Stuck(f"recorded {said.human()}, no prediction has its trace")
        booked_n = decision.booked_n if decision and closed_by(gap, decision) else 0
        while (row := self._executions.peek()) is not None and (row.n <= booked_n or not self._stage.ready(gap)):
            self._give(self._executions)
        self._take(gap)

    def _next_decision(self) -> Decision | None:
        """The first one behind the Gaps that come now."""
        further = 0
        while (row := self._decisions.peek(further)) is not None:
            if isinstance(decision := message_of(row), Decision):
                return decision
            further += 1
        return None

    def _give(self, rows: Rows) -> None:
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
            self._tally.compare(output, self._recorded[output.to])
