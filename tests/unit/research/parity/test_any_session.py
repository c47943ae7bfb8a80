"""Sessions in which anything may happen next, of a live strategy and of the signal stage: all of them again."""

import random
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from services.research.parity.comparison import Comparison, RecordedRows
from services.research.parity.stages import StrategyReplay, replay_signal
from services.signal.stage import SignalStage
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.price_limits import PriceLimits
from shared.messages import Gap, GapCause, MarketTick, Message, Prediction, Stream
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.runner.spec import Stage
from shared.strategies import AnyStrategy, BasicTaker, TrailingStop
from shared.tick import State
from tests.unit.research.parity.session import INSTANCE, SYM, Session, prediction
from tests.unit.strategy.noted import Noted

STEPS = 40
OWN = (GapCause.FAILED, GapCause.UNREADABLE)


class Cut(NamedTuple):
    """A checkpoint: the stage's state, the last input it had taken, and how many messages there were of each stream."""

    state: State
    taken: int
    written: dict[Stream, int]


class Anything:
    """Makes a session. stream: what the stage reads."""

    def __init__(self, dice: random.Random, stage: Stage, stream: Stream) -> None:
        self.session, self._dice, self._stream, self._n = Session(stage), dice, stream, 0
        self.cut = Cut(stage.state(), 0, {})
        at = dice.randrange(STEPS)
        for step in range(STEPS):
            self._step(dice.random())
            if step == at:
                counts = {each: len(messages) for each, messages in self.session.written.items()}
                self.cut = Cut(stage.state(), self._n, counts)

    def _step(self, lot: float) -> None:
        if lot < 0.45:
            self._write(self._datum())
        elif lot < 0.55:
            self._write(self._gap())
        elif lot < 0.62:  # the reader lost some
            for _ in range(self._dice.randint(1, 3)):
                self._write(self._datum(), seen=False)
            behind = self._datum() if self._dice.random() < 0.7 else self._gap(self._dice.choice(list(GapCause)))
            self._write(behind, seen=False)
            self._take_gap(behind, GapCause.MISSED, behind.n - 1)
            self.session.take(behind)
        elif lot < 0.66:  # the reader could not take one
            bad = self._datum() if self._dice.random() < 0.7 else self._gap()
            self._write(bad, seen=False)
            self._take_gap(bad, self._dice.choice(OWN), bad.n)
        else:
            ts_event = self._n + self._dice.choice((0, 40, 60))
            self.session.due = [report.model_copy(update={"ts_event": ts_event}) for report in self.session.due]
            self.session.report(1)

    def _write(self, message: Message, *, seen: bool = True) -> None:
        self.session.written[self._stream].append(message)
        if seen:
            self.session.take(message)

    def _take_gap(self, before: Message, cause: GapCause, n: int) -> None:
        ts_event = before.ts_event if cause is GapCause.MISSED else 0
        self.session.take(Gap(n=n, sym=SYM, ts_event=ts_event, tr=before.tr, stream=self._stream, cause=cause))

    def _datum(self) -> MarketTick | Prediction:
        self._n, dice = self._n + 1, self._dice
        n, history = self._n, dice.random() < 0.1
        if self._stream is Stream.PREDICTIONS:
            return prediction(n, y_hat=dice.choice((0.1, -0.1, 0.0, None)), history=history)
        price = Decimal(dice.randint(90, 110))
        return MarketTick(n=n, sym=SYM, ts_event=n, tr=f"t:{SYM}:{n}", venue="t", price=price, history=history)

    def _gap(self, cause: GapCause = GapCause.LATE) -> Gap:
        self._n += 1
        return Gap(n=self._n, sym=SYM, ts_event=self._n, tr=f"t:{SYM}:{self._n}", stream=self._stream, cause=cause)

    def rows(self, folder: Path, cut: Cut) -> dict[Stream, RecordedRows]:
        """What was recorded behind a checkpoint."""
        after = cut.written | {self._stream: cut.taken}
        return {each: RecordedRows(folder, each, INSTANCE, SYM, after.get(each, 0)) for each in Stream}

    def whole(self, comparison: Comparison, cut: Cut, *streams: Stream) -> bool:
        """Whether everything behind the checkpoint was made again."""
        assert comparison.first is None, comparison.first
        assert comparison.not_compared == []
        assert comparison.identical == comparison.compared
        left = {each: len(self.session.written[each]) - cut.written.get(each, 0) for each in streams}
        return {each: comparison.compared[each] for each in streams} == left


@pytest.mark.parametrize("strategy", [BasicTaker(), Noted(), TrailingStop(distance=0.001).around(Noted(seed=1))])
@pytest.mark.parametrize("seed", range(25))
def test_a_live_strategy(tmp_path: Path, seed: int, strategy: AnyStrategy) -> None:
    dice = random.Random(seed)
    again_ns = dice.choice((1, 1_000))
    rules = LiveRules(valid_ns=10, stale_ns=50, on_missing=dice.choice(("flat", "hold")), again_ns=again_ns)
    limits = PriceLimits(dice.choice((None, Decimal(0), Decimal(50))), reducing=dice.random() < 0.5)

    def live() -> LiveStrategyStage:
        return LiveStrategyStage(SYM, strategy, Decimal(100), "book", rules, limits=limits)

    made = Anything(dice, live(), Stream.PREDICTIONS)
    made.session.record(tmp_path)
    for cut in (Cut(live().state(), 0, {}), made.cut):
        rows, stage, comparison = made.rows(tmp_path, cut), live(), Comparison()
        stage.restore(cut.state)
        StrategyReplay(SYM, stage, rows, rows, comparison).run()
        assert made.whole(comparison, cut, Stream.DECISIONS, Stream.ORDERS)


@pytest.fixture(scope="module")
def predict() -> Predict:
    return Predict(load_model("weights/btcusdt_12h_linear.json").module)


@pytest.mark.parametrize("seed", range(10))
def test_the_signal_stage(tmp_path: Path, seed: int, predict: Predict) -> None:
    def signal() -> SignalStage:
        return SignalStage(ModelInput(["log_return_lags(3)"]), predict, "m")

    made = Anything(random.Random(seed), signal(), Stream.TICKS)
    made.session.record(tmp_path)
    for cut in (Cut(signal().state(), 0, {}), made.cut):
        rows, stage, comparison = made.rows(tmp_path, cut), signal(), Comparison()
        stage.restore(cut.state)
        replay_signal(SYM, stage, rows[Stream.TICKS], rows, comparison)
        assert made.whole(comparison, cut, Stream.FEATURES, Stream.PREDICTIONS)
