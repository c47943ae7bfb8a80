"""Bybit: linear swaps and spot of a unified account. What the letters in the comments mean stands in facts.py."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from services.gateway.venues.asker import Asker, NotThere
from services.gateway.venues.exchanges.profile import ExchangeProfile
from services.gateway.venues.facts import Facts, all_of
from shared.messages.reasons import Reason

BYBIT_DOCS = "https://bybit-exchange.github.io/docs/v5"
BYBIT = Facts(
    client_id="orderLinkId",  # C, the letters U: BYBIT_DOCS/order/create-order: 36 letters, digits, dashes, underscores
    client_id_form=re.compile(r"^[A-Za-z0-9_-]{1,36}$"),
    expiry="window",  # U: BYBIT_DOCS/guide#parameters-for-authenticated-endpoints
    most_validity_ms=60_000,
    test="demo",  # U: BYBIT_DOCS/demo
    # C: every code but -1, 10429, 110074. P: 10xxx, 33004, 110001 to 110052; 10429 for websockets. U: -1, 110074.
    refusals={  # BYBIT_DOCS/error; 10000 and 10016 say that nobody knows
        **all_of(Reason.NO_MARGIN, "110004 110006 110007 110012 110044 110045 110052 170131"),
        **all_of(Reason.REQUEST_EXPIRED, "10002 -1"),
        **all_of(Reason.RATE_LIMITED, "10006 10018 10429"),
        **all_of(Reason.NOTHING_TO_REDUCE, "110017"),
        **all_of(Reason.BELOW_MINIMUM, "110094 170136 170140"),
        **all_of(Reason.KEY_REFUSED, "10003 10004 10005 10009 10010 33004 10008 10027"),
        **all_of(Reason.VENUE_REFUSED, "10001 110003 110020 110021 110023 110074 170124 170134 170135"),
    },
    refusal_statuses={403: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED},
    duplicate=frozenset({"110072", "170141"}),  # C
    unknown=frozenset({"110001", "20001", "170213"}),  # C; 110001 also P
    unchanged=frozenset({"110025", "110043", "110026"}),  # C, P
    market_types={"swap": "linear", "spot": "spot"},
    swap_params={"positionIdx": 0},  # U: BYBIT_DOCS/order/create-order: one-way
    spot_params={"marketUnit": "baseCoin"},  # C: BYBIT_DOCS/order/create-order: else a market buy's qty is quote
    exact_cost=True,  # C: cumExecValue
    page=100,
    newest_first=True,
)


# P: BYBIT_DOCS/order/cancel-all: of spot only `Order` is cancelled unless another kind is named
SPOT_KINDS = ("Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder")
INDEX = {"LONG": 1, "SHORT": 2}  # P: BYBIT_DOCS/order/create-order: positionIdx


class Bybit(ExchangeProfile):
    """One API for both kinds, told apart by `category`."""

    name: ClassVar[str] = "bybit"
    facts = BYBIT
    lookup_name: ClassVar[str] = "orderLinkId"

    async def prepare(self, asker: Asker) -> None:
        """ccxt asks which kind of account it is."""
        await asker.ask(asker.client.is_unified_enabled)

    async def may_withdraw(self, asker: Asker) -> bool:
        """Told with the key."""
        answer: Any = await asker.ask(asker.client.private_get_v5_user_query_api)
        return "Withdraw" in ((answer["result"].get("permissions") or {}).get("Wallet") or [])

    async def order_by_client_id(self, asker: Asker, market: str, client_id: str) -> Mapping[str, Any] | None:
        """No single look-up there; the open list keeps the last 500 that have ended."""
        client, params = asker.client, {self.lookup_name: client_id}
        try:
            rows = await asker.ask(client.fetch_open_orders, market, None, None, params)
            rows = rows or await asker.ask(client.fetch_canceled_and_closed_orders, market, None, None, params)
        except NotThere:
            return None
        return rows[0] if rows else None

    async def set_one_way(self, asker: Asker, swaps: Sequence[str]) -> None:
        """By symbol, and not told; but asking for what is so has an answer of its own, and orders say positionIdx."""
        for market in swaps:
            await asker.ask(asker.client.set_position_mode, False, market, tolerated=self.facts.unchanged)

    async def cancel_resting(self, asker: Asker, market: str) -> None:
        """Of every kind: a swap's at once, spot's kind by kind. What waits is told with the open orders, too."""
        for params in [{}] if self.kind == "swap" else [{"orderFilter": kind} for kind in SPOT_KINDS]:
            await asker.ask(asker.client.cancel_all_orders, market, params, tolerated=self.facts.unknown)

    def row_of(self, position: Mapping[str, Any]) -> str:
        """LONG and SHORT of a hedge."""
        index = int(position["info"].get("positionIdx") or 0)
        return next((name for name, number in INDEX.items() if number == index), "")

    def closing(self, row: str) -> Mapping[str, Any]:
        """By its index."""
        return {"positionIdx": INDEX[row], "reduceOnly": True}
