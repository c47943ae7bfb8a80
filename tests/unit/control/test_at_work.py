"""A halt at work keeps gateways away for as long as it reads, and gives back what is its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.control import latches
from shared.control.latches import AtWork, halt, is_at_work
from shared.journal.journal import Journal
from tests.until import until


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as opened:
        yield opened


async def test_its_epoch_is_renewed_and_is_its_own_still(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latches, "AT_WORK_MS", 30)
    own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
    begun = await journal.epoch()
    async with own.renewed():
        await until(lambda: own.epoch > begun.epoch + 1, within_s=60)
    holder = await journal.epoch()
    assert (holder.epoch, holder.owner) == (own.epoch, begun.owner)
    assert holder.raised_ms > begun.raised_ms
    await own.give_back()
    assert not is_at_work(await journal.epoch(), time.time_ns() // 1_000_000)


async def test_between_two_looks_its_epoch_is_renewed_when_it_is_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
    begun = own.epoch
    await own.renew()
    assert own.epoch == begun
    monkeypatch.setattr(latches, "AT_WORK_MS", 0)
    await own.renew()
    assert (await journal.epoch()).epoch == own.epoch > begun
    other = await halt(journal, "bob", 1, at_work=True)
    await own.renew()
    assert (await journal.epoch()).epoch == other


async def test_what_somebody_else_has_since_is_neither_renewed_nor_given_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E.g. another halt, which only just begins to close."""
    own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
    other = await halt(journal, "bob", 1, at_work=True)
    monkeypatch.setattr(latches, "AT_WORK_MS", 0)
    async with own.renewed():
        await journal.epoch()
    await own.give_back()
    assert (await journal.epoch()).epoch == other


@pytest.mark.parametrize("times", [1, 2])
async def test_what_it_raises_while_it_is_stopped_is_its_own(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Ctrl-C, and a time-out beside it: else nobody could give it back, and gateways would wait for nobody."""
    own = AtWork(journal, await halt(journal, "ann", 1, at_work=True), "ann")
    raise_epoch, go = journal.raise_epoch, asyncio.Event()

    async def slow(*given: Any, **named: Any) -> int:
        epoch = await raise_epoch(*given, **named)
        await go.wait()
        return epoch

    monkeypatch.setattr(journal, "raise_epoch", slow)
    raising = asyncio.create_task(own.raise_epoch([], after=own.epoch))
    for _ in range(times):
        await asyncio.sleep(0)
        raising.cancel()
        await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await raising
    assert (await journal.epoch()).epoch == own.epoch
    await own.give_back()
    assert not is_at_work(await journal.epoch(), time.time_ns() // 1_000_000)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_halt_that_is_stopped_while_it_begins_latches_and_leaves_the_account_to_its_gateway(
    journal: Journal, times: int
) -> None:
    """Nobody has its epoch then: gateways would leave stops and orders to nobody for half a minute."""
    halting = asyncio.create_task(halt(journal, "ann", 1, at_work=True))
    for _ in range(times):
        await asyncio.sleep(0)
        halting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await halting
    assert list(await journal.latches()) == [latches.HALT]
    assert not is_at_work(await journal.epoch(), time.time_ns() // 1_000_000)
