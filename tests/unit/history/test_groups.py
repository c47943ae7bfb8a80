"""What files have beside prices: columns by every name, refused by row and column, and summed when bars grow longer."""

from collections.abc import Callable
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv, parquet

from shared.bar_groups import groups_of as groups_of_bar
from shared.errors import DataError
from shared.history import HistoryBar, bars, fields_of, groups_of, resample
from shared.history.columns import ALL_GROUPS
from shared.history.trades import bars_of_trades, trade_of

Write = Callable[..., Path]
MINUTE = 60_000_000_000
PLAIN = "datetime,open,high,low,close,volume,quote_volume,trades,taker_volume,bid,ask,bid_qty,ask_qty,funding_rate"
ROWS = (
    "2024-10-29T00:00:00,2,5,1,4,10.50,31.5,7,4.25,3.9,4,1,2.5,-0.0001\n"
    "2024-10-29T01:00:00,4,9,4,8.0,0,0,0,0,7.9,8.1,3,0,0.0001\n"
)
FIRST = {
    "volume": Decimal("10.50"), "quote_volume": Decimal("31.5"), "trades": 7, "taker_volume": Decimal("4.25"),
    "bid": Decimal("3.9"), "ask": Decimal(4), "bid_qty": Decimal(1), "ask_qty": Decimal("2.5"),
    "funding_rate": Decimal("-0.0001"),
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_text(content)
        return path

    return written


@pytest.mark.parametrize(
    "header",
    [
        PLAIN,
        "Open time,Open,High,Low,Close,Volume,Quote asset volume,Number of trades,Taker buy base asset volume,"
        "Best bid price,Best ask price,Best bid qty,Best ask qty,Last funding rate",
        "timestamp,open,high,low,close,base_volume,turnover,count,taker_buy_volume,bid,ask,bid_size,ask_size,fundingRate",
    ],
)
@pytest.mark.parametrize("parquetted", [False, True])
def test_columns_by_the_exchanges_names(write: Write, tmp_path: Path, header: str, parquetted: bool) -> None:
    path = write(f"{header}\n{ROWS}")
    if parquetted:
        table = csv.read_csv(path, convert_options=csv.ConvertOptions(column_types={header.split(",")[0]: pa.string()}))
        path = tmp_path / "bars.parquet"
        parquet.write_table(table, path)
    first, second = bars(path, "1h")
    assert {name: getattr(first, name) for name in FIRST} == FIRST
    assert second.trades == 0
    assert groups_of(path) == {"bar", "quote", "funding"}
    assert [bar.volume for bar in bars(path, "1h", groups={"funding"})] == [None, None]
    group, quote, funding = groups_of_bar(first, ALL_GROUPS)
    assert group is not None and quote is not None and funding is not None
    assert (group.high, group.volume, group.quote_volume, group.trades, group.taker_volume) == (
        5.0,
        10.5,
        31.5,
        7,
        4.25,
    )
    assert (quote.bid, quote.ask, quote.bid_qty, quote.ask_qty, funding.rate) == (3.9, 4.0, 1.0, 2.5, -0.0001)


KLINE = "{t},4.15,4.2,4.1,4.1{i},539.23,{e},2240.39,13,401.82,1669.98,0"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (KLINE, ("539.23", "2240.39", 13, "401.82")),
        ("{t},4.15,4.2,4.1,4.1{i},539.23", ("539.23", None, None, None)),  # ccxt's fetch_ohlcv
    ],
)
def test_rows_without_a_header(write: Write, row: str, told: tuple[str | int | None, ...]) -> None:
    path = write("".join(row.format(i=i, t=1_735_689_600_000 + i * 60_000, e=0) + "\n" for i in range(3)))
    assert groups_of(path) == {"bar"}
    for bar in bars(path, "1m"):
        found = (bar.volume, bar.quote_volume, bar.trades, bar.taker_volume)
        assert found == tuple(Decimal(value) if isinstance(value, str) else value for value in told)


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("volume", "-1", "volume '-1' is below zero"),
        ("volume", "1.2M", "volume '1.2M' is not a number"),
        ("quote_volume", "nan", "quote_volume 'nan' is not finite"),
        ("trades", "1.5", "trades '1.5' is no whole number"),
        ("taker_volume", "10.51", "taker_volume 10.51 is above volume 10.50"),
        ("bid", "4.5", "bid 4.5 is above ask 4"),
        ("ask", "0", "ask '0' is not above zero"),
        ("bid_qty", "-2", "bid_qty '-2' is below zero"),
        ("funding_rate", "11", "funding_rate '11' is no share"),
    ],
)
def test_what_is_wrong_is_refused_by_row_and_column(write: Write, column: str, text: str, said: str) -> None:
    names, (first, second) = PLAIN.split(","), (row.split(",") for row in ROWS.split())
    wrong = [text if name == column else cell for name, cell in zip(names, first, strict=True)]
    path = write(f"{PLAIN}\n{','.join(wrong)}\n{','.join(second)}\n")
    with pytest.raises(DataError, match=f"row 2: {said}"):
        list(bars(path, "1h"))


def test_an_empty_cell_says_nothing_and_a_price_alone_has_no_bar_group(write: Write) -> None:
    (bar,) = bars(
        write("datetime,open,high,low,close,volume,bid,ask,bid_qty,ask_qty\n2024-10-29,2,5,1,4,,3,4,1,\n"), "1h"
    )
    assert groups_of_bar(bar, ALL_GROUPS) == (None, None, None)
    path = write("datetime,price,volume\n2024-10-29,2,5\n")
    (bar,) = bars(path, "1h")
    assert bar.price_alone and bar.volume == 5 and groups_of_bar(bar, ALL_GROUPS).bar is None
    assert groups_of(path) == frozenset()


