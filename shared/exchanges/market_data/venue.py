"""All symbols of one exchange share its markets, its REST connection, its time and the silence that it asks for."""

import asyncio
import contextlib
import difflib
import gc
import time
from typing import Any

import structlog

from shared.errors import ConfigError, VenueError
from shared.exchanges.backoff import FIRST_ATTEMPTS, Backoff, Budget
from shared.exchanges.client import RateLimit, load_ccxt, require_known
from shared.exchanges.clock import ExchangeClock
from shared.exchanges.log_once import LogOnce
from shared.exchanges.market_data.client import WebsocketHooks, make_market_data_client
from shared.exchanges.market_data.events import Clock
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.registry import market_data_profile
from shared.exchanges.rest_caller import CallRules, RestCaller
from shared.intervals import TRADE
from shared.messages.market import Group

TIME_EVERY_S = 10.0
MOST_DOUBTS = 20  # a minute: so often answers about bars are not believed; each is a request more
TIME_FIRST_S = 0.2  # until there are some to choose from
TIME_FIRST = 4
SWEEP_S = 10.0
LOOK_S = 0.5  # at a silence
SHOWN = 3
TIME = "time"
VENUE = "venue"
log = structlog.get_logger()


class LiveVenue:
    """A LiveVenue is an exchange that is listened to.

    `run` works until cancelled; it ends with ConfigError or VenueError when the exchange cannot be used at all. A
    market that it does not have is one line, and its symbol stays silent. Making one raises ConfigError for an exchange
    that ccxt does not have, or that cannot give what is wanted.
    """

    def __init__(
        self,
        options: LiveOptions,
        clock: ExchangeClock | None = None,
        troubles: LogOnce | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self.options = options
        self.ccxt = load_ccxt("ingestor.source ccxt", websockets=True)
        require_known(self.ccxt, options.exchange, f"{options.section} exchange")
        self.profile = market_data_profile(options.exchange)
        self.troubles = troubles or LogOnce(options.venue)
        self.limit = limit or RateLimit()
        self.client = make_market_data_client(self.ccxt, options, self.limit)
        self.caller = self._caller(self.client, options.attempts)
        self.doubts = Budget(MOST_DOUBTS)
        self.pages = Budget(0 if options.interval == TRADE else self.profile.pages)  # trades have no bars instead
        self._timer = make_market_data_client(self.ccxt, options, self.limit)
        self._timer.enableRateLimit = False  # in a queue behind other questions the way would be long
        self.clock = clock or ExchangeClock(options.skew_ns)
        self.markets: dict[str, str] = {}
        self._swept_s = 0.0
        self._probe = asyncio.Event()
        self.listens = options.websocket and self._has(self._watch)
        self._check()

    @property
    def _watch(self) -> str:
        if self.options.price == "mid":
            return "watchBidsAsks"
        return "watchOHLCV" if self.options.stream == "candles" else "watchTrades"

    def _has(self, what: str) -> bool:
        return bool(self.client.has.get(what))

    def _check(self) -> None:
        own, name, where = self.options, self.options.exchange, self.options.section
        polled = own.stream == "candles" and Group.BAR in own.groups and not own.websocket
        if (own.price == "mid" or own.stream == "candles") and not self.listens and not polled:
            what = "price = mid" if own.price == "mid" else "stream = candles"
            raise ConfigError(f"{where} {what} needs a websocket, and ccxt has no {self._watch} for {name}")
        if not self.listens and not polled and not self._has("fetchTrades"):
            raise ConfigError(f"{where} ccxt has neither {self._watch} nor fetchTrades for {name}")
        if own.stream == "candles" and own.interval not in (self.client.timeframes or {}):
            known = ", ".join(self.client.timeframes or {})
            raise ConfigError(f"{where} {name} has no candles of {own.interval}: it has {known}")
        most = self.profile.most_connections
        if self.listens and most and len(own.markets) > most:
            raise ConfigError(
                f"{where} {name} lets in {most} websockets at once, and each of {len(own.markets)} markets takes one: "
                f"name {most} at most, or set websocket = false"
            )

    def _caller(self, client: Any, attempts: int) -> RestCaller:
        rules = CallRules(attempts, sits_out=True, says_types=True)
        return RestCaller(self.ccxt, client, rules, self.limit, troubles=self.troubles)

    @property
    def ready(self) -> bool:
        """Says whether it can open symbols: it knows the markets and the time."""
        return bool(self.markets) and self.clock.known

    def now(self) -> Clock:
        """Returns the exchange's time."""
        return self.clock.read()

    async def run(self) -> None:
        """Loads the markets, then keeps the time."""
        watching = asyncio.create_task(self._watch_silence())
        try:
            try:
                await self.caller.ask(self.client.load_markets, attempts=FIRST_ATTEMPTS, patient=False)
            except VenueError as error:
                raise VenueError(f"no market data: {error}") from None
            self._choose()
            self.troubles.over(VENUE)
            await self._keep_time()
        finally:
            watching.cancel()
            await self.close()

    async def close(self) -> None:
        """Gives the connections back; `run` does so by itself."""
        await self._timer.close()
        await self.client.close()

    def listener(self, hooks: WebsocketHooks) -> Any:
        """Makes an instance for a websocket, with the markets and the TLS certificates of the one that loaded them."""
        made = make_market_data_client(self.ccxt, self.options, self.limit, hooks)
        made.set_markets_from_exchange(self.client)
        made.ssl_context = self.client.ssl_context
        return made

    def sweep(self) -> None:
        """Frees what closed instances leave: they hold themselves. All stands still for some ms, so it is rare."""
        now_s = time.monotonic()
        if now_s >= self._swept_s + SWEEP_S:
            self._swept_s = now_s
            gc.collect()

    def _choose(self) -> None:
        known, name, line = self.client.markets, self.options.exchange, ""
        for sym, market in self.options.markets.items():
            if market in known:
                self.markets[sym] = market
                continue
            near = difflib.get_close_matches(market, known, SHOWN, 0.6)
            hint = f": did you mean {', '.join(near)}?" if near else self._other_kind(market)
            line = f"{name} has no market {market}{hint}; {sym} stays without data"
            self.troubles.say(sym, line)
        if not self.markets:
            raise ConfigError(f"{self.options.section} {name} has none of the markets: {sym}: {line}")

    def _other_kind(self, market: str) -> str:
        """Says what helps where the exchange has no market at all of the kind that the name is of."""
        if any((":" in known) == (":" in market) for known in self.client.markets):
            return ""
        if ":" in market:
            return f" and no other swap: spot is written {market.partition(':')[0]}"
        return f" and no other spot market: a swap is written {market}:{market.partition('/')[2]}"

    async def _keep_time(self) -> None:
        asked, backoff = 0, Backoff()
        if self.client.has.get("fetchTime") is not True:
            log.warning("market data", venue=self.options.venue, why="it does not tell its time: ours is taken")
            while True:  # again and again: it is unsure after a step of ours
                self.clock.unasked()
                await asyncio.sleep(TIME_EVERY_S)
        caller = self._caller(self._timer, attempts=1)
        while True:
            await caller.keep_silence()
            sent = self.clock.ask()
            try:
                venue_ms = int(await caller.ask(self._timer.fetch_time))
            except (VenueError, TypeError, ValueError) as error:
                self.troubles.say(TIME, f"its time is not known: {error}")
                await asyncio.sleep(backoff.next_s())
                continue
            self.troubles.over(TIME)
            asked += 1
            backoff.reset()
            self.clock.heard(sent, venue_ms * 1_000_000)
            self._show_skew()
            soon = asked < TIME_FIRST or self.clock.doubted
            await self._rest(TIME_FIRST_S if soon else TIME_EVERY_S)

    async def _rest(self, seconds: float) -> None:
        """Waits so long, unless a silence begins: then it is asked whether somebody is there."""
        self._probe.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._probe.wait()

    async def _watch_silence(self) -> None:
        silence = self.troubles.silence
        while True:
            await asyncio.sleep(LOOK_S)
            silence.look()
            if silence.begins:
                self._probe.set()

    def _show_skew(self) -> None:
        skew = self.clock.skew
        if skew is None or self.clock.read().sure:
            self.troubles.over("clock")
            return
        apart_ms, error_ms = skew.offset_ns // 1_000_000, skew.error_ns // 1_000_000
        limit_ms = self.options.skew_ns // 1_000_000
        if not skew.within(self.options.skew_ns):
            self.troubles.say(
                "clock",
                f"the venue's clock is far from ours, more than {limit_ms} ms (max_skew_s): ticks are history until it "
                "is not; set this machine's clock",
            )
            log.info("clock skew", venue=self.options.venue, offset_ms=apart_ms, error_ms=error_ms)
