"""What became of an order, by its client id: by the venue's own look-up, then among the open ones."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.exchanges.trading import parse
from shared.exchanges.trading.paging import order_trades, trades
from shared.exchanges.trading.profiles.profile import ExchangeProfile
from shared.exchanges.trading.rest_caller import RestCaller
from shared.exchanges.trading.venue import MarketRules
from shared.orders.answers import Ambiguous, OrderStatusReport

EARLIER_MS = 60_000


class Lookup:
    """Reads only; VenueError where the venue does not answer."""

    def __init__(self, asker: RestCaller, profile: ExchangeProfile) -> None:
        self._asker, self._profile, self._facts = asker, profile, profile.facts

    async def find(
        self, rules: MarketRules, client_id: str, since_ms: int | None = None
    ) -> OrderStatusReport | Ambiguous | None:
        """None: neither the look-up nor the open orders know it."""
        order = await self._profile.order_by_client_id(self._asker, rules.market, client_id, since_ms)
        if order is None:
            opened = await self._profile.open_orders(self._asker, rules.market)
            order = next((row for row in opened if row.get("clientOrderId") == client_id), None)
        if order is None:
            return None
        found = parse.snapshot(self._facts, rules, order)
        return found if self._facts.exact_cost or not found.filled_qty else await self._exact(rules, order, found)

    async def _exact(
        self, rules: MarketRules, order: Mapping[str, Any], found: OrderStatusReport
    ) -> OrderStatusReport | Ambiguous:
        """With what its fills have cost: an average price is rounded."""
        fills = [
            parse.fill(self._profile, rules, "", row)
            for row in await self._trades_of(rules.market, order, found.venue_order_id)
        ]
        filled = sum((fill.signed_qty for fill in fills), Decimal(0))
        if filled != found.filled_qty:
            return Ambiguous(f"the order says {found.filled_qty} filled, its fills {filled}: not all are there yet")
        return found._replace(paid=sum((abs(fill.signed_qty) * fill.price for fill in fills), Decimal(0)))

    async def _trades_of(self, market: str, order: Mapping[str, Any], id_: str) -> list[Mapping[str, Any]]:
        client = self._asker.client
        if client.has["fetchOrderTrades"]:
            return await order_trades(self._asker, self._profile, market, id_)
        since_ms = int(order.get("timestamp") or 0) - EARLIER_MS
        rows = await trades(self._asker, self._profile, market, since_ms, client.milliseconds())
        return [row for row in rows if str(row.get("order")) == id_]