def test_a_column_that_stands_twice_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="column volume stands twice"):
        list(bars(write("datetime,price,volume,Volume\n2024-10-29,2,5,5\n"), "1h"))


def test_trades_of_an_archive_tell_how_many_there_were_and_who_took(write: Write) -> None:
    path = write(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "1,4,0.5,10,12,1735689600000,true\n2,5,1.5,13,13,1735689600001,false\n3,6,1,14,14,1735689660000,false\n"
    )
    (bar,) = bars(path, "1m")
    assert (bar.volume, bar.quote_volume, bar.trades, bar.taker_volume) == (2, Decimal("9.5"), 4, Decimal("1.5"))
    assert groups_of(path) == {"bar"}


amounts = st.integers(0, 10**9).map(lambda count: Decimal(count).scaleb(-5))
prices = st.integers(1, 10**6).map(lambda count: Decimal(count).scaleb(-2))


@st.composite
def rows(draw: st.DrawFn, steps: tuple[int, ...] = (1, 1, 1, 2, 5)) -> list[HistoryBar]:
    """Bars of a minute, so many apart, some without what others tell."""
    end, made = 0, []
    for row in range(2, 2 + draw(st.integers(1, 30))):
        end += draw(st.sampled_from(steps)) * MINUTE
        first, last = draw(prices), draw(prices)
        made.append(
            HistoryBar(
                end, first, max(first, last) + draw(amounts), min(first, last), last, row,
                volume=draw(amounts), quote_volume=draw(amounts), trades=draw(st.none() | st.integers(0, 99)),
                taker_volume=draw(amounts), bid=draw(st.none() | prices), funding_rate=draw(st.none() | amounts),
            )
        )  # fmt: skip
    return made


def plainly(found: list[HistoryBar], length: int) -> dict[int, HistoryBar]:
    """The longer bars as one would write them down: every period that has a part."""
    made = {}
    for end, group in groupby(found, key=lambda bar: -(-bar.ts_event // length) * length):
        parts = list(group)
        counts = [part.trades for part in parts]
        made[end] = parts[-1]._replace(
            ts_event=end,
            open=parts[0].open,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            volume=sum(part.volume or 0 for part in parts),
            quote_volume=sum(part.quote_volume or 0 for part in parts),
            taker_volume=sum(part.taker_volume or 0 for part in parts),
            trades=None if None in counts else sum(count or 0 for count in counts),
        )
    return made


@given(rows(), st.sampled_from([5, 6, 10]))
def test_resampled_bars_are_first_highest_lowest_last_and_sums(found: list[HistoryBar], times: int) -> None:
    wanted, made = plainly(found, times * MINUTE), list(resample(found, times * MINUTE))
    assert [bar for bar in made if bar != wanted[bar.ts_event]] == []
    whole = [end for end in wanted if end > found[0].ts_event + times * MINUTE and end < max(wanted)]
    assert set(whole) <= {bar.ts_event for bar in made}  # but the first and the last period


@given(rows(steps=(1,)), st.sampled_from([2, 3]), st.sampled_from([2, 5]))
def test_resampling_twice_is_resampling_once(found: list[HistoryBar], one: int, other: int) -> None:
    twice = resample(resample(found, one * MINUTE), one * other * MINUTE)
    assert list(twice) == list(resample(found, one * other * MINUTE))


@given(st.lists(st.tuples(st.integers(0, 40_000), prices, amounts, st.booleans()), min_size=1, max_size=60))
def test_bars_of_trades_are_the_sums_of_their_trades(told: list[tuple[int, Decimal, Decimal, bool]]) -> None:
    at_ms, trades = 0, []
    for row, (step, price, qty, bought) in enumerate(told, 2):
        at_ms += step
        trades.append(trade_of(at_ms * 1_000_000, price, row, qty, bought=bought))
    made = {bar.ts_event: bar for bar in bars_of_trades(trades, MINUTE)}
    for start, group in groupby(trades, key=lambda trade: trade.ts_event // MINUTE):
        parts = list(group)
        bar = made.pop((start + 1) * MINUTE, None)
        if bar is None:
            assert parts[-1] is trades[-1] or parts[0] is trades[0]
            continue
        ps = [part.close for part in parts]
        assert (bar.open, bar.high, bar.low, bar.close, bar.row) == (ps[0], max(ps), min(ps), ps[-1], parts[-1].row)
        assert not bar.price_alone
        assert bar.volume == sum(part.volume or 0 for part in parts)
        assert bar.quote_volume == sum(part.close * (part.volume or 0) for part in parts)
        assert bar.taker_volume == sum(part.taker_volume or 0 for part in parts)
        assert bar.trades == len(parts)
    assert not made


def test_a_file_says_which_fields_it_tells_of_a_bar(write: Write) -> None:
    assert fields_of(write(f"{PLAIN}\n{ROWS}")) == {"quote_volume", "trades", "taker_volume"}
    assert fields_of(write("datetime,open,high,low,close,volume,count\n")) == {"trades"}
    trades = "id,price,qty,time\n1,2.5,0.1,1730203200000\n"
    assert fields_of(write(trades, "trades.csv")) == {"quote_volume", "trades"}
    sided = "id,price,qty,time,is_buyer_maker\n1,2.5,0.1,1730203200000,true\n"
    assert fields_of(write(sided, "sided.csv")) == {"quote_volume", "trades", "taker_volume"}
