"""The journal watch sees what stands in an account's journal: latches, orders in doubt, differences, the arming.

It only reads. What stands it finds again in the journal after a restart; up to where events were told it must be given.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from pydantic import Field

from services.monitor.alerts.conditions import AlertKind, Condition
from services.monitor.alerts.order_ends import OVERLAP_MS, OrderEnds
from shared.config import Settings
from shared.control.latches import DRIFT, HALT, OTHER_BUS, SYMBOL
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, JournalUnwritable, TicklineError
from shared.exchanges.trading.amounts import plain
from shared.intervals import NS_PER_S
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, EventRow, LatchRow, OrderRow
from shared.messages.reasons import OrderPhase, Reason
from shared.record import Record, Snapshot
from shared.tick import State
from shared.wall_time import LOCAL_TIME, WallTime, age

NS_PER_MS = 1_000_000
KEY_MS = 7 * 86_400_000  # how long before its end a key is about to end
MOST = 2_000  # differences, or orders, that are looked at one by one
IN_DOUBT = "UNKNOWN"  # how an alarm begins that only says so of an order
OVER = " is over"  # the end of an event that ends another
ALARM, MARKET = "ALARM", "MARKET"  # kinds of the gateway's events
KINDS = {
    Reason.MARKET_CLOSED: AlertKind.MARKET,
    Reason.ACCOUNT_MODES: AlertKind.MARKET,
    Reason.CLOCK_SKEW: AlertKind.ALARM,
}


class JournalView(NamedTuple):
    """What a look has seen: what stands, and what has happened since the last."""

    standing: tuple[Condition, ...] = ()
    happened: tuple[Condition, ...] = ()


class ToldEvent(Record):
    """A told event is one of the newest; see EventRow. at_ms: 0 in one that an earlier version kept."""

    kind: str
    sym: str
    client_order_id: str
    text: str
    at_ms: int = 0


class JournalWatchSnapshot(Snapshot):
    """The saved form of a JournalWatch: whether the journal could ever be read, and which events were taken."""

    opened: bool = False
    events_ms: int = 0
    told: list[ToldEvent] = Field(default_factory=list)


class JournalWatch:
    """The watch looks at one account's journal.

    - open_journal: opens it, if it is there.
    - unknown_ms: for how long an order must be UNKNOWN; arming_ms: how long before its end an arming is about to end.
    - symbols: those that the line trades.
    """

    def __init__(
        self,
        open_journal: Callable[[], Awaitable[Journal]],
        unknown_ms: int,
        arming_ms: int,
        symbols: Sequence[str],
        wall: WallTime = LOCAL_TIME,
    ) -> None:
        self._open = open_journal
        self._unknown_ms, self._arming_ms, self._wall = unknown_ms, arming_ms, wall
        self._journal: Journal | None = None
        self._opened = False
        self._events_ms = 0  # of the newest that was told
        self._told: set[EventRow] = set()  # those of OVERLAP_MS before it
        self._knows_older = True  # False: of the newest time only, as an earlier version kept them
        self._newest: tuple[object, ...] = ()  # the epoch's time and the newest event, as of the last look
        self._stopped: dict[tuple[str, str], Condition] = {}
        self._ends = OrderEnds(symbols)

    @classmethod
    def of(cls, settings: Settings) -> "JournalWatch":
        """Returns the watch of the config's account, which is not on paper."""
        own, url, account = settings.gateway, settings.journal_url, settings.gateway.account
        return cls(
            lambda: Journal.open(url, account, durable=True, write=False),
            round(own.unknown_alarm_s * 1_000),
            round(settings.alerts.arming_s * 1_000),
            settings.symbols,
        )

    async def look(self, now_ms: int) -> JournalView:
        """Looks once. Raises JournalUnwritable where it cannot be read; where nobody has made one nothing stands."""
        try:
            if self._journal is None:
                self._journal = await self._open()
                self._opened = True
            return await self._look(self._journal, now_ms)
        except TicklineError as error:
            await self.close()
            if isinstance(error, ConfigError) and not self._opened:
                return JournalView()  # nobody has armed the account yet
            raise JournalUnwritable(str(error)) from error

    def state(self) -> JournalWatchSnapshot:
        """Returns what is not found again in the journal."""
        told = [
            ToldEvent(kind=row.kind, sym=row.sym, client_order_id=row.client_order_id, text=row.text, at_ms=row.at_ms)
            for row in self._told
        ]
        return JournalWatchSnapshot(opened=self._opened, events_ms=self._events_ms, told=told)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave: what happened since is told, and what was read once must be readable."""
        saved = JournalWatchSnapshot.of(state)
        self._opened, self._events_ms = saved.opened, saved.events_ms
        self._knows_older = all(one.at_ms for one in saved.told)
        self._told = {
            EventRow(one.kind, one.sym, one.client_order_id, one.text, one.at_ms or saved.events_ms)
            for one in saved.told
        }

    async def close(self) -> None:
        """Closes the journal."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with suppress(JournalUnwritable):
                await journal.close()

    async def _look(self, journal: Journal, now_ms: int) -> JournalView:
        standing = [latch_condition(latch) for latch in (await journal.latches()).values()]
        standing += arming_conditions(await journal.arming(), now_ms, self._arming_ms, self._wall)
        unknown = [row for row in await journal.orders() if row.state is OrderPhase.UNKNOWN]
        standing += key_conditions(Whereabouts.known(await journal.limits()), now_ms, self._wall)
        standing += self._unknown(unknown, now_ms)
        standing += [
            Condition(AlertKind.DIFFERENCE, f"{row.kind}/{row.sym}/{row.key}", row.text, "tickline resolve", row.sym)
            for row in (await journal.externals(adopted=False))[:MOST]
        ]
        standing += await self._ends.look(journal, now_ms)
        stopped, happened = await self._events(journal, {row.client_order_id for row in unknown}, now_ms)
        return JournalView((*standing, *stopped), tuple(happened))

    def _unknown(self, rows: Sequence[OrderRow], now_ms: int) -> Iterator[Condition]:
        for row in rows[:MOST]:
            if now_ms - row.at_ms >= self._unknown_ms:
                name = row.client_order_id
                text = f"{row.sym}: nobody knows whether the exchange has {plain(row.signed_qty)} (sent "
                text += f"{self._wall.clock(row.at_ms * NS_PER_MS)}): nothing adds meanwhile"
                yield Condition(AlertKind.UNKNOWN_ORDER, name, text, f"tickline resolve {name}", row.sym)

    async def _events(
        self, journal: Journal, unknown: set[str], now_ms: int
    ) -> tuple[Iterable[Condition], list[Condition]]:
        """Returns what the gateway says that stands since it took the account over, and what it says besides.

        Several write, each by its own clock, and one that was written earlier may be seen later.
        """
        raised_ms = (await journal.epoch()).raised_ms
        newest = (raised_ms, *await journal.events(1))
        if newest == self._newest:
            return self._stopped.values(), []
        since_ms = min(self._events_ms or raised_ms, raised_ms) - OVERLAP_MS
        rows = [row for kind in (ALARM, MARKET) for row in await journal.events_of_kind(kind, since_ms)]
        rows.sort(key=lambda row: row.at_ms)
        self._stopped = stopped = dict[tuple[str, str], Condition]()
        happened = list[Condition]()
        before_ms, self._events_ms = self._events_ms, max([self._events_ms or now_ms, *(row.at_ms for row in rows)])
        from_ms = before_ms - (OVERLAP_MS if self._knows_older else 0)
        new = {row for row in rows if before_ms and row.at_ms >= from_ms} - self._told
        for row in rows:
            if (reason := _reason_in(row.text)) is not None:
                if row.at_ms >= raised_ms:
                    stopped[row.sym, reason] = _stop(row, reason)
            elif row.text.endswith(OVER):
                stopped.pop((row.sym, row.text.removesuffix(OVER)), None)
            elif row in new and not _is_told_else(row, unknown):
                happened.append(_instant(row))
        self._knows_older = True
        self._told, self._newest = {row for row in rows if row.at_ms >= self._events_ms - OVERLAP_MS}, newest
        return stopped.values(), happened


