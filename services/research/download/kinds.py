"""The kinds of history: their columns, and how ccxt's answers become rows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, NamedTuple

from shared.errors import VenueError
from shared.exchanges.market_data.events import ToldBar


class HistoryRow(NamedTuple):
    """A HistoryRow is one bar (`at_ms`: its start), trade or funding rate.

    - id: empty where the time alone tells it from the others
    - values: of the kind's columns, the exchange's own digits; None where the exchange says nothing
    - on_book: False for a trade at a price that nobody else could have had
    - seq: the exchange's own order within one time; 0: it tells none
    """

    at_ms: int
    id: str
    values: tuple[str | None, ...]
    on_book: bool = True
    seq: int = 0

    @property
    def key(self) -> tuple[int, str]:
        """Returns the fields in which any two rows differ."""
        return self.at_ms, self.id


def in_order(row: HistoryRow) -> tuple[int, int, int, str]:
    """Returns a sort key: by time, then as the exchange numbers it, then by id, where 999 is before 1000.

    A random text orders nothing.

    >>> sorted([HistoryRow(5, "1000", ()), HistoryRow(5, "999", ()), HistoryRow(4, "2000", ())], key=in_order)[1].id
    '999'
    """
    counts = row.id.isdigit()
    return row.at_ms, row.seq, len(row.id) if counts else 0, row.id if counts else ""


def digits(value: object) -> str | None:
    """Writes a number as plain digits, none lost and none added; None for what is no finite number.

    >>> digits(Decimal("71440.10")), digits(1e-7), digits("NaN"), digits(None)
    ('71440.10', '0.0000001', None, None)
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return format(number, "f") if number.is_finite() else None


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class KindName(StrEnum):
    """A KindName is written on the command line."""

    OHLCV = "ohlcv"
    TRADES = "trades"
    FUNDING = "funding"


class Kind(NamedTuple):
    """A Kind says how one kind of history is asked for and written.

    - has: ccxt's name of the method
    - columns: of a row's values; `id` follows them where rows have one
    - limit: rows to ask for at once; cut_from: a page of at least so many may have been cut off by the exchange
    - step_ms: how far to go on where the exchange has nothing
    - late_ms: rows younger than this may still be incomplete
    """

    name: KindName
    has: str
    columns: tuple[str, ...]
    has_id: bool
    limit: int
    cut_from: int
    step_ms: int
    late_ms: int
    row: Callable[[Any], HistoryRow | None]


BAR_COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_volume")


def _bar(answer: Sequence[Any]) -> HistoryRow | None:
    """Reads a ToldBar, or ccxt's row of six columns, behind which stands the exchange's own."""
    told = answer if isinstance(answer, ToldBar) else ToldBar(*answer[:6])
    values = tuple(digits(getattr(told, name)) for name in BAR_COLUMNS)
    return None if None in values[:4] else HistoryRow(int(told.start), "", values)  # a bar without prices is a gap


def _trade(answer: Mapping[str, Any]) -> HistoryRow | None:
    if answer["id"] is None:
        raise VenueError("the exchange gives its trades no id, so repeated ones cannot be told: take another exchange")
    values = digits(answer["price"]), digits(answer["amount"]), answer["side"]
    return HistoryRow(int(answer["timestamp"]), str(answer["id"]), values)


def _rate(answer: Mapping[str, Any]) -> HistoryRow | None:
    rate = digits(answer["fundingRate"])
    return None if rate is None else HistoryRow(int(answer["timestamp"]), "", (rate,))


KINDS: Mapping[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            KindName.OHLCV,
            "fetchOHLCV",
            BAR_COLUMNS,
            has_id=False,
            limit=500,
            cut_from=100,
            step_ms=0,
            late_ms=0,
            row=_bar,
        ),
        Kind(
            KindName.TRADES,
            "fetchTrades",
            ("price", "amount", "side"),
            has_id=True,
            limit=1000,
            cut_from=1,
            step_ms=HOUR_MS,
            late_ms=60_000,
            row=_trade,
        ),
        Kind(
            KindName.FUNDING,
            "fetchFundingRateHistory",
            ("rate",),
            has_id=False,
            limit=100,
            cut_from=100,
            step_ms=30 * DAY_MS,
            late_ms=0,
            row=_rate,
        ),
    )
}
