"""What a person with money on the line asks in a day: each question is a command, its figure that of journal or bus.

The commands for keeping it running, upgrading, backing up, moving and changing the capital are those of
docs/operations.md, and tests/e2e/test_operations.py types them; the others are here.
"""

import asyncio
import csv
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from shared.control.books import Books
from shared.control.capital import books_in
from shared.journal.journal import Journal
from shared.journal.rows import FillRow, OrderRow
from shared.lookup import Lookup
from shared.messages import Decision, Message, Reason, Stream
from shared.messages.reasons import OrderPhase
from shared.wall_time import UTC_TIME, iso
from tests.alert_sink import Sink, sinking
from tests.e2e.account import ask
from tests.e2e.command import wait_for
from tests.e2e.fake_session import FakeSession

SYM = "BTCUSDT"
CENT = Decimal("0.01")
NS_PER_MS, NS_PER_MINUTE = 1_000_000, 60_000_000_000


class Asked:
    """The session that all questions are about: it has traded, was paid funding, and is halted in a position."""

    def __init__(self, session: FakeSession, phone: Sink) -> None:
        self.session, self.phone = session, phone

    def on_bus(self, stream: Stream, count: int) -> list[Message]:
        """The last messages of a stream."""
        settings = self.session.settings()

        async def read() -> list[Message]:
            async with Lookup.open(settings) as lookup:
                return [found.message for found in await lookup.last(stream, SYM, count)]

        return asyncio.run(read())

    def answer(self, *words: str, code: int = 0) -> Any:
        """A verb's answer as JSON."""
        done = self.session.tickline(*words, "--json")
        assert done.code == code, f"{words}: {done.out}{done.err}"
        return json.loads(done.out)

    @cached_property
    def status(self) -> Any:
        return self.answer("status")

    def books(self) -> Books:
        settings = self.session.settings()

        async def read(journal: Journal) -> Books:
            return await books_in(settings, journal)

        return self.session.journal(read)

    def fills(self) -> list[FillRow]:
        return self.session.journal(lambda journal: journal.fills())

    def orders(self) -> list[OrderRow]:
        return self.session.journal(lambda journal: journal.orders(open_only=False))


def unsettled(session: FakeSession) -> bool:
    return bool(session.journal(lambda journal: journal.orders()))


def holds(session: FakeSession) -> bool:
    return Decimal(session.book()["positions"].get(SYM, {"qty": "0"})["qty"]) != 0


@pytest.fixture
def phone() -> Iterator[Sink]:
    with sinking() as sink:
        yield sink


@pytest.fixture
def asked(tmp_path: Path, phone: Sink) -> Iterator[Asked]:
    session = FakeSession(tmp_path)
    session.tell(phone.url)
    try:
        session.start()
        session.arm()
        session.wait_for_fills(6)
        while True:  # a halt stops it wherever it is: again, until that is in a position
            wait_for(lambda: holds(session), "a position", every_s=0.1)
            assert session.tickline("halt").code == 0
            wait_for(lambda: not unsettled(session), "nothing is under way")
            if holds(session):
                break
            assert session.at_terminal("resume", "HALT").code == 0
        ask(session.url, "funding", sym=SYM, rate="0.0001")
        wait_for(lambda: session.journal(lambda journal: journal.funding()), "the payment is booked", every_s=0.5)
        yield Asked(session, phone)
    finally:
        session.end()


def what_is_my_position(asked: Asked) -> None:
    booked, there = asked.books(), asked.session.book()["positions"]
    for sym, shown in asked.status["symbols"].items():
        assert Decimal(shown["position"]) == booked.position(sym) == Decimal(there.get(sym, {"qty": "0"})["qty"])
    assert booked.position(SYM) != 0


def what_is_my_equity(asked: Asked) -> None:
    booked, status = asked.books(), asked.status
    worth = Decimal(0)
    for sym, shown in status["symbols"].items():
        qty = booked.position(sym)
        worth += booked.balance_of(sym) + (qty * (Decimal(shown["price"]) - Decimal(shown["entry"])) if qty else 0)
    assert abs(Decimal(status["equity"]) - worth) < CENT


def what_did_i_make_today(asked: Asked) -> None:
    status, booked = asked.status, asked.books()
    capital = sum(booked.capital(sym) for sym in booked.positions())
    assert abs(Decimal(status["today"]) - (Decimal(status["equity"]) - capital)) < CENT  # it began today


def what_did_i_pay_in_fees(asked: Asked) -> None:
    assert Decimal(asked.status["fees_today"]) == sum(fill.fee for fill in asked.fills()) > 0


def what_did_i_pay_in_funding(asked: Asked) -> None:
    paid = asked.session.journal(lambda journal: journal.funding())
    assert Decimal(asked.status["funding_today"]) == sum(payment.amount for payment in paid) != 0


def why_was_there_no_trade_at_that_time(asked: Asked) -> None:
    def no_trades() -> list[Decision]:
        decided = asked.on_bus(Stream.DECISIONS, 300)
        return [one for one in decided if isinstance(one, Decision) and one.reason is Reason.BELOW_THRESHOLD]

    quiet = wait_for(no_trades, "a tick of no trade", every_s=0.5)[0]  # the market need not have had one yet
    told = asked.answer("why", SYM, "--at", iso(quiet.ts_event))
    assert told["tr"] == quiet.tr
    said = " ".join(step["text"] for step in told["steps"])
    assert "0.0005" in said
    assert f"{abs(quiet.y_hat or 0):.12f}"[:7] in said


