"""The strategy's metrics: what its books are worth, and how it has answered."""

from collections.abc import Sequence
from typing import Final, cast

from services.strategy.stage import StrategyStage
from shared.messages import Decision
from shared.runner.meter import Gauge, Labels, MessageCounter, ServiceMetrics, Values
from shared.runner.partition import Partition

ORDERED = "ORDERED"


def _equity(parts: Sequence[Partition]) -> Values:
    for part in parts:
        for name, symbol in part.known.items():
            stage = cast(StrategyStage, symbol.stage)
            if stage.last_price is not None:
                yield (name,), float(stage.account.equity(name, stage.last_price))


def _answer(decision: Decision) -> Labels:
    return (ORDERED if decision.reason is None else decision.reason._value_,)


METRICS: Final = ServiceMetrics(
    (Gauge("book_equity_quote", "What a symbol's book is worth, in quote units.", _equity, ("symbol",)),),
    (
        MessageCounter(
            "decisions",
            "Answers to ticks and predictions: orders, or the reason for none.",
            Decision,
            _answer,
            ("answer",),
        ),
    ),
)
