"""A ccxt client for prices, without keys, and its seams: acknowledgements, trades as they come, unreadable messages."""

from collections.abc import Callable
from typing import Any

from shared.exchanges.client import (
    LIMITS,
    MS,
    UNREADABLE,
    RateLimit,
    answering,
    exchange_class,
    make_client,
    redirect,
    with_own_rows,
)
from shared.exchanges.market_data.events import Candle, Trade
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.parse import as_they_happened
from shared.exchanges.registry import market_data_profile

TRADES_KEPT = 10_000  # between two looks at them


class Overflow(Exception):
    """More came than was taken."""


class WebsocketHooks:
    """WebsocketHooks tell a feed at once what its connection brings.

    - acknowledged: is called when the subscription stands
    - unreadable: is called when a message could not be read
    - heard: takes a trade or a candle where `read` can make one of a message; then ccxt does not see it. What it raises
      ends what is watched
    """

    def __init__(
        self,
        acknowledged: Callable[[], None],
        unreadable: Callable[[], None],
        heard: Callable[[Trade | Candle], None] | None = None,
        read: Callable[[Any], Trade | Candle | None] | None = None,
    ) -> None:
        self.acknowledged, self.unreadable, self.heard, self.read = acknowledged, unreadable, heard, read


def make_market_data_client(
    ccxt: Any, options: LiveOptions, limit: RateLimit, hooks: WebsocketHooks | None = None
) -> Any:
    """Makes one instance. hooks: of its websocket."""
    profile = market_data_profile(options.exchange)
    kinds = {"spot" if ":" not in market else "swap" for market in options.markets.values()}
    types = [profile.market_types[kind] for kind in sorted(kinds) if kind in profile.market_types]
    config = {
        "timeout": round(options.timeout_s * MS),
        "enableRateLimit": True,
        "rateLimiterAlgorithm": profile.spacing,
        "options": {
            "fetchMargins": False,
            "maxRetriesOnFailure": 0,
            "tradesLimit": TRADES_KEPT,
            **({"fetchMarkets": {"types": types}} if types else {}),
            **({"defaultType": "swap"} if kinds == {"swap"} else {}),
        },
    }
    theirs = exchange_class(ccxt, options.exchange, websockets=True)
    own = answering(with_own_rows(profile.client_class(theirs) if profile.client_class else theirs), ccxt, limit)
    made = make_client(_hooked(own, ccxt, limit, hooks, profile.acknowledged), config)
    made.newUpdates = True
    redirect(made, options.base_url)
    return made


def _hooked(
    parent: Any,
    ccxt: Any,
    limit: RateLimit,
    hooks: WebsocketHooks | None,
    acknowledged: Callable[[Any], bool | None] | None,
) -> Any:
    """Makes a subclass with the seams. Fetched trades come in the order in which they happened."""
    read, heard = (None, None) if hooks is None else (hooks.read, hooks.heard)

    class Hooked(parent):  # type: ignore[misc]
        def handle_message(self, client: Any, message: Any) -> Any:
            if hooks is None:
                return super().handle_message(client, message)
            if read is not None and heard is not None and (made := read(message)) is not None:
                try:
                    return heard(made)
                except Overflow as error:
                    return client.reject(error)
            stands = None if acknowledged is None else acknowledged(message)
            if stands:
                hooks.acknowledged()
            try:  # what is raised here would let ccxt never read from this connection again
                super().handle_message(client, message)
            except UNREADABLE:
                hooks.unreadable()
            except ccxt.BaseError as error:
                client.reject(error)
            if stands is False:  # ccxt tells of it where nobody may wait
                client.reject(ccxt.ExchangeError(f"{self.id} refuses the subscription: {message}"))
            return None

        def on_error(self, client: Any, error: Any) -> Any:
            refused: Any = error.args[0] if error.args else None  # aiohttp's, of a handshake
            if getattr(refused, "status", None) in LIMITS:
                limit.heard(refused.status, refused.headers)
            return super().on_error(client, error)

        def parse_trades(self, trades: Any, *given: Any, **named: Any) -> Any:
            rows = super().parse_trades(trades, *given, **named)
            return as_they_happened(trades, rows) if isinstance(trades, list) else rows

    Hooked.__name__ = Hooked.__qualname__ = parent.__name__
    return Hooked
