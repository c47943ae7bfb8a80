"""The history of one market through one PublicExchange, as pages.py asks for it."""

import asyncio
import difflib
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any

from services.research.download.kinds import HistoryRow, Kind, KindName, in_order
from shared.errors import ConfigError, VenueError
from shared.exchanges.backoff import ATTEMPTS, FIRST_ATTEMPTS, retry_after_s, wait_s
from shared.exchanges.market_data.parse import sequence
from shared.exchanges.registry import market_data_profile
from shared.extras import to_install
from shared.intervals import interval_ns, interval_text
from shared.redirected import redirected

# One exchange, through ccxt's own class as it is: its markets, its clock, its answers; no keys.
#
# Numbers come as Decimals with the exchange's own digits (`number`, which ccxt offers for that), and requests are
# spaced as ccxt knows the exchange wants it (`enableRateLimit`). What failed on the way is asked again, within
# bounds.

# A broken answer makes ccxt's parsers raise any of these.
_UNREADABLE = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
SHOWN = 8


class PublicExchange:
    """An exchange by ccxt's name; an async context manager that knows the markets inside.

    say: is told of each failed attempt. pause: sleeps. base_url: instead of the exchange's own hosts, for tests.
    options: ccxt's own, for tests. Raises ConfigError for an unknown name, VenueError where the exchange cannot be
    reached or refuses.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "",
        options: Mapping[str, object] | None = None,
        say: Callable[[str], None] = lambda line: None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        ccxt = _ccxt()
        if name not in ccxt.exchanges:
            near = difflib.get_close_matches(name.lower(), ccxt.exchanges, SHOWN, 0.6)
            raise ConfigError(
                f"--exchange {name[:40]!r} is unknown to ccxt {ccxt.__version__}: "
                + (f"did you mean {', '.join(near)}?" if near else "use ccxt's name, e.g. binance, bybit, okx")
            )
        self.name = name
        self._say, self._pause = say, pause
        self.ccxt: Any = getattr(ccxt, name)({"enableLastJsonResponse": True, **(options or {})})
        if base_url:
            self.ccxt.urls["api"] = redirected(self.ccxt.urls["api"], base_url)

    async def __aenter__(self) -> "PublicExchange":
        try:
            await self.ask(self.ccxt.load_markets, FIRST_ATTEMPTS)
            if not self.ccxt.symbols:
                raise VenueError(f"{self.name}: names no markets: try again later")
        except BaseException:
            await self.ccxt.close()
            raise
        self.ccxt.number = Decimal
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.ccxt.close()

    async def now_ms(self) -> int:
        """The exchange's clock; this machine's where the exchange does not tell."""
        if self.ccxt.has["fetchTime"] is True:
            return int(await self.ask(self.ccxt.fetch_time))
        return time.time_ns() // 1_000_000

    def market(self, symbol: str) -> Mapping[str, Any]:
        """ccxt's market of this symbol, or a ConfigError that names those near to it."""
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

    async def ask(self, call: Callable[[], Awaitable[Any]], attempts: int = ATTEMPTS) -> Any:
        """The answer to a request, asked again while there is hope."""
        ccxt, attempt = _ccxt(), 0
        while True:
            attempt += 1
            self.ccxt.last_response_headers = self.ccxt.last_json_response = None
            try:
                answer = await call()
                if self.ccxt.last_json_response is not None:
                    return answer
                trouble = "the answer is no JSON"  # ccxt takes it for an empty one
            except ccxt.BaseError as error:
                if not _passing(ccxt, error):
                    raise VenueError(f"{self.name} refuses: {_shown(error)}") from error
                trouble = _shown(error)
            except _UNREADABLE as error:
                trouble = f"ccxt cannot read the answer ({type(error).__name__}: {_shown(error)})"
            asked_s = retry_after_s(self.ccxt.last_response_headers)
            pause_s = wait_s(attempt, attempts, asked_s)
            if pause_s is None:
                wants = f" and wants {asked_s:.0f} s of silence" if asked_s else ""
                raise VenueError(
                    f"{self.name} does not answer{wants}: {trouble}: check the network, and later run the same command "
                    f"again; what was fetched is kept"
                )
            self._say(f"{self.name}: {trouble}: attempt {attempt + 1} in {pause_s:g} s")
            await self._pause(pause_s)


def _passing(ccxt: Any, error: Exception) -> bool:
    """Network, time-outs, limits, 5xx; and a connection lost within an answer, which ccxt has no name for."""
    from aiohttp import ClientError

    return isinstance(error, ccxt.OperationFailed) or isinstance(error.__cause__, ClientError)


