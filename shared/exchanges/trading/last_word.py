"""The last moment before a request goes to the socket: an order's is held there until it may go."""

from typing import Any

from shared.exchanges.trading.reply import current_stamp

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
