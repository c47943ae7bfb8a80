"""What one tick costs, and where: each stage by itself on the messages of a whole run, and what lies between by
difference.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from services.ingestor.source import Quote
from services.research.backtest.engine import BATCH, UNREAD
from services.research.in_process_line import InProcessLine, line_plans
from shared.account import Account
from shared.features.registry import make_feature
from shared.history import bars
from shared.messages import ExecutionReport, MarketTick, OrderIntent, Prediction
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.runner.spec import Stage
from tests.bench.backtest import ours
from tests.bench.backtest.market import CASH, INTERVAL, MODEL, SYM, Market
from tests.bench.backtest.speed import best_us


class Stages:
    """Microseconds a tick. Records the messages of one run, so a market should be small."""

    def __init__(self, market: Market, netting: bool, repeat: int) -> None:
        self._market, self._netting, self._repeat = market, netting, repeat
        self._plans = line_plans(market.settings(netting))
        self._quotes = [Quote(SYM, bar.ts_event, bar.close) for bar in bars(market.file, INTERVAL)]
        line = self._new_line()
        self._written = [message for quote in self._quotes for message in line.on_tick(quote)]

    def costs(self) -> dict[str, float]:
        """By stage, in the order of a tick's way; the sum is a whole backtest with metrics and rows."""
        plans, prices = self._plans, [float(quote.price) for quote in self._quotes]
        loaded = load_model(self._market.folder / f"{MODEL}.json")
        feature, predict = make_feature(loaded.card.features[0]), Predict(loaded.module)
        seen = [x for x in map(feature.on_tick, prices) if x is not None]
        read = self._us(lambda: _drain(bars(self._market.file, INTERVAL)))
        ingest = self._stage(plans.ingestor.make_stage, self._quotes)
        features = self._stage(lambda _: make_feature(loaded.card.features[0]), prices)
        model = self._stage(lambda _: predict, seen)
        signal = self._stage(plans.signal.make_stage, self._of(MarketTick))
        strategy = self._stage(plans.strategy.make_stage, self._of(Prediction, ExecutionReport))
        book = self._us(self._book)
        gateway = self._stage(plans.gateway.make_stage, self._of(OrderIntent))
        line = self._us(self._line)
        whole = self._us(lambda: ours.run(self._market, self._netting))
        metrics = self._us(lambda: ours.with_metrics(self._market, self._netting))
        rows = self._us(lambda: ours.with_rows_only(self._market, self._netting))
        return {
            "read a row: CSV to Decimals and ns, checked": read,
            "ingest: number, trace id, tick message": ingest,
            "features: 3 log returns": features,
            "model: one sample through torch": model,
            "signal's messages": signal - features - model,
            "decide: orders, their ids and messages": strategy - book,
            "gateway: fills and their reports": gateway,
            "book: the account": book,
            "between the stages": line - ingest - signal - strategy - gateway,
            "sums and round trips": whole - read - line,
            "metrics": metrics - whole,
            "rows: a CSV line for each round trip": rows - whole,
        }

    def _stage(self, make: Callable[[str], Any], values: Iterable[object]) -> float:
        def job() -> None:
            stage = make(SYM)
            if isinstance(stage, Stage):
                stage.mute(UNREAD)
            on_tick = stage.on_tick
            for value in values:
                on_tick(value)

        return self._us(job)

    def _book(self) -> None:
        account = Account(Decimal(CASH))
        for report in self._of(ExecutionReport):
            account.book(report.sym, report.last_qty, report.last_px, report.commission)

    def _line(self) -> None:
        line = self._new_line()
        for first in range(0, len(self._quotes), BATCH):  # as the backtest does it
            for messages in [line.ahead(quote) for quote in self._quotes[first : first + BATCH]]:
                line.deliver(messages)

    def _new_line(self) -> InProcessLine:
        return InProcessLine(self._plans, SYM, muted=UNREAD)

    def _of(self, *kinds: type) -> list[Any]:
        return [message for message in self._written if isinstance(message, kinds)]

    def _us(self, job: Callable[[], object]) -> float:
        return best_us(job, len(self._quotes), self._repeat)


def _drain(values: Iterable[object]) -> None:
    for _ in values:
        pass
