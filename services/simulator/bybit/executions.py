"""What Bybit's account has executed: trades, what the venue closed itself, and funding, in one list.

https://bybit-exchange.github.io/docs/v5/order/execution
https://bybit-exchange.github.io/docs/v5/enum#exectype
"""

from decimal import Decimal
from typing import Any

from services.simulator.bybit.orders import CREATED_BY
from services.simulator.bybit.rows import category, checked_category, exec_id, number_of, order_id, page, window
from services.simulator.engine.order import Fill, Payment
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked

TYPES = {"": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade", "settlement": "Delivery"}
SEQ = 9_517_000_000


class BybitExecutions:
    """Answers about executions, in Bybit's words."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def executions(self, asked: Asked) -> object:
        """GET execution/list, newest first: seven days where no times are given. `size` is no parameter of it."""
        query, book, seen_ms = asked.query, self._floor.book, self._floor.seen_ms(asked)
        kind, sym = checked_category(query), query.get("symbol")
        if "orderId" in query or "orderLinkId" in query:
            rows = [self._trade(fill) for fill in book.fills if self._named(fill, query) and fill.at_ms <= seen_ms]
        else:
            since_ms, until_ms = window(query, seen_ms)
            until_ms = min(until_ms, seen_ms)
            rows = [self._trade(fill) for fill in self._floor.fills(sym, since_ms, until_ms)]
            rows += [
                self._funding(pay)
                for pay in book.payments
                if pay.kind == "FUNDING_FEE" and sym in (None, pay.sym) and since_ms <= pay.at_ms <= until_ms
            ]
        wanted = query.get("execType")
        rows = [
            row
            for row in rows
            if wanted in (None, row["execType"]) and category(book.listings[str(row["symbol"])]) == kind
        ]
        rows.sort(key=lambda row: (-int(row["execTime"]), -int(row["seq"])))
        shown, cursor = page(rows, query, 50, 100)
        return {"list": shown, "nextPageCursor": cursor, "category": kind}

    def _named(self, fill: Fill, query: dict[str, str]) -> bool:
        if "orderId" in query:
            return fill.order_id == number_of(query["orderId"])
        return fill.client_id == query["orderLinkId"]

    def _trade(self, fill: Fill) -> dict[str, Any]:
        listing = self._floor.book.listings[fill.sym]
        order = self._floor.book.by_id(fill.order_id)
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
            "feeCurrency": "" if swap else fill.fee_currency, "feeRate": self._floor.book.fee, "tradeIv": "",
            "markIv": "", "markPrice": fill.price, "indexPrice": "", "underlyingPrice": "", "blockTradeId": "",
            "closedSize": abs(fill.qty) if fill.profit else "0", "seq": SEQ + fill.id,
            "extraFees": self._extra(fill), "marketUnit": "" if swap else "baseCoin",
        }  # fmt: skip
        return {**row, "createType": CREATED_BY[fill.origin]} if swap else row

    def _extra(self, fill: Fill) -> object:
        """A tax on the fee; in India and the EU. C: recorded messages have a list, the page an empty string."""
        if not fill.extra:
            return ""
        currency = fill.fee_currency
        return [
            {"feeCoin": currency, "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.0001", "fee": fill.extra}
        ]

    def _funding(self, pay: Payment) -> dict[str, Any]:
        """execFee is positive when it was paid. C: ccxt's bybit.parse_income has a recorded row."""
        book = self._floor.book
        held = book.wallet.holding(pay.sym, pay.at_ms).qty
        mark = book.prices.quote(pay.sym, pay.at_ms).mid
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
