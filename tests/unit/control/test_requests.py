"""A request of the page is begun once, by who may, and it always ends in an answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.control import latches, requests
from shared.control.latches import AT_WORK_MS, HALT
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import DropLatch, EventRow, LatchRow

BY = "the page"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as opened:
        yield opened


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def note(text: str) -> EventRow:
    return EventRow("note", "", "", text, 1)


async def alarms(journal: Journal) -> list[str]:
    return [event.text for event in await journal.events_of_kind("ALARM")]


async def test_who_asks_fences_the_gateway_that_is_at_work(journal: Journal) -> None:
    """It is told that the account is halted, and the gateway may not have read it yet."""
    epoch = await journal.raise_epoch("gateway")
    await requests.ask(journal, requests.FLATTEN, BY, now_ms())
    with pytest.raises(Fenced):
        await journal.write([note("SENT")], epoch)
    assert list(await journal.latches()) == [HALT]


async def test_of_two_that_take_a_request_one_has_it_and_the_other_changes_nothing(journal: Journal) -> None:
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    epoch = await requests.take(journal, wanted, at_ms)
    assert epoch is not None
    assert await requests.take(journal, wanted, at_ms) is None
    assert (await journal.epoch()).epoch == epoch
    await requests.answer(journal, wanted, "flat", at_ms, at_ms + 1, epoch=epoch, well=True)
    over = await journal.epoch()
    assert await requests.take(journal, wanted, at_ms + 2) is None
    assert await journal.epoch() == over, "a gateway that is back keeps the account"


async def test_no_request_is_begun_beside_a_halt_that_is_at_work(journal: Journal) -> None:
    """Of a person at a terminal, or for another page: two would close twice."""
    at_ms = now_ms()
    epoch = await latches.halt(journal, "ann", at_ms, at_work=True)
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    assert await requests.take(journal, wanted, at_ms) is None
    assert (await journal.epoch()).epoch == epoch
    assert await journal.requests(at_ms) == [wanted], "it may be begun behind that"
    await journal.raise_epoch("a person, ann, after a halt")
    epoch = await requests.take(journal, wanted, at_ms) or 0
    second = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    assert await requests.take(journal, second, at_ms) is None
    assert (await journal.epoch()).epoch == epoch


async def test_what_is_late_is_not_begun(journal: Journal) -> None:
    """Also where it was in time when it was listed: what comes before it in the list may take long."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.CANCEL_ALL, BY, at_ms)
    assert await requests.take(journal, wanted, wanted.until_ms + 1) is None
    assert (await journal.begun_requests()) == []


