"""One exchange, through ccxt's own class as it is: its markets, its clock, its answers; no keys.

Numbers come as Decimals with the exchange's own digits (`number`, which ccxt offers for that), and requests are spaced
as ccxt knows the exchange wants it (`enableRateLimit`). What failed on the way is asked again, within bounds.
"""

import asyncio
import difflib
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any

from shared.errors import ConfigError, VenueError
from shared.extras import to_install
from shared.redirected import redirected
from shared.retry import ATTEMPTS, FIRST_ATTEMPTS, retry_after_s, wait_s

# A broken answer makes ccxt's parsers raise any of these.
_UNREADABLE = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
SHOWN = 8


class Venue:
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

    async def __aenter__(self) -> "Venue":
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
