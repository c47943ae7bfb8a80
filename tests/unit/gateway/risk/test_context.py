"""What the risk check is told at one moment, and what is made of the equity that is observed."""

from decimal import Decimal
from typing import cast

import pytest

from services.gateway.risk import RiskRules
from services.gateway.risk.check import Pass, ProposedOrder, Verdict
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from shared.config import Mode
from shared.config.risk import RiskSettings
from shared.control.books import Books, Retired
from shared.journal.rows import LatchRow
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.messages.reasons import Reason
from shared.orders import VenueQuote
from tests.journal_rows import order

BTC, ETH = "BTCUSDT", "ETHUSDT"


class Heard:
    """A check that lets all pass, and keeps what it was asked."""

    def on_tick(self, asked: ProposedOrder) -> Verdict:
        self.asked = asked
        return Pass(asked.signed_qty, asked.reduce_only, None, ())


@pytest.mark.parametrize("reason", [Reason.MARKET_CLOSED, Reason.ACCOUNT_MODES])
def test_what_stops_one_symbol_stops_no_other(reason: Reason) -> None:
    heard = Heard()
    risk = RiskContext(cast(RiskCheck, heard), Books([BTC, ETH], Decimal(100)), {}, 60.0)
    risk.stopped[ETH, reason] = "why"
    risk.judge(order(sym=BTC))
    assert heard.asked.context.blocked == ()
    risk.blocked = (Reason.CLOCK_SKEW,)
    risk.judge(order(sym=ETH))
    assert heard.asked.context.blocked == (Reason.CLOCK_SKEW, reason)


def test_one_observation_past_a_limit_is_doubted_and_two_in_a_row_latch() -> None:
    """A balance that was read around a fill is no loss."""
    rules = RiskRules(Mode.LIVE, RiskSettings(daily_loss=Decimal(100)), frozenset({"BTCUSDT"}), "hash")
    made = RiskContext(RiskCheck(rules), Books(["BTCUSDT"], Decimal(1_000)), {}, 90.0)

    def seen(equity: int) -> tuple[list[str], bool]:
        changes = made.see_equity(Decimal(equity))
        return [row.name for row in changes if isinstance(row, LatchRow)], made.doubtful

    assert [seen(equity) for equity in (1_000, 500, 1_000, 500)] == [([], False), ([], True)] * 2
    assert seen(500) == (["DAILY_LOSS", "DRAWDOWN"], False)


def bought(sym: str, qty: int) -> ExecutionReport:
    return ExecutionReport(
        n=1, sym=sym, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="a" * 32, leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(7), commission=Decimal(0), reason=None,
    )  # fmt: skip


def quoted(sym: str, price: int) -> dict[str, VenueQuote]:
    return {sym: VenueQuote(sym, Decimal(price), Decimal(price), 0)}


@pytest.mark.parametrize(("bid", "ask", "counts"), [(0, 0, 10), (9, 0, 10), (12, 0, 12), (12, 11, 12), (8, 9, 9)])
def test_a_side_without_orders_is_no_price_of_a_position(bid: int, ask: int, counts: int) -> None:
    """An exchange tells 0 there: at that what is held would be worth nothing, and leave room for as much again."""
    heard, books = Heard(), Books([BTC, ETH], Decimal(100))
    books.book(bought(ETH, 3))
    risk = RiskContext(cast(RiskCheck, heard), books, {}, 60.0)
    quote = VenueQuote(ETH, Decimal(bid), Decimal(ask), 0)
    risk.see_quotes({ETH: quote._replace(bid=Decimal(0), ask=Decimal(0))})
    risk.judge(order(sym=BTC))
    assert heard.asked.context.other_notional == 3 * 7, "what was paid"
    risk.see_quotes(quoted(ETH, 10))
    risk.see_quotes({ETH: quote})
    risk.judge(order(sym=BTC))
    assert heard.asked.context.other_notional == 3 * counts


def test_a_position_that_nobody_quotes_counts_with_what_was_paid_and_never_as_nothing() -> None:
    heard, books = Heard(), Books([BTC, ETH], Decimal(100))
    books.book(bought(ETH, 3))
    for book, qty, price in (("flat", 0, 0), ("before", -2, 5)):
        books.retire(Retired(f"{book}:XRPUSDT", "XRPUSDT", Decimal(qty), Decimal(price), Decimal(0)))
    risk = RiskContext(cast(RiskCheck, heard), books, {}, 60.0)
    risk.judge(order(sym=BTC))
    assert heard.asked.context.other_notional == 3 * 7 + 2 * 5


async def test_a_latch_that_is_set_while_the_journal_is_read_stands_until_it_is_found_there_and_lifted() -> None:
    risk = RiskContext(cast(RiskCheck, Heard()), Books([BTC], Decimal(100)), {}, 60.0)
    latch, journal = LatchRow("SYMBOL:BTCUSDT", "why", "gateway", 1), dict[str, LatchRow]()
    reads = 0

    async def read() -> dict[str, LatchRow]:
        nonlocal reads
        found, reads = dict(journal), reads + 1
        if reads == 1:  # it is set, and written, behind the reader's back
            risk.set_latches([latch])
            journal[latch.name] = latch
            risk.latches_written([latch])
        return found

    await risk.read_latches(read)
    assert list(risk.latches) == [latch.name]
    journal.clear()
    await risk.read_latches(read)
    assert risk.latches == {}, "a person has lifted it"
    risk.set_latches([latch])
    await risk.read_latches(read)
    assert list(risk.latches) == [latch.name], "the disk is slow"
    risk.latches_written([latch])
    await risk.read_latches(read)
    assert risk.latches == {}


class CountingBooks(Books):
    """Books that count how often a position is asked for."""

    asked = 0

    def position(self, sym: str) -> Decimal:
        self.asked += 1
        return super().position(sym)


def test_an_order_is_judged_by_the_positions_that_have_changed_and_not_by_all_others_anew() -> None:
    syms = [f"C{number}USDT" for number in range(1_000)]
    heard, books = Heard(), CountingBooks(syms, Decimal(100))
    risk = RiskContext(cast(RiskCheck, heard), books, {}, 60.0)
    for sym in syms:
        books.book(bought(sym, 2))
        risk.see_quotes(quoted(sym, 10))
    risk.judge(order(sym=syms[0]))
    assert heard.asked.context.other_notional == 999 * 20
    books.asked = 0
    risk.judge(order(sym=syms[1]))
    books.book(bought(syms[5], 1))
    risk.see_quotes(quoted(syms[6], 11))
    risk.judge(order(sym=syms[1]))
    assert heard.asked.context.other_notional == 997 * 20 + 30 + 22
    assert books.asked < 10
