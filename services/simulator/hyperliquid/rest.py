"""All of Hyperliquid's REST shares this: addresses, numbers, errors; who has signed an action, its nonce and expiry.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api
.../api/nonces-and-api-wallets, .../api/exchange-endpoint#expires-after, .../api/rate-limits-and-user-limits,
.../api/signing: what is said of a signer that nobody knows, in one of two ways

Texts of refusals: .../api/error-responses, the table of ccxt's hyperliquid class, and answers that users have recorded
(issues 54 and 194 of hyperliquid-dex/hyperliquid-python-sdk, issue 7737 of hummingbot/hummingbot).
"""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, Handler, HttpRequest
from services.simulator.hyperliquid.signer import NotSigned, signer_of
from shared.exchanges.hyperliquid import FAKE_ACCOUNT, FAKE_WALLET_KEY

HOSTS = {"api.hyperliquid.xyz": False, "api.hyperliquid-testnet.xyz": True}  # whether it is the test net
# Made up for the simulator. The account's own key, and that of an API wallet which the account has approved.
OWNER_KEY = "0x" + "ac" * 32
OWNER, WALLET_KEY = FAKE_ACCOUNT, FAKE_WALLET_KEY
WALLET = "0x691a8d05678fc962ff0f2174134379c0051cb686"
NONCES = 100  # the highest that are kept: a new one is above the least of these, and none of them
DAY_MS = 86_400_000
UNREADABLE = "Failed to deserialize the JSON body into the target type"
FIRST_REQUESTS = 10_000
EXPIRED_COSTS = 5
USED = "requests_used"  # the setting: so many requests were counted before
A_MINUTE = "weight_a_minute"  # the setting: so much may be asked for in a minute; without, anything
MINUTE_MS = 60_000
TWO_WORDS = ("User or API Wallet {} does not exist.", "Must deposit before performing actions. User: {}")

Action = Mapping[str, Any]
# Makes the `response` of an action, out of the action and the request that it came in.
ActionHandler = Callable[[Action, HttpRequest], object]


class HyperliquidError(Exception):
    """An action is refused as a whole: HTTP 200, and the text is all that is told."""


def unreadable() -> ApiError:
    """Returns the answer to what is no request: HTTP 422, and no JSON."""
    return ApiError(422, UNREADABLE)


def num(value: Decimal) -> str:
    """Writes a number as it comes: without zeros behind, but one.

    >>> num(Decimal("43000")), num(Decimal("0.0100")), num(Decimal("0"))
    ('43000.0', '0.01', '0.0')
    """
    text = format(value.normalize(), "f")
    return text if "." in text else f"{text}.0"


def on_wire(text: object) -> str:
    """Writes a number of an action as the exchange packs it before it hashes: without any zeros behind.

    Whoever signs other digits is taken for somebody else (P: .../api/signing).

    >>> on_wire("43000.0"), on_wire("0.0100")
    ('43000', '0.01')
    """
    return format(Decimal(str(text)).normalize(), "f")


