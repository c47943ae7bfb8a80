"""A live strategy's decisions again: predictions that were superseded, that waited too long, that were missing."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.strategy.live_stage import LiveRules, LiveStrategyStage
from shared.messages import Decision, GapCause, Stream
from shared.strategies import BasicTaker
from tests.unit.research.recording.session import SYM, Session, prediction
from tests.unit.research.recording.test_strategy import gap, replayed, whole


@pytest.mark.parametrize("on_missing", ["flat", "hold"])
def test_what_waited_and_what_was_missing(tmp_path: Path, on_missing: str) -> None:
    rules = LiveRules(valid_ns=10, stale_ns=50, on_missing=on_missing)

    def live() -> LiveStrategyStage:
        return LiveStrategyStage(SYM, BasicTaker(), Decimal(100), "book", rules)

    session = Session(live())
    session.predict(prediction(1))
    session.report()
    for n in (2, 3, 4, 5):  # the newest waits, the others are superseded
        session.predict(prediction(n))
    session.report(1)
    session.report()
    session.due = [report.model_copy(update={"ts_event": 90}) for report in session.due]
    session.predict(prediction(6))  # too old when the reports are there
    session.report()
    session.predict(gap(7, "t:A:7", GapCause.MISSED, 7))
    session.report()
    session.predict(prediction(8))
    session.report()
    session.predict(prediction(9), seen=False)
    session.take(gap(9, "t:A:9", GapCause.FAILED))
    session.report()
    session.predict(prediction(10))
    session.predict(gap(11, "t:A:11", GapCause.MISSED, 11))  # while orders are in flight
    session.report()
    session.predict(prediction(12))
    session.report()
    made = session.written[Stream.DECISIONS]
    reasons = [str(decision.reason) for decision in made if isinstance(decision, Decision)]
    assert reasons.count("SUPERSEDED") == 2
    assert reasons.count("STALE_PREDICTION") == 1
    assert whole(replayed(session.record(tmp_path), live()), len(made))
