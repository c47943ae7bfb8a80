"""A row of a file as a bar or a trade: its prices, and what it has of the groups that are wanted."""

from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal

from shared.history.bar import EXTRAS, HistoryBar, bar_of
from shared.history.columns import ALL_GROUPS, GROUP_OF, Columns
from shared.history.prices import text_amount, text_count, text_hours, text_price, text_rate
from shared.history.trades import trade_of

_READ: Mapping[str, Callable[[str, str], object]] = {
    "volume": text_amount,
    "quote_volume": text_amount,
    "trades": text_count,
    "taker_volume": text_amount,
    "bid": text_price,
    "ask": text_price,
    "bid_qty": text_amount,
    "ask_qty": text_amount,
    "funding_rate": text_rate,
    "funding_interval_h": text_hours,
    "qty": text_amount,
    "first_id": text_count,
    "last_id": text_count,
}
_SIDES = {"buy": True, "b": True, "sell": False, "s": False}
_MAKERS = {"true": False, "1": False, "false": True, "0": True}  # whether the taker bought, if the buyer was the maker


class RowReader:
    """A reader makes a bar, or a trade, of a row's prices and of the texts of its extra columns.

    - places: of these columns, in their order; columns: their names in the file.

    An empty text says that the source does not tell.

    >>> from shared.history.columns import columns_of
    >>> reader = RowReader(columns_of("f.csv", ["datetime", "open", "high", "low", "close", "volume"]))
    >>> reader.places, reader.bar(60, [Decimal(2)] * 4, 2, ["7.5"]).volume
    ((5,), Decimal('7.5'))
    """

    def __init__(self, columns: Columns, groups: Set[str] = ALL_GROUPS) -> None:
        extras = [extra for extra in columns.extras if GROUP_OF[extra.field] in groups]
        self.places = tuple(extra.place for extra in extras)
        self.columns = tuple(extra.column for extra in extras)
        self._trades = columns.trades
        self._fields = tuple(extra.field for extra in extras)
        self._at = () if columns.trades else tuple(EXTRAS.index(field) for field in self._fields)

    def bar(self, ts_event: int, prices: Sequence[Decimal], row: int, texts: Sequence[str]) -> HistoryBar:
        """Returns the row's bar; raises ValueError where something is wrong."""
        if self._trades:
            return self._trade(ts_event, prices[0], row, texts)
        if not texts:
            return bar_of(ts_event, prices, row)
        extras: list[object] = [None] * len(EXTRAS)
        for at, field, column, text in zip(self._at, self._fields, self.columns, texts, strict=True):
            if text and not text.isspace():
                extras[at] = _READ[field](column, text)
        return bar_of(ts_event, prices, row, tuple(extras))

    def _trade(self, ts_event: int, price: Decimal, row: int, texts: Sequence[str]) -> HistoryBar:
        told: dict[str, str] = {
            field: text.strip() for field, text in zip(self._fields, texts, strict=True) if not text.isspace()
        }
        if not told.get("qty"):
            return trade_of(ts_event, price, row)
        names = dict(zip(self._fields, self.columns, strict=True))
        numbers = {
            field: _READ[field](names[field], told[field])
            for field in ("qty", "first_id", "last_id")
            if told.get(field)
        }
        qty = numbers["qty"]
        assert isinstance(qty, Decimal)
        first, last = numbers.get("first_id"), numbers.get("last_id")
        count = last - first + 1 if isinstance(first, int) and isinstance(last, int) else 1
        if count < 1:
            raise ValueError(f"{names['last_id']} {last} is before {names['first_id']} {first}: correct the row")
        return trade_of(ts_event, price, row, qty, count, _bought(told, names))


def _bought(told: Mapping[str, str], names: Mapping[str, str]) -> bool | None:
    """Says whether the taker bought; None where the row does not tell."""
    for field, words in (("side", _SIDES), ("buyer_maker", _MAKERS)):
        if text := told.get(field):
            if text.lower() not in words:
                raise ValueError(f"{names[field]} {text[:40]!r} is none of {', '.join(words)}: correct the row")
            return words[text.lower()]
    return None
