"""What came back for the request that this task makes, and whose time it carries if it is an order's."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

# The last moment before a request goes to the socket: an order's is held there until it may go.

CODES = ("sCode", "code", "retCode", "ret_code")
TEXTS = ("sMsg", "msg", "retMsg", "ret_msg")
DONE = frozenset({"0", "200", ""})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def with_last_word(session: Any, connector: Any, trust_env: bool) -> Any:
    """Another session in place of ccxt's, on its connector. What an order's task asks for is held, whatever it is."""
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


class Overdue(Exception):
    """Its validity was over before it was written."""


class NotCleared(Exception):
    """It was made, and may not be written after all."""


class AlreadySigned(Exception):
    """An order's request was to be signed, or written, a second time."""


@dataclass
class Reply:
    """The raw answer; status None: none came."""

    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Stamp(Reply):
    """Of an order's request. signed: it has been made. gone: what was written; an order is in it, or was not sent.

    cleared: what is waited for before anything is written.
    """

    at_ms: int = 0
    validity_ms: int = 0
    now_ms: Callable[[], int] = int
    signed: bool = False
    cleared: Callable[[], Awaitable[None]] | None = None
    gone: set[str] = field(default_factory=set)

    @property
    def until_ms(self) -> int:
        """When the request's validity is over."""
        return self.at_ms + self.validity_ms

    def sign(self) -> None:
        """Once, and in time."""
        if self.signed:
            raise AlreadySigned("an order is sent once")
        self._check_time()
        self.signed = True

    @property
    def may_be_there(self) -> bool:
        """Whether the venue may have the order."""
        return self.signed or bool(self.gone)

    async def leave(self, request: str) -> None:
        """Right before it is written: wait until it may be, see that it is still in time, and that it is the first."""
        if self.cleared is not None:
            await self.cleared()
        self._check_time()
        if request in self.gone:  # aiohttp sends a GET again when its connection was lost
            raise AlreadySigned("an order is sent once")
        self.gone.add(request)

    def _check_time(self) -> None:
        if self.now_ms() >= self.until_ms:
            raise Overdue(f"valid until {self.until_ms}")


R = TypeVar("R", bound=Reply)
_REPLY: ContextVar[Reply | None] = ContextVar("reply", default=None)


def current() -> Reply | None:
    """Where this task's answer goes."""
    return _REPLY.get()


def current_stamp() -> Stamp | None:
    """The stamp of the order that this task is sending."""
    reply = _REPLY.get()
    return reply if isinstance(reply, Stamp) else None


@contextmanager
def listening(reply: R) -> Iterator[R]:
    """What is asked inside is answered into `reply`."""
    token = _REPLY.set(reply)
    try:
        yield reply
    finally:
        _REPLY.reset(token)


def codes_in(body: str) -> Iterator[tuple[str, str]]:
    """(code, text) of each error in a venue's answer, the innermost first; nothing where it cannot be read."""
    try:
        content = json.loads(body)
    except ValueError:
        return
    yield from _codes(content)


def _codes(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, list):
        for row in content:
            yield from _codes(row)
    elif isinstance(content, dict):
        yield from _codes(content.get("data"))
        code = next((str(content[name]) for name in CODES if content.get(name) is not None), "")
        if code not in DONE:
            yield code.partition("_")[0], next((str(content[name]) for name in TEXTS if content.get(name)), "")
