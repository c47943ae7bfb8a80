"""The whole way: from journal, bus and streams to a local sink; each kind once, with its over."""

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pytest

from services.monitor.alerts import watch
from services.monitor.alerts.conditions import AlertKind
from services.monitor.alerts.order_ends import MISSES
from services.monitor.alerts.watch import STATE
from shared.control.whereabouts import Whereabouts
from shared.exchanges.trading.venue import AccountIdentity
from shared.journal.rows import (
    ArmingRow,
    DropArming,
    DropExternal,
    DropLatch,
    EventRow,
    ExternalRow,
    LatchRow,
    LimitRow,
    OrderRow,
)
from shared.messages import DriftReading, Gap, GapCause, LateBars, Leg, OrderPhase, Prediction, Reason, Stream
from shared.messages.monitor import DriftState
from tests.journal_rows import order
from tests.unit.monitor.alerts.heard import decision, features
from tests.unit.monitor.alerts.line import SERVICES, SYM, bought, killed, now_ms, quiet, sent, watched_line
from tests.until import until

ENDLESS = {AlertKind.ALARM}  # told once, without an over
ELSEWHERE = {AlertKind.BUS, AlertKind.JOURNAL}  # each needs the other sources to be away


def drift(state: DriftState) -> DriftReading:
    return DriftReading(
        n=1, sym="*", ts_event=1, tr="t", net=0.0, syms=(), nets=(), x=0.0, decay=800.0, claim=0.0, edge=0.0, held=9,
        warn_bars=730, latch_bars=7_300, state=state,
    )  # fmt: skip


def key_that_ends(at_ms: int | None) -> LimitRow:
    """What the gateway keeps of its key."""
    return Whereabouts(identity=AccountIdentity(salt="s", uid="", key="k", key_ends_ms=at_ms)).row()


def missed(number: int, at_ms: int) -> OrderRow:
    """An entry of which nothing was filled."""
    ended = {"state": OrderPhase.CANCELED, "reason": Reason.BEYOND_LIMIT}
    return order(number, at_ms=at_ms, updated_ms=at_ms, **ended)


def prediction() -> Prediction:
    return Prediction(n=2, sym=SYM, ts_event=2, tr="t", tick_n=2, price=Decimal(1), y_hat=0.1, model="m" * 16)


