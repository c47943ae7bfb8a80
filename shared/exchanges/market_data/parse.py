"""ccxt's structures as events, in the order in which they happened; None for what does not fit. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from shared.exchanges.market_data.events import Candle, ToldBar, TopOfBook, Trade
from shared.exchanges.profile import MarketDataProfile
from shared.history.funding import SettledRate
from shared.history.prices import HIGHEST_AMOUNT, HIGHEST_RATE, LOWEST
from shared.messages.market import BarGroup
from shared.record import unvalidated

NS_PER_MS = 1_000_000
MOST_MS = 2**63 // NS_PER_MS - 1
MOST_ID = 2**62
LONGEST_ID = 100
DIGITS = 20
ZERO, ONE = Decimal(0), Decimal(1)
MOST_COUNT = 10_000  # of trades in one print
NOTHING: Mapping[str, Any] = {}
_bar_group = unvalidated(BarGroup)
COLUMNS = 6


def trade(row: Mapping[str, Any], profile: MarketDataProfile, market: Mapping[str, Any] = NOTHING) -> Trade | None:
    """Returns a trade out of ccxt's. market: ccxt's; where quantities count its contracts, they become base units.

    Where the exchange numbers its trades without a hole, the id must be a number; else it is a text, of a number so
    that its order is that of texts, unless numbers tell nothing of the order.

    >>> trade({"id": "7", "timestamp": 1000, "price": "1.5", "amount": "2"}, MarketDataProfile(consecutive=True))
    Trade(id=7, ts_event=1000000000, price=Decimal('1.5'), qty=Decimal('2'), seq=0, on_book=True)
    >>> trade({"id": "7", "timestamp": 1000, "price": "-1.5", "amount": "2"}, MarketDataProfile(consecutive=True))
    """
    number, at_ns = _id(row.get("id"), profile), _ns(row.get("timestamp"))
    price, qty = _positive(row.get("price")), _positive(row.get("amount"))
    if number is None or at_ns is None or price is None or qty is None:
        return None
    raw = row.get("info")
    seq = 0 if profile.consecutive else sequence(raw)
    return Trade(number, at_ns, price, _base(qty, price, market), seq, profile.on_book(raw))


def each_trade(row: Mapping[str, Any], profile: MarketDataProfile, market: Mapping[str, Any] = NOTHING) -> list[Trade]:
    """Returns the trades that a print stands for, none where it does not fit: REST gives the same ones one by one.

    Their sum is told, and not how much each had: the last one has it all.

    >>> row = {"id": "123", "timestamp": 1000, "price": "1.5", "amount": "2", "info": {"count": "3"}}
    >>> [(one.id[-3:], str(one.qty)) for one in each_trade(row, MarketDataProfile(count_name="count"))]
    [('121', '0'), ('122', '0'), ('123', '2')]
    """
    last, raw = trade(row, profile, market), row.get("info")
    told = raw.get(profile.count_name) if profile.count_name and isinstance(raw, Mapping) else None
    if last is None or told is None:
        return [] if last is None else [last]
    count, id_ = _whole(told), str(last.id)
    if not (_is_count(count) and 0 < count <= MOST_COUNT and id_.isdigit() and int(id_) >= count):
        return []
    first = int(id_) - count + 1
    return [*(last._replace(id=str(one).zfill(DIGITS), qty=ZERO) for one in range(first, int(id_))), last]


def plain_trade(id_: Any, at_ms: Any, price: Any, qty: Any, on_book: bool = True) -> Trade | None:
    """Makes a numbered trade of fields of plain types: integers, and numbers as texts. Else None.

    Decimal skips underscores, wherever they stand, and ccxt does not.

    >>> plain_trade(7, 1000, "1.5", "2")
    Trade(id=7, ts_event=1000000000, price=Decimal('1.5'), qty=Decimal('2'), seq=0, on_book=True)
    >>> plain_trade(7, 1000, "0", "2"), plain_trade("7", 1000, "1.5", "2"), plain_trade(7, 1000, "_1", "2")
    (None, None, None)
    >>> plain_trade(7, 1000, "1.5", "1e31"), plain_trade(7, 1000, "1e-19", "2")
    (None, None)
    """
    if not (id_.__class__ is at_ms.__class__ is int and price.__class__ is qty.__class__ is str):
        return None
    if not (0 <= id_ < MOST_ID and 0 < at_ms < MOST_MS) or "_" in price or "_" in qty:
        return None
    try:
        at, of = Decimal(price), Decimal(qty)
    except InvalidOperation:
        return None
    if not (at.is_finite() and of.is_finite()):
        return None
    if not (LOWEST <= at <= HIGHEST_AMOUNT and LOWEST <= of <= HIGHEST_AMOUNT):
        return None
    return Trade(id_, at_ms * NS_PER_MS, at, of, 0, on_book)


def sequence(raw: Any) -> int:
    """Returns the exchange's own number of what happened first within a millisecond; 0 where it gives none.

    Bybit's `seq`: fills of one order share it (P: v5/websocket/public/trade; U: two in one message).

    >>> sequence({"seq": 111156121170}), sequence({"seq": "12"}), sequence({"i": "a7"})
    (111156121170, 12, 0)
    """
    seq = raw.get("seq") if isinstance(raw, Mapping) else None
    if isinstance(seq, str) and seq.isascii() and seq.isdigit():
        seq = int(seq)
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 2**63 else 0


def as_they_happened(raw: Sequence[Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Puts ccxt's trades of an answer in the order of time, those of one millisecond in that of the answer.

    ccxt orders these by their id, which on some exchanges is a random text. raw: the answer's list; newest first or
    last, as its times say, else by `seq`, else newest first. rows: what ccxt made of it, each with its `info`.

    >>> raw = [{"t": 5, "i": "a"}, {"t": 5, "i": "c"}, {"t": 4, "i": "b"}]
    >>> by_id = [{"timestamp": one["t"], "info": one} for one in (raw[2], raw[0], raw[1])]
    >>> [row["info"]["i"] for row in as_they_happened(raw, by_id)]
    ['b', 'c', 'a']
    """
    place = {id(one): at for at, one in enumerate(raw)}
    known = [row for row in rows if id(row.get("info")) in place and isinstance(row.get("timestamp"), int)]
    if len(known) < len(rows):
        return list(rows)
    told = sorted(known, key=lambda row: place[id(row["info"])])
    back = -1
    for first, second in pairwise(told):
        one, other = ((row["timestamp"], sequence(row["info"])) for row in (first, second))
        if one != other:
            back = -1 if one > other else 1
            break
    return sorted(known, key=lambda row: (row["timestamp"], sequence(row["info"]), back * place[id(row["info"])]))