def _shown(error: Exception) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ is not None and str(error.__cause__) else ""
    return " ".join(f"{error}{cause}".split())[:240]


def _ccxt() -> Any:
    """ccxt takes seconds to load, so it is loaded when it is needed."""
    try:
        import ccxt.async_support as ccxt
    except ImportError as error:
        raise ConfigError(f"downloads need ccxt: {to_install('ccxt', 'parquet')}") from error
    return ccxt


class History:
    """A Source (pages.py). interval: of bars only.

    Raises ConfigError for what the exchange does not have: the market, the kind, the interval.
    """

    def __init__(self, venue: PublicExchange, market: str, kind: Kind, interval: str) -> None:
        found = venue.market(market)
        self._venue, self._symbol, self._kind = venue, market, kind
        self.name = f"{venue.name} {market}"
        if venue.ccxt.has.get(kind.has) is not True:
            raise ConfigError(f"{venue.name} gives no {kind.name} through ccxt ({kind.has}): take another exchange")
        if kind.name is KindName.FUNDING and not found["swap"]:
            raise ConfigError(f"--market {market} is a {found['type']} market, and only perpetual swaps have funding")
        self._timeframe = _timeframe(venue, interval) if kind.name is KindName.OHLCV else ""
        self.apart_ms = interval_ns(interval) // 1_000_000 if self._timeframe else int(not kind.has_id)
        self._profile = market_data_profile(venue.name)
        # Needed on Binance, which answers a time window with its last trades:
        # https://github.com/binance/binance-spot-api-docs/issues/10
        self._from_id = self._profile.from_id if kind.name is KindName.TRADES else ""
        cap = venue.ccxt.feature_value(market, kind.has, "limit")
        self._cap = min(int(cap), 1000) if cap else kind.limit
        self._cut_from = self._cap if cap else kind.cut_from

    @property
    def by_id(self) -> bool:
        """Whether `behind` can be asked."""
        return bool(self._from_id)

    def limit(self, at_ms: int, end_ms: int) -> int:
        """How many rows to ask for at once; of bars no more than fit."""
        return max(2, min(self._cap, -(-(end_ms - at_ms) // self.apart_ms))) if self._timeframe else self._cap

    def cut_from(self, limit: int) -> int:
        """A page of so many rows may have been cut off."""
        return min(limit, self._cut_from)

    def step_ms(self, limit: int) -> int:
        """How much time an empty page covers."""
        return limit * self.apart_ms if self._timeframe else self._kind.step_ms

    async def since(self, at_ms: int, limit: int) -> list[HistoryRow]:
        """The first rows from this time on."""
        return await self._rows(at_ms, limit, {})

    async def behind(self, last_id: int, limit: int) -> list[HistoryRow]:
        """The first rows whose id is above this one."""
        return await self._rows(None, limit, {self._from_id: last_id + 1})

    async def latest(self, limit: int) -> list[HistoryRow]:
        """The latest rows."""
        return await self._rows(None, limit, {})

    async def _rows(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> list[HistoryRow]:
        async def call() -> list[HistoryRow]:
            rows = (self._row(answer) for answer in await self._call(at_ms, limit, params))
            return sorted((row for row in rows if row is not None), key=in_order)

        rows: list[HistoryRow] = await self._venue.ask(call)
        return rows

    def _row(self, answer: Any) -> HistoryRow | None:
        row = self._kind.row(answer)
        if row is None or self._kind.name is not KindName.TRADES:
            return row
        raw = answer.get("info")
        return row._replace(on_book=self._profile.on_book(raw), seq=sequence(raw))

    def _call(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> Awaitable[Any]:
        ccxt = self._venue.ccxt
        if self._timeframe:
            answer: Awaitable[Any] = ccxt.fetch_ohlcv(self._symbol, self._timeframe, at_ms, limit, dict(params))
            return answer
        method: Callable[..., Awaitable[Any]] = (
            ccxt.fetch_trades if self._kind.name is KindName.TRADES else ccxt.fetch_funding_rate_history
        )
        return method(self._symbol, at_ms, limit, dict(params))


def _timeframe(venue: PublicExchange, interval: str) -> str:
    """The exchange's own name of an interval."""
    lengths = {_length_ns(venue, name): name for name in venue.ccxt.timeframes or {} if not name.endswith("M")}
    wanted = interval_ns(interval)
    if wanted not in lengths:
        some = ", ".join(interval_text(length) for length in sorted(lengths))
        raise ConfigError(f"{venue.name} has no {interval} bars: take one of {some or 'none'}")
    return str(lengths[wanted])


def _length_ns(venue: PublicExchange, name: str) -> int:
    return int(venue.ccxt.parse_timeframe(name)) * 1_000_000_000
