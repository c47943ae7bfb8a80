"""The one way to an exchange through ccxt."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import ConfigError
from shared.exchanges.binance.profile import FUTURES_FACTS
from shared.exchanges.client import RateLimit, Reply, listening, load_ccxt, require_known
from shared.exchanges.market_data.client import make_market_data_client
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.trading.client import make_trading_client
from shared.exchanges.trading.options import VenueOptions
from tests.simulator_venues import KEYS

MARKETS = {"BTCUSDT": "BTC/USDT:USDT"}


def prices(limit: RateLimit) -> Any:
    return make_market_data_client(load_ccxt(websockets=True), LiveOptions("binance", MARKETS, "1s"), limit)


def account(limit: RateLimit) -> Any:
    return make_trading_client(load_ccxt(), VenueOptions("binance", MARKETS), FUTURES_FACTS, KEYS, limit)


def answered(client: Any, status: int, body: str, headers: dict[str, str]) -> Any:
    """As ccxt's fetch does, when an answer came."""
    return client.on_rest_response(status, "", "https://x/y", "GET", headers, body, {}, None)


def test_ccxt_is_loaded_only_when_a_venue_is_made() -> None:
    code = (
        "import sys, shared.exchanges.trading.ccxt_venue, services.gateway.main; "
        "sys.exit(any(name in sys.modules for name in ('ccxt', 'aiohttp')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


@pytest.mark.parametrize("make", [prices, account])
async def test_an_answer_that_is_no_json_is_none_where_somebody_listens(make: Callable[[RateLimit], Any]) -> None:
    """ccxt takes a page of maintenance, sent with status 200, for an answer without rows: nothing would have traded."""
    client = make(RateLimit())
    reply = Reply()
    with listening(reply), pytest.raises(load_ccxt().BadResponse, match="the answer is no JSON"):
        answered(client, 200, "<html>down for maintenance</html>", {})
    assert (reply.status, reply.body[:6]) == (200, "<html>")
    with listening(reply):
        answered(client, 200, '{"serverTime": 5}', {})
    assert reply.body == '{"serverTime": 5}'
    answered(client, 200, "<html>", {})


@pytest.mark.parametrize("make", [prices, account])
async def test_a_wish_for_silence_is_heard(make: Callable[[RateLimit], Any]) -> None:
    limit = RateLimit()
    answered(make(limit), 429, "{}", {"Retry-After": "7"})
    assert (limit.status, limit.wanted_s) == (429, 7.0)
    assert 6 < limit.silence_s <= 7


@pytest.mark.parametrize(("name", "hint"), [("binanse", "did you mean binance"), ("xyzzy", "use ccxt's name, e.g.")])
def test_an_unknown_exchange_is_one_line(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"--exchange '{name}' is unknown to ccxt [\d.]+: {hint}"):
        require_known(load_ccxt(), name, "--exchange")
