"""What the stage says of the author's own 12 h bars, bar by bar, with the shipped model."""

from collections.abc import Iterator
from pathlib import Path

from services.research.backtest import Backtest
from services.research.twin_reference import FileTrial, learned_until, reference_of
from shared.config import Settings
from shared.drift.stage import DriftStage
from shared.history.times import time_text
from shared.messages import Decision, Gap, Message, Prediction
from shared.messages.monitor import DriftReading, DriftState
from shared.models.choose import card_at

SYM = "BTCUSDT"


def lines(data: Path, card: Path) -> Iterator[str]:
    """Yields a line for each way to order: what was said, and when."""
    trial = FileTrial(data, SYM, "12h", "12h")
    for way, netting in (("legs (the default)", False), ("netted", True)):
        line = Settings(strategy={"params": {"netting": netting}})  # type: ignore[arg-type]
        settings = trial.settings(line, card)
        reference = reference_of(settings, learned_until(card_at(card)))
        stage, readings = DriftStage([SYM], reference.costs, reference), list[DriftReading]()

        def tap(message: Message, stage: DriftStage = stage, readings: list[DriftReading] = readings) -> None:
            if isinstance(message, Prediction | Decision | Gap):
                readings += stage.on_tick(message)

        Backtest(settings).run(tap=tap)
        yield f"- **{way}**: reference: {reference.text}. {_said(readings)}\n"


def _said(readings: list[DriftReading]) -> str:
    best = max(readings, key=lambda reading: reading.edge)
    shown = f"Evidence of an edge: at most {best.edge:.2f} of 20, on {time_text(best.ts_event)[:10]}"
    span = (
        f"{len(readings)} held bars, {time_text(readings[0].ts_event)[:10]} to {time_text(readings[-1].ts_event)[:10]}"
    )
    if readings[0].state is DriftState.NO_EDGE:
        return f'{span}: "{DriftState.NO_EDGE}" at every one of them. {shown}.'
    most = max(readings, key=lambda reading: reading.decay)
    first = [
        next(
            (f"{state} on {time_text(each.ts_event)[:10]}" for each in readings if each.state is state),
            f"never {state}",
        )
        for state in (DriftState.WARNING, DriftState.DECAYED)
    ]
    head = f"{span}: {', '.join(first)}; M at most {most.decay:.0f} of {most.warn_bars}"
    return f"{head}, on {time_text(most.ts_event)[:10]}. {shown}."
