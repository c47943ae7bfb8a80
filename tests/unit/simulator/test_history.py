"""Public history, through the download's own venue and unmodified ccxt."""

import asyncio
from decimal import Decimal

import pytest

from services.research.download.history import PublicExchange
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.http.server import SimulatorServer
from tests.public_history import PastMarket, PublicHistory, bars, rates, trades
from tests.virtual_time import run_with_sockets

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
MARKET = PastMarket({"1h": bars(START_MS, HOUR_MS, 30)}, trades(START_MS, [0, 5, 5]), rates(START_MS, 8 * HOUR_MS, 3))


async def test_bars_trades_and_rates_come_through_ccxt_digit_by_digit() -> None:
    fake = PublicHistory({"BTCUSDT": MARKET}, START_MS + 48 * HOUR_MS)
    async with SimulatorServer(fake.routes) as server, PublicExchange("binance", base_url=server.url) as venue:
        rows = await venue.ask(lambda: venue.ccxt.fetch_ohlcv("BTC/USDT:USDT", "1h", START_MS, 10))
        assert [(row[0], Decimal(row[4])) for row in rows] == [(bar.at_ms, bar.close) for bar in MARKET.bars["1h"][:10]]
        told = await venue.ask(lambda: venue.ccxt.fetch_trades("BTC/USDT:USDT", START_MS, 10))
        assert [(row["id"], Decimal(row["price"])) for row in told] == [
            (str(row.id), row.price) for row in MARKET.trades
        ]
        paid = await venue.ask(lambda: venue.ccxt.fetch_funding_rate_history("BTC/USDT:USDT", START_MS, 10))
        assert [Decimal(row["fundingRate"]) for row in paid] == [rate.rate for rate in MARKET.rates]


def test_a_page_that_failed_is_asked_again_when_the_exchange_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = PublicHistory({"BTCUSDT": MARKET}, START_MS + 48 * HOUR_MS)
    fault = Fault(FaultMode.STATUS, "klines", status=429, headers={"Retry-After": "7"})
    said: list[str] = []

    async def asked() -> tuple[int, int]:
        async with (
            SimulatorServer(fake.routes, fault) as server,
            PublicExchange("binance", base_url=server.url, say=said.append) as exchange,
        ):
            began_s = asyncio.get_running_loop().time()
            rows = await exchange.ask(lambda: exchange.ccxt.fetch_ohlcv("BTC/USDT:USDT", "1h", START_MS, 5))
            assert 7 <= asyncio.get_running_loop().time() - began_s < 9.5
            return len(rows), server.count("klines")

    assert run_with_sockets(asked(), monkeypatch, clocks=True) == (5, 2)
    assert [line.partition(": attempt ")[2] for line in said] == ["2 in 7 s"]
