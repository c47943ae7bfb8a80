"""A connection to the bus is never remade in silence: any failure ends it, and says so as BusLost.

It stands on redis-py's Connection (URL, TLS, authentication, hiredis), without the client above it: that one reconnects
and retries by itself, and what was read from a server before its restart would be committed to the one after it.

redis-py takes much for an address that is none: of `redis://:a@b/c@HOST` (a password with a slash) it makes the host
`b`, and shows it; of `redis:///path` its own host; a path that is no number is database 0. So the address is checked
here.
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import hiredis
from pydantic import SecretStr
from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterCrossSlotError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NotConnected

from shared.bus.api import BusLost
from shared.bus.scripts import Script
from shared.errors import ConfigError

CLUSTER = "+cluster"  # behind the scheme: the url's servers are nodes of a Cluster
_HOW = "write redis://HOST:PORT/0, and in a password %2F for /, %3F for ?, %23 for # and %40 for @"
_SERVER = re.compile(
    r"(?P<scheme>rediss?)://(?:[^/?#@]*@)?(?P<place>(?:\[[0-9a-fA-F:.]+\]|[^@/?#:\[\]\s]+)(?::\d{1,5})?(?:/\d*)?)"
    r"(?:\?[^#@?]*)?"
)
_NODE = r"(?:\[[0-9a-fA-F:.]+\]|[^@/?#:,\[\]\s]+)(?::\d{1,5})?"
_CLUSTER = re.compile(
    r"(?P<scheme>rediss?\+cluster)://(?P<login>[^/?#@]*@)?(?P<place>" + f"{_NODE}(?:,{_NODE})*" + r")(?:/0?)?"
    r"(?P<query>\?[^#@?]*)?"
)
_SOCKET = re.compile(r"(?P<scheme>unix)://(?:[^/?#@]*@)?(?P<place>/[^?#@\s]+)(?:\?[^#@?]*)?")
_SCHEME = re.compile(r"(rediss?(\+cluster)?|unix)://")


def check_address(url: str) -> None:
    """Raises ConfigError for what is no address of a bus, or could be read as another one.

    >>> check_address("redis://signal:s%2Fcret@bus:6379/0")
    >>> check_address("redis://:s/cret@bus:6379/0")
    Traceback (most recent call last):
    shared.errors.ConfigError: config: bus.url 'redis://...' is no address of a bus: write redis://HOST:PORT/0, ...
    """
    if not (_SERVER.fullmatch(url) or _SOCKET.fullmatch(url)):
        raise no_address(url)


def no_address(url: str) -> ConfigError:
    """Returns the error for a bad url, without its cause, which may hold a part of the password."""
    return ConfigError(f"config: bus.url {without_password(url)!r} is no address of a bus: {_HOW}")


def without_password(url: str) -> str:
    """Returns the address as it may be shown; of what is none only how it begins, as any of it may be of the password.

    >>> without_password("redis://user:word@bus:6379/0?password=word")
    'redis://bus:6379/0'
    >>> without_password("redis://:wo/rd@bus"), without_password("redis://bus:word"), without_password("word")
    ('redis://...', 'redis://...', '...')
    """
    found = _SERVER.fullmatch(url) or _SOCKET.fullmatch(url) or _CLUSTER.fullmatch(url)
    if found is not None:
        return f"{found['scheme']}://{found['place']}"
    scheme = _SCHEME.match(url)
    return f"{scheme[0] if scheme else ''}..."


class ClusterAddress(NamedTuple):
    """An address of a Cluster is taken apart: what holds for all of its nodes, and where some of them listen.

    >>> address = ClusterAddress.of("redis+cluster://user:word@a:7000,b:7000?ssl_ca_certs=/ca.pem")
    >>> address.nodes, address.at("c:7000")
    (('a:7000', 'b:7000'), 'redis://user:word@c:7000/0?ssl_ca_certs=/ca.pem')
    """

    scheme: str
    login: str
    nodes: tuple[str, ...]
    query: str

    @classmethod
    def of(cls, url: str) -> "ClusterAddress":
        """Takes a url apart; raises ConfigError for what is no address of a Cluster."""
        found = _CLUSTER.fullmatch(url)
        if found is None:
            raise no_address(url)
        scheme = found["scheme"].removesuffix(CLUSTER)
        return cls(scheme, found["login"] or "", tuple(found["place"].split(",")), found["query"] or "")

    def at(self, node: str) -> str:
        """Returns the url of one node."""
        return f"{self.scheme}://{self.login}{node}/0{self.query}"


def is_cluster(url: str) -> bool:
    """Says whether the url is meant as one of a Cluster."""
    return url.partition("://")[0].endswith(CLUSTER)


def remedy(error: BaseException) -> str:
    """Returns what to do about a server that answers, but not as a bus; empty where one can only wait.

    >>> remedy(ReadOnlyError("You can't write against a read only replica."))
    'it is a read-only replica: name its primary in bus.url'
    """
    text = str(error)
    if "without any password configured" in text:
        return "it has no password, but one was given: take it out of bus.url or bus.password_file"
    if isinstance(error, AuthenticationError) or "WRONGPASS" in text or "NOAUTH" in text:
        return "user or password is missing or wrong: correct it in bus.url or bus.password_file"
    if isinstance(error, ReadOnlyError):
        return "it is a read-only replica: name its primary in bus.url"
    if isinstance(error, MovedError | ClusterCrossSlotError):
        return "it is one node of a Cluster: write redis+cluster:// for redis:// in bus.url"
    if "cluster support disabled" in text:
        return "it is no node of a Cluster: write redis:// for redis+cluster:// in bus.url"
    if "DB index" in text or "SELECT is not allowed" in text:
        return "it has no such database: correct the number at the end of bus.url, e.g. /0"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted: add ?ssl_ca_certs=FILE, its authority's, to bus.url"
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it speaks no TLS: write redis:// for rediss:// in bus.url"
    if isinstance(error, NoPermissionError):
        return "the user of bus.url may not do this: give it the rights that `tickline bus-users` lists"
    return ""


def in_words(error: BaseException) -> str:
    """Returns an error for a person: of a connection that failed, what the system says of it.

    >>> in_words(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
    'Connection refused'
    >>> in_words(OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] …"))
    'Connection refused'
    >>> in_words(ReadOnlyError("You can't write against a read only replica."))
    "ReadOnlyError You can't write against a read only replica."
    """
    cause = error.__context__ if type(error) is NotConnected else error
    if isinstance(cause, socket.gaierror):
        return cause.strerror or "no such host"
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        found = re.search(r"\[Errno (\d+)\]", str(cause))
        if number := cause.errno or (found and int(found[1])):
            return os.strerror(number)
    return f"{type(error).__name__} {error}".rstrip()


Arg: TypeAlias = str | bytes | int
Command: TypeAlias = Sequence[Arg]


class Sender(Protocol):
    """A sender sends commands to where their keys are: over one connection, or to a Cluster's nodes."""

    async def call(self, *command: Arg) -> Any:
        """Sends one command and returns its reply; raises BusLost for an error reply."""

    async def calls(self, commands: Sequence[Command]) -> list[Any]:
        """Sends several commands and returns their replies; raises BusLost for an error reply to any."""

    async def scripts(self, script: Script, calls: Sequence[tuple[Sequence[str], Command]]) -> list[Any]:
        """Runs one script with several (keys, arguments)."""

    async def close(self) -> None:
        """Closes; nothing can be sent any more."""


READ_SIZE = 1 << 18  # bytes taken from the socket at a time; a batch is larger than redis-py's 32 KiB


class BusConnection:
    """A connection to the bus gives replies raw, as they come by RESP2.

    timeout_s bounds every reply; `patience_s` is added to it for commands that wait on the server.
    """

    def __init__(self, url: str, timeout_s: float, password: SecretStr | None = None) -> None:
        fixed = {
            "protocol": 2, "retry": Retry(NoBackoff(), 0), "socket_timeout": None, "socket_connect_timeout": timeout_s,
            "socket_read_size": READ_SIZE,
        }  # fmt: skip
        check_address(url)
        try:
            options: dict[str, Any] = {**parse_url(url), **fixed}
            if password is not None:
                options["password"] = password.get_secret_value()
            kind: type[AbstractConnection] = options.pop("connection_class", Connection)
            if kind is Connection:
                options["socket_keepalive"] = True
            self._connection = kind(**options)
        except (ValueError, TypeError):
            raise no_address(url) from None
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._over: str | None = None
        self.url = url

    async def open(self) -> None:
        """Connects; raises BusLost."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._ended("cannot connect", error, "is it running?") from error

    async def call(self, *command: Arg, patience_s: float = 0.0) -> Any:
        """Sends one command and returns its reply; raises BusLost for an error reply."""
        return (await self.calls([command], patience_s=patience_s))[0]

    async def calls(self, commands: Sequence[Command], patience_s: float = 0.0) -> list[Any]:
        """Sends several commands in one write and returns their replies; raises BusLost for an error reply to any."""
        replies = await self.pipeline(commands, patience_s=patience_s)
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ResponseError):
                raise await self._ended(str(command[0]), reply) from reply
        return replies

    async def pipeline(self, commands: Sequence[Command], patience_s: float = 0.0) -> list[Any]:
        """Sends several commands in one write and returns their replies, an error reply as the exception object."""
        async with self._lock:
            if self._over is not None:
                raise BusLost(self._over)
            packed = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
            replies: list[Any] = []
            try:
                async with asyncio.timeout(self._timeout_s + patience_s):
                    await self._connection.send_packed_command(packed, check_health=False)
                    for _ in commands:
                        try:
                            replies.append(await self._connection.read_response(disable_decoding=True))
                        except ResponseError as error:
                            replies.append(error)
            except (RedisError, OSError, TimeoutError) as error:
                raise await self._ended("no answer", error) from error
            except asyncio.CancelledError as error:
                await self._ended("cancelled", error)
                raise
            return replies

    async def scripts(self, script: Script, calls: Sequence[tuple[Sequence[str], Command]]) -> list[Any]:
        """Runs one script with several (keys, arguments), by its SHA1, else by its text."""
        replies = await self.pipeline([("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls])
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = [("EVAL", script.text, len(calls[i][0]), *calls[i][0], *calls[i][1]) for i in unknown]
            for i, reply in zip(unknown, await self.pipeline(again), strict=True):
                replies[i] = reply
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise await self._ended("script refused", reply) from reply
        return replies

    async def close(self) -> None:
        """Closes; nothing can be sent any more."""
        await self._ended("closed", None)

    async def _ended(self, what: str, error: BaseException | None, otherwise: str = "") -> BusLost:
        if self._over is None:
            reason = f": {in_words(error)}" if error is not None else ""
            todo = (remedy(error) if error is not None else "") or otherwise
            self._over = f"bus {without_password(self.url)}: {what}{reason}{': ' if todo else ''}{todo}"
        await self._connection.disconnect(nowait=True)
        return BusLost(self._over)
