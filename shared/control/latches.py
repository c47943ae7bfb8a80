"""Latches: what stops an account, or one of its symbols, until a person lifts it by name. They stand in its journal.

A halt that goes on to cancel and to close holds the account by the journal's epoch meanwhile (`AtWork`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from shared.errors import ConfigError, SafetyRefusal
from shared.journal.database import Fenced
from shared.journal.rows import DropLatch, EpochRow, EventRow, LatchRow, SetBusId
from shared.side_by_side import to_its_end

if TYPE_CHECKING:
    from shared.journal.journal import Journal
    from shared.journal.rows import PersonChange

HALT = "HALT"
DAILY_LOSS = "DAILY_LOSS"
DRAWDOWN = "DRAWDOWN"
DAILY_FUNDING = "DAILY_FUNDING"
OTHER_BUS = "OTHER_BUS"
DRIFT = "DRIFT"  # the monitor sets it: the edge is gone
REDUCE_ONLY = "REDUCE_ONLY"  # a person at the page sets it
SYMBOL = "SYMBOL:"  # and the symbol that it stops

MONITOR = "monitor"  # who sets it

# An epoch whose owner begins with this is cancelling and closing: a gateway leaves the account to it, for so long.
AT_WORK = "halt"
CANCELS_ONLY = f"{AT_WORK} --cancel"
AT_WORK_MS = 30_000


def symbol_latch(sym: str) -> str:
    """Returns the name of the latch that stops this symbol only.

    >>> symbol_latch("BTCUSDT")
    'SYMBOL:BTCUSDT'
    """
    return f"{SYMBOL}{sym}"


def bus_changes(known: str | None, present: str, now_ms: int) -> tuple[SetBusId | LatchRow, ...]:
    """Returns what a gateway writes when it attaches to a bus. known: the bus of the journal, None before the first.

    Another bus may have lost what it knew of orders, or may be another line's: its latch stops all that adds exposure
    until `tickline adopt`.

    >>> bus_changes(None, "b1", 5), bus_changes("b1", "b1", 5)
    ((SetBusId(bus_id='b1'),), ())
    >>> bus_changes("b1", "b2", 5)[0].name
    'OTHER_BUS'
    """
    if known is None:
        return (SetBusId(present),)
    if known == present:
        return ()
    return (LatchRow(OTHER_BUS, f"bus {present[:12]} instead of {known[:12]}", "gateway", now_ms),)


def is_at_work(holder: EpochRow, now_ms: int) -> bool:
    """Says whether a halt is cancelling and closing on the account just now.

    One that began later than now is over: it was the clock that was set back.

    >>> holder = EpochRow(7, f"{AT_WORK} by ann", 100_000)
    >>> [is_at_work(holder, now_ms) for now_ms in (60_000, 100_005, 129_999, 130_000)]
    [False, True, True, False]
    """
    return holder.owner.startswith(AT_WORK) and abs(now_ms - holder.raised_ms) < AT_WORK_MS


def closes(holder: EpochRow) -> bool:
    """Says whether a halt that is at work closes positions; one of an earlier version does not say, and may.

    >>> [closes(EpochRow(7, owner, 0)) for owner in (owner_at_work("ann", flatten=False), owner_at_work("ann"))]
    [False, True]
    """
    return not holder.owner.startswith(CANCELS_ONLY)


def owner_at_work(by: str, *, flatten: bool = True) -> str:
    """Returns who has the epoch while a halt cancels and, with `flatten`, closes."""
    return f"{AT_WORK if flatten else CANCELS_ONLY} by {by}"


class AtWork:
    """A halt that cancels and closes has the account under this epoch, and gives it back.

    - epoch: as it was raised last, for this halt; 0 before.
    - by: the person.
    - flatten: whether it closes.
    """

    def __init__(self, journal: "Journal", epoch: int, by: str, *, flatten: bool = True) -> None:
        self.epoch = epoch
        self.by = by
        self._journal = journal
        self._owner = owner_at_work(by, flatten=flatten)
        self._raised_s = time.monotonic()

    async def raise_epoch(self, changes: Sequence["PersonChange"], after: int | None = None) -> None:
        """Raises the epoch for this halt, behind `after`; raises Fenced where that is not the newest any more.

        Where this is cancelled it is raised all the same, and is to be given back.
        """
        await to_its_end(self._raise_epoch(changes, after))

    async def _raise_epoch(self, changes: Sequence["PersonChange"], after: int | None) -> None:
        self.epoch = await self._journal.raise_epoch(self._owner, changes, after=after)
        self._raised_s = time.monotonic()

    async def renew(self) -> None:
        """Keeps gateways away for as long again, where a third of the time is over: between two looks at a venue."""
        if time.monotonic() - self._raised_s > AT_WORK_MS / 3_000:
            with suppress(Fenced):  # somebody has acted on the account: the next write tells
                await self.raise_epoch([], after=self.epoch)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Keeps gateways away for as long as this lasts: to read a long journal may take longer than AT_WORK_MS.

        Where somebody has acted on the account nothing is raised any more: the next write tells.
        """
        over = asyncio.Event()
        renewing = asyncio.create_task(self._renew(over))
        try:
            yield
        finally:
            over.set()  # it is not cancelled: what was raised meanwhile would be nobody's
            await renewing

    async def _renew(self, over: asyncio.Event) -> None:
        with suppress(Fenced):
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(AT_WORK_MS / 3_000):
                        await over.wait()
                if over.is_set():
                    return
                await self.raise_epoch([], after=self.epoch)

    async def give_back(self) -> None:
        """Lets gateways have the account again; nothing where somebody else has it since."""
        with suppress(Fenced):
            await self._journal.raise_epoch(after_halt(self.by), after=self.epoch)


