"""The signal stage over recorded ticks: every feature and prediction again."""

from services.research.recording.gaps import gap_before
from services.research.recording.rows import Rows, message_of
from services.research.recording.tally import Tally
from shared.messages import Gap, Message, Stream
from shared.plural import plural
from shared.runner.stage import Stage


def replay_signal(
    sym: str, stage: Stage, ticks: Rows, recorded: dict[Stream, Rows], tally: Tally, upto: int | None = None
) -> None:
    """Compare until the predictions end, or up to n = `upto`. Raises Hole where rows are missing.

    recorded: predictions, and features where they were recorded.
    """
    predictions = recorded[Stream.PREDICTIONS]
    while (row := ticks.peek()) is not None and (expected := predictions.peek()) is not None:
        if upto is not None and predictions.last_n >= upto:
            return
        said, tick = message_of(expected), message_of(row)
        if isinstance(said, Gap) and not predictions.lacks(predictions.last_n + 1):
            tick = gap_before(said, predictions, ticks)
            if tick is None:
                what = f"{sym} predictions n={said.n}: recorded {said.human()}, no tick has its trace"
                tally.differs(said.ts_event, what)
                return
        else:
            ticks.next()
            if tick is None:
                tally.differs(0, f"{sym} ticks n={row.n}: cannot be read, and no Gap was recorded for it")
                return
        _compare(stage.on_tick(tick) or [], recorded, tally)
    tally.ahead[Stream.TICKS] += ticks.left()
    if behind := predictions.left():
        tally.unshown.append(f"{sym}: {plural(behind, 'prediction')} behind the last recorded tick")


def _compare(computed: list[Message], recorded: dict[Stream, Rows], tally: Tally) -> None:
    for message in computed:
        if message.to in recorded:
            tally.compare(message, recorded[message.to])