def which_tick_caused_this_fill(asked: Asked) -> None:
    fill = asked.fills()[0]
    (order,) = [row for row in asked.orders() if row.client_order_id == fill.client_order_id]
    for name in (fill.trade_id, fill.venue_order_id, order.client_order_id, order.tr):
        told = asked.answer("trace", name)
        assert told["tr"] == order.tr
    tick = next(step["message"] for step in told["steps"] if step.get("type") == "MarketTick")
    assert tick["n"] == order.tick_n
    assert told["complete"]


def is_it_as_good_as_the_backtest(asked: Asked) -> None:
    file = asked.session.home / "fills.csv"
    (report,) = asked.answer("report", "--sym", SYM, "--csv", str(file))["symbols"]
    fills = [fill for fill in asked.fills() if fill.sym == SYM]
    fees = sum((fill.fee for fill in fills), Decimal(0))
    assert abs(Decimal(str(report["session"]["costs"]["fees"])) - fees) < CENT
    assert report["backtest"]["costs"]["fees"] > 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert sum(Decimal(row["signed_qty"]) for row in rows) == sum(fill.signed_qty for fill in fills)


def is_the_edge_still_there(asked: Asked) -> None:
    assert "no edge shown" in asked.status["edge"]


def is_the_feed_alive(asked: Asked) -> None:
    asked_ns = UTC_TIME.read(asked.status["at"], 0)  # others may have been asked since then
    assert _word(asked.status, "feed") > asked_ns - NS_PER_MINUTE  # it is written at most once a second
    assert asked.on_bus(Stream.TICKS, 1)


def is_the_exchange_alive(asked: Asked) -> None:
    last_ns = max(fill.at_ms for fill in asked.fills()) * NS_PER_MS  # no more come: it is halted
    wait_for(lambda: _word(asked.answer("status"), "exchange") > last_ns, "it is heard of again", every_s=0.5)


def _word(status: Any, who: str) -> int:
    (at,) = [word["at"] for word in status["words"] if word["who"].startswith(who)]
    return UTC_TIME.read(at, 0)


def tell_my_phone(asked: Asked) -> None:
    told = asked.answer("alert", "test")
    assert [channel["ok"] for channel in told.values()] == [True]
    assert "tickline: a test" in asked.phone.titles


def where_do_i_look(asked: Asked) -> None:
    status = asked.status
    assert (status["line"], status["account"], status["latches"]) == ("up", "main", ["HALT"])
    before = len(asked.orders())  # each refused one is journaled, too
    found = asked.answer("doctor")
    (journal,) = [one["what"] for one in found["findings"] if one["check"] == "journal"]
    (counted,) = re.findall(r"whole, (\d+) orders of main", journal)
    assert before <= int(counted) <= len(asked.orders())
    resume = asked.session.tickline("resume")
    assert "HALT" in resume.out


def how_do_i_change_the_strategy_and_stop(asked: Asked) -> None:
    """It changes the session, so it comes last."""
    session, held = asked.session, asked.books().position(SYM)
    ended = session.stop()
    assert ended is not None
    assert ended.code == 0, ended.err
    config = session.folder / "tickline.toml"
    config.write_text(config.read_text().replace("threshold = 0.0005", "threshold = 0.0004"))
    session.start()
    assert asked.books().position(SYM) == held  # a restart, and another strategy, moves nothing
    assert session.at_terminal("resume", "HALT").code == 0
    before = {row.by for row in asked.orders()}
    session.arm()
    wait_for(
        lambda: {row.by for row in asked.orders() if row.state is OrderPhase.FILLED} - before,
        "the new one trades",
        every_s=0.5,
    )
    flat = session.tickline("halt", "--flatten")
    assert flat.code == 0, flat.err
    assert not holds(session)
    assert "HALT" in session.journal(lambda journal: journal.latches())


QUESTIONS: dict[str, Callable[[Asked], None]] = {
    "What is my position?": what_is_my_position,
    "What is my equity?": what_is_my_equity,
    "What did I make today?": what_did_i_make_today,
    "What did I pay in fees?": what_did_i_pay_in_fees,
    "What did I pay in funding?": what_did_i_pay_in_funding,
    "Why was there no trade at that time?": why_was_there_no_trade_at_that_time,
    "Which tick caused this fill?": which_tick_caused_this_fill,
    "Is it as good as the backtest?": is_it_as_good_as_the_backtest,
    "Is the edge still there?": is_the_edge_still_there,
    "Is the feed alive?": is_the_feed_alive,
    "Is the exchange alive?": is_the_exchange_alive,
    "Tell my phone": tell_my_phone,
    "Where do I look?": where_do_i_look,
    "How do I change the strategy in a position, and stop safely?": how_do_i_change_the_strategy_and_stop,
}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_questions_of_a_day(asked: Asked, subtests: pytest.Subtests) -> None:
    """They share one session, which costs half a minute; the last one changes it."""
    for question, answered in QUESTIONS.items():
        with subtests.test(question):
            answered(asked)
