"""`tickline download` against the simulator through ccxt's own class; what is killed has a process of its own."""

import asyncio
import os
import re
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyarrow import parquet

from services.console.download import BASE_URL
from services.research.download.history import PublicExchange
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.trade_history import MarketBar
from services.simulator.http.request import Handler
from services.simulator.http.server import SimulatorServer
from shared.history import HistoryBar, groups_of
from shared.history import bars as read_bars
from tests.e2e.command import COMMAND, Done, in_process, over
from tests.public_history import PageFaults, PastMarket, PublicHistory, bars, rates, trades

pytestmark = pytest.mark.timeout(600)

JANUARY_MS = 1_704_067_200_000  # 2024-01-01
MINUTE_MS = 60_000
QUARTER_MS, HALF_DAY_MS = 15 * MINUTE_MS, 720 * MINUTE_MS
NOW_MS = JANUARY_MS + 60 * 2 * HALF_DAY_MS
BARS = bars(JANUARY_MS, HALF_DAY_MS, 120)
QUARTERS = bars(JANUARY_MS, QUARTER_MS, 3_900)
MARKET = ("--exchange", "binanceusdm", "--market", "BTC/USDT:USDT", "--sym", "BTCUSDT")
SINCE = ("--from", "2024-01-01")
PROGRESS = re.compile(r"2024-0[12]: [\d,]+ rows so far\n")
START_S = 60.0


def routes(faults: PageFaults | None = None, missing: range = range(0)) -> Mapping[str, Handler]:
    held = [bar for at, bar in enumerate(BARS) if at not in missing]
    apart = [0, 1, 250] * 400
    market = PastMarket(
        {"12h": held, "15m": QUARTERS}, trades(JANUARY_MS, apart), rates(JANUARY_MS, 8 * 60 * MINUTE_MS, 90)
    )
    return PublicHistory({"BTCUSDT": market}, NOW_MS, faults or PageFaults()).routes


@contextmanager
def serving(routes: Mapping[str, Handler], *faults: Fault) -> Iterator[SimulatorServer]:
    """Serves an exchange in a thread, while a command has this one."""
    ready: Future[tuple[SimulatorServer, Callable[[], object]]] = Future()

    async def serve() -> None:
        loop, over_now = asyncio.get_running_loop(), asyncio.Event()
        async with SimulatorServer(routes, *faults) as exchange:
            ready.set_result((exchange, lambda: loop.call_soon_threadsafe(over_now.set)))
            await over_now.wait()

    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(asyncio.run, serve())
        exchange, end = ready.result(START_S)
        try:
            yield exchange
        finally:
            end()
            served.result()


def environment(exchange: SimulatorServer) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
    return {**clean, BASE_URL: exchange.url}


async def start(exchange: SimulatorServer, folder: Path, *arguments: object) -> Process:
    return await asyncio.create_subprocess_exec(
        COMMAND, *map(str, arguments), cwd=folder, env=environment(exchange), stdout=PIPE, stderr=PIPE
    )


def tickline(exchange: SimulatorServer, folder: Path, *arguments: object) -> Done:
    done = in_process(folder, environment(exchange), *arguments)
    return done._replace(err=PROGRESS.sub("", done.err))


def closes(path: Path, interval: str) -> list[str]:
    return [str(bar.close) for bar in read_bars(path, interval)]


def rows_of(folder: Path) -> list[HistoryBar]:
    return list(read_bars(folder / "all.parquet", "12h"))


def found(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))


def texts(held: list[MarketBar]) -> list[str]:
    return [str(bar.close) for bar in held]


