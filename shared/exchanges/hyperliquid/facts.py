"""What is known of Hyperliquid's API, as plain data. The letters: shared/exchanges/profile.py."""

import re
from typing import Any

from shared.exchanges.candles import HYPERLIQUID_CANDLES
from shared.exchanges.hyperliquid.client import MISSES, recent_trades_client
from shared.exchanges.profile import MarketDataProfile, TradingFacts
from shared.messages.reasons import Reason

DOCS = "https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api"


def _acknowledged(message: Any) -> bool | None:
    """Reads what DOCS/websocket/subscriptions says of a subscription; C: hyperliquid.handle_error_message, recorded.

    >>> _acknowledged({"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {}}})
    True
    >>> _acknowledged({"channel": "error", "data": "Invalid subscription"})
    False
    >>> _acknowledged({"channel": "trades", "data": []})
    """
    if not isinstance(message, dict):
        return None
    if message.get("channel") == "error":
        return None if "Already subscribed" in str(message.get("data")) else False
    data = message.get("data") if message.get("channel") == "subscriptionResponse" else None
    return True if isinstance(data, dict) and data.get("method") == "subscribe" else None


# P: DOCS/rate-limits-and-user-limits: 10 websockets an address, 30 new ones a minute.
MARKET_DATA = MarketDataProfile(
    random_ids=True,  # P: DOCS/websocket/subscriptions: tid is a hash of both orders; a block's trades have one time
    acknowledged=_acknowledged,
    candles=HYPERLIQUID_CANDLES,
    market_types={"swap": "swap", "spot": "spot"},
    connects=2,
    most_connections=10,
    client_class=recent_trades_client,
    spacing="rollingWindow",  # as the limits are: see pace.py
)

# Errors that say that an order was not taken, by the part of their text that is the same each time
# (`shared.exchanges.client.text_code`).
#
# DOCS/error-responses has them (P), or ccxt's table (C), or users of the official SDK have posted them (issues 54 and
# 194 there); U: the short one about the oracle, "invalid price" and "Action already expired". What is in no table is no
# answer. A duplicate nonce is none: another request of ours had it, or this very one came twice.
REFUSALS = {
    **dict.fromkeys(
        (
            "Insufficient margin to place order",
            "Insufficient spot balance asset",
            "Order would cause position to exceed margin tier limit at current leverage",
        ),
        Reason.NO_MARGIN,
    ),
    **dict.fromkeys(("Action already expired",), Reason.REQUEST_EXPIRED),
    **dict.fromkeys(("Too many cumulative requests sent",), Reason.RATE_LIMITED),
    **dict.fromkeys(("Reduce only order would increase position",), Reason.NOTHING_TO_REDUCE),
    **dict.fromkeys(("Order must have minimum value of", "Order has zero size"), Reason.BELOW_MINIMUM),
    **dict.fromkeys(
        ("User or API Wallet", "Must deposit before performing actions", "Unable to recover signer"),
        Reason.KEY_REFUSED,
    ),
    **dict.fromkeys(MISSES, Reason.BEYOND_LIMIT),
    **dict.fromkeys(
        (
            "Price must be divisible by tick size",
            "Order has invalid price",
            "Order has invalid size",
            "Order price cannot be more than",
            "Order price too far from oracle",
            "Price too far from oracle",
            "Post only order would have immediately matched, bbo was",
            "Invalid TP/SL price",
            "Order would increase open interest while open interest is capped",
            "Order rejected due to price more aggressive than oracle while at open interest cap",
            "Order would increase open interest too quickly",
        ),
        Reason.VENUE_REFUSED,
    ),
}

IN_THE_WAY = frozenset(  # as users have recorded them: U
    {
        "Cannot switch leverage type with open position",
        "Isolated position does not have sufficient margin available to decrease leverage. To decrease leverage, add "
        "margin to the position",
    }
)

FACTS = TradingFacts(
    keys={"apiKey": "walletAddress", "secret": "privateKey"},  # C
    client_id_form=re.compile(r"^[0-9a-f]{32}$"),  # P: DOCS/exchange-endpoint: cloid, 128 bits as hexadecimal digits
    expiry="signed",  # P: DOCS/exchange-endpoint#expires-after: expiresAfter, in the hash
    most_validity_ms=60_000,  # a nonce is good for a day (P: DOCS/nonces-and-api-wallets); ours never needs so long
    test="sandbox",  # P: DOCS
    refusals=REFUSALS,
    refusal_statuses={422: Reason.VENUE_REFUSED, 429: Reason.RATE_LIMITED},
    duplicate=frozenset({"Invalid nonce: duplicate nonce"}),
    unknown=frozenset({"Order was never placed, already canceled, or filled"}),  # P: DOCS/error-responses
    in_the_way=IN_THE_WAY,
    market_types={"swap": "swap"},  # without `hip3` and `spot`
    options={"enableUnifiedMargin": False},  # these accounts are refused: ccxt need not ask each time
    # P: DOCS/info-endpoint#query-order-status-by-oid-or-cloid; others are e.g. selfTradeCanceled and marginCanceled;
    # one that was filled in part may be called filled
    causes={"status": frozenset({"filled", "canceled", "iocCancelRejected", "marketOrderNoLiquidityRejected"})},
    final_rows=True,  # an order's row is made of its fills, where these are what is missing of its `sz`
    exact_cost=True,  # of an order's fills: see order_by_client_id
    page=10**9,  # trades_page asks for all pages by itself
    window_ms=10 * 366 * 86_400_000,
)
