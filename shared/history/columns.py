"""The reader finds a price file's columns by their names, or without a header by the form of the first row.

Every format asks here: add a new name of a column, or another archive's rows, in this file alone.

Archives of data.binance.vision (github.com/binance/binance-public-data, README: the columns of spot, USD-M and COIN-M
files): klines have 12 columns, trades 6 or 7, aggTrades 7 or 8. Spot files have no header, newer files of futures have
one (open_time,open,... / id,price,qty,quote_qty,time,... / agg_trade_id,price,quantity,...,transact_time,...).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.errors import DataError

TIME = "datetime"
OHLC = ("open", "high", "low", "close")
PRICE = ("price",)

# A bar's start, the best name first; the last ones are an index that pandas has written without its name.
_BAR_TIMES = (TIME, "open_time", "timestamp", "date", "unnamed:_0", "__index_level_0__", "")
_TRADE_TIMES = (TIME, "transact_time", "timestamp", "time")
_TRADE_IDS = frozenset({"agg_trade_id", "trade_id", "id"})
_AMOUNTS = ("qty", "quantity", "amount")

# What a bar may have beside its prices, by the names of files, the best first: Binance's archives and API, Bybit's API
# (turnover), ccxt. OKX's vol and volCcy are not here: which of them is in base units depends on the market.
_BAR_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "volume": ("volume", "base_volume", "base_asset_volume"),
    "quote_volume": ("quote_volume", "quote_asset_volume", "turnover"),
    "trades": ("trades", "count", "number_of_trades", "num_trades", "trade_count", "tradecount"),
    "taker_volume": ("taker_volume", "taker_buy_volume", "taker_buy_base_asset_volume", "taker_buy_base_volume"),
    "bid": ("bid", "best_bid", "bid_price", "best_bid_price"),
    "ask": ("ask", "best_ask", "ask_price", "best_ask_price"),
    "bid_qty": ("bid_qty", "bid_size", "bid_amount", "best_bid_qty", "best_bid_size"),
    "ask_qty": ("ask_qty", "ask_size", "ask_amount", "best_ask_qty", "best_ask_size"),
    "funding_rate": ("funding_rate", "fundingrate", "last_funding_rate"),
    "funding_interval_h": ("funding_interval_h", "funding_interval_hours"),
}
_TRADE_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "qty": _AMOUNTS,
    "side": ("side",),
    "buyer_maker": ("is_buyer_maker", "buyer_maker", "isbuyermaker"),
    "first_id": ("first_trade_id",),
    "last_id": ("last_trade_id",),
}
_BAR_FIELDS = ("volume", "quote_volume", "trades", "taker_volume")
_OPTIONAL_FIELDS = frozenset(_BAR_FIELDS) - {"volume"}
_QUOTE_FIELDS = ("bid", "ask", "bid_qty", "ask_qty")
BAR, QUOTE, FUNDING = "bar", "quote", "funding"  # as `shared.messages.market.Group` has them
ALL_GROUPS = frozenset({BAR, QUOTE, FUNDING})
GROUP_OF: Mapping[str, str] = {
    **dict.fromkeys((*_BAR_FIELDS, *_TRADE_EXTRAS), BAR),
    **dict.fromkeys(_QUOTE_FIELDS, QUOTE),
    **dict.fromkeys(("funding_rate", "funding_interval_h"), FUNDING),
}


class Extra(NamedTuple):
    """An extra is a column beside time and prices. field: what it is; place: in a row; column: its name in the file."""

    field: str
    place: int
    column: str


class Columns(NamedTuple):
    """The columns that are read stand at these places in a row.

    - time, prices: places, counted from 0.
    - names: of the prices, `OHLC` or `PRICE`.
    - width: how many fields a row has.
    - trades: whether each row is a trade with its time, not a bar with its start.
    - extras: what else a row has of the groups.
    """

    time: int
    prices: tuple[int, ...]
    names: tuple[str, ...]
    width: int
    trades: bool = False
    extras: tuple[Extra, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Returns the groups that each bar of such rows can have."""
        have = {extra.field for extra in self.extras}
        if self.trades:
            return frozenset({BAR} if "qty" in have else ())
        found = {
            BAR: self.names == OHLC and "volume" in have,
            QUOTE: have.issuperset(_QUOTE_FIELDS),
            FUNDING: "funding_rate" in have,
        }
        return frozenset(group for group, there in found.items() if there)

    @property
    def fields(self) -> frozenset[str]:
        """Returns those of the bar group's fields that not every file has, and this one has."""
        have = {extra.field for extra in self.extras}
        if not self.trades:
            return _OPTIONAL_FIELDS & have
        summed = _OPTIONAL_FIELDS if have & {"side", "buyer_maker"} else _OPTIONAL_FIELDS - {"taker_volume"}
        return summed if "qty" in have else frozenset()


def _at(**places: int) -> tuple[Extra, ...]:
    return tuple(Extra(field, place, field) for field, place in places.items())


# n: a number, b: true or false.
_HEADLESS = {
    # klines
    "nnnnnnnnnnnn": Columns(0, (1, 2, 3, 4), OHLC, 12, extras=_at(volume=5, quote_volume=7, trades=8, taker_volume=9)),
    # rows of ccxt's fetch_ohlcv
    "nnnnnn": Columns(0, (1, 2, 3, 4), OHLC, 6, extras=_at(volume=5)),
    # trades of futures, and of spot
    "nnnnnb": Columns(4, (1,), PRICE, 6, trades=True, extras=_at(qty=2, buyer_maker=5)),
    "nnnnnbb": Columns(4, (1,), PRICE, 7, trades=True, extras=_at(qty=2, buyer_maker=5)),
    # aggTrades of futures, and of spot
    "nnnnnnb": Columns(5, (1,), PRICE, 7, trades=True, extras=_at(qty=2, first_id=3, last_id=4, buyer_maker=6)),
    "nnnnnnbb": Columns(5, (1,), PRICE, 8, trades=True, extras=_at(qty=2, first_id=3, last_id=4, buyer_maker=6)),
}
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


def columns_of(name: str, header: Sequence[str]) -> Columns:
    """Returns the columns to read of those that a header names, in any letters; a DataError where some are missing.

    >>> columns_of("f.csv", ["Date", "Volume", "Price"])[:5]
    (0, (2,), ('price',), 3, False)
    >>> columns_of("f.csv", ["time", "price"])
    Traceback (most recent call last):
    shared.errors.DataError: f.csv: row 1: no column datetime ...
    """
    columns = [plain_name(column) for column in header]
    trades = "price" in columns and bool(_TRADE_IDS & set(columns)) and not set(_AMOUNTS).isdisjoint(columns)
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
    extras = [
        Extra(field, columns.index(found), header[columns.index(found)])
        for field, names in (_TRADE_EXTRAS if trades else _BAR_EXTRAS).items()
        if (found := next((known for known in names if known in columns), None)) is not None
    ]
    for column in (time, *wanted, *(columns[extra.place] for extra in extras)):
        if columns.count(column) > 1:
            raise DataError(f"{name}: row 1: column {column} stands twice: remove one")
    places = tuple(map(columns.index, wanted))
    return Columns(columns.index(time), places, wanted, len(columns), trades, tuple(extras))


def columns_without_header(fields: Sequence[str]) -> Columns | None:
    """Returns the columns of an archive's first row; None where it is a header, or a row of something else.

    >>> columns_without_header("28457,4.00000100,12.00000000,48.00,1499865549590,true".split(","))[:5]
    (4, (1,), ('price',), 6, True)
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
