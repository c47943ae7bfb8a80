"""The facts say what is known of Bybit's API, as plain data. The letters: shared/exchanges/profile.py."""

import re
from collections.abc import Mapping
from typing import Any

from shared.exchanges.candles import BYBIT_CANDLES
from shared.exchanges.profile import MarketDataProfile, TradingFacts, all_of, states_of
from shared.messages.reasons import Reason, StopKind

DOCS = "https://bybit-exchange.github.io/docs/v5"


def _acknowledged(message: Any) -> bool | None:
    """Reads what DOCS/ws/connect says of a subscription; ccxt's bybit.handle_error_message has a refusal, recorded.

    >>> _acknowledged({"success": True, "ret_msg": "subscribe", "conn_id": "5e07", "op": "subscribe"})
    True
    >>> _acknowledged({"success": False, "ret_msg": "error:handler not found", "conn_id": "5e07"})
    False
    >>> _acknowledged({"success": True, "ret_msg": "pong", "conn_id": "5e07", "op": "ping"})
    """
    if not isinstance(message, dict) or "topic" in message:
        return None
    success = message.get("success")
    return False if success is False else True if success is True and message.get("op") == "subscribe" else None


def _off_book(raw: Mapping[str, Any]) -> bool:
    """Reads BT and RPI (P: DOCS/websocket/public/trade), isBlockTrade and isRPITrade (P: DOCS/market/recent-trade).

    >>> _off_book({"p": "16578.50", "BT": True}), _off_book({"p": "16578.50", "BT": False})
    (True, False)
    """
    return any(raw.get(name) is True for name in ("BT", "RPI", "isBlockTrade", "isRPITrade"))


# DOCS/market/recent-trade
MARKET_DATA = MarketDataProfile(
    page=1000, spot_page=60, last_rows=True, acknowledged=_acknowledged, candles=BYBIT_CANDLES, off_book=_off_book
)

# Errors that say that an order was not taken: DOCS/error.
#
# All rows are on that page as stored copies of various dates have it (P), or in ccxt's table (C), but 10429 (P, of
# websockets), 30208, 110074, 110090 and -1 (U). Between 110060 and 110070 the numbers have moved by one over the
# years: there only those are here that refuse by each reading. What is in no table is no answer, and listed in
# tests/unit/exchanges/codes.toml.

REFUSALS = {
    **all_of(
        Reason.NO_MARGIN, "110004 110006 110007 110012 110044 110045 110051 110052 110053 131001 170033 170131 3200300"
    ),
    **all_of(Reason.REQUEST_EXPIRED, "10002 -1"),
    **all_of(Reason.RATE_LIMITED, "10006 10018 10429 170005 170222"),
    **all_of(Reason.NOTHING_TO_REDUCE, "110017"),
    **all_of(Reason.BELOW_MINIMUM, "110094 170136 170140"),
    **all_of(Reason.KEY_REFUSED, "10003 10004 10005 10007 10008 10009 10010 10024 10027 10028 10029 33004 -2015"),
    **all_of(
        Reason.VENUE_REFUSED,
        "10001 110003 110009 110016 110020 110021 110023 110032 110040 110042 110057 110063 110066 110067 110068 110069"
        " 110070 110074 110090 110092 110093 30208"
        # P (a copy of 2026), not in ccxt: 110120 and 110121 are a price beyond the limits
        " 110085 110086 110087 110088 110089 110095 110098 110099 110100 110103 110118 110119 110120 110121",
    ),
    **all_of(  # of spot
        Reason.VENUE_REFUSED,
        "170010 170011 170019 170031 170036 170037 170105 170115 170116 170117 170121 170124 170130 170132 170133"
        " 170134 170135 170137 170148 170151 170157 170159 170192 170193 170194 170197 170198 170199 170200 170201"
        " 170202 170203 170204 170206 170209 170210 170217 170218 170221 170224 170227 170228 170229 170241 170371"
        " 170372 170381 170382",
    ),
}

FACTS = TradingFacts(
    client_id="orderLinkId",  # C, the letters U: DOCS/order/create-order: 36 letters, digits, dashes, underscores
    client_id_form=re.compile(r"^[A-Za-z0-9_-]{1,36}$"),
    expiry="window",  # U: DOCS/guide#parameters-for-authenticated-endpoints
    most_validity_ms=60_000,
    test="demo",  # U: DOCS/demo
    refusals=REFUSALS,
    refusal_statuses={403: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED},
    duplicate=frozenset({"110072", "170141"}),  # C
    unknown=frozenset({"110001", "20001", "170213"}),  # C; 110001 also P
    unchanged=frozenset({"110025", "110043", "110026"}),  # C, P
    in_the_way=frozenset({"110024", "110028", "110073", "3400045"}),  # C, P but the last two: DOCS/error
    status_name="orderStatus",  # P: DOCS/enum#orderstatus, and the older words that ccxt has
    states=states_of(
        new="New Created Active PartiallyFilled Untriggered Triggered PendingCancel",
        filled="Filled",
        rejected="Rejected",
        canceled="Cancelled PartiallyFilledCanceled Deactivated",
    ),
    # P: DOCS/enum#rejectreason, #canceltype; EC_CancelForNoFullFill is that of FOK
    causes={
        "rejectReason": frozenset(
            {
                "EC_NoError",
                "EC_PerCancelRequest",
                "EC_NoImmediateQtyToFill",
                "EC_NoEnoughQtyToFill",
                "EC_CancelForNoFullFill",
            }
        ),
        "cancelType": frozenset({"UNKNOWN", "CancelByUser"}),
    },
    missed=frozenset({"EC_NoImmediateQtyToFill", "EC_NoEnoughQtyToFill"}),
    market_types={"swap": "linear", "spot": "spot"},
    swap_params={"positionIdx": 0},  # U: DOCS/order/create-order: one-way
    market_params={"marketUnit": "baseCoin"},  # C: DOCS/order/create-order: else a market buy's qty is quote
    # P: DOCS/enum#orderstatus: Cancelled (a contract's may have an executed quantity), PartiallyFilledCanceled (spot)
    # and Rejected are closed
    final_rows=True,
    exact_cost=True,  # C: cumExecValue
    page=100,  # P: DOCS/order/execution: 50 unless asked for
    orders_page=50,  # P: DOCS/order/open-order: 20 unless asked for
    newest_first=True,
)

STOP_ORDER_TYPES = {  # P: DOCS/enum#stopordertype; the partial ones are sized by quantity
    "StopLoss": StopKind.STOP, "TakeProfit": StopKind.TAKE_PROFIT, "TrailingStop": StopKind.TRAIL,
    "PartialStopLoss": StopKind.STOP, "PartialTakeProfit": StopKind.TAKE_PROFIT,
}  # fmt: skip
