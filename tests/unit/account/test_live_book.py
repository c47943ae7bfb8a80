"""The live book's bars add up to what the strategy's own book has made, whenever its executions come."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from services.strategy.stage import StrategyStage
from shared.account.live_book import LiveBook
from shared.messages import ExecutionReport, Gap, GapCause, Message, OrderIntent, Prediction, Stream
from shared.strategies import BasicTaker
from tests.unit.monitor.test_comparisons import FEE, SLIPPAGE_BPS, SYM, line, prediction


@given(st.lists(st.floats(-0.02, 0.02), min_size=2, max_size=40), st.booleans())
def test_the_books_returns_add_up_to_what_it_has_made(gains: list[float], netting: bool) -> None:
    """Per unit of notional: with fees and slippage, each bar's profit over what was held through it."""
    book, made = LiveBook(SYM), list[float]()
    strategy = StrategyStage(SYM, BasicTaker(netting=netting), Decimal(100), "book")
    venue, price, equity, expected = PaperStage(FEE, SLIPPAGE_BPS), 1000.0, Decimal(100), list[float]()
    for n, gain in enumerate((0.0, *gains), 1):
        before, price = price, price * (1 + gain)
        message = prediction(n, f"{price:.10f}", 0.5 if n % 3 else -0.5)
        now = strategy.account.equity(SYM, message.price)
        if held := strategy.account.held(SYM):
            expected.append(float((now - equity) / (held.signed_qty.copy_abs() * Decimal(f"{before:.10f}"))))
        equity = now
        taken: list[Message] = [message]
        for output in strategy.on_tick(message) or []:
            taken.append(output)
            if isinstance(output, OrderIntent):
                for report in venue.on_tick(output) or []:
                    taken.append(report)
                    strategy.on_tick(report)
        made += [bar.net for one in taken for bar in book.on_tick(one) if bar.net is not None]
    assert made == pytest.approx(expected, abs=1e-12)


def nets(messages: list[Message]) -> list[float | None]:
    book = LiveBook(SYM)
    return [bar.net for message in messages for bar in book.on_tick(message)]


def test_executions_may_come_late_or_early() -> None:
    messages = list(line([0.01, -0.005, 0.002, 0.004, -0.01]))
    late = [each for each in messages if not isinstance(each, ExecutionReport)]
    late += [each for each in messages if isinstance(each, ExecutionReport)]
    early = [each for each in messages if isinstance(each, Prediction | ExecutionReport)]
    early += [each for each in messages if not isinstance(each, Prediction | ExecutionReport)]
    assert nets(late) == nets(early) == nets(messages)
    assert len([net for net in nets(messages) if net is not None]) == 5


def test_a_book_whose_executions_were_missed_is_not_told_until_it_is_flat() -> None:
    messages = list(line([0.01] * 6))
    at = next(i for i, each in enumerate(messages) if isinstance(each, ExecutionReport) and each.n == 3)
    gap = Gap(n=3, sym=SYM, ts_event=0, tr="t", stream=Stream.EXECUTIONS, cause=GapCause.MISSED)
    told = nets([*messages[:at], gap, *messages[at + 1 :]])
    assert [net is None for net in told][:2] == [True, False]
    assert set(told[2:]) == {None}
