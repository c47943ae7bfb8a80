"""An account's ccxt client, and the seams that an order passes: its time, no queue, the last word, no redirects.

A stamp goes with an order's request. Without one the client behaves as ccxt's own: other requests on their way see
nothing of it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from shared.exchanges.client import MS, RateLimit, Reply, answering, current, exchange_class, make_client, redirect
from shared.exchanges.log_once import Silence
from shared.exchanges.profile import TradingFacts
from shared.exchanges.trading.options import Credentials, VenueOptions

SERVER_ERROR = 500
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Overdue(Exception):
    """The request's validity was over before it was written."""


class NotCleared(Exception):
    """The request was made, and may not be written after all."""


class AlreadySigned(Exception):
    """An order's request was to be signed, or written, a second time."""


@dataclass
class Stamp(Reply):
    """A stamp says whose time an order's request carries, and how far it has got.

    - at_ms, validity_ms: the request's time, and how long it is good
    - now_ms: the exchange's clock
    - signed: the request has been made
    - cleared: is awaited before anything of it is written
    - gone: what was written; an order is in it, or was not sent
    """

    at_ms: int = 0
    validity_ms: int = 0
    now_ms: Callable[[], int] = int
    signed: bool = False
    cleared: Callable[[], Awaitable[None]] | None = None
    gone: set[str] = field(default_factory=set)

    @property
    def until_ms(self) -> int:
        """Returns when the request's validity is over."""
        return self.at_ms + self.validity_ms

    @property
    def may_be_there(self) -> bool:
        """Says whether the exchange may have the order."""
        return self.signed or bool(self.gone)

    def sign(self) -> None:
        """Allows the signature of the request once, while its validity lasts; else raises."""
        if self.signed:
            raise AlreadySigned("an order is sent once")
        self._check_time()
        self.signed = True

    async def leave(self, request: str) -> None:
        """Waits, right before the request is written, until it may be; it must be in time still, and the first."""
        if self.cleared is not None:
            await self.cleared()
        self._check_time()
        if request in self.gone:  # aiohttp sends a GET again when its connection was lost
            raise AlreadySigned("an order is sent once")
        self.gone.add(request)

    def _check_time(self) -> None:
        if self.now_ms() >= self.until_ms:
            raise Overdue(f"valid until {self.until_ms}")


_URGENT: ContextVar[bool] = ContextVar("urgent", default=False)


@contextmanager
def urgent() -> Iterator[None]:
    """Lets what is asked inside pass the queue, as orders do: an order waits for the answer, and its validity runs."""
    token = _URGENT.set(True)
    try:
        yield
    finally:
        _URGENT.reset(token)


def current_stamp() -> Stamp | None:
    """Returns the stamp of the order that this task is sending."""
    reply = current()
    return reply if isinstance(reply, Stamp) else None


def make_trading_client(
    ccxt: Any,
    options: VenueOptions,
    facts: TradingFacts,
    credentials: Credentials,
    limit: RateLimit | None = None,
    own_class: Callable[[Any], Any] = lambda parent: parent,
) -> Any:
    """Makes one instance for one account. Its `silence` says when the exchange answers nothing.

    - own_class: makes a subclass of ccxt's, where the exchange needs one.
    """
    types = [facts.market_types[kind] for kind in sorted(options.kinds) if kind in facts.market_types]
    config = {
        **credentials.by_name(facts.keys),
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
    own = own_class(answering(exchange_class(ccxt, options.exchange), ccxt, limit or RateLimit(least_s=0.0)))
    made = make_client(_stamped(own, facts.expiry), config)
    made.silence = Silence(made.id)
    if options.mode == "testnet":
        if facts.test == "demo":
            made.enable_demo_trading(True)
        else:
            made.set_sandbox_mode(True)
    redirect(made, options.base_url)
    return made


def _stamped(parent: Any, expiry: str) -> Any:
    """Makes a subclass with the seams. The stamp of the sending task decides."""

    class Stamped(parent):  # type: ignore[misc]
        options: Any
        session: Any
        markets: Any
        markets_by_id: Any
        silence: Silence

        def open(self, lazy: Any = False) -> None:
            before = self.session
            super().open(lazy)
            if self.session is not before:
                self.session = _with_last_word(self.session, self.tcp_connector, self.aiohttp_trust_env)

        async def load_markets(self, reload: Any = False, params: Any = None) -> Any:
            if self.markets and self.markets_by_id and not reload:  # ccxt makes a task even then
                return self.markets
            return await super().load_markets(reload, params or {})

        def nonce(self) -> Any:
            stamp = current_stamp()
            return super().nonce() if stamp is None else stamp.at_ms

        async def throttle(self, cost: Any = None) -> Any:
            if current_stamp() is None and not _URGENT.get():  # an order's validity runs: it queues behind no reads
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

        def on_rest_response(self, code: Any, *given: Any) -> Any:
            if code < SERVER_ERROR:
                self.silence.heard()
            return super().on_rest_response(code, *given)

    Stamped.__name__ = Stamped.__qualname__ = parent.__name__
    return Stamped


def _with_last_word(session: Any, connector: Any, trust_env: bool) -> Any:
    """Makes another session in place of ccxt's, on its connector: the last moment before a request goes to the socket.

    An order's request is held there until it may go; whatever an order's task asks for is held.
    """
    import aiohttp

    class Request(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> Any:  # the connection is there; nothing is written yet
            stamp = current_stamp()
            if stamp is not None:
                await stamp.leave(f"{self.method} {self.url}")
            return await super().send(conn)

    async def no_redirects(request: Any, handler: Any) -> Any:
        response = await handler(request)
        if response.status in REDIRECTS:  # a 307 makes aiohttp send a POST again, to wherever it points
            response.close()
            raise aiohttp.ClientError(f"redirected with status {response.status}: not followed")
        return response

    session.detach()
    return aiohttp.ClientSession(
        connector=connector, trust_env=trust_env, request_class=Request, middlewares=(no_redirects,)
    )
