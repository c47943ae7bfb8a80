"""Account, positions and settings of OKX.

https://www.okx.com/docs-v5/en/#trading-account-rest-api
"""

from decimal import Decimal
from zlib import crc32

from services.simulator.engine.events import CROSS, HEDGE
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.wallet import HeldPosition
from services.simulator.http.request import Handler, HttpRequest
from services.simulator.okx.rest import api_error, private

ZERO = Decimal(0)
CENT = Decimal("0.00000001")
MOST_IDS = 10


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`."""
    account = OkxAccount(state)
    table: dict[str, Handler] = {
        "GET account/config": account.config,
        "GET account/balance": account.balance,
        "GET account/positions": account.positions,
        "GET account/leverage-info": account.leverage,
        "GET account/bills": account.bills,
        "GET account/bills-archive": account.bills,
        "POST account/set-leverage": account.set_leverage,
        "POST account/set-position-mode": account.set_position_mode,
        "GET asset/currencies": lambda request: [],
    }
    return private(state, table)


def position_id(sym: str, leg: str) -> int:
    """Returns a position's number, the same each time.

    >>> position_id("BTC-USDT-SWAP", "") != position_id("BTC-USDT-SWAP", "CROSS")
    True
    """
    return crc32(f"{sym} {leg}".encode())


class OkxAccount:
    """Handles requests about the account, its positions and its settings."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def config(self, request: HttpRequest) -> object:
        """Answers GET account/config."""
        keys = self._state.keys
        rights = ",".join(
            ["read_only", *(["trade"] if not keys.reads_only else []), *(["withdraw"] if keys.withdraws else [])]
        )
        mode = self._state.engine.settings.get("mode", "net_mode")
        level = self._state.engine.settings.get("acctLv", "2")
        uid = self._state.engine.settings.get("uid", "43812")
        return [{"uid": uid, "mainUid": uid, "acctLv": level, "posMode": mode, "perm": rights, "autoLoan": False}]

    def set_position_mode(self, request: HttpRequest) -> object:
        """Answers POST account/set-position-mode."""
        engine, wanted = self._state.engine, request.content["posMode"]
        if (self._state.in_position() or engine.open_orders()) and wanted != engine.settings.get("mode", "net_mode"):
            raise api_error("59000", "Settings failed. Close any open positions or orders.")
        engine.set("mode", wanted)
        return [{"posMode": wanted}]

    def leverage(self, request: HttpRequest) -> object:
        """Answers GET account/leverage-info."""
        engine, mode = self._state.engine, request.query["mgnMode"]
        return [
            {"instId": sym, "mgnMode": mode, "posSide": "net", "lever": str(engine.leverage(sym)), "ccy": ""}
            for sym in request.query["instId"].split(",")
        ]

    def set_leverage(self, request: HttpRequest) -> object:
        """Answers POST account/set-leverage."""
        content = request.content
        if not 1 <= Decimal(content["lever"]) <= self._state.engine.listings[content["instId"]].most_leverage:
            raise api_error("59102", "Leverage exceeds the maximum limit.")
        self._state.engine.set(f"leverage:{content['instId']}", str(content["lever"]))
        return [{**content, "lever": str(content["lever"])}]

    def balance(self, request: HttpRequest) -> object:
        """Answers GET account/balance: equity is cash and unrealised profit."""
        engine = self._state.engine
        now_ms, cash = self._state.now_ms(), engine.wallet.cash
        profit = sum((self._profit(sym, held) for sym, _, held in self._state.holdings(request)), ZERO)
        details = [
            {
                "ccy": currency, "cashBal": amount, "eq": amount + (profit if currency == "USDT" else 0),
                "availBal": amount - engine.locked(currency), "availEq": engine.free(currency, now_ms),
                "frozenBal": engine.locked(currency), "ordFrozen": engine.locked(currency),
                "upl": profit if currency == "USDT" else "0", "uTime": str(now_ms),
            }
            for currency, amount in cash.items()
        ]  # fmt: skip
        return [{"uTime": str(now_ms), "totalEq": cash["USDT"] + profit, "details": details}]

    def positions(self, request: HttpRequest) -> object:
        """Answers GET account/positions: open ones."""
        wanted = request.query.get("instId")
        if wanted is not None and len(wanted.split(",")) > MOST_IDS:
            raise api_error("51000", "Parameter instId error")
        return [
            self._position(sym, leg, held)
            for sym, leg, held in self._state.holdings(request)
            if held.qty and (wanted is None or sym in wanted.split(","))
        ]

    def bills(self, request: HttpRequest) -> object:
        """Answers GET account/bills and bills-archive: funding, newest first, 100 at most.

        An isolated position pays by itself.
        """
        query = request.query
        after, since_ms = int(query.get("after", 2**62)), int(query.get("begin", 0))
        found = [
            {
                "billId": str(pay.id), "instId": pay.sym, "ccy": pay.currency, "balChg": "0", "posBalChg": pay.amount,
                "type": "8", "subType": "173" if pay.amount < 0 else "174", "ts": str(pay.at_ms), "instType": "SWAP",
                "mgnMode": "isolated", "pnl": pay.amount, "sz": "0", "fee": "0", "ordId": "",
            }
            for pay in reversed(self._state.engine.payments)
            if pay.kind == "FUNDING_FEE" and query.get("type", "8") == "8" and pay.id < after and pay.at_ms >= since_ms
        ]  # fmt: skip
        return found[: min(int(query.get("limit", 100)), 100)]

    def _profit(self, sym: str, held: HeldPosition) -> Decimal:
        return held.qty * (self._state.engine.prices.quote(sym, self._state.now_ms()).mid - held.entry)

    def _position(self, sym: str, leg: str, held: HeldPosition) -> dict[str, object]:
        engine, listing = self._state.engine, self._state.engine.listings[sym]
        mark, lever = engine.prices.quote(sym, self._state.now_ms()).mid, engine.leverage(sym)
        margin = abs(held.qty) * held.entry / lever
        far = held.entry * (1 - (1 if held.qty > 0 else -1) / lever) if held.qty else ZERO
        return {
            "instType": "SWAP", "instId": sym, "mgnMode": "cross" if leg == CROSS else "isolated",
            "posId": str(position_id(sym, leg)), "posSide": leg.lower() if leg in HEDGE else "net",
            "pos": (abs(held.qty) if leg in HEDGE else held.qty) / listing.contract_size,
            "avgPx": held.entry, "markPx": mark, "uplRatio": "0",
            "upl": self._profit(sym, held), "lever": str(lever), "margin": margin, "imr": "",
            "liqPx": "" if leg == CROSS else far.quantize(CENT),
            "mmr": margin / 10, "mgnRatio": "", "notionalUsd": abs(held.qty) * mark, "ccy": listing.quote,
            "posCcy": "", "cTime": str(held.at_ms), "uTime": str(held.at_ms), "realizedPnl": "0",
        }  # fmt: skip
