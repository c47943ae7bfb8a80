"""How the cells of an Arrow column become times and prices, by the column's type.

pyarrow ships no types, so its columns and types are `Any` here; it is imported only with the first Parquet file.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from shared.history.prices import text_price
from shared.history.times import Instant, epoch_time, text_time, timestamp_time
from shared.history.zone import Zone
from shared.intervals import NS_PER_S

V = TypeVar("V")
_UNIT_NS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DAY_NS = 86_400 * NS_PER_S


class Column(NamedTuple, Generic[V]):
    """`cells` gives a batch's cells as Python values, None where there is none; `value` converts one of the others."""

    name: str
    cells: Callable[[Any], list[Any]]
    value: Callable[[Any], V]


def time_column(name: str, arrow_type: Any, zone: Zone | None = None) -> Column[Instant]:
    """For timestamps of any unit, dates, integer epochs and texts; ValueError for other types.

    zone: of the times that have none.
    """
    from pyarrow import int32, int64, types

    if types.is_timestamp(arrow_type):
        unit_ns = _UNIT_NS[arrow_type.unit]
        own = zone if arrow_type.tz is None else None
        return Column(name, _as(int64()), lambda count: timestamp_time(count, unit_ns, own))
    if types.is_date32(arrow_type):
        return Column(name, _as(int32()), lambda count: timestamp_time(count, _DAY_NS, zone))
    if types.is_date64(arrow_type):
        return Column(name, _as(int64()), lambda count: timestamp_time(count, _UNIT_NS["ms"], zone))
    if types.is_integer(arrow_type):
        return Column(name, _plain, epoch_time)
    if _is_text(arrow_type):
        return Column(name, _plain, lambda text: text_time(text, zone))
    raise ValueError(f"column {name} is {arrow_type}, which is no time: use a timestamp, an integer epoch or a string")


def price_column(name: str, arrow_type: Any) -> Column[Decimal]:
    """For floats (the shortest digits that give the same float), decimals (exact), integers and texts."""
    from pyarrow import types

    if types.is_float64(arrow_type):
        return Column(name, _plain, lambda price: text_price(name, repr(price)))
    if types.is_floating(arrow_type):
        kind = np.dtype(arrow_type.to_pandas_dtype()).type
        return Column(name, _plain, lambda price: text_price(name, str(kind(price))))
    if types.is_decimal(arrow_type) or types.is_integer(arrow_type) or _is_text(arrow_type):
        return Column(name, _plain, lambda price: text_price(name, str(price)))
    raise ValueError(
        f"column {name} is {arrow_type}, which is no price: use a float, a decimal, an integer or a string"
    )


def _plain(cells: Any) -> list[Any]:
    values: list[Any] = cells.to_pylist()
    return values


def _as(arrow_type: Any) -> Callable[[Any], list[Any]]:
    return lambda cells: _plain(cells.cast(arrow_type))


def _is_text(arrow_type: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type))