class Signatures:
    """Finds out who has sent an action, and takes each nonce once. One account, and whoever it has approved."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._nonces: dict[str, list[int]] = {}
        self._counted = 0

    @property
    def used(self) -> int:
        """Returns how many requests the account has made, of those that are counted."""
        return self._counted + int(self._state.engine.settings.get(USED, "0"))

    @property
    def cap(self) -> int:
        """Returns how many it may make: one more for each USDC traded."""
        traded = sum((abs(fill.qty) * fill.price for fill in self._state.engine.fills), Decimal(0))
        return FIRST_REQUESTS + int(traded)

    def checked(self, request: HttpRequest) -> Action:
        """Returns an action that the account may do now. Raises HyperliquidError or ApiError."""
        try:
            content = request.content
            action, nonce, signature = normalized(content["action"]), int(content["nonce"]), content["signature"]
            expires = content.get("expiresAfter")
            vault = content.get("vaultAddress")
        except (InvalidOperation, KeyError, TypeError, ValueError):
            raise unreadable() from None
        testnet = HOSTS[request.path.partition("/")[0]]
        try:
            signer = signer_of(action, nonce, signature, testnet=testnet, vault=vault, expires_after=expires)
        except NotSigned:
            raise HyperliquidError("Unable to recover signer.") from None
        may = {OWNER, *(() if self._state.keys.reads_only else (WALLET,))}
        if signer not in may or vault is not None:
            raise HyperliquidError(TWO_WORDS[int(signer[-1], 16) % 2].format(signer))
        now_ms = self._state.now_ms()
        self._take(signer, nonce, now_ms)
        late = expires is not None and now_ms > int(expires)
        self._counted += EXPIRED_COSTS if late else len(action.get("orders") or action.get("cancels") or [0])
        if late:
            raise HyperliquidError("Action already expired")
        if self.used > self.cap:
            raise HyperliquidError(
                f"Too many cumulative requests sent ({self.used} > {self.cap}) for cumulative volume traded "
                f"${self.cap - FIRST_REQUESTS}. Place taker orders to free up 1 request per USDC traded."
            )
        return action

    def _take(self, signer: str, nonce: int, now_ms: int) -> None:
        known = self._nonces.setdefault(signer, [])
        if nonce in known:
            raise HyperliquidError(f"Invalid nonce: duplicate nonce {nonce}")
        least = min(known) if len(known) == NONCES else now_ms - 2 * DAY_MS
        if nonce <= least:
            raise HyperliquidError(f"Invalid nonce: nonce too low {nonce} < {least}")
        if nonce > now_ms + DAY_MS:
            raise HyperliquidError(f"Invalid nonce: nonce too high {nonce} > {now_ms + DAY_MS}")
        known.append(nonce)
        known.sort()
        del known[:-NONCES]


def normalized(action: Action) -> Action:
    """Returns an action as it is hashed: an order's fields in their own order, its numbers without zeros behind."""
    if action["type"] != "order":
        return action
    orders = [
        {
            "a": int(order["a"]), "b": bool(order["b"]), "p": on_wire(order["p"]), "s": on_wire(order["s"]),
            "r": bool(order["r"]), "t": kind_of(order["t"]), **({"c": str(order["c"]).lower()} if "c" in order else {}),
        }
        for order in action["orders"]
    ]  # fmt: skip
    rest = {"builder": action["builder"]} if "builder" in action else {}
    return {"type": "order", "orders": orders, "grouping": action["grouping"], **rest}


def kind_of(told: Action) -> Action:
    """Returns an order's `t` as it is hashed (JKorf/HyperLiquid.Net, issue 36: a zero behind the trigger's price)."""
    if "trigger" not in told:
        return told
    wanted = told["trigger"]
    price = on_wire(wanted["triggerPx"])
    return {"trigger": {"isMarket": bool(wanted["isMarket"]), "triggerPx": price, "tpsl": str(wanted["tpsl"])}}


class Weights:
    """Adds up what questions and actions weigh: 1200 a minute and address (P: .../api/rate-limits-and-user-limits)."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._asked = deque[tuple[int, int]]()

    def check(self) -> None:
        """Raises ApiError where too much was asked for in the last minute."""
        most, now_ms = self._state.engine.settings.get(A_MINUTE), self._state.now_ms()
        while self._asked and self._asked[0][0] <= now_ms - MINUTE_MS:
            self._asked.popleft()
        if most is not None and sum(weight for _, weight in self._asked) >= int(most):
            raise ApiError(429, "null")

    def add(self, weight: int) -> None:
        """Counts what was done."""
        self._asked.append((self._state.now_ms(), weight))
        self._state.asked_weight += weight


def question_weight(kind: str, answer: object) -> int:
    """Returns what a question weighs, with the rows of its answer (P: likewise).

    >>> question_weight("l2Book", {}), question_weight("userRole", {}), question_weight("userFillsByTime", [{}] * 45)
    (2, 60, 22)
    """
    light = ("l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus")
    by_rows = ("recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding")
    weight = 2 if kind in light else 60 if kind == "userRole" else 20
    rows = len(answer) if isinstance(answer, list) else 0
    return weight + (rows // 20 if kind in by_rows else rows // 60 if kind == "candleSnapshot" else 0)


def signed(signatures: Signatures, weights: Weights, handlers: Mapping[str, ActionHandler]) -> Handler:
    """Makes the handler of `exchange`: an action of each type goes to its own. What has no handler is nothing here."""

    def handle(request: HttpRequest) -> object:
        weights.check()
        weights.add(1)
        try:
            action = signatures.checked(request)
            handler = handlers.get(str(action["type"]))
            if handler is None:
                raise unreadable()
            return {"status": "ok", "response": handler(action, request)}
        except HyperliquidError as refused:
            return {"status": "err", "response": str(refused)}

    return handle


def asked(weights: Weights, handlers: Mapping[str, Handler]) -> Handler:
    """Makes the handler of `info`: each type of question goes to its own."""

    def handle(request: HttpRequest) -> object:
        content = request.content
        handler = handlers.get(str(content.get("type"))) if isinstance(content, dict) else None
        if handler is None:
            raise unreadable()
        weights.check()
        try:
            answer = handler(request)
        except (InvalidOperation, KeyError, TypeError, ValueError):
            raise unreadable() from None
        weights.add(question_weight(str(content["type"]), answer))
        return answer

    return handle
