"""One server in place of all of a venue's hosts."""

from collections.abc import Mapping
from typing import Any


def redirected(urls: Any, base_url: str) -> Any:
    """ccxt's table of URLs with `base_url` in front of each host, so that one server can stand for all of them.

    >>> redirected({"public": "https://api.binance.com/api/v3", "ws": {"spot": "wss://{hostname}/ws"}}, "http://[::1]:80")
    {'public': 'http://[::1]:80/api.binance.com/api/v3', 'ws': {'spot': 'ws://[::1]:80/{hostname}/ws'}}
    """
    if isinstance(urls, Mapping):
        return {name: redirected(url, base_url) for name, url in urls.items()}
    scheme, _, rest = urls.partition("://")
    base = base_url.rstrip("/")
    return f"{base.replace('http', 'ws', 1) if scheme.startswith('ws') else base}/{rest}"
