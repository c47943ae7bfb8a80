"""One connection that is never remade in silence: any failure ends it, and says so as BusLost.

It stands on redis-py's Connection (URL, TLS, authentication, hiredis), without the client above it: that one reconnects
and retries by itself, and what was read from a server before its restart would be committed to the one after it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis
from pydantic import SecretStr
from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from shared.bus.address import check_address, no_address, remedy
from shared.bus.address import without_password as without_password
from shared.bus.api import BusLost
from shared.bus.scripts import Script

Arg: TypeAlias = str | bytes | int
Command: TypeAlias = Sequence[Arg]


READ_SIZE = 1 << 18  # bytes taken from the socket at a time; a batch is larger than redis-py's 32 KiB


class BusConnection:
    """A connection to the bus. Replies come raw, as RESP2 gives them.

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
        """Connect; raises BusLost."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._ended("cannot connect", error) from error

    async def call(self, *command: Arg, patience_s: float = 0.0) -> Any:
        """One command, one reply; an error reply raises BusLost."""
        return (await self.calls([command], patience_s=patience_s))[0]

    async def calls(self, commands: Sequence[Command], patience_s: float = 0.0) -> list[Any]:
        """Several commands in one write, their replies in order; an error reply to any of them raises BusLost."""
        replies = await self.pipeline(commands, patience_s=patience_s)
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ResponseError):
                raise await self._ended(str(command[0]), reply) from reply
        return replies

    async def pipeline(self, commands: Sequence[Command], patience_s: float = 0.0) -> list[Any]:
        """Several commands in one write; their replies in order, an error reply as the exception object."""
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
        """The same script with several (keys, arguments); by its SHA1, else by its text."""
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
        """Close; nothing can be sent any more."""
        await self._ended("closed", None)

    async def _ended(self, what: str, error: BaseException | None) -> BusLost:
        if self._over is None:
            reason = f": {type(error).__name__} {error}".rstrip() if error is not None else ""
            todo = remedy(error) if error is not None else ""
            self._over = f"bus {without_password(self.url)}: {what}{reason}{': ' if todo else ''}{todo}"
        await self._connection.disconnect(nowait=True)
        return BusLost(self._over)
