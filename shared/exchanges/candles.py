"""Exchanges tell of a bar by REST and by websocket, each in its own way. The letters: profile.py.

| | volume | quote_volume | trades | taker_volume | finished |
|---|---|---|---|---|---|
| Binance | yes | yes | yes | yes | `x` of the websocket |
| Bybit | yes | `turnover` | no | no | `confirm` of the websocket |
| OKX | `volCcy` of swaps, `vol` of spot | `volCcyQuote` | no | no | `confirm` of both |
| Hyperliquid | yes | no | `n` | no | no |

An inverse contract counts contracts where others have base units: its base units are in the column of the quote's. An
exchange that is not here is read by ccxt's own columns: the volume, and nothing says that a bar is finished.
"""

from collections.abc import Mapping
from typing import Any

from shared.exchanges.market_data.events import ToldBar
from shared.exchanges.profile import CandleReader
from shared.intervals import interval_ns
from shared.messages.market import OPTIONAL_FIELDS

Market = Mapping[str, Any]


def _binance_row(row: Any, market: Market) -> ToldBar | None:
    """Reads a kline of twelve columns.

    P, C: market-data/rest-api/Kline-Candlestick-Data of spot, USD-M and COIN-M: open time, open, high, low, close,
    volume, close time, quote asset volume, trades, taker buy base asset volume, taker buy quote asset volume, ignored.
    COIN-M has contracts as the volume, and base asset volumes where the others have the quote asset's.

    >>> row = [1591478520000, "2.0", "5", "1", "4", "22.19", 1591478579999, "55.49", 40, "10.92", "27.33", "0"]
    >>> made = _binance_row(row, {})
    >>> made.volume, made.quote_volume, made.trades, made.taker_volume
    ('22.19', '55.49', 40, '10.92')
    >>> made = _binance_row(row, {"inverse": True})
    >>> made.volume, made.quote_volume, made.taker_volume
    ('55.49', None, '27.33')
    """
    if not isinstance(row, list) or len(row) < 11:
        return None
    start, first, high, low, last, volume, _, quote_volume, count, taken, quote_taken = row[:11]
    if market.get("inverse") is True:
        return ToldBar(start, first, high, low, last, quote_volume, None, count, quote_taken)
    return ToldBar(start, first, high, low, last, volume, quote_volume, count, taken)


def _binance_message(message: Any, market: Market, interval: str) -> ToldBar | None:
    """Reads the `k` of a kline stream: `x` says whether it is finished.

    P: websocket-market-streams/Kline-Candlestick-Streams, and spot's web-socket-streams#klinecandlestick-streams.

    >>> k = {"t": 1000, "i": "1m", "o": "1", "h": "3", "l": "1", "c": "2", "v": "9", "q": "18", "n": 4, "V": "5"}
    >>> told = {"e": "kline", "s": "BTCUSDT", "k": {**k, "Q": "10", "x": True}}
    >>> made = _binance_message(told, {"id": "BTCUSDT"}, "1m")
    >>> made.taker_volume, made.finished
    ('5', True)
    """
    try:
        if message["e"] != "kline" or message["s"] != market["id"] or message["k"]["i"] != interval:
            return None
        k = message["k"]
        names = "q - n Q" if market.get("inverse") is True else "v q n V"
        volume, quote_volume, trades, taken = (None if name == "-" else k[name] for name in names.split())
        first, high, low, last = k["o"], k["h"], k["l"], k["c"]
        return ToldBar(k["t"], first, high, low, last, volume, quote_volume, trades, taken, k["x"] is True)
    except (KeyError, TypeError):
        return None


def _bybit_row(row: Any, market: Market) -> ToldBar | None:
    """Reads a row of market/kline: start, open, high, low, close, volume, turnover.

    P: https://bybit-exchange.github.io/docs/v5/market/kline; of inverse contracts volume counts quote units, and
    turnover is in base units.

    >>> made = _bybit_row(["1670608800000", "17071", "17073", "17027", "17055.5", "268611", "15.74462667"], {})
    >>> made.volume, made.quote_volume, made.trades
    ('268611', '15.74462667', None)
    """
    if not isinstance(row, list) or len(row) < 7:
        return None
    start, first, high, low, last, volume, turnover = row[:7]
    if market.get("inverse") is True:
        volume, turnover = turnover, volume
    return ToldBar(start, first, high, low, last, volume, turnover)


def _bybit_message(message: Any, market: Market, interval: str) -> ToldBar | None:
    """Reads the newest bar of a kline topic: `confirm` says whether it is finished.

    P: https://bybit-exchange.github.io/docs/v5/websocket/public/kline. A minute is "1" there, a day "D".

    >>> bar = {"start": 1000, "open": "1", "high": "3", "low": "1", "close": "2", "volume": "9", "turnover": "18"}
    >>> told = {"topic": "kline.60.BTCUSDT", "data": [{**bar, "interval": "60", "confirm": False}]}
    >>> made = _bybit_message(told, {"id": "BTCUSDT"}, "1h")
    >>> made.quote_volume, made.finished
    ('18', False)
    """
    try:
        kind, name, id_ = message["topic"].split(".")
        if kind != "kline" or id_ != market["id"] or name != _BYBIT_INTERVALS.get(interval):
            return None
        bar = message["data"][-1]
        row = [bar[name] for name in ("start", "open", "high", "low", "close", "volume", "turnover")]
        made = _bybit_row(row, market)
        return None if made is None else made._replace(finished=bar["confirm"] is True)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


