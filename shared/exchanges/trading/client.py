"""ccxt's own exchange class with five seams: a request's time, no queue, the last word, no redirects, the raw answer.

Nothing of ccxt is changed: a subclass is made at run time, and without a stamp it behaves as its parent does.
"""

import importlib
import logging
from typing import Any

from shared.errors import ConfigError
from shared.exchanges.profile import TradingFacts
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.exchanges.trading.reply import current, current_stamp, with_last_word
from shared.exchanges.trading.silence import Silence
from shared.extras import to_install
from shared.redirected import redirected

MS = 1000
FIRST_ERROR, SERVER_ERROR = 400, 500


def load_ccxt() -> Any:
    """It takes seconds to load, so it is loaded when a venue is configured that needs it."""
    try:
        return importlib.import_module("ccxt.async_support")
    except ImportError as error:
        raise ConfigError(f"this venue needs ccxt: {to_install('ccxt', 'journal')}") from error


def make_client(ccxt: Any, options: VenueOptions, facts: TradingFacts, credentials: Credentials) -> Any:
    """One instance for one account. Numbers are the venue's own digits, as strings: a Decimal would lose its fees."""
    types = [facts.market_types[kind] for kind in sorted(options.kinds) if kind in facts.market_types]
    password = credentials.password.get_secret_value() if credentials.password else ""
    made: Any = _class(getattr(ccxt, options.exchange), facts.expiry)(
        {
            "apiKey": credentials.api_key.get_secret_value(),
            "secret": credentials.secret.get_secret_value(),
            "password": password,
            "timeout": round(options.timeout_s * MS),
            "enableRateLimit": options.throttled,
            "options": {
                "adjustForTimeDifference": True,
                "fetchMargins": False,
                **({"defaultType": next(iter(options.kinds))} if len(options.kinds) == 1 else {}),
                "maxRetriesOnFailure": 0,
                **({"fetchMarkets": {"types": types}} if types else {}),
                **facts.options,
                **options.options,
            },
        }
    )
    made.silence = Silence(made.id)
    made.number = str
    made.has["fetchCurrencies"] = False  # asks for rights that trading does not need
    made.logger = logging.getLogger("ccxt.silent")
    made.logger.disabled = True  # it writes headers, and so the key
    if options.mode == "testnet":
        if facts.test == "demo":
            made.enable_demo_trading(True)
        else:
            made.set_sandbox_mode(True)
    if options.base_url:
        made.urls["api"] = redirected(made.urls["api"], options.base_url)
        if options.base_url.startswith("http://"):
            made.timeout_on_exit = 0  # ccxt waits for TLS to end; there is none
    return made


def _class(parent: Any, expiry: str) -> Any:
    """`parent` with the seams. The stamp of the sending task decides: other requests on their way see nothing of it."""

    bad = load_ccxt().BadResponse

    class Client(parent):  # type: ignore[misc]
        options: Any
        session: Any
        markets: Any
        markets_by_id: Any
        silence: Silence

        def open(self, lazy: Any = False) -> None:
            before = self.session
            super().open(lazy)
            if self.session is not before:
                self.session = with_last_word(self.session, self.tcp_connector, self.aiohttp_trust_env)

        async def load_markets(self, reload: Any = False, params: Any = None) -> Any:
            if self.markets and self.markets_by_id and not reload:  # ccxt makes a task even then
                return self.markets
            return await super().load_markets(reload, params or {})

        def nonce(self) -> Any:
            stamp = current_stamp()
            return super().nonce() if stamp is None else stamp.at_ms

        async def throttle(self, cost: Any = None) -> Any:
            if current_stamp() is None:  # an order's validity runs: it does not queue behind reads
                return await super().throttle(cost)
            return None

        def sign(self, path: Any, api: Any = "public", method: Any = "GET", *rest: Any, **named: Any) -> Any:
            stamp = current_stamp()
            if stamp is None or method != "POST":
                return super().sign(path, api, method, *rest, **named)
            stamp.sign()
            before: Any = self.options
            self.options = {**before, "recvWindow": stamp.validity_ms}
            try:
                request = super().sign(path, api, method, *rest, **named)
            finally:
                self.options = before
            if expiry == "header":
                request["headers"]["expTime"] = str(stamp.until_ms)
            return request

        async def fetch(self, *given: Any, **named: Any) -> Any:
            with self.silence.asking():
                return await super().fetch(*given, **named)

        def on_rest_response(
            self, code: Any, reason: Any, url: Any, method: Any, headers: Any, body: Any, *rest: Any
        ) -> Any:
            if code < SERVER_ERROR:
                self.silence.heard()
            reply = current()
            if reply is not None:
                reply.status, reply.headers, reply.body = code, headers, str(body)
                if code < FIRST_ERROR and not _is_json(reply.body):
                    raise bad("the answer is no JSON")  # ccxt takes it for an empty one: no order, no position
            return super().on_rest_response(code, reason, url, method, headers, body, *rest)

    Client.__name__ = Client.__qualname__ = parent.__name__
    return Client


def _is_json(body: str) -> bool:
    text = body.strip()
    return text[:1] + text[-1:] in ("{}", "[]")