def test_bars_with_a_gap_and_rows_that_come_twice(tmp_path: Path) -> None:
    with serving(routes(PageFaults(repeat=True, overlap=2), missing=range(70, 73))) as exchange:
        job = ("download", *MARKET, *SINCE, "--interval", "12h", "--merge", "all.parquet")
        done = tickline(exchange, tmp_path, *job)
        assert (done.code, done.err) == (0, "")
        first, rows, gap, total, repeats, merged = done.out.splitlines()
        assert first == "binanceusdm BTC/USDT:USDT ohlcv 12h in data/BTCUSDT/ohlcv-12h: 2 months, 117 rows fetched now"
        assert rows == "rows: 117, first 2024-01-01T00:00:00Z, last 2024-02-29T12:00:00Z"
        assert gap == "gap: 2024-02-04T12:00:00Z to 2024-02-06T12:00:00Z: 3 missing"
        assert total == "gaps: 1, missing: 3"
        assert repeats.startswith("duplicates removed: ")
        assert not repeats.endswith(" 0")
        assert merged == "all.parquet: 117 rows"
        assert closes(tmp_path / "all.parquet", "12h") == texts(BARS[:70] + BARS[73:]), "with the venue's own digits"
        told = [(row.volume, row.quote_volume, row.trades, row.taker_volume) for row in rows_of(tmp_path)]
        assert told == [(bar.volume, bar.turnover, bar.trades, bar.taken) for bar in BARS[:70] + BARS[73:]]

        asked = exchange.count("klines")
        again = tickline(exchange, tmp_path, *job)
        assert "0 rows fetched now" in again.out
        assert again.out.splitlines()[1:] == done.out.splitlines()[1:]
        assert exchange.count("klines") == asked, "of complete months nothing is asked again"

        checked = tickline(exchange, tmp_path, "data", "check", "data/BTCUSDT/ohlcv-12h")
        assert checked.out.splitlines()[1:] == [rows, gap, total, repeats]
        checked = tickline(exchange, tmp_path, "data", "check", "all.parquet")
        assert checked.out.splitlines()[:3] == [rows, "interval: 12h, between 99.14 % of the rows", gap]


def test_months_of_a_tickline_that_knew_fewer_columns_are_fetched_anew(tmp_path: Path) -> None:
    with serving(routes()) as exchange:
        job = ("download", *MARKET, *SINCE, "--interval", "12h", "--merge", "all.parquet")
        tickline(exchange, tmp_path, *job)
        before, month = rows_of(tmp_path), tmp_path / "data/BTCUSDT/ohlcv-12h/2024-01.parquet"
        parquet.write_table(parquet.read_table(month).drop_columns(["quote_volume", "trades", "taker_volume"]), month)
        done = tickline(exchange, tmp_path, *job)
        assert "62 rows fetched now" in done.out
        assert rows_of(tmp_path) == before


def test_merged_bars_with_the_funding_rate_known_at_their_end(tmp_path: Path) -> None:
    with serving(routes()) as exchange:
        job = ("download", "--exchange", "binanceusdm", "--market", "BTC/USDT:USDT", "--sym", "BTCUSDT", "--interval")
        job = (*job, "12h", "--from", "2024-01-02", "--to", "2024-01-20", "--merge", "all.parquet", "--funding")
        done = tickline(exchange, tmp_path, *job)
        assert (done.code, done.err) == (0, "")
        paid = rates(JANUARY_MS, 8 * 60 * MINUTE_MS, 90)
        for row in rows_of(tmp_path):
            end_ms = row.ts_event // 1_000_000
            assert row.funding_rate == [rate.rate for rate in paid if rate.at_ms <= end_ms - MINUTE_MS][-1]
            assert row.funding_interval_h == 8
        assert groups_of(tmp_path / "all.parquet") == {"bar", "funding"}
        refused = tickline(exchange, tmp_path, *job[:-3], "--funding")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "--funding goes with --kind ohlcv and --merge FILE" in refused.err


def test_trades_and_funding_rates(tmp_path: Path) -> None:
    with serving(routes()) as exchange:
        done = tickline(exchange, tmp_path, "download", *MARKET, *SINCE, "--kind", "trades", "--to", "2024-01-02")
        assert (done.code, done.err) == (0, "")
        assert "rows: 1,201, first 2024-01-01T00:00:00Z" in done.out
        assert "gaps: none (by id)" in done.out
        done = tickline(exchange, tmp_path, "download", *MARKET, *SINCE, "--kind", "funding")
        assert (done.code, done.err) == (0, "")
        assert "rows: 90, first 2024-01-01T00:00:00Z, last 2024-01-30T16:00:00Z" in done.out
    assert found(tmp_path) == ["data/BTCUSDT/funding/2024-01.parquet", "data/BTCUSDT/trades/2024-01.parquet"]


