"""One exchange's public history through ccxt, a market's rows as pages.py asks for them; no keys."""

import difflib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any

from services.research.download.kinds import HistoryRow, Kind, KindName, in_order
from shared.errors import ConfigError, VenueError
from shared.exchanges.backoff import ATTEMPTS, FIRST_ATTEMPTS
from shared.exchanges.client import (
    RateLimit,
    answering,
    exchange_class,
    load_ccxt,
    make_client,
    redirect,
    require_known,
    with_own_rows,
)
from shared.exchanges.market_data.parse import sequence
from shared.exchanges.registry import market_data_profile
from shared.exchanges.rest_caller import CallRules, NoAnswer, RestCaller, one_line
from shared.intervals import interval_ns, interval_text

SHOWN = 8
LONGEST = 240


class PublicExchange:
    """A PublicExchange is an exchange without keys; an async context manager that knows the markets inside.

    - name: ccxt's
    - base_url: of a server instead of the exchange's own hosts, for tests
    - options: ccxt's own, for tests
    - say: takes a line for each attempt that failed

    Raises ConfigError for an unknown name, VenueError where the exchange cannot be reached or refuses.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "",
        options: Mapping[str, object] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        ccxt, limit = load_ccxt("downloads", "parquet"), RateLimit(least_s=0.0)
        require_known(ccxt, name, "--exchange", SHOWN)
        self.name = name
        self.profile = market_data_profile(name)
        self.ccxt = make_client(
            answering(with_own_rows(exchange_class(ccxt, name)), ccxt, limit), options or {}, currencies=True
        )
        redirect(self.ccxt, base_url)
        self._caller = RestCaller(
            ccxt, self.ccxt, CallRules(ATTEMPTS), limit, redact=partial(one_line, longest=LONGEST), say=say
        )

    async def __aenter__(self) -> "PublicExchange":
        try:
            await self.ask(self.ccxt.load_markets, FIRST_ATTEMPTS)
            if not self.ccxt.symbols:
                raise VenueError(f"{self.name}: names no markets: try again later")
        except BaseException:
            await self.ccxt.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.ccxt.close()

    async def now_ms(self) -> int:
        """Returns the exchange's time; this machine's where the exchange does not tell."""
        if self.ccxt.has["fetchTime"] is True:
            return int(await self.ask(self.ccxt.fetch_time))
        return time.time_ns() // 1_000_000

    def market(self, symbol: str) -> Mapping[str, Any]:
        """Returns ccxt's market of this symbol, or raises a ConfigError that names those near to it."""
        found: Mapping[str, Any] | None = self.ccxt.markets.get(symbol)
        if found is None:
            near = self._near(symbol)
            raise ConfigError(
                f"--market {symbol[:60]!r} is unknown to {self.name}: "
                + (f"did you mean {', '.join(near)}?" if near else "write it as ccxt does, e.g. BTC/USDT:USDT")
            )
        return found

    def _near(self, symbol: str) -> list[str]:
        same = [market["symbol"] for market in self.ccxt.markets_by_id.get(symbol.upper(), [])]
        return same or difflib.get_close_matches(symbol.upper(), self.ccxt.symbols, SHOWN, 0.7)

    async def ask(self, call: Callable[[], Awaitable[Any]], attempts: int = 0) -> Any:
        """Returns the answer to a request, asked again while there is hope."""
        try:
            return await self._caller.ask(call, attempts=attempts)
        except NoAnswer as error:
            wants = f" and wants {error.wanted_s:.0f} s of silence" if error.wanted_s else ""
            raise VenueError(
                f"{self.name} does not answer{wants}: {error.trouble}: check the network, and later run the same "
                f"command again; what was fetched is kept"
            ) from None