async def test_who_asked_takes_back_what_nobody_begins(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever clock: the journal's times may be of another one, or of before it was set back."""
    monkeypatch.setattr(requests, "BEGUN_MS", 100)
    wanted = await requests.ask(journal, requests.FLATTEN, BY, now_ms() + 3_600_000)
    found = await requests.answered(journal, wanted, 1.0)
    assert (found.taken_ms, found.well, found.answer) == (0, False, requests.NOBODY)
    assert await requests.take(journal, wanted, wanted.at_ms) is None
    assert await journal.requests(wanted.at_ms) == []


async def test_a_request_of_a_clock_that_was_set_back_is_ended(journal: Journal) -> None:
    """Else it would be carried out when the clock is there again."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    assert await requests.take(journal, wanted, at_ms - 3_600_000) is None
    found = await journal.request(wanted.request_id)
    assert found is not None
    assert found.answer == requests.OTHER_CLOCK
    assert await requests.take(journal, wanted, at_ms) is None


async def test_what_was_asked_for_under_a_halt_that_is_lifted_is_not_done(journal: Journal) -> None:
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    await journal.write_by_person([DropLatch(HALT)])
    assert await requests.take(journal, wanted, at_ms) is None
    assert (await requests.answered(journal, wanted, 1.0)).answer == requests.LIFTED


async def test_what_this_version_does_not_know_is_not_done_as_something_else(journal: Journal) -> None:
    wanted = await requests.ask(journal, "HEDGE", BY, now_ms())
    assert await requests.take(journal, wanted, now_ms()) is None
    assert (await requests.answered(journal, wanted, 1.0)).answer == requests.UNKNOWN_KIND


async def test_a_request_whose_gateway_died_amid_it_ends_and_a_person_is_told(journal: Journal) -> None:
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    epoch = await requests.take(journal, wanted, at_ms)
    assert epoch is not None
    await requests.left_amid(journal, at_ms + AT_WORK_MS - 1)
    assert await journal.begun_requests() != [], "it may be at work"
    await requests.left_amid(journal, at_ms + AT_WORK_MS)
    found = await journal.request(wanted.request_id)
    assert found is not None
    assert found.answer == "the gateway that began it has ended amid it: type `tickline halt --flatten`"
    assert not found.well
    assert len(await alarms(journal)) == 1
    await requests.answer(journal, wanted, "flat", at_ms, at_ms + 40_000, epoch=epoch, well=True)
    assert await journal.request(wanted.request_id) == found, "it came late"
    assert not latches.is_at_work(await journal.epoch(), now_ms())


async def test_what_was_not_done_is_an_alarm_whatever_the_exchange_says(journal: Journal) -> None:
    """Who asked waits for some seconds only. A NUL or half a pair is in no database."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    epoch = await requests.take(journal, wanted, at_ms)
    assert epoch is not None
    await requests.answer(journal, wanted, "BTC: refused: \x00\ud800\x1b[2J", at_ms, at_ms, epoch=epoch, well=False)
    (told,) = await alarms(journal)
    assert told == f"FLATTEN is not done: request {wanted.request_id}: BTC: refused: ???[2J"


@pytest.mark.parametrize("kind", [requests.CANCEL_ALL, requests.FLATTEN])
async def test_what_another_halt_has_taken_over_is_not_given_back(journal: Journal, kind: str) -> None:
    """Also where it was never met: who only cancels writes nothing before the answer."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, kind, BY, at_ms)
    own = await requests.take(journal, wanted, at_ms)
    assert own is not None
    epoch = await latches.halt(journal, "ann", at_ms, at_work=True)
    await requests.answer(journal, wanted, "done", at_ms, at_ms, epoch=own, well=True)
    assert (await journal.epoch()).epoch == epoch
    found = await journal.request(wanted.request_id)
    assert found is not None
    assert (found.answer, found.done_ms) == ("done", at_ms)


async def test_a_halt_that_is_lifted_while_its_request_is_begun_is_not_carried_out(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All would be closed, and then be traded again."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    raise_epoch = journal.raise_epoch

    async def lifted_before(*given: Any, **named: Any) -> int:
        await journal.write_by_person([DropLatch(HALT)])
        return await raise_epoch(*given, **named)

    monkeypatch.setattr(journal, "raise_epoch", lifted_before)
    assert await requests.take(journal, wanted, at_ms) is None
    found = await journal.request(wanted.request_id)
    assert found is not None
    assert (found.well, found.answer) == (False, requests.LIFTED)
    assert not latches.is_at_work(await journal.epoch(), now_ms())


@pytest.mark.parametrize(("kind", "flattens"), [(requests.CANCEL_ALL, False), (requests.FLATTEN, True)])
async def test_the_journal_says_whether_a_request_closes(journal: Journal, kind: str, flattens: bool) -> None:
    """A flatten that is at work gives way to another one only."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, kind, BY, at_ms)
    assert await requests.take(journal, wanted, at_ms) is not None
    assert latches.closes(await journal.epoch()) is flattens


async def test_a_gateway_that_is_stopped_while_it_begins_a_request_answers_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the account is nobody's for half a minute, and who asked waits as long."""
    at_ms = now_ms()
    wanted = await requests.ask(journal, requests.FLATTEN, BY, at_ms)
    standing, raised, go = journal.latches, asyncio.Event(), asyncio.Event()

    async def slow() -> dict[str, LatchRow]:
        raised.set()
        await go.wait()
        return await standing()

    monkeypatch.setattr(journal, "latches", slow)
    taking = asyncio.create_task(requests.take(journal, wanted, at_ms))
    await raised.wait()
    for _ in range(2):
        taking.cancel()
        await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    found = await journal.request(wanted.request_id)
    assert found is not None
    assert (found.well, found.answer) == (False, "the gateway was stopped: type `tickline halt --flatten`")
    assert not latches.is_at_work(await journal.epoch(), now_ms())
    assert len(await alarms(journal)) == 1
