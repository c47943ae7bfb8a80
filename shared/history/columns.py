"""The reader finds a price file's columns by their names, or without a header by the form of the first row.

Every format asks here: add a new name of a column, or another archive's rows, in this file alone.

Archives of data.binance.vision (github.com/binance/binance-public-data, README: the columns of spot, USD-M and COIN-M
files): klines have 12 columns, trades 6 or 7, aggTrades 7 or 8. Spot files have no header, newer files of futures have
one (open_time,open,... / id,price,qty,quote_qty,time,... / agg_trade_id,price,quantity,...,transact_time,...).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.errors import DataError

TIME = "datetime"
OHLC = ("open", "high", "low", "close")
PRICE = ("price",)

# A bar's start, the best name first; the last ones are an index that pandas has written without its name.
_BAR_TIMES = (TIME, "open_time", "timestamp", "date", "unnamed:_0", "__index_level_0__", "")
_TRADE_TIMES = (TIME, "transact_time", "timestamp", "time")
_TRADE_IDS = frozenset({"agg_trade_id", "trade_id", "id"})
_AMOUNTS = frozenset({"qty", "quantity", "amount"})


class Columns(NamedTuple):
    """The columns that are read stand at these places in a row.

    time, prices: places, counted from 0.
    names: of the prices, `OHLC` or `PRICE`.
    width: how many fields a row has.
    trades: whether each row is a trade with its time, not a bar with its start.
    """

    time: int
    prices: tuple[int, ...]
    names: tuple[str, ...]
    width: int
    trades: bool = False


# n: a number, b: true or false.
_HEADLESS = {
    "nnnnnnnnnnnn": Columns(0, (1, 2, 3, 4), OHLC, 12),  # klines
    "nnnnnb": Columns(4, (1,), PRICE, 6, trades=True),  # trades of futures
    "nnnnnbb": Columns(4, (1,), PRICE, 7, trades=True),  # trades of spot
    "nnnnnnb": Columns(5, (1,), PRICE, 7, trades=True),  # aggTrades of futures
    "nnnnnnbb": Columns(5, (1,), PRICE, 8, trades=True),  # aggTrades of spot
}
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


def columns_of(name: str, header: Sequence[str]) -> Columns:
    """Returns the columns to read of those that a header names, in any letters; a DataError where some are missing.

    >>> columns_of("f.csv", ["Date", "Volume", "Price"])
    Columns(time=0, prices=(2,), names=('price',), width=3, trades=False)
    >>> columns_of("f.csv", ["time", "price"])
    Traceback (most recent call last):
    shared.errors.DataError: f.csv: row 1: no column datetime ...
    """
    columns = [plain_name(column) for column in header]
    trades = "price" in columns and bool(_TRADE_IDS & set(columns)) and bool(_AMOUNTS & set(columns))
    wanted = PRICE if trades or ("price" in columns and not set(OHLC) <= set(columns)) else OHLC
    time = next((column for column in (_TRADE_TIMES if trades else _BAR_TIMES) if column in columns), TIME)
    missing = [column for column in (time, *wanted) if column not in columns]
    if missing:
        raise DataError(
            f"{name}: row 1: no column {', '.join(missing)} (there are: {', '.join(header)[:200]!r}): "
            f"name them datetime,open,high,low,close or datetime,price"
        )
    if time == "date" and "time" in columns:
        raise DataError(f"{name}: row 1: date and time stand in two columns: join them in one, datetime")
    for column in (time, *wanted):
        if columns.count(column) > 1:
            raise DataError(f"{name}: row 1: column {column} stands twice: remove one")
    return Columns(columns.index(time), tuple(map(columns.index, wanted)), wanted, len(columns), trades)


def columns_without_header(fields: Sequence[str]) -> Columns | None:
    """Returns the columns of an archive's first row; None where it is a header, or a row of something else.

    >>> columns_without_header("28457,4.00000100,12.00000000,48.00,1499865549590,true".split(","))
    Columns(time=4, prices=(1,), names=('price',), width=6, trades=True)
    """
    return _HEADLESS.get("".join(map(_form, fields)))


def plain_name(column: str) -> str:
    """Returns a column's name without what differs from tool to tool.

    >>> plain_name(" Open time"), plain_name("<CLOSE>")
    ('open_time', 'close')
    """
    return re.sub(r"[\s-]+", "_", column.strip().strip("<>").lower())


def _form(field: str) -> str:
    field = field.strip().lower()
    return "b" if field in ("true", "false") else "n" if _NUMBER.fullmatch(field) else "?"