async def test_each_kind_is_said_once_and_its_over_once(tmp_path: Path) -> None:
    with watched_line(tmp_path, 2) as line:
        line.sinks[1].status = 500
        await quiet(line)
        assert line.sinks[0].messages == []
        await until(lambda: line.sinks[0].beats == 1, within_s=20)
        at_ms = now_ms()
        unknown = order(1, state=OrderPhase.UNKNOWN, at_ms=at_ms - 100_000, updated_ms=at_ms)
        refused = order(
            2, state=OrderPhase.REJECTED, reason=Reason.NO_MARGIN, leg=Leg.CLOSE, at_ms=at_ms, updated_ms=at_ms
        )
        difference = ExternalRow("POSITION", SYM, SYM, f"{SYM}: position: 0.5 here, 0.7 there", at_ms, "")
        await line.journal(
            LatchRow("HALT", "a person's word", "ann", at_ms), LatchRow("DAILY_LOSS", "equity 900", "gateway", at_ms),
            unknown, refused, *(missed(number, at_ms) for number in range(3, 3 + MISSES)), difference,
            key_that_ends(at_ms + 86_400_000),
            ArmingRow(Decimal(100), at_ms, at_ms + 60_000, "c", "ann"),
            EventRow("ALARM", SYM, "", "MARKET_CLOSED: nothing is added: trading in it ends", at_ms),
            EventRow("ALARM", SYM, "x", "its id is known with other content: not sent", at_ms),
        )  # fmt: skip
        line.watch.see(Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED))
        line.watch.see(drift(DriftState.WARNING))
        line.watch.see(features())
        line.watch.see(LateBars(n=1, sym=SYM, ts_event=2, tr="t", since=1, book=False))
        line.now_s += 61  # nobody renews signal's lease, and nobody decides
        await line.work("strategy", "monitor")
        await line.work("gateway", owner="second", heard_ms=at_ms - 61_000)
        await line.work("ingestor", heard_ms=at_ms - 61_000)
        await line.watch.look()
        await sent(line, 1)
        await until(lambda: any(line.watch._channels.conditions()), within_s=20)  # the second sink has refused it
        await line.watch.look()
        said = await sent(line, 2)
        begun = [text.partition(":")[0] for text in said]
        assert sorted(begun) == sorted(kind.value for kind in AlertKind if kind not in ELSEWHERE)
        assert (
            f"{AlertKind.REFUSED}: {SYM}: its order of 0.0013997 (close) ended REJECTED, NO_MARGIN: the account has "
            f"too little free money for it; the book holds 0.5: `tickline why {SYM}`"
        ) in said
        assert f"difference: {SYM}: position: 0.5 here, 0.7 there: `tickline resolve`" in said
        assert "service restarted: gateway: another process is at work than before" in said
        assert line.sinks[0].beats == 1

        at_ms = now_ms()
        await line.journal(
            DropLatch("HALT"), DropLatch("DAILY_LOSS"), DropArming(), DropExternal("POSITION", SYM, SYM),
            unknown._replace(state=OrderPhase.FILLED, filled_qty=Decimal(1), updated_ms=at_ms),
            bought(line, 2, "-0.5"), key_that_ends(None), EventRow("MARKET", SYM, "", "MARKET_CLOSED is over", at_ms),
        )  # fmt: skip
        line.watch.see(prediction())
        line.watch.see(decision(2))
        line.watch.see(drift(DriftState.OK))
        line.now_s += 61
        await line.work("ingestor", "signal", "strategy", "monitor")
        await line.work("gateway", owner="second")
        line.sinks[1].status = 200
        await until(lambda: not any(line.watch._channels.conditions()), within_s=20)
        await line.watch.look()
        over = [text for text in (await sent(line, 3))[len(said) :] if text.startswith("over: ")]
        assert sorted(text.split(": ")[1] for text in over) == sorted(set(begun) - ENDLESS)
        assert line.watch._stage.standing == []
        await until(lambda: line.sinks[0].beats == 2, within_s=20)
        await line.watch.close()
        came = sorted(line.sinks[1].titles)  # the first two may have changed places: see Channel
        assert came == sorted(line.sinks[0].titles), "what it missed came when it was back"


