"""The history of one market through one Venue, as pages.py asks for it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.research.download.kinds import Kind, KindName
from services.research.download.rows import Row, in_order
from services.research.download.venue import Venue
from shared.errors import ConfigError
from shared.exchanges.market_data.prints import on_book, sequence
from shared.intervals import interval_ns, interval_text

# Where trades can be asked for by id, and by which parameter; ids ascend there, one by one.
# Needed on Binance, which answers a time window with its last trades (https://github.com/binance/
# binance-spot-api-docs/issues/10); `fromId` is inclusive: https://developers.binance.com/docs/derivatives/
# usds-margined-futures/market-data/rest-api/Compressed-Aggregate-Trades-List
FROM_ID: Mapping[str, str] = dict.fromkeys(("binance", "binancecoinm", "binanceus", "binanceusdm"), "fromId")


class History:
    """A Source (pages.py). interval: of bars only.

    Raises ConfigError for what the exchange does not have: the market, the kind, the interval.
    """

    def __init__(self, venue: Venue, market: str, kind: Kind, interval: str) -> None:
        found = venue.market(market)
        self._venue, self._symbol, self._kind = venue, market, kind
        self.name = f"{venue.name} {market}"
        if venue.ccxt.has.get(kind.has) is not True:
            raise ConfigError(f"{venue.name} gives no {kind.name} through ccxt ({kind.has}): take another exchange")
        if kind.name is KindName.FUNDING and not found["swap"]:
            raise ConfigError(f"--market {market} is a {found['type']} market, and only perpetual swaps have funding")
        self._timeframe = _timeframe(venue, interval) if kind.name is KindName.OHLCV else ""
        self.apart_ms = interval_ns(interval) // 1_000_000 if self._timeframe else int(not kind.has_id)
        self._from_id = FROM_ID.get(venue.name) if kind.name is KindName.TRADES else None
        cap = venue.ccxt.feature_value(market, kind.has, "limit")
        self._cap = min(int(cap), 1000) if cap else kind.limit
        self._cut_from = self._cap if cap else kind.cut_from

    @property
    def by_id(self) -> bool:
        """Whether `behind` can be asked."""
        return self._from_id is not None

    def limit(self, at_ms: int, end_ms: int) -> int:
        """How many rows to ask for at once; of bars no more than fit."""
        return max(2, min(self._cap, -(-(end_ms - at_ms) // self.apart_ms))) if self._timeframe else self._cap

    def cut_from(self, limit: int) -> int:
        """A page of so many rows may have been cut off."""
        return min(limit, self._cut_from)

    def step_ms(self, limit: int) -> int:
        """How much time an empty page covers."""
        return limit * self.apart_ms if self._timeframe else self._kind.step_ms

    async def since(self, at_ms: int, limit: int) -> list[Row]:
        """The first rows from this time on."""
        return await self._rows(at_ms, limit, {})

    async def behind(self, last_id: int, limit: int) -> list[Row]:
        """The first rows whose id is above this one."""
        assert self._from_id is not None
        return await self._rows(None, limit, {self._from_id: last_id + 1})

    async def latest(self, limit: int) -> list[Row]:
        """The latest rows."""
        return await self._rows(None, limit, {})

    async def _rows(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> list[Row]:
        async def call() -> list[Row]:
            rows = (self._row(answer) for answer in await self._call(at_ms, limit, params))
            return sorted((row for row in rows if row is not None), key=in_order)

        rows: list[Row] = await self._venue.ask(call)
        return rows

    def _row(self, answer: Any) -> Row | None:
        row = self._kind.row(answer)
        if row is None or self._kind.name is not KindName.TRADES:
            return row
        raw = answer.get("info")
        return row._replace(on_book=on_book(self._venue.name, raw), seq=sequence(raw))

    def _call(self, at_ms: int | None, limit: int, params: Mapping[str, object]) -> Awaitable[Any]:
        ccxt = self._venue.ccxt
        if self._timeframe:
            answer: Awaitable[Any] = ccxt.fetch_ohlcv(self._symbol, self._timeframe, at_ms, limit, dict(params))
            return answer
        method: Callable[..., Awaitable[Any]] = (
            ccxt.fetch_trades if self._kind.name is KindName.TRADES else ccxt.fetch_funding_rate_history
        )
        return method(self._symbol, at_ms, limit, dict(params))


def _timeframe(venue: Venue, interval: str) -> str:
    """The exchange's own name of an interval."""
    lengths = {_length_ns(venue, name): name for name in venue.ccxt.timeframes or {} if not name.endswith("M")}
    wanted = interval_ns(interval)
    if wanted not in lengths:
        some = ", ".join(interval_text(length) for length in sorted(lengths))
        raise ConfigError(f"{venue.name} has no {interval} bars: take one of {some or 'none'}")
    return str(lengths[wanted])


def _length_ns(venue: Venue, name: str) -> int:
    return int(venue.ccxt.parse_timeframe(name)) * 1_000_000_000