def latch_condition(latch: LatchRow) -> Condition:
    """Returns what stands while a latch does.

    >>> latch_condition(LatchRow("DAILY_LOSS", "equity 900", "gateway", 1))
    Condition(kind=<AlertKind.LATCH: 'latch'>, about='DAILY_LOSS', text='DAILY_LOSS by gateway: equity 900', \
remedy='tickline resume DAILY_LOSS', sym='')
    """
    kind = {HALT: AlertKind.HALT, DRIFT: AlertKind.DRIFT}.get(latch.name, AlertKind.LATCH)
    remedy = "tickline adopt" if latch.name == OTHER_BUS else f"tickline resume {latch.name}"
    sym = latch.name.removeprefix(SYMBOL) if latch.name.startswith(SYMBOL) else ""
    return Condition(kind, latch.name, f"{latch.name} by {latch.by}: {latch.reason}", remedy, sym)


def arming_conditions(arming: ArmingRow | None, now_ms: int, before_ms: int, wall: WallTime) -> Iterator[Condition]:
    """Yields that an arming is about to end, or has ended; nothing of an account that nobody armed."""
    if arming is None:
        return
    left_ms, at = arming.expires_at_ms - now_ms, wall.second(arming.expires_at_ms * NS_PER_MS)
    if left_ms <= 0:
        yield Condition(AlertKind.ARMING, "ended", f"it ended at {at}: nothing adds any more", "tickline arm")
    elif left_ms <= before_ms:
        length = age(before_ms // 1_000 * NS_PER_S)
        yield Condition(AlertKind.ARMING, "ends soon", f"it ends at {at}, within {length}", "tickline arm")


def key_conditions(where: Whereabouts, now_ms: int, wall: WallTime) -> Iterator[Condition]:
    """Yields that the exchange's key is about to end, or has ended."""
    ends_ms = None if where.identity is None else where.identity.key_ends_ms
    if ends_ms is None or ends_ms - now_ms > KEY_MS:
        return
    at = wall.second(ends_ms * NS_PER_MS)
    about, verb = ("ended", "ended") if ends_ms <= now_ms else ("ends soon", "ends")
    text = f"it {verb} at {at}, and without one not even a close can be sent: make a new key"
    yield Condition(AlertKind.KEY, about, text)


def _reason_in(text: str) -> Reason | None:
    """Returns the reason that an alarm begins with, of those that last."""
    found = re.match(r"([A-Z_]+): ", text)
    return next((reason for reason in KINDS if found and reason == found[1]), None)


def _stop(row: EventRow, reason: Reason) -> Condition:
    text = row.text.partition(": ")[2]
    said = f"{row.sym}: {text}" if row.sym not in text else text
    return Condition(KINDS[reason], f"{row.sym or 'clock'} {reason}", said, sym=row.sym)


def _instant(row: EventRow) -> Condition:
    kind = AlertKind.MARKET if row.kind == MARKET else AlertKind.ALARM
    text = f"{row.sym}: {row.text}" if row.sym not in row.text else row.text
    return Condition(kind, text, text, sym=row.sym)  # many symbols may have the same words


def _is_told_else(row: EventRow, unknown: set[str]) -> bool:
    """Says whether another condition has it: a latch, or an order that is UNKNOWN."""
    return row.text.startswith(SYMBOL) or (row.client_order_id in unknown and row.text.startswith(IN_DOUBT))
