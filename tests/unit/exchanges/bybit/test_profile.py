"""What is sent to Bybit: the request that ccxt's own class signs, without sending it."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from pydantic import SecretStr

from shared.exchanges.bybit.facts import FACTS
from shared.exchanges.client import listening, load_ccxt
from shared.exchanges.trading.client import AlreadySigned, Overdue, Stamp, make_trading_client
from shared.exchanges.trading.options import Credentials, VenueOptions

KEYS = Credentials(SecretStr("key"), SecretStr("secret"))


@pytest.fixture
def client() -> Any:
    return make_trading_client(load_ccxt(), VenueOptions("bybit", {"BTCUSDT": "BTC/USDT:USDT"}), FACTS, KEYS)


def signed(client: Any, stamp: Stamp) -> Any:
    with listening(stamp):
        return client.sign("v5/order/create", ["private"], "POST", {"symbol": "BTCUSDT", FACTS.client_id: "id1"})


def test_an_orders_signature_covers_our_time_and_validity(client: Any) -> None:
    request = signed(client, Stamp(at_ms=1_000, validity_ms=2_345))
    headers = request["headers"]
    assert (headers["X-BAPI-TIMESTAMP"], headers["X-BAPI-RECV-WINDOW"]) == ("1000", "2345")
    payload = f"1000key2345{request['body']}"
    assert headers["X-BAPI-SIGN"] == hmac.new(b"secret", payload.encode(), hashlib.sha256).hexdigest()
    assert json.loads(request["body"])["orderLinkId"] == "id1"
    assert request["url"].startswith("https://api-demo.bybit.com/")
    assert client.options["recvWindow"] != 2_345


def test_an_order_is_signed_once_and_in_time(client: Any) -> None:
    stamp = Stamp(at_ms=1_000, validity_ms=10)
    signed(client, stamp)
    with pytest.raises(AlreadySigned):
        signed(client, stamp)
    with pytest.raises(Overdue):
        signed(client, Stamp(at_ms=1_000, validity_ms=10, now_ms=lambda: 1_010))
