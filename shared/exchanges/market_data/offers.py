"""An exchange offers more than prices, as far as ccxt and the profile know before it is asked."""

from dataclasses import replace
from typing import Any

from shared.exchanges.client import exchange_class, load_ccxt, require_known
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.registry import market_data_profile
from shared.intervals import TRADE
from shared.messages.market import OPTIONAL_FIELDS, Group


def offered(options: LiveOptions) -> frozenset[Group]:
    """Returns the groups that ticks of these options can carry, live; raises ConfigError for an unknown exchange.

    - bar: of any exchange, out of its candles or of its trades; not for single trades or middle prices.
    - quote: of bars, where best bids and asks come by websocket.
    - funding: of bars, where all markets are swaps, and the exchange tells the rates that were settled.
    """
    if options.interval == TRADE:
        return frozenset()
    has = _client(options).has
    swaps = all(":" in market for market in options.markets.values())
    found = {
        Group.BAR: options.price == "last",
        Group.QUOTE: options.websocket and bool(has.get("watchBidsAsks")),
        Group.FUNDING: swaps and bool(has.get("fetchFundingRateHistory")),
    }
    return frozenset(group for group, there in found.items() if there)


def told(options: LiveOptions) -> frozenset[str]:
    """Returns those of the bar group's fields that not every exchange tells, and this one does of this stream."""
    if with_stream(options).stream != "candles":
        return OPTIONAL_FIELDS - {"taker_volume"}  # nobody says who took a trade: see TradeSum
    reader = market_data_profile(options.exchange).candles
    return frozenset() if reader is None else reader.tells


def with_stream(options: LiveOptions) -> LiveOptions:
    """Returns the options with the stream that their groups need: the bar group's is the exchange's candles.

    Where it has none of this interval, bars are made of trades. Raises ConfigError for an unknown exchange.
    """
    if Group.BAR not in options.groups or options.stream == "candles":
        return options
    return replace(options, stream="candles" if has_candles(options) else "trades")


def has_candles(options: LiveOptions) -> bool:
    """Says whether the exchange has candles of the interval, to hear (or to ask for, without a websocket)."""
    client, profile = _client(options), market_data_profile(options.exchange)
    kinds = {"swap" if ":" in market else "spot" for market in options.markets.values()}
    refused = any(options.interval in profile.refused.get(kind, ()) for kind in kinds)
    heard = not options.websocket or bool(client.has.get("watchOHLCV"))
    return (
        heard and bool(client.has.get("fetchOHLCV")) and options.interval in (client.timeframes or {}) and not refused
    )


def _client(options: LiveOptions) -> Any:
    ccxt = load_ccxt("ingestor.source ccxt", websockets=True)
    require_known(ccxt, options.exchange, f"{options.section} exchange")
    return exchange_class(ccxt, options.exchange, websockets=True)()
