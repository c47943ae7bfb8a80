"""Account, positions and settings of Binance's USD-M futures.

https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api
"""

from decimal import Decimal

from services.simulator.binance.rest import FUTURES, api_error, private
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.wallet import HeldPosition
from services.simulator.http.request import Handler, HttpRequest

ZERO = Decimal(0)
CURRENCY = "USDT"
WEEK_MS = 7 * 86_400_000


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`."""
    account, futures = BinanceAccount(state), f"{FUTURES}/v1"
    table: dict[str, Handler] = {
        f"GET {futures}/income": account.income,
        f"GET {futures}/positionSide/dual": account.position_mode,
        f"POST {futures}/positionSide/dual": account.set_position_mode,
        f"POST {futures}/marginType": account.set_margin,
        f"POST {futures}/leverage": account.set_leverage,
        f"GET {futures}/symbolConfig": account.symbol_config,
        f"GET {futures}/leverageBracket": account.brackets,
        f"GET {futures}/accountConfig": account.config,
        f"GET {futures}/multiAssetsMargin": account.assets_mode,
        "GET api.binance.com/sapi/v1/account/info": account.info,
        "GET api.binance.com/sapi/v1/account/apiRestrictions": account.key_rights,
        "GET api.binance.com/sapi/v1/capital/config/getall": lambda request: [],
    }
    for version in ("v2", "v3"):
        table[f"GET {FUTURES}/{version}/account"] = account.account
        table[f"GET {FUTURES}/{version}/balance"] = account.balance
        table[f"GET {FUTURES}/{version}/positionRisk"] = account.positions
    return private(state, table)


def _other(name: str, amount: Decimal) -> dict[str, object]:
    """Returns the row of an asset beside the one that is traded with."""
    return {
        "asset": name, "walletBalance": amount, "unrealizedProfit": "0", "marginBalance": amount, "maintMargin": "0",
        "initialMargin": "0", "positionInitialMargin": "0", "openOrderInitialMargin": "0",
        "crossWalletBalance": amount, "crossUnPnl": "0", "availableBalance": amount, "maxWithdrawAmount": amount,
        "updateTime": 0,
    }  # fmt: skip


class BinanceAccount:
    """Handles requests about the account, its positions and its settings."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def account(self, request: HttpRequest) -> object:
        """Answers GET account, v2 and v3."""
        now_ms, cash, engine = self._state.now_ms(), self._state.engine.wallet.cash, self._state.engine
        # https://github.com/ccxt/ccxt/issues/27997: 0 of an asset with which nothing was done
        updated_ms = now_ms if engine.fills or engine.payments else 0
        profit = sum((self._profit(sym, held) for sym, _, held in self._state.holdings(request)), ZERO)
        wallet, free = self._state.engine.wallet.cash[CURRENCY], self._state.engine.free(CURRENCY, now_ms)
        asset = {
            "asset": CURRENCY, "walletBalance": wallet, "unrealizedProfit": profit, "marginBalance": wallet + profit,
            "maintMargin": "0", "initialMargin": wallet + profit - free, "positionInitialMargin": "0",
            "openOrderInitialMargin": "0", "crossWalletBalance": wallet, "crossUnPnl": "0", "availableBalance": free,
            "maxWithdrawAmount": free, "updateTime": updated_ms,
        }  # fmt: skip
        return {
            "totalWalletBalance": wallet, "totalUnrealizedProfit": profit, "totalMarginBalance": wallet + profit,
            "availableBalance": free, "canTrade": not self._state.keys.reads_only, "positions": [],
            "assets": [asset, *(_other(name, amount) for name, amount in cash.items() if name != CURRENCY)],
        }  # fmt: skip

    def balance(self, request: HttpRequest) -> object:
        """Answers GET balance, v2 and v3."""
        engine, now_ms = self._state.engine, self._state.now_ms()
        return [
            {
                "accountAlias": engine.settings.get("uid", "FzFzXquXXqoC"),
                "asset": coin,
                "balance": cash,
                "availableBalance": engine.free(coin, now_ms),
            }
            for coin, cash in engine.wallet.cash.items()
        ]

    def positions(self, request: HttpRequest) -> object:
        """Answers GET positionRisk, v2 and v3 (v3 leaves the flat ones out, and the settings of a market).

        P: trade/rest-api/Position-Information-V3
        """
        of_v2 = "/v2/" in request.path
        return [
            {**self._position(sym, leg, held), **(self._settings(sym) if of_v2 else {})}
            for sym, leg, held in self._state.holdings(request)
            if request.form.get("symbol", sym) == sym and (held.qty or of_v2)
        ]

    def _settings(self, sym: str) -> dict[str, object]:
        engine = self._state.engine
        isolated = engine.settings.get(f"margin:{sym}", "CROSSED") == "ISOLATED"
        return {"leverage": str(engine.leverage(sym)), "marginType": "isolated" if isolated else "cross"}

    def income(self, request: HttpRequest) -> object:
        """Answers GET income: payments, the oldest first, 100 unless more are asked for, and 1000 at most.

        A week where no times are given.
        """
        form, now_ms = request.form, self._state.now_ms()
        since_ms = int(form.get("startTime", 0 if "endTime" in form else now_ms - WEEK_MS))
        until_ms, kind = int(form.get("endTime", now_ms)), form.get("incomeType")
        limit = min(int(form.get("limit", 100)), 1000)
        found = [
            {
                "symbol": pay.sym, "incomeType": pay.kind, "income": pay.amount, "asset": pay.currency,
                "info": pay.kind, "time": pay.at_ms, "tranId": pay.id, "tradeId": "",
            }
            for pay in self._state.engine.payments
            if since_ms <= pay.at_ms <= until_ms and kind in (None, pay.kind) and form.get("symbol", pay.sym) == pay.sym
        ]  # fmt: skip
        return found[:limit]

    def position_mode(self, request: HttpRequest) -> object:
        """Answers GET positionSide/dual."""
        return {"dualSidePosition": self._state.engine.settings.get("dual", "false") == "true"}

    def set_position_mode(self, request: HttpRequest) -> object:
        """Answers POST positionSide/dual."""
        if self._state.engine.settings.get("dual", "false") == request.form["dualSidePosition"]:
            raise api_error(-4059, "No need to change position side.")
        self._set("dual", request.form["dualSidePosition"], (-4068, -4067), "Position side", None)
        return {"code": 200, "msg": "success"}

    def set_margin(self, request: HttpRequest) -> object:
        """Answers POST marginType."""
        key, wanted = f"margin:{request.form['symbol']}", request.form["marginType"]
        if self._state.engine.settings.get(key, "CROSSED") == wanted:
            raise api_error(-4046, "No need to change margin type.")
        self._set(key, wanted, (-4048, -4047), "Margin type", request.form["symbol"])
        return {"code": 200, "msg": "success"}

    def set_leverage(self, request: HttpRequest) -> object:
        """Answers POST leverage."""
        sym, wanted = request.form["symbol"], int(request.form["leverage"])
        if not 1 <= wanted <= self._state.engine.listings[sym].most_leverage:
            raise api_error(-4028, f"Leverage {wanted} is not valid")
        self._state.engine.set(f"leverage:{sym}", str(wanted))
        return {"symbol": sym, "leverage": wanted, "maxNotionalValue": "1000000"}

    def symbol_config(self, request: HttpRequest) -> object:
        """Answers GET symbolConfig."""
        engine = self._state.engine
        return [
            {
                "symbol": sym, "marginType": engine.settings.get(f"margin:{sym}", "CROSSED"), "isAutoAddMargin": False,
                "leverage": int(engine.leverage(sym)), "maxNotionalValue": "1000000",
            }
            for sym in engine.listings
            if request.form.get("symbol", sym) == sym
        ]  # fmt: skip

    def brackets(self, request: HttpRequest) -> object:
        """Answers GET leverageBracket."""
        bracket = {
            "bracket": 1, "initialLeverage": 100, "notionalCap": 10**9, "notionalFloor": 0, "maintMarginRatio": 0.004,
            "cum": 0.0,
        }  # fmt: skip
        return [{"symbol": sym, "brackets": [bracket]} for sym in self._state.engine.listings]

    def config(self, request: HttpRequest) -> object:
        """Answers GET accountConfig."""
        return {
            "feeTier": 0, "canTrade": not self._state.keys.reads_only, "canDeposit": True, "canWithdraw": True,
            "tradeGroupId": -1,
            "dualSidePosition": self._state.engine.settings.get("dual", "false") == "true",
            "multiAssetsMargin": self._state.engine.settings.get("multiAssets", "false") == "true",
        }  # fmt: skip

    def assets_mode(self, request: HttpRequest) -> object:
        """Answers GET multiAssetsMargin."""
        return {"multiAssetsMargin": self._state.engine.settings.get("multiAssets", "false") == "true"}

    def info(self, request: HttpRequest) -> object:
        """Answers GET sapi account/info: https://developers.binance.com/docs/wallet/account/account-info."""
        portfolio = self._state.engine.settings.get("portfolio", "false") == "true"
        return {
            "vipLevel": 0, "isMarginEnabled": True, "isFutureEnabled": True, "isOptionsEnabled": False,
            "isPortfolioMarginRetailEnabled": portfolio,
        }  # fmt: skip

    def key_rights(self, request: HttpRequest) -> object:
        """Answers GET sapi account/apiRestrictions."""
        return {
            "ipRestrict": True, "enableReading": True, "enableFutures": not self._state.keys.reads_only,
            "enableSpotAndMarginTrading": not self._state.keys.reads_only, "enableMargin": False,
            "enableWithdrawals": self._state.keys.withdraws, "enableInternalTransfer": False,
            "permitsUniversalTransfer": False, "createTime": 1_600_000_000_000,
        }  # fmt: skip

    def _set(self, key: str, value: str, codes: tuple[int, int], what: str, sym: str | None) -> None:
        """Sets the margin type, where nothing stands in this symbol, or the position mode, where nothing stands in any.

        https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Change-Margin-Type
        https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Change-Position-Mode
        """
        if self._state.in_position(sym):
            raise api_error(codes[0], f"{what} cannot be changed if there exists position.")
        if self._state.engine.open_orders(sym):
            raise api_error(codes[1], f"{what} cannot be changed if there exists open orders.")
        self._state.engine.set(key, value)

    def _profit(self, sym: str, held: HeldPosition) -> Decimal:
        return held.qty * (self._state.engine.prices.quote(sym, self._state.now_ms()).mid - held.entry)

    def _position(self, sym: str, leg: str, held: HeldPosition) -> dict[str, object]:
        engine = self._state.engine
        mark, profit = engine.prices.quote(sym, self._state.now_ms()).mid, self._profit(sym, held)
        margin = abs(held.qty) * held.entry / engine.leverage(sym)
        side = (1 if held.qty > 0 else -1) / engine.leverage(sym)
        far = (held.entry * (1 - side)).quantize(Decimal("0.00000001")) if held.qty else ZERO
        isolated = engine.settings.get(f"margin:{sym}", "CROSSED") == "ISOLATED"
        return {
            "symbol": sym, "positionSide": leg or "BOTH", "positionAmt": held.qty, "entryPrice": held.entry,
            "breakEvenPrice": held.entry, "markPrice": mark, "unRealizedProfit": profit, "liquidationPrice": far,
            "isolatedMargin": margin + profit if isolated else "0", "notional": held.qty * mark,
            "marginAsset": CURRENCY,
            "isolatedWallet": margin if isolated else "0", "initialMargin": margin, "maintMargin": "0",
            "positionInitialMargin": margin, "openOrderInitialMargin": "0", "adl": 1, "bidNotional": "0",
            "askNotional": "0", "updateTime": held.at_ms,
        }  # fmt: skip
