"""The page's reader looks at the line whenever something was committed, and shows what it has seen.

It reads what `tickline status` reads, and as that does; it writes nothing. While nobody looks it reads seldom, and
does not follow the streams: a second reader of them all costs the bus, and each order, much.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import structlog

from services.monitor.page.curve import EquityCurve, Expected
from services.monitor.page.stream import EventHub
from services.monitor.page.tail import Tail
from services.monitor.page.view import DECISIONS, PageState, Stale, shown_decision, silences, view_of
from services.monitor.page.watch import LineWatch
from shared.bus.api import Bus, BusLost, Session
from shared.config import Settings
from shared.errors import TicklineError
from shared.explain.decisions import Rule
from shared.explain.story import rule_of
from shared.lookup.recent import RecentLookup
from shared.runner.progress import read_progress
from shared.status.reader import StatusReader
from shared.wall_time import LOCAL_TIME

LEAST_S = 0.05  # between two views
FOLLOW_S = 0.02  # between two reads of the streams' ends
GATHER_S = 0.02  # a tick's commits come together: one look sees them all
SPARED, MOST_S = 2, 1.0  # times as long as a look takes there is none, but no longer than that
SEEN_S, UNSEEN_S = 0.5, 15.0  # between two looks without news, while somebody looks at the page, and nobody
AGAIN_S = 0.5  # after something could not be read
SILENT_S = 1.5  # without an answer of the bus
SAVED_S = 60.0  # between two times that the curve is kept
CURVE = "page-curve.json"
NS_PER_MS = 1_000_000

log = structlog.get_logger()


class PageReader:
    """The reader of one line's page. acts: what a person may do there."""

    def __init__(self, settings: Settings, bus: Bus, acts: Mapping[str, Any]) -> None:
        self._settings, self._bus, self._acts = settings, bus, acts
        self._watch = LineWatch(settings, bus)
        self._tail = Tail(settings, bus, self._watch.see)
        self._curve = EquityCurve(settings.strategy.balance * len(settings.symbols), Expected.of(settings))
        self._curve_file = settings.state_dir / CURVE
        self._line, self._saved_s = "", 0.0  # whose curve it is, and when it was kept last
        self._news = asyncio.Event()
        self._state: PageState | None = None
        self._revision = 0
        self._shown: dict[str, Any] = {}
        self._told: dict[str, dict[str, Any]] = {}  # the decisions that are shown, by their traces
        self._why = ""

    async def run(self, hub: EventHub) -> None:
        """Looks for ever."""
        following = asyncio.create_task(self._follow(hub))
        try:
            while True:
                try:
                    await self._look_on(hub)
                except (BusLost, TicklineError, OSError) as error:
                    self._say(str(error))
                except Exception as error:  # noqa: BLE001  (who is on call must see that it goes on)
                    self._say(f"{type(error).__name__}: {error}", error)
                await asyncio.sleep(AGAIN_S)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            if self._line:
                await self._keep_curve()
            await self._tail.close()
            await self._watch.close()

    def _say(self, why: str, error: Exception | None = None) -> None:
        if why != self._why:
            log.warning("the page cannot be read", why=why, exc_info=error)
        self._why = why

    async def _follow(self, hub: EventHub) -> None:
        """Reads the streams' ends for ever, while somebody looks."""
        while True:
            if not hub.watched.is_set():
                await self._tail.forget()
            await self._tail.begun.wait()
            try:
                if await self._tail.read():
                    self._news.set()
                await asyncio.sleep(FOLLOW_S)
            except BusLost:
                await asyncio.sleep(AGAIN_S)

    async def _look_on(self, hub: EventHub) -> None:
        """Looks whenever something is new, until something cannot be read."""
        async with AsyncExitStack() as stack:
            lookup = RecentLookup(self._settings, self._bus)
            stack.push_async_callback(lookup.close)
            session = await self._bus.connect()
            stack.push_async_callback(session.close)
            status = StatusReader(self._settings, lookup, LOCAL_TIME, session=session)
            rule = rule_of(self._settings)
            await self._find_curve(session)
            while True:
                self._news.clear()
                began_s, watched = time.monotonic(), hub.watched.is_set()
                if watched and not self._tail.begun.is_set():
                    await self._tail.begin(lookup)
                async with lookup.moment():
                    await self._look(status, session, rule, watched)
                self._show(hub)
                self._why = ""
                took_s = time.monotonic() - began_s
                await asyncio.sleep(max(LEAST_S - took_s, min(SPARED * took_s, MOST_S)))
                await self._next(hub)

    async def _find_curve(self, session: Session) -> None:
        """Goes on with the curve of this line on this bus, once."""
        if self._line:
            return
        bus_id = (await session.meta({})).get("bus_id", "")
        self._line = f"{self._settings.namespace}:{self._settings.gateway.account}:{bus_id}"
        await asyncio.to_thread(self._curve.load, self._curve_file, self._line)
        self._saved_s = time.monotonic()

    async def _keep_curve(self) -> None:
        self._saved_s = time.monotonic()
        try:
            await asyncio.to_thread(self._curve.save, self._curve_file, self._line)
        except OSError as error:
            self._say(f"the curve is not kept: {self._curve_file}: {error.strerror}")

    async def _look(self, reader: StatusReader, session: Session, rule: Rule, watched: bool) -> None:
        seen, tail, watch = await reader.read(), self._tail, self._watch
        progress = await read_progress(session, self._settings)
        if watched:  # it is told of messages by the tail, without which all feeds would be silent
            await watch.look(session, time.time_ns() // NS_PER_MS)
        self._curve.add(seen.event_ns // NS_PER_MS, seen)
        if time.monotonic() - self._saved_s > SAVED_S:
            await self._keep_curve()
        self._state = PageState(
            self._settings, seen, progress, tail.rates(), self._tell(rule), tuple(tail.orders.values()),
            self._curve.figures(), watch.owners, watch.alerts.shown(), tail.drift, tail.band, self._acts,
        )  # fmt: skip

    def _tell(self, rule: Rule) -> tuple[dict[str, Any], ...]:
        """Returns the last decisions, the newest first; each is put into words once."""
        newest = list(self._tail.decisions)[: -DECISIONS - 1 : -1]
        self._told = {one.decision.tr: self._told.get(one.decision.tr) or shown_decision(one, rule) for one in newest}
        return tuple(self._told.values())

    async def _next(self, hub: EventHub) -> None:
        """Waits for news; while nobody looks, for somebody who does, or a while."""
        if not hub.watched.is_set():
            await _first(hub.watched.wait(), UNSEEN_S)
        else:
            if not self._news.is_set():
                await _first(self._news.wait(), SEEN_S)  # nobody tells who has died, nor what the journal has
                await asyncio.sleep(GATHER_S)

    def _show(self, hub: EventHub) -> None:
        """Shows the state, if anything in it is new."""
        assert self._state is not None
        state, bare = self._state, view_of(self._state, None, 0)
        if bare == self._shown:
            return
        self._shown = bare
        self._revision = revision = self._revision + 1
        hub.show(revision, lambda: view_of(state, time.time_ns() // NS_PER_MS, revision, self.stale()))

    def beat(self) -> dict[str, Any]:
        """Returns what a beat tells."""
        return {"ms": time.time_ns() // NS_PER_MS, "stale": [one._asdict() for one in self.stale()]}

    def stale(self) -> list[Stale]:
        """Returns what cannot be believed just now."""
        return [*self._silent_bus(), *([] if self._state is None else silences(self._state, time.time_ns()))]

    def _silent_bus(self) -> Iterator[Stale]:
        heard_s = self._tail.heard_s
        silent_s = time.monotonic() - (self._tail.began_s if heard_s is None else heard_s)
        if self._tail.lost or silent_s > SILENT_S:
            yield Stale("bus", round(silent_s, 1), f"The bus has not answered for {silent_s:.0f} s.")


async def _first(news: Any, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await news
    except TimeoutError:
        return
