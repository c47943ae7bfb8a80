"""What ccxt does not tell of a venue's market data. An exchange that is not here is believed less, and asked more."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shared.exchanges.market_data import parse
from shared.exchanges.market_data.events import Trade
from shared.exchanges.market_data.prints import all_improved

BINANCE_DOCS = "https://developers.binance.com/docs/derivatives/usds-margined-futures"
OKX_DOCS = "https://www.okx.com/docs-v5/en"
BYBIT_DOCS = "https://bybit-exchange.github.io/docs/v5"


class MarketDataFacts(NamedTuple):
    """watch: parameters of watch_trades. consecutive: trades are numbered 1, 2, 3 …, by websocket and REST alike.

    from_id: the parameter that asks for trades from an id on. page: how many rows of a page at most; spot_page: of spot
    markets, where that is another. pages: of trades, so many a minute (0: no bound); beyond that bars are asked for
    instead, of which the venue allows many more. forward: a page holds the first rows since the time asked for, not the
    last ones there are; last_rows: it holds those, as many as are asked for. every_bar: those in which nothing traded
    have rows too. market_types: what ccxt loads for our kinds. acknowledged: True where a message says that the
    subscription stands, False where it says that it does not; without it the first datum says that it stands, or that
    nothing came for so long as an answer may take. trade: reads a trade of a market, by the venue's id of it, out of a
    message as it comes over the websocket, with the same result as by ccxt, at a part of the cost; None where it is
    anything else: then ccxt reads it. spacing: how ccxt keeps to the venue's limits. Its bucket does not fill while
    nothing is asked: each question waits. connects: websockets that the venue lets in in a second; 0: no bound that
    matters here.
    """

    watch: Mapping[str, Any] = {}
    consecutive: bool = False
    from_id: str = ""
    page: int = 500
    spot_page: int = 0
    pages: int = 0
    forward: bool = False
    last_rows: bool = False
    every_bar: bool = False
    market_types: Mapping[str, str] = {}
    acknowledged: Callable[[Any], bool | None] | None = None
    trade: Callable[[Any, str], Trade | None] | None = None
    spacing: str = "leakyBucket"
    connects: int = 0


def _binance_acknowledged(message: Any) -> bool | None:
    """As in BINANCE_DOCS/websocket-market-streams/Live-Subscribing-Unsubscribing-to-streams.

    >>> _binance_acknowledged({"result": None, "id": 1}), _binance_acknowledged({"e": "aggTrade", "a": 1})
    (True, None)
    >>> _binance_acknowledged({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 1})
    False
    """
    if not isinstance(message, dict) or "id" not in message:
        return None
    return False if message.get("error") is not None else True if message.get("result", 0) is None else None


def _okx_acknowledged(message: Any) -> bool | None:
    """As in OKX_DOCS/#overview-websocket-subscribe; ccxt's okx.handle_error_message has a refusal, recorded.

    >>> _okx_acknowledged({"event": "subscribe", "arg": {"channel": "trades", "instId": "BTC-USDT"}, "connId": "a4"})
    True
    >>> _okx_acknowledged({"event": "error", "code": "60018", "msg": "Wrong URL or channel", "connId": "a4"})
    False
    >>> _okx_acknowledged({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": []})
    """
    event = message.get("event") if isinstance(message, dict) else None
    return {"subscribe": True, "error": False}.get(event) if isinstance(event, str) else None


def _bybit_acknowledged(message: Any) -> bool | None:
    """As in BYBIT_DOCS/ws/connect; ccxt's bybit.handle_error_message has a refusal, recorded.

    >>> _bybit_acknowledged({"success": True, "ret_msg": "subscribe", "conn_id": "5e07", "op": "subscribe"})
    True
    >>> _bybit_acknowledged({"success": False, "ret_msg": "error:handler not found", "conn_id": "5e07"})
    False
    >>> _bybit_acknowledged({"success": True, "ret_msg": "pong", "conn_id": "5e07", "op": "ping"})
    """
    if not isinstance(message, dict) or "topic" in message:
        return None
    success = message.get("success")
    return False if success is False else True if success is True and message.get("op") == "subscribe" else None


def _binance_trade(message: Any, market_id: str) -> Trade | None:
    """An aggregate trade whose fields have the types of BINANCE_DOCS/websocket-market-streams/Aggregate-Trade-Streams.

    >>> message = {"e": "aggTrade", "s": "BTCUSDT", "a": 7, "p": "1.5", "q": "2", "T": 1000, "m": True}
    >>> _binance_trade(message, "BTCUSDT")
    Trade(id=7, ts_event=1000000000, price=Decimal('1.5'), qty=Decimal('2'), seq=0, on_book=True)
    >>> _binance_trade(message, "ETHUSDT"), _binance_trade({**message, "p": 1.5}, "BTCUSDT")
    (None, None)
    """
    try:
        if message["e"] != "aggTrade" or message["s"] != market_id:
            return None
        on_book = "nq" not in message or not all_improved(message)
        return parse.plain_trade(message["a"], message["T"], message["p"], message["q"], on_book)
    except (KeyError, TypeError):
        return None


BINANCE = MarketDataFacts(
    watch={"name": "aggTrade"},  # REST gives aggregate trades, and these have ids of their own
    consecutive=True,
    from_id="fromId",
    page=1000,
    pages=30,  # each costs 20 of the 1200 to 2400 a minute, a question about bars 1: BINANCE_DOCS/market-data/rest-api
    forward=True,
    every_bar=True,
    market_types={"swap": "linear", "spot": "spot"},
    acknowledged=_binance_acknowledged,
    trade=_binance_trade,
    spacing="rollingWindow",  # its limits are by the minute: BINANCE_DOCS/general-info
)
# OKX_DOCS/#overview-websocket-connect: 3 a second for an IP; #order-book-trading-market-data-get-trades
OKX = MarketDataFacts(last_rows=True, acknowledged=_okx_acknowledged, connects=3)
# BYBIT_DOCS/market/recent-trade
BYBIT = MarketDataFacts(page=1000, spot_page=60, last_rows=True, acknowledged=_bybit_acknowledged)
FACTS = {"binance": BINANCE, "binanceusdm": BINANCE, "okx": OKX, "bybit": BYBIT}
UNLISTED = MarketDataFacts()
