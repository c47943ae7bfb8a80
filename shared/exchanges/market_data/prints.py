"""Prints: which of them nobody who trades through the API could have had, and in which order they happened. Pure.

P: the exchange's page. C: ccxt 4.5.90's source. U: a message that others recorded.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any


def on_book(exchange: str, raw: Any) -> bool:
    """Say whether a print is a price: somebody else's order could have traded there. raw: as the exchange sent it.

    A block trade is agreed elsewhere. Orders that improve the price for people at the exchange's own screen (RPI, ELP)
    do not trade with those that come through the API. What the exchange settles by itself (insurance fund, ADL,
    assignment) meets no book. exchange: ccxt's name; of one that is not known here every print is a price.

    >>> on_book("bybit", {"p": "16578.50", "BT": True}), on_book("bybit", {"p": "16578.50", "BT": False})
    (False, True)
    """
    off_book = _OFF_BOOK.get(exchange)
    return off_book is None or not isinstance(raw, Mapping) or not off_book(raw)


def _binance(raw: Mapping[str, Any]) -> bool:
    """X of the raw `@trade` stream (MARKET, INSURANCE_FUND, ADL, NA), `nq` of aggregate trades: P, market data streams.

    nq is the quantity without trades against RPI orders, also over REST: P, aggregate trade streams and list.
    """
    return raw.get("X", "MARKET") != "MARKET" or raw.get("isRPITrade") is True or all_improved(raw)


def all_improved(raw: Mapping[str, Any]) -> bool:
    """Say whether all of a Binance aggregate trade was against RPI orders.

    >>> all_improved({"q": "1.5", "nq": "0.000"}), all_improved({"q": "1.5", "nq": "0.1"}), all_improved({"q": "1.5"})
    (True, False, False)
    """
    nq = raw.get("nq")
    return nq.__class__ is str and nq != "" and not nq.strip("0.")


def _bybit(raw: Mapping[str, Any]) -> bool:
    """P: v5/websocket/public/trade (BT, RPI), v5/market/recent-trade (isBlockTrade, isRPITrade)."""
    return any(raw.get(name) is True for name in ("BT", "RPI", "isBlockTrade", "isRPITrade"))


def _okx(raw: Mapping[str, Any]) -> bool:
    """P: docs-v5, trades channel and Get trades: source 0 is a normal order, 1 one of the liquidity program (ELP)."""
    return raw.get("source") not in (None, "", "0")


def _gate(raw: Mapping[str, Any]) -> bool:
    """P: futures trades: is_internal, the insurance fund or ADL, is not in the candles either."""
    return raw.get("is_internal") is True


def _deribit(raw: Mapping[str, Any]) -> bool:
    """P: public/get_last_trades_by_instrument: block_trade_id and combos' legs stand beside the book."""
    return raw.get("block_trade_id") is not None


def _kraken_futures(raw: Mapping[str, Any]) -> bool:
    """C: krakenfutures.parse_trade: fill, liquidation, assignment, termination; P: block, too."""
    return raw.get("type") in ("assignment", "termination", "block")


_OFF_BOOK: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    **dict.fromkeys(("binance", "binanceusdm", "binancecoinm"), _binance),
    "bybit": _bybit,
    "okx": _okx,
    **dict.fromkeys(("gate", "gateio"), _gate),
    "deribit": _deribit,
    "krakenfutures": _kraken_futures,
}


def sequence(raw: Any) -> int:
    """The exchange's own number of what happened first within a millisecond; 0 where it gives none.

    Bybit's `seq`: fills of one order share it (P: v5/websocket/public/trade; U: two in one message).

    >>> sequence({"seq": 111156121170}), sequence({"seq": "12"}), sequence({"i": "a7"})
    (111156121170, 12, 0)
    """
    seq = raw.get("seq") if isinstance(raw, Mapping) else None
    if isinstance(seq, str) and seq.isascii() and seq.isdigit():
        seq = int(seq)
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 2**63 else 0


def as_they_happened(raw: Sequence[Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put ccxt's trades of an answer in the order of time, and those of one millisecond in that of the answer.

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