def after_halt(by: str) -> str:
    """Returns who has the epoch once a halt is over that was at work."""
    return f"a person, {by}, after a halt"


async def halt(journal: "Journal", by: str, at_ms: int, *, at_work: bool, flatten: bool = True) -> int:
    """Latches the account and raises the journal's epoch, which it returns: a gateway can send no more.

    The gateway's next write is Fenced, and what it reads then is the latch. at_work: the halt goes on to cancel and,
    with `flatten`, to close under this epoch, and the gateway leaves the account to it meanwhile. Where this is
    cancelled the latch is set all the same, and nobody is at work.
    """
    latch = LatchRow(HALT, "a person's word", by, at_ms)
    changes: list[PersonChange] = [latch, EventRow("HALT", "", "", f"by {by}", at_ms)]
    if not at_work:
        return await journal.raise_epoch(f"a person, {by}", changes)
    own = AtWork(journal, 0, by, flatten=flatten)
    try:
        await own.raise_epoch(changes)
    except asyncio.CancelledError:
        await to_its_end(own.give_back())
        raise
    return own.epoch


async def reduce_only(journal: "Journal", by: str, at_ms: int) -> None:
    """Latches that nothing is added, at once: a gateway that is just about to send is fenced, and reads the latch."""
    latch = LatchRow(REDUCE_ONLY, "a person's word: nothing is added", by, at_ms)
    await journal.raise_epoch(f"a person, {by}", [latch, EventRow(REDUCE_ONLY, "", "", f"by {by}", at_ms)])


def to_lift(names: Sequence[str], latches: Mapping[str, LatchRow]) -> list[LatchRow]:
    """Returns the latches of these names, each once. Raises ConfigError for a name that is not latched.

    The latch of another bus is lifted by `tickline adopt` only: SafetyRefusal.
    """
    if OTHER_BUS in names:
        raise SafetyRefusal(f"{OTHER_BUS} is lifted by `tickline adopt`")
    if unknown := [name for name in names if name not in latches]:
        latched = ", ".join(sorted(latches)) or "nothing"
        raise ConfigError(f"resume {', '.join(unknown)}: not latched; {latched} is")
    return [latches[name] for name in dict.fromkeys(names)]


async def lift(journal: "Journal", latches: Sequence[LatchRow], by: str, at_ms: int) -> None:
    """Drops these latches, as a person says."""
    await journal.write_by_person(
        [
            *(DropLatch(latch.name) for latch in latches),
            *(EventRow("RESUMED", "", "", f"{latch.name} by {by}", at_ms) for latch in latches),
        ]
    )


async def latch_drift(journal: "Journal", alarm: str, why: str, at_ms: int) -> bool:
    """Latches DRIFT for an alarm, once; returns whether it did. It tightens only, so it fences nobody.

    The gateway reads it when it next looks. An alarm that was latched before is left as a person has left it since.

    - alarm: its name, the trace of the tick that it came with.
    - why: in words.
    """
    if await drift_was_latched(journal, alarm):
        return False
    said = f"{alarm}: {why}"
    await journal.write_by_person([LatchRow(DRIFT, said, MONITOR, at_ms), EventRow(DRIFT, "", "", said, at_ms)])
    return True


async def drift_was_latched(journal: "Journal", alarm: str) -> bool:
    """Returns whether this alarm was ever latched."""
    return any(event.text.startswith(f"{alarm}: ") for event in await journal.events_of_kind(DRIFT))


async def adopt_bus(journal: "Journal", present: str, known: str | None, by: str, at_ms: int) -> None:
    """Makes the bus of this id the one that the journal belongs to, and drops its latch, as a person says."""
    text = f"{present} instead of {known or 'none'}, by {by}"
    await journal.write_by_person(
        [SetBusId(present), DropLatch(OTHER_BUS), EventRow("ADOPTED_BUS", "", "", text, at_ms)]
    )