def top_of_book(row: Mapping[str, Any], now: int, market: Mapping[str, Any] = NOTHING) -> TopOfBook | None:
    """Reads the best prices; some exchanges do not tell since when: then it is `now`.

    - market: ccxt's; where quantities count its contracts, they become base units.
    """
    at_ns = now if row.get("timestamp") is None else _ns(row["timestamp"])
    bid, ask = _positive(row.get("bid")), _positive(row.get("ask"))
    if at_ns is None or bid is None or ask is None or bid > ask:
        return None
    bid_qty, ask_qty = _amount(row.get("bidVolume")), _amount(row.get("askVolume"))
    if bid_qty is None or ask_qty is None:
        return TopOfBook(at_ns, bid, ask)
    return TopOfBook(at_ns, bid, ask, _base(bid_qty, bid, market), _base(ask_qty, ask, market))


def _base(qty: Decimal, price: Decimal, market: Mapping[str, Any]) -> Decimal:
    """Returns one of the market's quantities in base units."""
    size = _positive(market.get("contractSize")) or ONE
    return qty * size / price if market.get("inverse") is True else qty * size  # a contract of so many quote units


def settled_rate(row: Mapping[str, Any]) -> SettledRate | None:
    """Reads a funding rate out of ccxt's history.

    >>> settled_rate({"timestamp": 1000, "fundingRate": "-0.0001"})
    SettledRate(ts_event=1000000000, rate=Decimal('-0.0001'))
    """
    at_ns = _ns(row.get("timestamp"))
    try:
        rate = Decimal(str(row.get("fundingRate")))
    except InvalidOperation:
        return None
    return None if at_ns is None or not rate.is_finite() or abs(rate) > HIGHEST_RATE else SettledRate(at_ns, rate)


def candle(row: Any) -> Candle | None:
    """Reads ccxt's row of [start, open, high, low, close, volume].

    >>> made = candle([1000, "1", "3", "1", "2", "9"])
    >>> made.start, made.close, made.bar.volume, made.finished
    (1000000000, Decimal('2'), 9.0, None)
    """
    if not isinstance(row, list) or len(row) < COLUMNS or isinstance(row[0], str):
        return None
    return whole_candle(ToldBar(*row[:COLUMNS]))


def whole_candle(told: ToldBar) -> Candle | None:
    """Makes a candle of what an exchange tells of a bar.

    Where a number is none, or the prices contradict each other, the close is all that is known; without it, or a start,
    there is no candle.

    >>> whole_candle(ToldBar("1000", "1", "3", "1", "2", "9.5", trades=7, finished=True)).bar.trades
    7
    >>> whole_candle(ToldBar("1000", "1", "3", "2", "2", "9.5"))
    Candle(start=1000000000, close=Decimal('2'), bar=None, finished=None)
    """
    at_ns = _ns(_whole(told.start))
    close = _positive(told.close)
    return None if at_ns is None or close is None else Candle(at_ns, close, _group(told), told.finished)


def _group(told: ToldBar) -> BarGroup | None:
    first, high, low, last = (_positive(price) for price in told[1:5])
    if first is None or high is None or low is None or last is None:
        return None
    if not (low <= first <= high and low <= last <= high):
        return None
    volume, quote_volume, taken = (_amount(value) for value in (told.volume, told.quote_volume, told.taker_volume))
    unread = (quote_volume is None) != (told.quote_volume is None) or (taken is None) != (told.taker_volume is None)
    count = _whole(told.trades)
    if volume is None or unread or not (count is None or _is_count(count)):
        return None
    return _bar_group(
        open=float(first),
        high=float(high),
        low=float(low),
        volume=float(volume),
        quote_volume=None if quote_volume is None else float(quote_volume),
        trades=count,
        taker_volume=None if taken is None else float(taken),
    )


def _whole(value: Any) -> Any:
    """Returns the number that a text of digits is, and anything else as it is."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_ID
    return int(value) if digits else value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_ID


def _id(value: Any, profile: MarketDataProfile) -> int | str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or len(text) > LONGEST_ID:
        return None
    number = text.isascii() and text.isdigit()
    if profile.consecutive:
        return int(text) if number and int(text) < MOST_ID else None
    if number and profile.random_ids:
        return f"#{text}"  # no number to whoever puts trades in order
    return text.zfill(DIGITS) if number else text


def _ns(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST_MS
    return value * NS_PER_MS if fits else None


def _positive(value: Any) -> Decimal | None:
    number = _amount(value)
    return number if number is not None and number >= LOWEST else None


def _amount(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= HIGHEST_AMOUNT else None  # as of files: a float holds it