_BYBIT_INTERVALS = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D", "1w": "W",
}  # fmt: skip


def _okx_row(row: Any, market: Market) -> ToldBar | None:
    """Reads a candle: ts, open, high, low, close, vol, volCcy, volCcyQuote, confirm.

    P: #order-book-trading-market-data-get-candlesticks: vol counts contracts of a swap and base units of spot; volCcy
    is in base units of a swap and quote units of spot; volCcyQuote in quote units. C: of an inverse swap, too, volCcy
    is in base units.

    >>> row = ["1678928760000", "24341.4", "24344", "24313.2", "24323", "628", "6.28", "152800", "1"]
    >>> made = _okx_row(row, {"spot": False})
    >>> made.volume, made.quote_volume, made.finished
    ('6.28', '152800', True)
    """
    if not isinstance(row, list) or len(row) < 9:
        return None
    start, first, high, low, last, vol, vol_ccy, vol_quote, confirm = row[:9]
    volume = vol if market.get("spot") is True else vol_ccy
    return ToldBar(start, first, high, low, last, volume, vol_quote, finished=confirm == "1")


def _okx_message(message: Any, market: Market, interval: str) -> ToldBar | None:
    """Reads the newest row of a candle channel, the same as REST's.

    P: #order-book-trading-market-data-ws-candlesticks-channel.

    >>> row = ["1678928760000", "2", "3", "1", "2", "628", "6.28", "12.5", "0"]
    >>> told = {"arg": {"channel": "candle1H", "instId": "BTC-USDT-SWAP"}, "data": [row]}
    >>> made = _okx_message(told, {"id": "BTC-USDT-SWAP"}, "1h")
    >>> made.volume, made.finished
    ('6.28', False)
    """
    try:
        channel = message["arg"]["channel"]
        if message["arg"]["instId"] != market["id"] or channel.removesuffix("utc") != f"candle{_okx_name(interval)}":
            return None
        return _okx_row(message["data"][-1], market)
    except (AttributeError, IndexError, KeyError, TypeError):
        return None


def _okx_name(interval: str) -> str:
    """Returns OKX's name of an interval: hours and longer in capitals."""
    return interval if interval.endswith(("s", "m")) else interval.upper()


def _okx_watched(interval: str) -> str:
    """Returns the same for a subscription. Bars of six hours and more begin by Hong Kong's clock without `utc`.

    >>> _okx_watched("1h"), _okx_watched("12h")
    ('1H', '12Hutc')
    """
    name = _okx_name(interval)
    return name if interval_ns(interval) < interval_ns("6h") else f"{name}utc"


def _hyperliquid_row(row: Any, market: Market) -> ToldBar | None:
    """Reads a candle: `t` and `T` are its first and last ms, `v` is in base units, `n` counts its trades.

    P: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint#candle-snapshot; C, recorded.

    >>> row = {"t": 1000, "T": 60999, "s": "BTC", "i": "1m", "o": "1.0", "c": "2.0", "h": "3.0", "l": "1.0"}
    >>> made = _hyperliquid_row({**row, "v": "9.5", "n": 4}, {})
    >>> made.volume, made.quote_volume, made.trades
    ('9.5', None, 4)
    """
    try:
        return ToldBar(row["t"], row["o"], row["h"], row["l"], row["c"], row["v"], trades=row["n"])
    except (KeyError, TypeError):
        return None


def _hyperliquid_message(message: Any, market: Market, interval: str) -> ToldBar | None:
    """Reads a message of the channel `candle`, which has the same row.

    >>> row = {"t": 1000, "s": "BTC", "i": "1m", "o": "1.0", "c": "2.0", "h": "3.0", "l": "1.0", "v": "9.5", "n": 4}
    >>> told = {"channel": "candle", "data": row}
    >>> made = _hyperliquid_message(told, {"baseName": "BTC"}, "1m")
    >>> made.close, made.finished
    ('2.0', None)
    """
    try:
        row = message["data"]
        mine = message["channel"] == "candle" and row["s"] == market["baseName"] and row["i"] == interval
        return _hyperliquid_row(row, market) if mine else None
    except (KeyError, TypeError):
        return None


BINANCE_CANDLES = CandleReader(_binance_row, _binance_message, tells=OPTIONAL_FIELDS)
BYBIT_CANDLES = CandleReader(_bybit_row, _bybit_message)
OKX_CANDLES = CandleReader(_okx_row, _okx_message, _okx_watched)
HYPERLIQUID_CANDLES = CandleReader(_hyperliquid_row, _hyperliquid_message, tells=frozenset({"trades"}))