async def test_a_sink_that_does_not_answer_holds_up_no_look(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        line.sinks[0].open.clear()
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.watch.look()
        await until(line.sinks[0].asked.is_set, within_s=20)
        for _ in range(20):
            await line.watch.look()
        assert (line.watch.looks, line.sinks[0].messages) == (22, [])
        line.sinks[0].open.set()
        await sent(line, 1)
        await line.watch.close()


async def test_what_was_told_is_not_told_again_after_a_restart(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.watch.look()
        await sent(line, 1)
        await until(lambda: not line.watch._channels.waiting)
        await line.watch.look()
        killed = (tmp_path / STATE).read_bytes()
        await line.watch.close()
        line.watch = line.new_watch()
        line.watch._restore()
        await line.watch.look()
        await line.journal(DropLatch("HALT"))
        await line.watch.look()
        assert [text.split(",")[0] for text in (await sent(line, 2))[1:]] == ["over: halt: HALT"]
        await line.watch.close()
        (tmp_path / STATE).write_bytes(killed)  # as a kill -9 leaves it
        line.watch = line.new_watch()
        line.watch._restore()
        await line.watch.look()
        assert (await sent(line, 3))[2] == "service restarted: monitor: it died, and is at work again"
        await line.watch.close()


async def test_a_restart_says_of_nothing_that_it_is_over_before_it_is(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        line.watch.see(Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED))
        line.watch.see(drift(DriftState.DECAYED))
        line.now_s += 31
        await line.work("ingestor", "strategy", "gateway", "monitor")
        await line.watch.look()  # signal is away
        said = await sent(line, 1)
        file, moved = tmp_path / "journal-main.db", tmp_path / "moved"
        await killed(line)
        os.rename(file, moved)  # it cannot be read, so nothing of it is over
        await line.watch.look()
        line.now_s += 200  # longer than two bars and the time of silence: of the symbol nothing came
        await line.work("ingestor", "strategy", "gateway", "monitor")
        os.rename(moved, file)
        await line.watch.look()
        await killed(line)
        await line.watch.look()
        more = (await sent(line, len(line.sinks[0].messages)))[len(said) :]
        assert not [text for text in more if text.startswith("over: ") and "restarted" not in text]
        line.watch.see(prediction())
        line.watch.see(drift(DriftState.OK))
        await line.journal(DropLatch("HALT"))
        await line.work(*SERVICES, "monitor")
        await line.watch.look()
        await until(lambda: not line.watch._channels.waiting, within_s=20)
        over = [text for _, body in line.sinks[0].messages for text in body.splitlines() if text.startswith("over: ")]
        kinds = {text.split(": ")[1] for text in over}
        assert kinds >= {"halt", "gap", "drift 2", "service away", "silent feed"}
        await line.watch.close()


async def test_what_happens_while_nobody_watches_is_told_afterwards_once(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        await line.journal(EventRow("ALARM", SYM, "x", "seen at work", now_ms() + 10))
        await line.watch.look()
        await sent(line, 1)
        await killed(line)
        await line.journal(EventRow("ALARM", SYM, "y", "while it was dead", now_ms() + 20))
        await line.watch.look()
        await until(lambda: not line.watch._channels.waiting, within_s=20)
        await killed(line)
        await line.watch.look()
        await until(lambda: not line.watch._channels.waiting, within_s=20)
        bodies = "\n".join(body for _, body in line.sinks[0].messages)
        assert (bodies.count("seen at work"), bodies.count("while it was dead")) == (1, 1)
        await line.watch.close()


async def test_what_no_channel_has_taken_is_sent_by_the_next_process(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        line.sinks[0].status = 500
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.watch.look()
        await until(lambda: any(line.watch._channels.conditions()), within_s=20)
        await line.watch.close()  # in order; as a kill leaves it, it is the same file
        refused = len(line.sinks[0].messages)
        line.sinks[0].status = 200
        line.watch = line.new_watch()
        line.watch._restore()
        await until(lambda: not line.watch._channels.waiting, within_s=20)
        (title,) = line.sinks[0].titles[refused:]
        assert title.startswith("tickline main (testnet): halt")
        await line.watch.close()


async def test_a_replica_that_stands_by_is_silent(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        await line.work("monitor", owner="second")
        await line.watch.look()
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.journal(EventRow("ALARM", SYM, "", "while neither was at work", now_ms() + 10))
        for _ in range(3):
            await line.watch.look()
        assert line.watch._stage.standing == []
        (tmp_path / STATE).write_bytes(b"of the other")
        await line.watch._save(ended=True)
        assert (tmp_path / STATE).read_bytes() == b"of the other", "who stands by leaves it what it has told"
        line.watch.begin()  # it has taken over again
        await line.watch.look()
        said = await sent(line, 1)
        assert said[0] == "halt: HALT by ann: a person's word: `tickline resume HALT`"
        assert said[1:] == [f"alarm: {SYM}: while neither was at work"]
        await line.watch.close()


async def test_the_daily_line_comes_once_a_day(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        line.watch._daily._at, line.watch._daily.day = "00:00", "yesterday"
        for _ in range(3):
            await line.watch.look()
            await asyncio.sleep(0)
        (text, *_) = await sent(line, 1)
        assert line.sinks[0].titles == ["tickline main (testnet): today unknown, equity unknown"]  # no tick, no price
        assert text == f"{SYM}: 0.5 from 100 (unknown), today unknown"
        await line.watch.close()
        assert len(line.sinks[0].messages) == 1


async def test_the_daily_line_comes_also_where_its_figures_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("a file of the recording is odd")

    monkeypatch.setattr(watch, "money", fails)
    with watched_line(tmp_path) as line:
        await quiet(line)
        line.watch._daily._at, line.watch._daily.day = "00:00", "yesterday"
        await line.watch.look()
        said = await sent(line, 1)
        assert said[0] == "what it holds cannot be told: a file of the recording is odd"
        await line.watch.close()