class History:
    """A History is a HistorySource of one market. interval: of bars only.

    Raises ConfigError for what the exchange does not have: the market, the kind, the interval.
    """

    def __init__(self, exchange: PublicExchange, market: str, kind: Kind, interval: str) -> None:
        found = exchange.market(market)
        self._exchange, self._symbol, self._kind, self._market = exchange, market, kind, found
        self.name = f"{exchange.name} {market}"
        if exchange.ccxt.has.get(kind.has) is not True:
            raise ConfigError(f"{exchange.name} gives no {kind.name} through ccxt ({kind.has}): take another exchange")
        if kind.name is KindName.FUNDING and not found["swap"]:
            raise ConfigError(f"--market {market} is a {found['type']} market, and only perpetual swaps have funding")
        self._timeframe = _timeframe(exchange, interval) if kind.name is KindName.OHLCV else ""
        self.apart_ms = interval_ns(interval) // 1_000_000 if self._timeframe else int(not kind.has_id)
        self._profile = exchange.profile
        # Needed on Binance, which answers a time window with its last trades:
        # https://github.com/binance/binance-spot-api-docs/issues/10
        self._from_id = self._profile.from_id if kind.name is KindName.TRADES else ""
        cap = exchange.ccxt.feature_value(market, kind.has, "limit")
        self._cap = min(int(cap), 1000) if cap else kind.limit
        self._cut_from = self._cap if cap else kind.cut_from

    @property
    def by_id(self) -> bool:
        """Says whether `behind` works here."""
        return bool(self._from_id)

    def limit(self, at_ms: int, end_ms: int) -> int:
        """Returns how many rows to ask for at once; of bars no more than fit."""
        return max(2, min(self._cap, -(-(end_ms - at_ms) // self.apart_ms))) if self._timeframe else self._cap

    def cut_from(self, limit: int) -> int:
        """Returns how long a page is that may have been cut off."""
        return min(limit, self._cut_from)

    def step_ms(self, limit: int) -> int:
        """Returns how much time an empty page covers."""
        return limit * self.apart_ms if self._timeframe else self._kind.step_ms

    async def since(self, at_ms: int, limit: int) -> list[HistoryRow]:
        """Asks for the first rows from this time on."""
        return await self._rows(at_ms, limit, {})

    async def behind(self, last_id: int, limit: int) -> list[HistoryRow]:
        """Asks for the first rows whose id is above this one."""
        return await self._rows(None, limit, {self._from_id: last_id + 1})

    async def latest(self, limit: int) -> list[HistoryRow]:
        """Asks for the latest rows."""
        return await self._rows(None, limit, {})

    async def _rows(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> list[HistoryRow]:
        async def call() -> list[HistoryRow]:
            rows = (self._row(answer) for answer in await self._call(at_ms, limit, params))
            return sorted((row for row in rows if row is not None), key=in_order)

        rows: list[HistoryRow] = await self._exchange.ask(call)
        return rows

    def _row(self, answer: Any) -> HistoryRow | None:
        row = self._kind.row(self._told(answer))
        if row is None or self._kind.name is not KindName.TRADES:
            return row
        raw = answer.get("info")
        return row._replace(on_book=self._profile.on_book(raw), seq=sequence(raw))

    def _told(self, answer: Any) -> Any:
        """Returns a bar as the exchange tells of it, where its profile knows how; else, and of the rest, ccxt's."""
        candles = self._profile.candles
        told = None if candles is None or not self._timeframe else candles.row(answer[-1], self._market)
        return answer if told is None else told

    def _call(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> Awaitable[Any]:
        ccxt = self._exchange.ccxt
        if self._timeframe:
            answer: Awaitable[Any] = ccxt.fetch_ohlcv(self._symbol, self._timeframe, at_ms, limit, dict(params))
            return answer
        method: Callable[..., Awaitable[Any]] = (
            ccxt.fetch_trades if self._kind.name is KindName.TRADES else ccxt.fetch_funding_rate_history
        )
        return method(self._symbol, at_ms, limit, dict(params))


def _timeframe(exchange: PublicExchange, interval: str) -> str:
    """Returns the exchange's own name of an interval."""
    lengths = {_length_ns(exchange, name): name for name in exchange.ccxt.timeframes or {} if not name.endswith("M")}
    wanted = interval_ns(interval)
    if wanted not in lengths:
        some = ", ".join(interval_text(length) for length in sorted(lengths))
        raise ConfigError(f"{exchange.name} has no {interval} bars: take one of {some or 'none'}")
    return str(lengths[wanted])


def _length_ns(exchange: PublicExchange, name: str) -> int:
    return int(exchange.ccxt.parse_timeframe(name)) * 1_000_000_000