@pytest.mark.long
async def test_a_killed_download_goes_on_where_it_was(tmp_path: Path) -> None:
    held = Fault(FaultMode.HOLD, "klines", skip=2)
    async with SimulatorServer(routes(), held) as exchange:
        job = ("download", *MARKET, *SINCE, "--to", "2024-02-10", "--interval", "15m", "--merge", "all.parquet")
        killed = await start(exchange, tmp_path, *job)
        await exchange.wait_for("klines", 3)
        killed.kill()
        await killed.communicate()
        asked = [int(one.query["startTime"]) for one in exchange.requests if "klines" in one.path]
        held.release.set()
        again = await start(exchange, tmp_path, *job)
        out, err = await again.communicate()
        assert (again.returncode, PROGRESS.sub("", err.decode())) == (0, "")
        later = [int(one.query["startTime"]) for one in exchange.requests if "klines" in one.path][len(asked) :]
        assert min(later) >= asked[2] > asked[1] > asked[0]
    assert "gaps: none" in out.decode()
    expected = QUARTERS[: 40 * 96]
    assert closes(tmp_path / "all.parquet", "15m") == texts(expected)
    assert f"{len(expected):,} rows fetched now" not in out.decode()


def test_what_fails_is_asked_again(tmp_path: Path) -> None:
    january = (Fault(FaultMode.STATUS, "klines"), Fault(FaultMode.CUT, "klines"))
    february = (Fault(FaultMode.DROP, "klines", skip=1), Fault(FaultMode.HTML, "klines", skip=1))
    with serving(routes(), *january, *february) as exchange:
        done = tickline(exchange, tmp_path, "download", *MARKET, *SINCE, "--interval", "12h")
    assert [fault.struck for fault in (*january, *february)] == [1] * 4
    assert done.code == 0
    assert "rows: 120" in done.out
    assert "gaps: none" in done.out
    told = [line.rsplit(": ", 1)[1] for line in done.err.splitlines()]
    assert told[:3] == ["attempt 2 in 0.5 s", "attempt 3 in 1 s", "attempt 2 in 0.5 s"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--exchange", "binanze"), 2, "--exchange 'binanze' is unknown to ccxt"),
        (("--market", "BTC/USD:USDT"), 2, "--market 'BTC/USD:USDT' is unknown to binanceusdm: did you mean BTC/USDT"),
        (("--interval", "7m"), 2, "binanceusdm has no 7m bars: take one of 1s, 1m, "),
        (("--to", "2023-12-31"), 2, "--to 2023-12-31 is not after --from 2024-01-01"),
        (("--kind", "funding"), 2, "--interval 12h is for --kind ohlcv"),
        (("--merge", "all.csv"), 2, "name it .parquet"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(tmp_path: Path, options: tuple[str, ...], code: int, said: str) -> None:
    with serving(routes()) as exchange:
        done = tickline(exchange, tmp_path, "download", *over((*MARKET, *SINCE, "--interval", "12h"), options))
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line


def test_a_venue_that_does_not_answer_is_exit_code_4(tmp_path: Path) -> None:
    with serving(routes(), Fault(FaultMode.STATUS, times=99)) as exchange:
        done = tickline(exchange, tmp_path, "download", *MARKET, *SINCE, "--interval", "12h")
    assert done.code == 4
    assert "binanceusdm does not answer" in done.err.splitlines()[-1]
    assert "what was fetched is kept" in done.err.splitlines()[-1]


async def test_requests_are_spaced_as_the_exchange_wants_it() -> None:
    requests = 20
    async with SimulatorServer(routes()) as exchange, PublicExchange("binanceusdm", base_url=exchange.url) as one:
        begun = time.monotonic()
        for _ in range(requests):
            await one.now_ms()
        took_ms = 1_000 * (time.monotonic() - begun)
        assert one.ccxt.rateLimit >= 20
        assert took_ms >= (requests - 2) * one.ccxt.rateLimit
