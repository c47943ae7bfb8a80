"""The last moment before a request goes to the socket: an order's is held there until it may go."""

from typing import Any

from services.gateway.venues.reply import current_stamp

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def with_last_word(session: Any, connector: Any, trust_env: bool) -> Any:
    """Another session in place of ccxt's, on its connector."""
    import aiohttp

    async def last_word(request: Any, handler: Any) -> Any:
        stamp = current_stamp()
        if stamp is not None and request.method == "POST":
            await stamp.clear()
        response = await handler(request)
        if response.status in REDIRECTS:  # a 307 makes aiohttp send a POST again, to wherever it points
            response.close()
            raise aiohttp.ClientError(f"redirected with status {response.status}: not followed")
        return response

    session.detach()
    return aiohttp.ClientSession(connector=connector, trust_env=trust_env, middlewares=(last_word,))
