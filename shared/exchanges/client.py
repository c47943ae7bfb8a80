"""The one way to an exchange through ccxt: its classes loaded when they are needed, one factory, what came back.

Nothing of ccxt is changed: each half of the room makes a subclass at run time, with seams of its own.
"""

import difflib
import importlib
import json
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from shared.errors import ConfigError
from shared.exchanges.backoff import retry_after_s
from shared.exchanges.lean_ccxt import lean
from shared.extras import to_install

MS = 1000
NEAR = 0.6  # how like a known name one must be to be proposed
FIRST_ERROR = 400
LIMITS = frozenset({418, 429})
LEAST_SILENCE_S = 1.0
SPACE_S = 1.2  # more than the second that the exchange counts, as the way there is not always equally long
CODES = ("sCode", "code", "retCode", "ret_code")
TEXTS = ("sMsg", "msg", "retMsg", "ret_msg")
DONE = frozenset({"0", "200", ""})
# What differs from one error to the next: whose, which market's, how much.
_VARIES = re.compile(r"( asset=|\. User: |[($\d]|0x).*", re.DOTALL)
_BEFORE = "L1 error: "


class Unreadable(Exception):
    """An answer lacks what it must have."""


class NotAllThere(Unreadable):
    """An order is over with less than was asked for, and its fills may not all be there yet.

    qty: those that are, in the exchange's own contracts, > 0 bought.
    """

    def __init__(self, text: str, qty: Decimal) -> None:
        super().__init__(text)
        self.qty = qty


