"""The columns that a price file must have."""

from collections.abc import Sequence

from shared.errors import DataError

TIME = "datetime"
OHLC = ("open", "high", "low", "close")
PRICE = ("price",)


def price_columns(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The price columns to read, `OHLC` or `PRICE`; a DataError for a file that lacks them.

    >>> price_columns("f.csv", ["datetime", "volume", "price"])
    ('price',)
    >>> price_columns("f.csv", ["time", "price"])
    Traceback (most recent call last):
    shared.errors.DataError: f.csv: row 1: no column datetime ...
    """
    wanted = OHLC if "price" not in columns or set(OHLC) <= set(columns) else PRICE
    missing = [column for column in (TIME, *wanted) if column not in columns]
    if missing:
        raise DataError(
            f"{name}: row 1: no column {', '.join(missing)} (there are: {', '.join(columns)[:200]!r}): "
            f"name them datetime,open,high,low,close or datetime,price, separated by commas"
        )
    for column in (TIME, *wanted):
        if columns.count(column) > 1:
            raise DataError(f"{name}: row 1: column {column} stands twice: remove one")
    return wanted
