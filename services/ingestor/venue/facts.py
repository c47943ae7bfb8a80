"""What ccxt does not tell of a venue's market data. An exchange that is not here is believed less, and asked more."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.ingestor.live.events import Trade
from services.ingestor.venue import parse

BINANCE_DOCS = "https://developers.binance.com/docs/derivatives/usds-margined-futures"


class Facts(NamedTuple):
    """watch: parameters of watch_trades. consecutive: trades are numbered 1, 2, 3 …, by websocket and REST alike.

    from_id: the parameter that asks for trades from an id on. page: how many rows of a page at most. pages: of trades,
    so many a minute (0: no bound); beyond that bars are asked for instead, of which the venue allows many more.
    forward: a page holds the first rows since the time asked for, not the last ones there are. every_bar: those in
    which nothing traded have rows too. market_types: what ccxt loads for our kinds. acknowledged: whether a message
    says that the subscription stands; None: the first datum says it. trade: reads a trade of a market, by the venue's
    id of it, out of a message as it comes over the websocket, with the same result as by ccxt, at a part of the cost;
    None where it is anything else: then ccxt reads it. spacing: how ccxt keeps to the venue's limits. Its bucket does
    not fill while nothing is asked: each question waits.
    """

    watch: Mapping[str, Any] = {}
    consecutive: bool = False
    from_id: str = ""
    page: int = 500
    pages: int = 0
    forward: bool = False
    every_bar: bool = False
    market_types: Mapping[str, str] = {}
    acknowledged: Callable[[Any], bool] | None = None
    trade: Callable[[Any, str], Trade | None] | None = None
    spacing: str = "leakyBucket"


def _binance_acknowledged(message: Any) -> bool:
    """As in BINANCE_DOCS/websocket-market-streams/Live-Subscribing-Unsubscribing-to-streams.

    >>> _binance_acknowledged({"result": None, "id": 1}), _binance_acknowledged({"e": "aggTrade", "a": 1})
    (True, False)
    """
    return isinstance(message, dict) and "id" in message and message.get("result", 0) is None


def _binance_trade(message: Any, market_id: str) -> Trade | None:
    """An aggregate trade whose fields have the types of BINANCE_DOCS/websocket-market-streams/Aggregate-Trade-Streams.

    >>> message = {"e": "aggTrade", "s": "BTCUSDT", "a": 7, "p": "1.5", "q": "2", "T": 1000, "m": True}
    >>> _binance_trade(message, "BTCUSDT")
    Trade(id=7, ts_event=1000000000, price=Decimal('1.5'), qty=Decimal('2'))
    >>> _binance_trade(message, "ETHUSDT"), _binance_trade({**message, "p": 1.5}, "BTCUSDT")
    (None, None)
    """
    try:
        if message["e"] != "aggTrade" or message["s"] != market_id:
            return None
        return parse.plain_trade(message["a"], message["T"], message["p"], message["q"])
    except (KeyError, TypeError):
        return None


BINANCE = Facts(
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
FACTS = {"binance": BINANCE, "binanceusdm": BINANCE}
UNLISTED = Facts()
