"""The account of Hyperliquid: its positions and money, its settings, who it is, and how much it may ask.

.../api/info-endpoint/perpetuals#retrieve-users-perpetuals-account-summary, #retrieve-a-users-funding-history
.../api/info-endpoint#query-user-rate-limits, #query-a-users-role, #query-a-users-abstraction-state
.../api/exchange-endpoint#update-leverage
(... is https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers)

Rows as in the cassettes of the official SDK's info_test: user_state, user_rate_limit, user_role, extra_agents,
user_funding_history; activeAssetData as its typed clients have it.
"""

from decimal import Decimal

from services.simulator.engine.events import CROSS
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest
from services.simulator.hyperliquid.rest import OWNER, WALLET, Action, HyperliquidError, Signatures, num

ZERO = Decimal(0)
CENT = Decimal("0.000001")
HASH = "0x" + "0" * 64
MOST_PAYMENTS = 500
YEAR_MS = 365 * 86_400_000
ROLE, MODE = "role", "abstraction"  # the settings: of the account, user and default


class HyperliquidAccount:
    """Handles what is asked about the account, and its settings. Whoever asks about another one gets an empty one."""

    def __init__(self, state: SimulatorState, coins: dict[int, str], signatures: Signatures) -> None:
        self._state, self._coins, self._signatures = state, coins, signatures

    def update_leverage(self, action: Action, request: HttpRequest) -> object:
        """Does `updateLeverage`: margin mode and leverage of a market together."""
        engine, sym = self._state.engine, self._coins.get(int(action["asset"]))
        leverage, cross = int(action["leverage"]), bool(action["isCross"])
        if sym is None or not 1 <= leverage <= engine.listings[sym].most_leverage:
            raise HyperliquidError("Invalid leverage value")
        if self._state.in_position(sym) and cross is not self._cross(sym):
            raise HyperliquidError("Cannot switch leverage type with open position.")
        engine.set(f"margin:{sym}", "cross" if cross else "isolated")
        engine.set(f"leverage:{sym}", str(leverage))
        return {"type": "default"}

    def _cross(self, sym: str) -> bool:
        return self._state.engine.settings.get(f"margin:{sym}", "cross") == "cross"

    def _leverage(self, sym: str) -> dict[str, object]:
        kind = "cross" if self._cross(sym) else "isolated"
        return {"type": kind, "value": int(self._state.engine.leverage(sym))}

    def summary(self, request: HttpRequest) -> object:
        """Answers clearinghouseState: open positions, and what the account is worth with them."""
        state, engine, now_ms = self._state, self._state.engine, self._state.now_ms()
        if request.content["user"].lower() != OWNER:
            return {
                "assetPositions": [],
                "marginSummary": _margin(ZERO, ZERO, ZERO),
                "withdrawable": "0.0",
                "time": now_ms,
            }
        rows, worth, bound, notional = list[object](), engine.wallet.cash["USDC"], ZERO, ZERO
        for sym, leg, held in state.holdings(request):
            if not held.qty:
                continue
            mark = engine.prices.quote(sym, now_ms).mid
            profit, value = held.qty * (mark - held.entry), abs(held.qty) * mark
            lever = engine.leverage(sym)
            cross = leg == CROSS or self._cross(sym)
            margin = abs(held.qty) * held.entry / lever
            used = margin if cross else margin + profit
            far = held.entry * (1 - (1 if held.qty > 0 else -1) / lever)
            worth, bound, notional = worth + profit, bound + used, notional + value
            position = {
                "coin": sym, "szi": num(held.qty), "leverage": self._leverage(sym), "entryPx": num(held.entry),
                "positionValue": num(value), "unrealizedPnl": num(profit), "returnOnEquity": "0.0",
                "liquidationPx": None if cross else num(far.quantize(CENT)), "marginUsed": num(used.quantize(CENT)),
                "maxLeverage": engine.listings[sym].most_leverage,
                "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
            }  # fmt: skip
            rows.append({"type": "oneWay", "position": position})
        return {
            "assetPositions": rows, "marginSummary": _margin(worth, notional, bound),
            "crossMarginSummary": _margin(worth, notional, bound), "crossMaintenanceMarginUsed": "0.0",
            "withdrawable": num(engine.free("USDC", now_ms)), "time": now_ms,
        }  # fmt: skip

    def asset(self, request: HttpRequest) -> object:
        """Answers activeAssetData: a market's settings, flat or not."""
        coin = request.content["coin"]
        if coin not in self._state.engine.listings:
            raise KeyError(coin)
        mark = num(self._state.engine.prices.quote(coin, self._state.now_ms()).mid)
        return {
            "user": request.content["user"], "coin": coin, "leverage": self._leverage(coin),
            "maxTradeSzs": ["1.0", "1.0"], "availableToTrade": ["1.0", "1.0"], "markPx": mark,
        }  # fmt: skip

    def funding(self, request: HttpRequest) -> object:
        """Answers userFunding: the first 500 of a time, oldest first; their hash is all zeros."""
        content, engine = request.content, self._state.engine
        since_ms, until_ms = int(content["startTime"]), int(content.get("endTime") or 2**62)
        mine = content["user"].lower() == OWNER
        found = [
            pay for pay in engine.payments if mine and pay.kind == "FUNDING_FEE" and since_ms <= pay.at_ms <= until_ms
        ]
        return [
            {
                "time": pay.at_ms, "hash": HASH,
                "delta": {
                    "type": "funding", "coin": pay.sym, "usdc": num(pay.amount), "szi": "0.0", "fundingRate": "0.0",
                    "nSamples": None,
                },
            }
            for pay in sorted(found, key=lambda pay: pay.at_ms)[:MOST_PAYMENTS]
        ]  # fmt: skip

    def rate_limit(self, request: HttpRequest) -> object:
        """Answers userRateLimit: actions that were counted, and how many there may be."""
        cap = self._signatures.cap
        return {"cumVlm": f"{cap - 10_000}.0", "nRequestsUsed": self._signatures.used, "nRequestsCap": cap}

    def role(self, request: HttpRequest) -> object:
        """Answers userRole. The account's own is set by `role`: agent, vault, subAccount, missing."""
        user = request.content["user"].lower()
        if user == WALLET and not self._state.keys.reads_only:
            return {"role": "agent", "data": {"user": OWNER}}
        role = self._state.engine.settings.get(ROLE, "user") if user == OWNER else "missing"
        return {"role": role, **({"data": {"master": WALLET}} if role == "subAccount" else {})}

    def agents(self, request: HttpRequest) -> object:
        """Answers extraAgents: API wallets that have a name."""
        if request.content["user"].lower() != OWNER or self._state.keys.reads_only:
            return []
        return [{"name": "bot", "address": WALLET, "validUntil": self._state.now_ms() + YEAR_MS}]

    def abstraction(self, request: HttpRequest) -> object:
        """Answers userAbstraction: a bare word, set by `abstraction`."""
        return self._state.engine.settings.get(MODE, "default")


def _margin(worth: Decimal, notional: Decimal, used: Decimal) -> dict[str, str]:
    return {
        "accountValue": num(worth), "totalNtlPos": num(notional), "totalRawUsd": num(worth - notional),
        "totalMarginUsed": num(used.quantize(CENT)),
    }  # fmt: skip
