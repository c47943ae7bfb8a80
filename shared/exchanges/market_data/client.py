"""ccxt's own exchange class with five seams: what acknowledges, trades as they come, what cannot be read, what asks for
silence, and trades that were fetched in the order in which they happened.

Nothing of ccxt is changed: a subclass is made at run time.
"""

import difflib
import importlib
import logging
import time
from collections.abc import Callable
from typing import Any

from shared.errors import ConfigError
from shared.exchanges.backoff import retry_after_s
from shared.exchanges.market_data.events import Trade
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.parse import as_they_happened
from shared.exchanges.registry import market_data_profile
from shared.extras import to_install
from shared.redirected import redirected

MS = 1000
SHOWN = 5
LIMITS = frozenset({418, 429})
LEAST_SILENCE_S = 1.0
SPACE_S = 1.2  # more than the second that the venue counts, as the way there is not always equally long
TRADES_KEPT = 10_000  # between two looks at them
# A message with a field of another type makes ccxt's parsers raise any of these.
UNREADABLE = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def load_ccxt() -> Any:
    """It takes seconds to load, so it is loaded when a venue is configured that needs it."""
    try:
        importlib.import_module("ccxt.pro")
        return importlib.import_module("ccxt")
    except ImportError as error:
        raise ConfigError(f"ingestor.source ccxt needs ccxt: {to_install('ccxt')}") from error


def check_exchange(ccxt: Any, options: LiveOptions) -> None:
    """ConfigError for an exchange that ccxt does not have."""
    name, known = options.exchange, ccxt.async_support.exchanges
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, SHOWN, 0.6)
        raise ConfigError(
            f"{options.section} exchange {name[:40]!r} is unknown to ccxt {ccxt.__version__}: "
            + (f"did you mean {', '.join(near)}?" if near else "use ccxt's name, e.g. binance, bybit, okx")
        )


class Limit:
    """For how long the venue wants to hear nothing (418, 429), from all instances in this process.

    status, wanted_s: of the last such answer.
    """

    def __init__(self) -> None:
        self.status = 0
        self.wanted_s = 0.0
        self._until_s = 0.0
        self._turn_s = 0.0

    def turn_s(self, connects: int) -> float:
        """How long to wait with a connection, of which so many a second are let in; asking takes the turn.

        >>> limit = Limit()
        >>> [limit.turn_s(0), limit.turn_s(3), round(limit.turn_s(3), 1)]
        [0.0, 0.0, 0.4]
        """
        if not connects:
            return 0.0
        now_s = time.monotonic()
        turn_s = max(self._turn_s, now_s)
        self._turn_s = turn_s + SPACE_S / connects
        return turn_s - now_s

    @property
    def silence_s(self) -> float:
        """How much longer."""
        return max(self._until_s - time.monotonic(), 0.0)

    def asked(self, status: int, wanted_s: float | None) -> None:
        """The venue has asked for it."""
        self.status, self.wanted_s = status, max(wanted_s or 0.0, LEAST_SILENCE_S)
        self._until_s = max(self._until_s, time.monotonic() + self.wanted_s)


class WebsocketHooks:
    """What an instance's owner wants to know at once: that it was acknowledged, and that something was not readable.

    trade: takes a trade as soon as it is read, where `read` can make one of a message; then ccxt does not see it. What
    it raises ends what is watched.
    """

    def __init__(
        self,
        acknowledged: Callable[[], None],
        unreadable: Callable[[], None],
        trade: Callable[[Trade], None] | None = None,
        read: Callable[[Any], Trade | None] | None = None,
    ) -> None:
        self.acknowledged, self.unreadable, self.trade, self.read = acknowledged, unreadable, trade, read


class Overflow(Exception):
    """More came than was taken."""


def make_client(ccxt: Any, options: LiveOptions, limit: Limit, ears: WebsocketHooks | None = None) -> Any:
    """One instance, without keys. Numbers are the venue's own digits, as strings. ears: of its websocket."""
    name = options.exchange
    profile = market_data_profile(name)
    kinds = {"spot" if ":" not in market else "swap" for market in options.markets.values()}
    types = [profile.market_types[kind] for kind in sorted(kinds) if kind in profile.market_types]
    home = ccxt.pro if name in ccxt.pro.exchanges else ccxt.async_support
    made: Any = _class(getattr(home, name), ccxt, limit, ears, profile.acknowledged)(
        {
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
    )
    made.number = str
    made.newUpdates = True
    made.has["fetchCurrencies"] = False
    made.logger = logging.getLogger("ccxt.silent")
    made.logger.disabled = True
    if options.base_url:
        made.urls["api"] = redirected(made.urls["api"], options.base_url)
        if options.base_url.startswith("http://"):
            made.timeout_on_exit = 0  # ccxt waits for TLS to end; there is none
    return made


def _class(
    parent: Any, ccxt: Any, limit: Limit, ears: WebsocketHooks | None, acknowledged: Callable[[Any], bool | None] | None
) -> Any:
    read, trade = (None, None) if ears is None else (ears.read, ears.trade)

    class Client(parent):  # type: ignore[misc]
        def handle_message(self, client: Any, message: Any) -> Any:
            if ears is None:
                return super().handle_message(client, message)
            if read is not None and trade is not None and (made := read(message)) is not None:
                try:
                    return trade(made)
                except Overflow as error:
                    return client.reject(error)
            stands = None if acknowledged is None else acknowledged(message)
            if stands:
                ears.acknowledged()
            try:  # what is raised here would let ccxt never read from this connection again
                super().handle_message(client, message)
            except UNREADABLE:
                ears.unreadable()
            except ccxt.BaseError as error:
                client.reject(error)
            if stands is False:  # ccxt tells of it where nobody may wait
                client.reject(ccxt.ExchangeError(f"{self.id} refuses the subscription: {message}"))
            return None

        def on_error(self, client: Any, error: Any) -> Any:
            refused: Any = error.args[0] if error.args else None  # aiohttp's, of a handshake
            if getattr(refused, "status", None) in LIMITS:
                limit.asked(refused.status, retry_after_s(refused.headers))
            return super().on_error(client, error)

        def on_rest_response(
            self, code: Any, reason: Any, url: Any, method: Any, headers: Any, body: Any, *rest: Any
        ) -> Any:
            if code in LIMITS:
                limit.asked(code, retry_after_s(headers))
            return super().on_rest_response(code, reason, url, method, headers, body, *rest)

        def parse_trades(self, trades: Any, *given: Any, **named: Any) -> Any:
            rows = super().parse_trades(trades, *given, **named)
            return as_they_happened(trades, rows) if isinstance(trades, list) else rows

    Client.__name__ = Client.__qualname__ = parent.__name__
    return Client
