"""What the exchange takes and refuses of an action: who has signed it, its nonce, its numbers."""

import json
from decimal import Decimal
from typing import Any

import pytest

from services.simulator.dialects import DIALECTS, LISTED_AS
from services.simulator.engine.faults import RandomFaults
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, HttpRequest
from services.simulator.hyperliquid.rest import DAY_MS, NONCES, OWNER, OWNER_KEY, WALLET, WALLET_KEY
from shared.exchanges.client import load_ccxt

HOST = "api.hyperliquid.xyz"
PRICE = "42010"


class Exchange:
    """Without a socket; its price is 42000."""

    def __init__(self) -> None:
        listing = LISTED_AS["hyperliquid"]("BTC", Decimal(42_000))
        engine = MatchingEngine((listing,), EnginePrices((listing,), 1, 0), {"USDC": Decimal(10_000)}, Decimal(0), None)
        self.state = SimulatorState(engine, RandomFaults(chances={}))
        self._routes = DIALECTS["hyperliquid"].routes(self.state)
        self._signer = load_ccxt().hyperliquid()

    def post(self, path: str, content: Any, host: str = HOST) -> Any:
        request = HttpRequest(f"{host}/{path}", {}, "POST", "", json.dumps(content), {})
        return self._routes[f"POST {host}/{path}"](request)

    def signed(
        self, action: Any, nonce: int, expires: int | None = None, *, key: str = WALLET_KEY, testnet: bool = False
    ) -> dict[str, Any]:
        self._signer.privateKey = key
        self._signer.options["sandboxMode"] = testnet
        told = {
            "action": action,
            "nonce": nonce,
            "signature": self._signer.sign_l1_action(action, nonce, None, expires),
        }
        return told if expires is None else told | {"expiresAfter": expires}

    def said(self, action: Any, nonce: int | None = None, expires: int | None = None, **how: Any) -> str:
        """What it answers to an action: a text, or the first order's."""
        nonce = self.state.now_ms() if nonce is None else nonce
        answer = self.post("exchange", self.signed(action, nonce, expires, **how))
        if answer["status"] == "err":
            return str(answer["response"])
        (told,) = answer["response"]["data"]["statuses"]
        return str(told.get("error") or next(iter(told)))


def order(**changes: Any) -> dict[str, Any]:
    one = {"a": 0, "b": True, "p": PRICE, "s": "0.01", "r": False, "t": {"limit": {"tif": "Ioc"}}, "c": f"0x{7:032x}"}
    return {"type": "order", "orders": [one | changes], "grouping": "na"}


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def test_an_order_of_the_account_and_of_its_wallet(exchange: Exchange) -> None:
    now_ms = exchange.state.now_ms()
    assert exchange.said(order(), now_ms, key=OWNER_KEY) == "filled"
    assert exchange.said(order(), now_ms) == "filled", "each key has nonces of its own"


NOBODY = ("User or API Wallet 0x", "Must deposit before performing actions. User: 0x")


@pytest.mark.parametrize("how", [{"key": "0x" + "77" * 32}, {"testnet": True}])
def test_nobody_elses(exchange: Exchange, how: dict[str, Any]) -> None:
    assert exchange.said(order(), **how).startswith(NOBODY)
    assert exchange.state.engine.accepted == []


def test_of_whom_nobody_knows_is_told_in_one_of_two_ways(exchange: Exchange) -> None:
    """.../api/signing (P)"""
    said = {exchange.said(order(), key="0x" + f"{number:02x}" * 32) for number in range(1, 30)}
    assert {words for text in said for words in NOBODY if text.startswith(words)} == set(NOBODY)


@pytest.mark.parametrize("changes", [{"p": "42010.0"}, {"s": "0.010"}, {"c": f"0x{0xAB:032X}"}])
def test_other_digits_than_those_that_are_hashed_are_somebody_elses(exchange: Exchange, changes: Any) -> None:
    assert exchange.said(order(**changes)).startswith(NOBODY)


def test_a_nonce_is_good_once_within_days_and_above_the_least_of_a_hundred(exchange: Exchange) -> None:
    now_ms = exchange.state.now_ms()
    assert exchange.said(order(), now_ms) == "filled"
    assert exchange.said(order(), now_ms) == f"Invalid nonce: duplicate nonce {now_ms}"
    assert exchange.said(order(), now_ms - 1) == "filled", "they need not rise"
    assert "too high" in exchange.said(order(), now_ms + 2 * DAY_MS)
    assert "too low" in exchange.said(order(), now_ms - 3 * DAY_MS)
    for number in range(NONCES):
        exchange.said(order(s="0"), now_ms + 1 + number)
    assert "too low" in exchange.said(order(), now_ms - 2)


def test_what_is_late_is_not_done_and_counts_five_times(exchange: Exchange) -> None:
    def used() -> int:
        told = exchange.post("info", {"type": "userRateLimit", "user": OWNER})
        return int(told["nRequestsUsed"])

    now_ms = exchange.state.now_ms()
    assert exchange.said(order(), now_ms, now_ms + 5_000) == "filled"
    assert used() == 1
    assert exchange.said(order(), now_ms + 1, now_ms - 1) == "Action already expired"
    assert (used(), len(exchange.state.engine.accepted)) == (6, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p": "42010.1"}, "Price must be divisible by tick size. asset=0"),  # six digits count
        ({"p": "80000"}, "Order price cannot be more than 80% away"),
        ({"s": "0.000001"}, "Order has invalid size."),
        ({"s": "0"}, "Order has zero size."),
        ({"s": "0.0002"}, "Order must have minimum value of $10. asset=0"),
        ({"s": "30"}, "Insufficient margin to place order. asset=0"),
        ({"r": True}, "Reduce only order would increase position. asset=0"),
        ({"p": "41000"}, "Order could not immediately match against any resting orders. asset=0"),
    ],
)
def test_refusals_are_texts(exchange: Exchange, changes: Any, said: str) -> None:
    assert exchange.said(order(**changes)).startswith(said)


@pytest.mark.parametrize(
    "content",
    [
        {"action": {"type": "order", "orders": [{"a": 0}], "grouping": "na"}, "nonce": 1, "signature": {}},
        {"nonce": 1},
        {},
    ],
)
def test_what_is_no_action_is_no_json_either(exchange: Exchange, content: Any) -> None:
    with pytest.raises(ApiError) as refused:
        exchange.post("exchange", content)
    assert refused.value.status == 422


def test_an_action_that_it_does_not_know(exchange: Exchange) -> None:
    with pytest.raises(ApiError):
        exchange.said({"type": "withdraw3"})
    with pytest.raises(ApiError):
        exchange.post("info", {"type": "nonsense"})


def test_whose_roles(exchange: Exchange) -> None:
    assert exchange.post("info", {"type": "userRole", "user": WALLET}) == {"role": "agent", "data": {"user": OWNER}}
    assert exchange.post("info", {"type": "userRole", "user": OWNER}) == {"role": "user"}
    assert exchange.post("info", {"type": "userRole", "user": "0x" + "1" * 40}) == {"role": "missing"}