# A broken answer, or a field of another type, makes ccxt's parsers raise any of these.
UNREADABLE = (Unreadable, ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def load_ccxt(what: str = "this venue", *extras: str, websockets: bool = False) -> Any:
    """Loads ccxt, which takes a while, when an exchange is wanted that needs it; of its exchanges only those wanted.

    - what, extras: who needs it, and what is installed for that, for the ConfigError where it is not there
    - websockets: whether `ccxt.pro` is wanted too
    """
    try:
        with lean():
            if websockets:
                importlib.import_module("ccxt.pro")
            return importlib.import_module("ccxt.async_support")
    except ImportError as error:
        raise ConfigError(f"{what} needs ccxt: {to_install('ccxt', *extras)}") from error


def exchange_class(ccxt: Any, exchange: str, *, websockets: bool = False) -> Any:
    """Returns ccxt's own class of an exchange; with websockets, where ccxt has such a one."""
    with lean():
        pro = importlib.import_module("ccxt.pro") if websockets else None
    return getattr(pro if pro is not None and exchange in pro.exchanges else ccxt, exchange)


def require_known(ccxt: Any, exchange: str, where: str, shown: int = 5) -> None:
    """Raises a ConfigError that names near ones for an exchange that ccxt does not have. where: the option's name."""
    if exchange in ccxt.exchanges:
        return
    near = difflib.get_close_matches(exchange.lower(), ccxt.exchanges, shown, NEAR)
    raise ConfigError(
        f"{where} {exchange[:40]!r} is unknown to ccxt {ccxt.__version__}: "
        + (f"did you mean {', '.join(near)}?" if near else "use ccxt's name, e.g. binance, bybit, okx")
    )


def make_client(
    made_by: Callable[[Mapping[str, Any]], Any], config: Mapping[str, Any], *, currencies: bool = False
) -> Any:
    """Makes one instance. Numbers are the exchange's own digits, as strings: a Decimal would lose ccxt its fees.

    - made_by: a class of ccxt, with the seams of its half
    - config: ccxt's own
    - currencies: whether it asks for these before the markets: with a key that takes rights which neither trading nor
      prices need, and without these latoken has no markets
    """
    made: Any = made_by(config)
    made.number = str
    made.has["fetchCurrencies"] = currencies and made.has["fetchCurrencies"]
    made.logger = logging.getLogger("ccxt.silent")
    made.logger.disabled = True  # it writes headers, and so the key
    return made


def redirect(client: Any, base_url: str) -> None:
    """Puts one server in the place of all of the exchange's hosts; an empty URL changes nothing."""
    if base_url:
        client.urls["api"] = redirected(client.urls["api"], base_url)
    if base_url.startswith("http://"):
        client.timeout_on_exit = 0  # ccxt waits for TLS to end; there is none
        client.ssl_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # so it trusts nobody, and reads no certificates


def redirected(urls: Any, base_url: str) -> Any:
    """Returns ccxt's table of URLs with `base_url` in front of each host, so that one server can stand for all of them.

    >>> redirected({"public": "https://api.binance.com/api/v3", "ws": {"spot": "wss://{hostname}/ws"}}, "http://[::1]:80")
    {'public': 'http://[::1]:80/api.binance.com/api/v3', 'ws': {'spot': 'ws://[::1]:80/{hostname}/ws'}}
    """
    if isinstance(urls, Mapping):
        return {name: redirected(url, base_url) for name, url in urls.items()}
    scheme, _, rest = urls.partition("://")
    base = base_url.rstrip("/")
    return f"{base.replace('http', 'ws', 1) if scheme.startswith('ws') else base}/{rest}"


@dataclass
class Reply:
    """The raw answer to the request that a task makes; status None: none came."""

    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


R = TypeVar("R", bound=Reply)
_REPLY: ContextVar[Reply | None] = ContextVar("reply", default=None)


def current() -> Reply | None:
    """Returns where this task's answer goes."""
    return _REPLY.get()


@contextmanager
def listening(reply: R) -> Iterator[R]:
    """Keeps the answer to what is asked inside in `reply`."""
    token = _REPLY.set(reply)
    try:
        yield reply
    finally:
        _REPLY.reset(token)


class RateLimit:
    """A RateLimit knows for how long an exchange wants to hear nothing (418, 429), from all that share it.

    - least_s: the silence that such an answer asks for at least
    - status, wanted_s: of the last such answer
    """

    def __init__(self, least_s: float = LEAST_SILENCE_S) -> None:
        self.status = 0
        self.wanted_s = 0.0
        self._least_s = least_s
        self._until_s = 0.0
        self._turn_s = 0.0

    @property
    def silence_s(self) -> float:
        """Returns for how many more seconds nobody may ask."""
        return max(self._until_s - time.monotonic(), 0.0)

    def heard(self, status: int, headers: Mapping[str, str] | None) -> None:
        """Takes an answer's status and headers, which may ask for silence."""
        if status in LIMITS:
            self.status, self.wanted_s = status, max(retry_after_s(headers) or 0.0, self._least_s)
            self._until_s = max(self._until_s, time.monotonic() + self.wanted_s)

    def turn_s(self, connects: int) -> float:
        """Returns how long to wait with a connection, of which so many a second are let in; asking takes the turn.

        >>> limit = RateLimit()
        >>> [limit.turn_s(0), limit.turn_s(3), round(limit.turn_s(3), 1)]
        [0.0, 0.0, 0.4]
        """
        if not connects:
            return 0.0
        now_s = time.monotonic()
        turn_s = max(self._turn_s, now_s)
        self._turn_s = turn_s + SPACE_S / connects
        return turn_s - now_s


def answering(parent: Any, ccxt: Any, limit: RateLimit) -> Any:
    """Makes a subclass of a ccxt exchange that keeps the raw answer for whoever listens, and heeds what `limit` must.

    An answer that is no JSON is an error: ccxt takes it for an empty one, without an order, a position or a trade.
    """
    bad = ccxt.BadResponse

    class Answering(parent):  # type: ignore[misc]
        def on_rest_response(
            self, code: Any, reason: Any, url: Any, method: Any, headers: Any, body: Any, *rest: Any
        ) -> Any:
            limit.heard(code, headers)
            reply = current()
            if reply is not None:
                reply.status, reply.headers, reply.body = code, headers, str(body)
                if code < FIRST_ERROR and not _is_json(reply.body):
                    raise bad("the answer is no JSON")
            return super().on_rest_response(code, reason, url, method, headers, body, *rest)

    Answering.__name__ = Answering.__qualname__ = parent.__name__
    return Answering


def with_own_rows(parent: Any) -> Any:
    """Makes a subclass whose candles have the exchange's own row behind ccxt's six columns."""

    class WithOwnRows(parent):  # type: ignore[misc]
        def parse_ohlcv(self, ohlcv: Any, market: Any = None) -> Any:
            return [*super().parse_ohlcv(ohlcv, market), ohlcv]

    WithOwnRows.__name__ = WithOwnRows.__qualname__ = parent.__name__
    return WithOwnRows


def codes_in(body: str) -> Iterator[tuple[str, str]]:
    """Yields (code, text) of each error in an exchange's answer, the innermost first; nothing where it is not JSON.

    An exchange that has no codes says what is wrong by texts: the part that is the same each time is the code.

    >>> list(codes_in('{"status": "err", "response": "User or API Wallet 0xb8a6f8b2 does not exist."}'))
    [('User or API Wallet', 'User or API Wallet 0xb8a6f8b2 does not exist.')]
    """
    try:
        content = json.loads(body)
    except ValueError:
        return
    yield from _codes(content)
    yield from ((text_code(text), text) for text in _said(content))


def text_code(text: str) -> str:
    """Returns the part of an error's text that is the same each time.

    >>> text_code("Insufficient margin to place order. asset=4"), text_code("Order must have minimum value of $10.")
    ('Insufficient margin to place order', 'Order must have minimum value of')
    >>> text_code("Must deposit before performing actions. User: 0x0f3d")
    'Must deposit before performing actions'
    """
    return _VARIES.sub("", text.removeprefix(_BEFORE)).strip(" .,:")


def _codes(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, list):
        for row in content:
            yield from _codes(row)
    elif isinstance(content, dict):
        yield from _codes(content.get("data"))
        code = next((str(content[name]) for name in CODES if content.get(name) is not None), "")
        if code not in DONE:
            yield code.partition("_")[0], next((str(content[name]) for name in TEXTS if content.get(name)), "")


def _said(content: Any) -> Iterator[str]:
    """Yields the texts of an answer without codes: about the whole request, or about each order in it.

    C: hyperliquid.handle_errors.
    """
    answer = content.get("response") if isinstance(content, dict) else None
    if isinstance(answer, str) and content.get("status") == "err":
        yield answer
    data = answer.get("data") if isinstance(answer, dict) else None
    for one in (data.get("statuses") or []) if isinstance(data, dict) else []:
        if isinstance(one, dict) and isinstance(one.get("error"), str):
            yield one["error"]


def _is_json(body: str) -> bool:
    text = body.strip()
    return text[:1] + text[-1:] in ("{}", "[]", '""')
