"""Account, key, positions, settings and executions of Bybit's unified account.

https://bybit-exchange.github.io/docs/v5/account/wallet-balance
https://bybit-exchange.github.io/docs/v5/account/account-info
https://bybit-exchange.github.io/docs/v5/account/set-margin-mode
https://bybit-exchange.github.io/docs/v5/position
https://bybit-exchange.github.io/docs/v5/user/apikey-info
https://bybit-exchange.github.io/docs/v5/order/execution
https://bybit-exchange.github.io/docs/v5/enum#exectype
"""

from decimal import Decimal
from typing import Any

from services.simulator.bybit.orders import CREATED_BY, INDEX
from services.simulator.bybit.rest import (
    BybitError,
    category,
    checked_category,
    exec_id,
    listing_of,
    number_of,
    order_id,
    page,
    private,
    window,
)
from services.simulator.bybit.stops import BybitTradingStop
from services.simulator.engine.events import HEDGE, EngineFill, Payment
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.wallet import HeldPosition
from services.simulator.http.request import Handler, HttpRequest

ZERO = Decimal(0)
CLASSIC, UNIFIED = "1", "5"
REGULAR, ISOLATED, PORTFOLIO = "REGULAR_MARGIN", "ISOLATED_MARGIN", "PORTFOLIO_MARGIN"
CENT = Decimal("0.00000001")


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`."""
    account, executions = BybitAccount(state), BybitExecutions(state)
    table: dict[str, Handler] = {
        "GET account/wallet-balance": account.balance,
        "GET account/info": account.info,
        "POST account/set-margin-mode": account.set_margin,
        "GET position/list": account.positions,
        "POST position/switch-mode": account.set_position_mode,
        "POST position/set-leverage": account.set_leverage,
        "GET user/query-api": account.key_rights,
        "GET execution/list": executions.executions,
    }
    return private(state, table)


class BybitAccount:
    """Handles requests about the account, its positions and its settings.

    Its settings in the engine: unifiedMarginStatus, marginMode, dual, leverage:SYM.
    """

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def balance(self, request: HttpRequest) -> object:
        """Answers GET account/wallet-balance: a coin's equity has what is not realised, its walletBalance has not."""
        engine, now_ms = self._state.engine, self._state.now_ms()
        classic, kind = self._status == CLASSIC, request.query.get("accountType")
        if kind != ("CONTRACT" if classic else "UNIFIED"):
            raise BybitError(10001, f"accountType only support {'CONTRACT' if classic else 'UNIFIED'}.")
        held = self._state.holdings(request)
        upl = sum((self._profit(sym, one) for sym, _, one in held), ZERO)
        margin = sum((abs(one.qty) * one.entry / engine.leverage(sym) for sym, _, one in held), ZERO)
        coins = [
            self._coin(currency, amount, upl if currency == "USDT" else ZERO, margin if currency == "USDT" else ZERO)
            for currency, amount in engine.wallet.cash.items()
            if amount or currency == "USDT"
        ]
        worth = sum((self._worth(currency, amount, now_ms) for currency, amount in engine.wallet.cash.items()), ZERO)
        # U: rates and margins of the account are empty strings in isolated margin mode, and all of it in a classic one
        isolated = self._mode == ISOLATED
        rate = "" if isolated or classic else (margin / (worth + upl)).quantize(Decimal("0.0001"))
        totals: dict[str, object] = {
            "totalEquity": worth + upl, "totalWalletBalance": worth, "totalMarginBalance": worth + upl,
            "totalPerpUPL": upl, "totalAvailableBalance": "" if isolated else worth + upl - margin,
            "totalInitialMargin": "" if isolated else margin,
            "totalMaintenanceMargin": "" if isolated else margin / 10,
        }  # fmt: skip
        if classic:
            totals = dict.fromkeys(totals, "")
        row = {
            "accountType": kind, "accountIMRate": rate, "accountMMRate": rate, "accountLTV": "", **totals, "coin": coins
        }  # fmt: skip
        return {"list": [row]}

    def info(self, request: HttpRequest) -> object:
        """Answers GET account/info."""
        return {
            "marginMode": self._mode, "updatedTime": str(self._state.now_ms()),
            "unifiedMarginStatus": int(self._status), "dcpStatus": "OFF", "timeWindow": 10, "smpGroup": 0,
            "isMasterTrader": False, "spotHedgingStatus": "OFF",
        }  # fmt: skip

    def set_margin(self, request: HttpRequest) -> object:
        """Answers POST account/set-margin-mode: of the whole account."""
        wanted, engine = request.content["setMarginMode"], self._state.engine
        if wanted not in (REGULAR, ISOLATED, PORTFOLIO):
            raise BybitError(10001, "params error: setMarginMode invalid")
        if wanted != self._mode and (engine.open_orders() or self._state.in_position()):
            reason = {"reasonCode": "3400000", "reasonMsg": "Close positions and cancel orders first"}
            raise BybitError(3400045, "Set margin mode failed", result={"reasons": [reason]})
        engine.set("marginMode", wanted)
        return {"reasons": []}

    def set_position_mode(self, request: HttpRequest) -> object:
        """Answers POST position/switch-mode: 0 one-way, 3 both sides."""
        content, engine = request.content, self._state.engine
        if not content.get("symbol") and not content.get("coin"):
            raise BybitError(10001, "params error: symbol or coin is required")
        wanted = "true" if str(content["mode"]) == "3" else "false"
        if wanted == engine.settings.get("dual", "false"):
            raise BybitError(110025, "Position mode is not modified")
        if self._state.in_position():
            raise BybitError(110024, "You have an existing position, so position mode cannot be switched")
        if engine.open_orders():
            raise BybitError(110028, "Open orders exist, so you cannot change position mode")
        engine.set("dual", wanted)
        return {}

    def set_leverage(self, request: HttpRequest) -> object:
        """Answers POST position/set-leverage."""
        content, engine = request.content, self._state.engine
        listing = listing_of(self._state, content)
        wanted = Decimal(content["buyLeverage"])
        if wanted == engine.leverage(listing.id):
            raise BybitError(110043, "leverage not modified")
        if not 1 <= wanted <= listing.most_leverage:
            raise BybitError(110013, f"cannot set leverage [{wanted}] gt maxLeverage [{listing.most_leverage}]")
        engine.set(f"leverage:{listing.id}", str(wanted))
        return {}

    def positions(self, request: HttpRequest) -> object:
        """Answers GET position/list: of one symbol, flat or not; or all of a settle coin that are not flat."""
        query, held = request.query, self._state.holdings(request)
        kind = checked_category(query)
        if kind != "linear":
            raise BybitError(10001, "Illegal category")
        if "symbol" in query:
            sym = listing_of(self._state, query).id
            mine = {leg: one for held_sym, leg, one in held if held_sym == sym}
            legs = HEDGE if self._hedged else ("",)
            found = [(sym, leg, mine.get(leg, HeldPosition(0, ZERO, ZERO))) for leg in legs]
        elif "settleCoin" in query:
            coin, listings = query["settleCoin"], self._state.engine.listings
            found = [(sym, leg, one) for sym, leg, one in held if one.qty and listings[sym].quote == coin]
        else:
            raise BybitError(10001, "Missing some parameters that must be filled in, symbol or settleCoin")
        rows, cursor = page(found, query, 20, 200)
        return {"list": [self._position(*row) for row in rows], "nextPageCursor": cursor, "category": kind}

    def key_rights(self, request: HttpRequest) -> object:
        """Answers GET user/query-api."""
        keys, unified = self._state.keys, self._status != CLASSIC
        trades, uid = not keys.reads_only, int(self._state.engine.settings.get("uid", "53888001"))
        return {
            "id": "16651472", "note": "fake", "apiKey": keys.key, "readOnly": int(keys.reads_only), "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"] if trades else [], "Spot": ["SpotTrade"] if trades else [],
                "Wallet": ["AccountTransfer", "Withdraw"] if keys.withdraws else [],
                "Options": ["OptionsTrade"] if trades else [], "Derivatives": ["DerivativesTrade"] if trades else [],
                "CopyTrading": [], "BlockTrade": [], "Exchange": [], "NFT": [], "Affiliate": [],
            },
            "ips": ["127.0.0.1"], "type": 1, "deadlineDay": 88, "expiredAt": "2030-05-15T03:13:24Z",
            "createdAt": "2023-02-15T03:13:24Z", "unified": 0, "uta": int(unified), "userID": uid,
            "inviterID": 0, "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "isMaster": True,
            "parentUid": "0", "kycLevel": "LEVEL_1", "kycRegion": "",
        }  # fmt: skip

    @property
    def _mode(self) -> str:
        return self._state.engine.settings.get("marginMode", REGULAR)

    @property
    def _status(self) -> str:
        return self._state.engine.settings.get("unifiedMarginStatus", UNIFIED)

    @property
    def _hedged(self) -> bool:
        return self._state.engine.settings.get("dual", "false") == "true"

    def _worth(self, currency: str, amount: Decimal, now_ms: int) -> Decimal:
        if currency == "USDT":
            return amount
        engine = self._state.engine
        market = next(
            (one.id for one in engine.listings.values() if one.base == currency and one.quote == "USDT"), None
        )
        return amount * engine.prices.quote(market, now_ms).mid if market else ZERO

    def _coin(self, currency: str, amount: Decimal, upl: Decimal, margin: Decimal) -> dict[str, object]:
        engine = self._state.engine
        return {
            "coin": currency, "equity": amount + upl, "walletBalance": amount, "unrealisedPnl": upl,
            "usdValue": self._worth(currency, amount + upl, self._state.now_ms()), "locked": engine.locked(currency),
            "totalOrderIM": "0", "totalPositionIM": margin, "totalPositionMM": margin / 10, "borrowAmount": "0",
            "spotBorrow": "0", "accruedInterest": "0", "availableToBorrow": "", "availableToWithdraw": "",
            "bonus": "0", "cumRealisedPnl": "0", "marginCollateral": True, "collateralSwitch": True,
            "spotHedgingQty": "0",
        }  # fmt: skip

    def _profit(self, sym: str, held: HeldPosition) -> Decimal:
        return held.qty * (self._state.engine.prices.quote(sym, self._state.now_ms()).mid - held.entry)

    def _position(self, sym: str, leg: str, held: HeldPosition) -> dict[str, object]:
        engine = self._state.engine
        mark, lever = engine.prices.quote(sym, self._state.now_ms()).mid, engine.leverage(sym)
        margin = (abs(held.qty) * held.entry / lever).quantize(CENT)
        side = "" if not held.qty else ("Buy" if held.qty > 0 else "Sell")
        far = held.entry * (1 - Decimal(1) / lever if held.qty > 0 else 1 + Decimal(1) / lever)
        return {
            "positionIdx": INDEX[leg], "riskId": 1, "riskLimitValue": "2000000", "symbol": sym, "side": side,
            "size": abs(held.qty), "avgPrice": held.entry, "positionValue": abs(held.qty) * held.entry, "tradeMode": 0,
            "positionStatus": "Normal", "autoAddMargin": 0, "adlRankIndicator": 2 if held.qty else 0,
            "leverage": str(lever), "positionBalance": margin, "markPrice": mark,
            "liqPrice": far.quantize(engine.listings[sym].tick) if held.qty and self._mode == ISOLATED else "",
            "bustPrice": "", "positionMM": margin / 10, "positionIM": margin, "tpslMode": "Full",
            **BybitTradingStop(self._state).of_position(sym, leg), "sessionAvgPrice": "",
            "unrealisedPnl": self._profit(sym, held) if held.qty else "", "curRealisedPnl": "0", "cumRealisedPnl": "0",
            "seq": 5723621632 if held.at_ms else -1, "isReduceOnly": False, "mmrSysUpdatedTime": "",
            "leverageSysUpdatedTime": "", "createdTime": str(held.at_ms or ""), "updatedTime": str(held.at_ms or ""),
        }  # fmt: skip


TYPES = {"": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade", "settlement": "Delivery"}
SEQ = 9_517_000_000


class BybitExecutions:
    """Handles requests about what was executed: trades, what Bybit closed itself, and funding, in one list."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def executions(self, request: HttpRequest) -> object:
        """Answers GET execution/list, newest first: seven days where no times are given.

        `size` is no parameter of it.
        """
        query, engine, seen_ms = request.query, self._state.engine, self._state.seen_ms(request)
        kind, sym = checked_category(query), query.get("symbol")
        if "orderId" in query or "orderLinkId" in query:
            rows = [self._trade(fill) for fill in engine.fills if self._named(fill, query) and fill.seen_ms <= seen_ms]
        else:
            since_ms, until_ms = window(query, seen_ms)
            until_ms = min(until_ms, seen_ms)
            rows = [self._trade(fill) for fill in self._state.fills(sym, since_ms, seen_ms, until_ms)]
            rows += [
                self._funding(pay)
                for pay in engine.payments
                if pay.kind == "FUNDING_FEE" and sym in (None, pay.sym) and since_ms <= pay.at_ms <= until_ms
            ]
        wanted = query.get("execType")
        rows = [
            row
            for row in rows
            if wanted in (None, row["execType"]) and category(engine.listings[str(row["symbol"])]) == kind
        ]
        rows.sort(key=lambda row: (-int(row["execTime"]), -int(row["seq"])))
        shown, cursor = page(rows, query, 50, 100)
        return {"list": shown, "nextPageCursor": cursor, "category": kind}

    def _named(self, fill: EngineFill, query: dict[str, str]) -> bool:
        if "orderId" in query:
            return fill.order_id == number_of(query["orderId"])
        return fill.client_id == query["orderLinkId"]

    def _trade(self, fill: EngineFill) -> dict[str, Any]:
        listing = self._state.engine.listings[fill.sym]
        order = self._state.engine.by_id(fill.order_id)
        assert order is not None
        swap = listing.kind == "swap"
        row: dict[str, Any] = {
            "symbol": fill.sym, "orderId": order_id(fill.order_id, listing.kind), "orderLinkId": fill.client_id,
            "side": "Buy" if fill.qty > 0 else "Sell", "orderPrice": order.limit or fill.price,
            "orderQty": abs(order.signed_qty), "leavesQty": "0",
            "orderType": "Market" if order.limit is None else "Limit",
            "stopOrderType": "UNKNOWN" if swap else "", "execFee": fill.fee, "execId": exec_id(fill.id, listing.kind),
            "execPrice": fill.price, "execQty": abs(fill.qty), "execType": TYPES[fill.origin],
            "execValue": abs(fill.qty) * fill.price, "execTime": str(fill.at_ms), "isMaker": False,
            "feeCurrency": "" if swap else fill.fee_currency, "feeRate": self._state.engine.fee, "tradeIv": "",
            "markIv": "", "markPrice": fill.price, "indexPrice": "", "underlyingPrice": "", "blockTradeId": "",
            "closedSize": abs(fill.qty) if fill.profit else "0", "seq": SEQ + fill.id,
            "extraFees": self._extra(fill), "marketUnit": "" if swap else "baseCoin",
        }  # fmt: skip
        return {**row, "createType": CREATED_BY[fill.origin]} if swap else row

    def _extra(self, fill: EngineFill) -> object:
        """Returns the tax on a fee, as there is one in India and the EU.

        C: recorded messages have a list, the page an empty string.
        """
        if not fill.extra:
            return ""
        currency = fill.fee_currency
        return [
            {"feeCoin": currency, "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.0001", "fee": fill.extra}
        ]

    def _funding(self, pay: Payment) -> dict[str, Any]:
        """Returns the row of a funding payment; execFee is positive when it was paid.

        C: ccxt's bybit.parse_income has a recorded row.
        """
        engine = self._state.engine
        held = engine.wallet.holding(pay.sym, pay.at_ms).qty
        mark = engine.prices.quote(pay.sym, pay.at_ms).mid
        value = abs(held) * mark
        rate = (-pay.amount / value).quantize(Decimal("0.000001")) if value else Decimal(0)
        return {
            "symbol": pay.sym, "orderType": "UNKNOWN", "underlyingPrice": "", "orderLinkId": "",
            "orderId": exec_id(-pay.id), "stopOrderType": "UNKNOWN", "execTime": str(pay.at_ms), "feeCurrency": "",
            "createType": "", "feeRate": rate, "tradeIv": "", "blockTradeId": "", "markPrice": mark,
            "execPrice": mark, "markIv": "", "orderQty": "0", "orderPrice": "0", "execValue": value,
            "closedSize": "0", "execType": "Funding", "seq": SEQ + pay.id, "side": "Buy" if held > 0 else "Sell",
            "indexPrice": "", "leavesQty": "0", "isMaker": False, "execFee": -pay.amount,
            "execId": exec_id(pay.id), "marketUnit": "", "execQty": abs(held), "extraFees": "",
        }  # fmt: skip
