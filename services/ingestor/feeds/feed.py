"""One symbol's live data: what was heard and fetched, in a bounded queue until the stage takes it."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from services.ingestor.feeds.quote_watch import QuotesStopped, QuoteWatch
from services.ingestor.live.stage import LiveStage
from shared.errors import VenueError
from shared.exchanges.backoff import Backoff
from shared.exchanges.market_data import history, parse
from shared.exchanges.market_data.client import Overflow, WebsocketHooks
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Candle,
    Connected,
    Disconnected,
    Event,
    Missing,
    Page,
    SettledRates,
    Trade,
)
from shared.exchanges.market_data.venue import LiveVenue
from shared.exchanges.rest_caller import one_line, with_type
from shared.history.funding import SETTLED_NS, SettledRate
from shared.intervals import NS_PER_S, interval_ns
from shared.messages.market import Group

MOST_EVENTS = 100_000
DAYS_2_NS = 48 * SETTLED_NS
TOLD_NS = 20 * NS_PER_S  # after its settlement, an exchange's history has a rate
SPREAD_S = 20.0  # so that not all symbols ask at once; with TOLD_NS, less than KNOWN_NS
STOOD_S = 5.0  # a connection that stood for so long was no failure


class LiveFeed:
    """A LiveFeed holds one symbol's events, in order, until its stage takes them.

    Three kinds of tasks put events into the queue: one keeps a connection and hears, one answers each question of the
    stage by REST, and one fetches funding rates. After each batch the owner shows the feed its stage (`follow`): what
    that asks for is fetched, and if it is deaf the connection is made anew, by a new exchange instance. So it is where
    quotes stop while trades go on.

    - came: is set when there are new events.
    """

    def __init__(
        self, venue: LiveVenue, sym: str, stage: LiveStage, came: asyncio.Event, most: int = MOST_EVENTS
    ) -> None:
        self._venue, self._sym, self._market, self._came, self._most = venue, sym, venue.markets[sym], came, most
        self._events: deque[Event] = deque([Disconnected()])
        self._stage, self._deaf = stage, stage.deaf
        self._asked: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._hearing: asyncio.Task[None] | None = None
        self._connected_s = 0.0
        self.unfit = 0  # what did not parse
        self.remade = 0
        own = venue.options
        beside = Group.QUOTE in own.groups and own.price != "mid"
        self._quote_watch = QuoteWatch(own.silence_ns / NS_PER_S) if beside else None
        funded = Group.FUNDING in own.groups
        self._funding = asyncio.create_task(self._keep_rates()) if funded else None
        if venue.listens:
            self._connection: asyncio.Task[None] | None = asyncio.create_task(self._keep_connected())
        else:
            self._connection = None
            self._put(venue.now(), Connected(), Disconnected())

    @property
    def venue(self) -> LiveVenue:
        """Returns the venue to which it listens."""
        return self._venue

    @property
    def counts(self) -> dict[str, int]:
        """Returns the counts of its stage and its own: connections made anew, and messages that did not parse."""
        return {**self._stage.counts, **self._stage.made, "remade": self.remade, "unfit": self.unfit}

    @property
    def waiting(self) -> int:
        """Returns how many events wait in the queue."""
        return len(self._events)

    def take(self, limit: int) -> list[Event]:
        """Returns the next events, at most so many."""
        events = self._events
        if len(events) <= limit:
            taken = list(events)
            events.clear()
            return taken
        return [events.popleft() for _ in range(limit)]

    def follow(self, stage: LiveStage) -> None:
        """Does what the stage asks for."""
        open_ = {(asked.what, asked.no): asked for asked in stage.questions}
        for key in [key for key in self._asked if key not in open_]:
            self._asked.pop(key).cancel()
        for key, asked in open_.items():
            if key not in self._asked:
                self._asked[key] = asyncio.create_task(self._answer(asked))
        if stage.deaf > self._deaf and self._hearing is not None:
            self._hearing.cancel("deaf")
        self._deaf = stage.deaf

    def close(self) -> set["asyncio.Task[None]"]:
        """Stops listening and asking; returns the tasks that still close their connections."""
        tasks = {task for task in (self._connection, self._funding, *self._asked.values()) if task is not None}
        for task in tasks:
            task.cancel()
        self._asked.clear()
        return tasks

    def _put(self, *events: Event) -> None:
        self._events.extend(events)
        self._came.set()

    # Questions, by REST.

    async def _answer(self, asked: Missing) -> None:
        """Puts what is asked for into the queue, and behind it whether that is all."""
        about = f"{self._sym} {asked.what}"
        try:
            complete = await self._fetch(asked)
            self._venue.troubles.over(about)
        except VenueError as error:
            self._venue.troubles.say(about, str(error))
            complete = False
        self._put(Answered(asked.no, asked.what, complete))

    async def _fetch(self, asked: Missing) -> bool:
        """Fetches trades, or bars once they are over; returns whether the answer is complete."""
        venue, market = self._venue, self._market
        caller, profile, own = venue.caller, venue.profile, venue.options
        if asked.what == "trades":
            return await history.trades(caller, profile, market, asked, self._put, venue.pages)
        await self._wait_for_end(asked)
        came = set[int]()

        def give(got: Page | Bars) -> None:
            if isinstance(got, Bars):
                came.update(bar.ts_event for bar in got.bars)
            self._put(got)

        if Group.BAR in own.groups and own.stream == "trades":
            complete = await history.bars_of_trades(caller, profile, market, own.interval, asked, give, venue.pages)
        else:
            complete = await history.bars(caller, profile, market, own.interval, asked, give, venue.doubts)
        wanted = (asked.to_ns - asked.from_ns) // interval_ns(own.interval) + 1
        short = len(came) < wanted and (profile.every_bar or not complete)
        if short and asked.no == 1 and wanted == own.warm_bars:  # the warm-up
            line = f"only {len(came)} of {wanted} bars came at the start (warm_bars): features warm up as bars come"
            venue.troubles.say(f"{self._sym} warm-up", line)
        return complete

    async def _wait_for_end(self, asked: Missing) -> None:
        """Waits until the exchange's time is past the last bar by the grace: what is not there then had no trade."""
        left_ns = asked.to_ns + self._venue.options.grace_ns - self._venue.now().now
        if left_ns > 0:
            await asyncio.sleep(left_ns / 1e9)

    # The connection.

    async def _keep_connected(self) -> None:
        """Makes a connection, and another one whenever it ends; each waits its turn, and for as long as it must."""
        loop = asyncio.get_running_loop()
        backoff, about = Backoff(), f"{self._sym} connection"
        while True:
            if (silence_s := self._venue.limit.silence_s) > 0:
                await asyncio.sleep(silence_s)
            if (turn_s := self._venue.limit.turn_s(self._venue.profile.connects)) > 0:
                await asyncio.sleep(turn_s)
            self._connected_s = 0.0
            self._hearing = asyncio.create_task(self._hear())
            try:
                why = await self._end_of(self._hearing)
            finally:
                self._hearing.cancel()
                await asyncio.wait({self._hearing})
            self._put(Disconnected())
            self.remade += 1
            if self._connected_s and loop.time() - self._connected_s > STOOD_S:
                backoff.reset()
            self._venue.troubles.say(about, f"{why}: it is made anew")
            await asyncio.sleep(backoff.next_s())

    async def _end_of(self, hearing: asyncio.Task[None]) -> str:
        """Waits until a connection is lost, or is not acknowledged in time; says why."""
        timeout_s = self._venue.options.timeout_s
        await asyncio.wait({hearing}, timeout=timeout_s)
        if not hearing.done() and not self._connected_s:
            if self._venue.profile.acknowledged is not None:
                return f"not acknowledged within {timeout_s:g} s"
            self._acknowledged()  # as far as anybody can tell: if nothing comes, the stage asks for all trades
        await asyncio.wait({hearing})
        if hearing.cancelled():
            return "no data came over it"
        error = hearing.exception()
        if isinstance(error, QuotesStopped):
            return str(error)
        return "it ended" if error is None else one_line(with_type(error))

    async def _hear(self) -> None:
        """Lives for one connection: until an error, or cancelled."""
        client = self._venue.listener(self._hooks())
        try:
            watching = [asyncio.create_task(self._take(watch)) for watch in self._watches(client)]
            if self._quote_watch is not None:
                watching.append(asyncio.create_task(self._quote_watch.run()))
            try:
                done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
                done.pop().result()
            finally:
                for task in watching:
                    task.cancel()
                await asyncio.wait(watching)
        finally:
            await self._closed(client)

    async def _take(self, watch: Callable[[], Any]) -> None:
        """Takes what comes of one kind, until an error."""
        events = self._events
        while True:
            heard = await watch()
            if not self._connected_s and heard:
                self._acknowledged()
            if self._quote_watch is not None:
                self._quote_watch.heard_all(heard)
            self._check_room()
            events.extend(heard)
            self._came.set()

    async def _keep_rates(self) -> None:
        """Fetches the funding rates at the start, and after each hour."""
        venue, own, backoff = self._venue, self._venue.options, Backoff()
        look_back = own.warm_bars * interval_ns(own.interval) + DAYS_2_NS
        while True:
            now, found = venue.now().now, list[SettledRate]()
            try:
                await history.rates(venue.caller, self._market, now - look_back, found.append)
            except VenueError as error:
                venue.troubles.say(f"{self._sym} funding", str(error))
                await asyncio.sleep(backoff.next_s())
                continue
            venue.troubles.over(f"{self._sym} funding")
            backoff.reset()
            self._put(SettledRates(tuple(sorted(found)), now - TOLD_NS))
            look_back = DAYS_2_NS
            due = (now - TOLD_NS) // SETTLED_NS * SETTLED_NS + SETTLED_NS + TOLD_NS
            await asyncio.sleep(max(due - venue.now().now, 0) / NS_PER_S + random.uniform(0, SPREAD_S))  # noqa: S311

    def _hooks(self) -> WebsocketHooks:
        """Returns what is called for each message; where the profile reads trades or candles, they come this way.

        Then watching is only waiting.
        """
        venue, market = self._venue, self._venue.client.market(self._market)
        profile, own, id_ = venue.profile, venue.options, market["id"]
        read: Callable[[Any], Trade | Candle | None] | None = None
        if own.stream == "candles" and (candles := profile.candles) is not None:
            interval = own.interval

            def read(message: Any) -> Candle | None:
                told = candles.message(message, market, interval)
                return None if told is None else parse.whole_candle(told)

        elif own.stream == "trades" and own.price != "mid" and (trade := profile.trade) is not None:

            def read(message: Any) -> Trade | None:
                return trade(message, id_)

        if read is None:
            return WebsocketHooks(self._acknowledged, self._unreadable)
        heard = self._heard if self._quote_watch is None else self._heard_beside_quotes
        return WebsocketHooks(self._acknowledged, self._unreadable, heard, read)

    def _heard(self, event: Trade | Candle) -> None:
        if not self._connected_s:
            self._acknowledged()
        self._check_room()
        self._events.append(event)
        self._came.set()

    def _heard_beside_quotes(self, event: Trade | Candle) -> None:
        if self._quote_watch is not None:
            self._quote_watch.heard(event)
        self._heard(event)

    def _check_room(self) -> None:
        """Raises Overflow where too many events wait."""
        if len(self._events) > self._most:
            raise Overflow(f"more than {self._most} events wait")

    async def _closed(self, client: Any) -> None:
        with contextlib.suppress(self._venue.ccxt.BaseError, OSError):
            await client.close()
        self._venue.sweep()

    def _acknowledged(self) -> None:
        if not self._connected_s:
            self._connected_s = asyncio.get_running_loop().time()
            self._put(self._venue.now(), Connected())
            self._venue.troubles.over(f"{self._sym} connection")

    def _unreadable(self) -> None:
        self.unfit += 1
        if not self._venue.profile.consecutive and self._connected_s:  # ids cannot show what is missing now
            self._put(Disconnected(), self._venue.now(), Connected())

    def _watches(self, client: Any) -> list[Callable[[], Any]]:
        """Returns what is watched over a connection, each as a call that gives what came."""
        own = self._venue.options
        quotes = Group.QUOTE in own.groups
        if own.price == "mid":
            return [lambda: self._quotes(client)]
        first = self._candles if own.stream == "candles" else self._trades
        return [lambda: first(client), *([lambda: self._quotes(client)] if quotes else [])]

    async def _trades(self, client: Any) -> Sequence[Trade]:
        profile, market = self._venue.profile, client.market(self._market)
        rows = await client.watch_trades(self._market, None, None, dict(profile.watch))
        if (kept := client.trades.get(self._market)) is not None:
            kept.clear()  # ccxt keeps what it has given, and looks through it each time
        read = [parse.each_trade(row, profile, market) for row in rows]
        for _ in range(read.count([])):
            self._unreadable()
        return [trade for trades in read for trade in trades]

    async def _quotes(self, client: Any) -> Sequence[Event]:
        tickers = await client.watch_bids_asks([self._market])
        now = self._venue.now().now
        market = client.market(self._market)
        read = [parse.top_of_book(row, now, market) for row in tickers.values()]
        self.unfit += read.count(None)
        return [quote for quote in read if quote is not None]

    async def _candles(self, client: Any) -> Sequence[Event]:
        interval, candles = self._venue.options.interval, self._venue.profile.candles
        rows = await client.watch_ohlcv(self._market, interval if candles is None else candles.watched(interval))
        read = [parse.candle(row) for row in rows]
        self.unfit += read.count(None)
        return [candle for candle in read if candle is not None]
