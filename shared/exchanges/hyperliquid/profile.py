"""Hyperliquid: how its markets are read, and how an account of its own trades linear swaps. The letters: profile.py.

An account is an address, and an action is good if a key that the account has approved (an API wallet) has signed it.
Not traded here: markets of other deployers (HIP-3), spot, vaults, subaccounts and unified accounts. DOCS: facts.py.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.errors import ConfigError, VenueError
from shared.exchanges.hyperliquid import FAKE_ACCOUNT, FAKE_WALLET_KEY
from shared.exchanges.hyperliquid.client import CLOID, signing_client
from shared.exchanges.hyperliquid.facts import FACTS, MARKET_DATA
from shared.exchanges.hyperliquid.fills import PAGE, fills_between, forced
from shared.exchanges.hyperliquid.prices import MarketPrices
from shared.exchanges.hyperliquid.rows import (
    best_of,
    contexts_of,
    fills_of,
    held_modes,
    modes_of,
    order_row,
    order_status,
    payment_of,
    requests_left,
    rows_of,
)
from shared.exchanges.profile import ExchangeProfile, TradingFacts
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading.markets import MarketOrder, decimal_at
from shared.exchanges.trading.paging import Row, trades
from shared.exchanges.trading.profile import EARLIER_MS, ISOLATED, Modes, Rights, TradingProfile, payment_pages
from shared.orders.answers import Forced, FundingPayment

LOOKS_BACK_MS = 86_400_000  # for an order of which nobody says when it was sent
PRICE_DIGITS = 5  # P: DOCS/tick-and-lot-size
MOST_DECIMALS = 6  # likewise, of swaps; less those of the size
ALL_EVERY_S = 2.5  # between two questions about the prices of all markets
RESERVED = 500  # requests that are kept for what reduces
# P: trading/contract-specifications: the most that a market order may be worth, by a market's highest leverage
MOST_COSTS = ((50, Decimal(4_000_000)), (20, Decimal(1_000_000)), (10, Decimal(500_000)), (0, Decimal(250_000)))
STANDARD = ("default", "disabled")


class HyperliquidProfile(TradingProfile):
    """A HyperliquidProfile trades swaps for one address, by the key of an API wallet of that account."""

    name: ClassVar[str] = "hyperliquid"
    fake_keys: ClassVar[tuple[str, str, str]] = (FAKE_ACCOUNT, FAKE_WALLET_KEY, "")
    by_kind: ClassVar[Mapping[str, TradingFacts]] = {"swap": FACTS}
    rights_in_test: ClassVar[bool] = True
    trades_at_once: ClassVar[bool] = True

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._account = ""
        self._prices = MarketPrices()
        self._left: int | None = None  # requests, when last asked
        self._counted_then = 0
        self._all_asked_s = -ALL_EVERY_S
        self._client: Any = None

    def use_keys(self, api_key: str, secret: str) -> None:
        """Takes the account's address, and the key of one of its API wallets."""
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", api_key):
            raise ConfigError("config: api_key of hyperliquid is the account's address: 0x and 40 hexadecimal digits")
        if not re.fullmatch(r"0x[0-9a-fA-F]{64}", secret):
            raise ConfigError(
                "config: api_secret of hyperliquid is the private key of an API wallet of the account: 0x and 64 "
                "hexadecimal digits"
            )
        self._account = api_key.lower()

    def client_class(self, parent: Any) -> Any:
        """Returns the one that signs orders by itself."""
        return signing_client(parent)

    # ---- orders

    async def price_of_market_order(
        self, caller: RestCaller, market: str, *, buys: bool, reduces: bool, within_s: float
    ) -> Decimal:
        """Returns a price so far off that the order is one at market, as the official SDK does it."""
        return await self._prices.worst(caller, market, buys=buys, reduces=reduces, within_s=within_s)

    def market_order(self, market: Row) -> MarketOrder:
        """Reads the decimals of a price, and what a market order may be worth; a limit order may be ten times that."""
        decimals = MOST_DECIMALS - int(market["info"]["szDecimals"])
        highest = int(decimal_at(market, "info", "maxLeverage") or 0)
        most = next(cost for least, cost in MOST_COSTS if highest >= least)
        return MarketOrder(most_cost=most, price_tick=Decimal(1).scaleb(-decimals), price_digits=PRICE_DIGITS)

    def spent(self) -> str:
        """Keeps the last requests for what reduces. P: DOCS/rate-limits-and-user-limits: one for each USDC traded."""
        if self._left is None:
            return ""
        left = self._left - (self._client.requests_counted - self._counted_then)
        return f"{max(left, 0)} requests are left, and {RESERVED} are kept for what reduces" if left <= RESERVED else ""

    async def _count_requests(self, caller: RestCaller) -> None:
        """Asks how many are left; without an answer what was known goes on: it holds up no way out."""
        asked = {"type": "userRateLimit", "user": self._account}
        try:
            told = await caller.ask(caller.client.public_post_info, asked, read=requests_left)
        except VenueError:
            return
        self._left, self._client, self._counted_then = told, caller.client, caller.client.requests_counted

    async def order_by_client_id(
        self, caller: RestCaller, market: str, client_id: str, since_ms: int | None = None
    ) -> Row | None:
        """Asks for the order and for its fills, which alone tell how much of it was filled, and for how much money.

        The order's own `sz` is of when it last changed its state, and of filled ones it may be all of it still: issue
        141 of the official SDK, issue 46 of JKorf/HyperLiquid.Net. How long an order that is over is kept, no page
        says, and users have been told `unknownOid` of orders that were executed (ccxt's issue 27113): then, too, the
        fills are asked for, each of which has its order's id.
        """
        client, fills = caller.client, list[Row]()
        asked = {"type": "orderStatus", "user": self._account, "oid": f"{CLOID}{client_id}"}
        try:
            told: Mapping[str, Any] = await caller.ask(client.public_post_info, asked, read=order_status)
        except NotThere:
            first_ms = (self.now_ms() - LOOKS_BACK_MS if since_ms is None else since_ms) - EARLIER_MS
            fills = fills_of(await trades(caller, self, market, first_ms, self.now_ms()), client_id)
            if fills:
                raise VenueError(
                    f"{client.id} has {len(fills)} fills of {client_id}, and does not show the order"
                ) from None
            return None
        rows = await trades(caller, self, market, int(told["order"]["timestamp"]), self.now_ms())
        own = [row for row in rows if str(row["order"]) == str(told["order"]["oid"])]
        return order_row(told, own, self.now_ms(), client.answered_qty(client_id))

    async def trades_of(self, caller: RestCaller, market: str, order: Row, id_: str) -> list[Row]:
        """Returns those that came with it."""
        found: list[Row] = order["trades"]
        return found

    async def open_orders(
        self, caller: RestCaller, market: str | None, params: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """Asks for all that rest, also those that wait for a price, in one answer without pages."""
        found: list[Row] = await caller.ask(caller.client.fetch_open_orders, market)
        return found

    async def all_open_orders(self, caller: RestCaller, markets: Sequence[str]) -> list[Row]:
        """Asks for those of all markets at once."""
        return await self.open_orders(caller, None)

    def waits(self, info: Mapping[str, Any]) -> bool:
        """Reads `isTrigger` of a row of frontendOpenOrders (P: DOCS/info-endpoint)."""
        return info.get("isTrigger") is True

    def of_position(self, info: Mapping[str, Any]) -> bool:
        """Reads `isPositionTpsl` of what waits; a stop that has a size of its own is known by its id only."""
        return self.waits(info) and info.get("isPositionTpsl") is True

    async def cancel_waiting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels these; without ids they go with what rests."""
        if ids is not None:
            await self.cancel_resting(caller, market, ids)

    async def cancel_resting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels them by one action, and what waits, but for the stops of positions.

        What is gone meanwhile is gone, and the others are cancelled all the same.
        """
        if ids is None:
            rows = [(str(row["id"]), row["info"]) for row in await self.open_orders(caller, market)]
            ids = [id_ for id_, info in rows if not self.of_position(info)]
        if ids:
            await caller.ask(caller.client.cancel_orders, list(ids), market, tolerated=self.facts.unknown)

    # ---- trades and payments

    async def trades_page(
        self, caller: RestCaller, market: str | None, since: int | None, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for all fills of a time, oldest first, of whatever market, and leaves out those of others.

        P: DOCS/info-endpoint: at most the 10,000 newest fills can be had.
        """
        client = caller.client
        made = client.parse_trades(await fills_between(client, self._account, int(since or 0), params["until"]))
        return [row for row in made if market in (None, row["symbol"])]

    async def all_trades(self, caller: RestCaller, markets: Sequence[str], since_ms: int, now_ms: int) -> list[Row]:
        """Asks for all markets at once."""
        return await trades(caller, self, None, since_ms, now_ms)

    def forced(self, info: Mapping[str, Any]) -> Forced | None:
        """Reads a fill's `liquidation` and its `dir`."""
        return forced(info, self._account)

    async def funding(self, caller: RestCaller, syms: Mapping[str, str], since_ms: int) -> list[FundingPayment]:
        """Asks for all markets together, oldest first. A payment's hash is all zeros: it is known by coin and time.

        C: hyperliquid.parse_income; positive when received.
        """
        client = caller.client
        coins = {client.market(market)["baseName"]: sym for market, sym in syms.items()}

        def read(answer: Any) -> tuple[list[int], list[FundingPayment]]:
            rows = rows_of(answer)
            mine = [row for row in rows if row["delta"]["type"] == "funding" and row["delta"]["coin"] in coins]
            return [int(row["time"]) for row in rows], [payment_of(coins, row) for row in mine]

        async def page(start: int) -> tuple[list[FundingPayment], int | None]:
            asked = {"type": "userFunding", "user": self._account, "startTime": start}
            times, payments = await caller.ask(client.public_post_info, asked, read=read)
            if len(times) < PAGE:
                return payments, None
            if max(times) <= start:
                raise VenueError(f"{client.id}: more payments in one millisecond than one answer has")
            return payments, max(times)

        return await payment_pages(caller, page, since_ms)

    # ---- the account

    async def prepare(self, caller: RestCaller) -> None:
        """Asks how many requests are left."""
        await self._count_requests(caller)

    async def _role(self, caller: RestCaller, address: str) -> tuple[str, str]:
        """Returns what an address is, and of whom it is that: DOCS/info-endpoint#query-a-users-role (P)."""

        def read(answer: Any) -> tuple[str, str]:
            data = answer.get("data") or {}
            return str(answer["role"]), str(data.get("user") or data.get("master") or "").lower()

        asked = {"type": "userRole", "user": address}
        found: tuple[str, str] = await caller.ask(caller.client.public_post_info, asked, read=read)
        return found

    async def unfit(self, caller: RestCaller, *, live: bool) -> str | None:
        """Wants a main account whose swaps have money of their own."""
        role, of = await self._role(caller, self._account)
        if role == "agent":
            return f"is an API wallet, of the account {of}: api_key is the account's own address"
        if role == "vault":
            return "is a vault: vaults are not traded here; use a main account's address"
        if role == "subAccount":
            return f"is a subaccount of {of}: subaccounts are not traded here; use a main account's address"
        if role != "user":
            return f"does not exist there (role {role}): pay something in first"
        asked = {"type": "userAbstraction", "user": self._account}
        mode = str(await caller.ask(caller.client.public_post_info, asked)).strip('"')
        if mode not in STANDARD:
            return f"is in the mode {mode}, where its swaps have no money of their own: switch it to the standard mode"
        return None

    async def rights(self, caller: RestCaller) -> Rights:
        """Asks of whom the key is an API wallet; the account's own key may withdraw, too.

        P: DOCS/nonces-and-api-wallets; `validUntil` of extraAgents, which has those with a name (recorded by the SDK).
        """
        signer = self._signer(caller)
        if signer == self._account:  # its own key, or an API wallet's address for the account's: `unfit` says so
            role, _ = await self._role(caller, signer)
            return Rights() if role == "agent" else Rights(trade=True, withdraw=True)
        asked = {"type": "extraAgents", "user": self._account}
        agents = rows_of(await caller.ask(caller.client.public_post_info, asked))
        ends = [int(one["validUntil"]) for one in agents if str(one["address"]).lower() == signer]
        trades_for = await self._role(caller, signer)
        return Rights(trade=trades_for == ("agent", self._account), withdraw=False, ends_ms=min(ends, default=None))

    def _signer(self, caller: RestCaller) -> str:
        client = caller.client
        return str(client.eth_get_address_from_private_key(client.privateKey)).lower()

    async def account_id(self, caller: RestCaller, *, live: bool) -> str:
        """Returns the account's address, whatever key signs for it."""
        return self._account

    async def book_ticker(self, caller: RestCaller, market: str) -> Row:
        """Asks for the book, whose time is that of the block: P: DOCS/info-endpoint#l2-book-snapshot."""
        client = caller.client
        asked = {"type": "l2Book", "coin": client.markets[market]["baseName"]}
        row: Row = await caller.ask(client.public_post_info, asked, read=best_of)
        self._prices.see(market, row["bid"], row["ask"])
        return row

    tickers_one_by_one: ClassVar[float] = 4  # one answer about all weighs as much as ten of one

    async def all_tickers(self, caller: RestCaller, ids: Sequence[str]) -> list[tuple[str, Row]]:
        """Asks for all; their bid and ask are what some thousand USDC would be traded at (impactPxs, C).

        Not as often as quotes are wanted: once a second would be all that an address may ask.
        """
        client, begun_s = caller.client, time.monotonic()
        await asyncio.sleep(max(self._all_asked_s + ALL_EVERY_S - begun_s, 0))
        self._all_asked_s = time.monotonic()
        answer = await caller.ask(client.public_post_info, {"type": "metaAndAssetCtxs"}, read=contexts_of)
        found = [(str(place), row) for place, row in enumerate(answer) if row.get("impactPxs")]
        for id_, row in found:
            if id_ in ids:
                self._prices.see(client.markets_by_id[id_][0]["symbol"], *row["impactPxs"])
        return found

    async def set_one_way(self, caller: RestCaller, swaps: Sequence[str]) -> None:
        """Does nothing: there are no others (P: clearinghouseState's `type`, oneWay)."""

    modes_a_round: ClassVar[int] = 2  # a question about one weighs as much as one about all orders

    async def modes(self, caller: RestCaller, swaps: Sequence[str]) -> Mapping[str, Modes]:
        """Asks for the positions, which tell theirs at once, and for each market that is flat."""
        await self._count_requests(caller)
        client = caller.client
        asked = {"type": "clearinghouseState", "user": self._account}
        held = await caller.ask(client.public_post_info, asked, read=held_modes)
        found: dict[str, Modes] = {}
        for market in swaps:
            coin = client.markets[market]["baseName"]
            found[market] = held[coin] if coin in held else await self._modes_of(caller, coin)
        return found

    async def _modes_of(self, caller: RestCaller, coin: str) -> Modes:
        asked = {"type": "activeAssetData", "user": self._account, "coin": coin}
        found: Modes = await caller.ask(
            caller.client.public_post_info, asked, read=lambda answer: modes_of(answer["leverage"])
        )
        return found

    async def margin_and_leverage(self, caller: RestCaller, market: str) -> tuple[str | None, Decimal | None]:
        """Asks for both in one."""
        modes = await self._modes_of(caller, caller.client.markets[market]["baseName"])
        return modes.margin, modes.leverage

    async def set_margin_and_leverage(self, caller: RestCaller, market: str, leverage: int) -> None:
        """Sets both by one action: DOCS/exchange-endpoint#update-leverage (P)."""
        wanted, call = f"{market}: isolated margin, leverage {leverage}", caller.client.set_leverage
        await self.set_mode(caller, wanted, call, leverage, market, {"marginMode": ISOLATED})


HYPERLIQUID = ExchangeProfile("hyperliquid", MARKET_DATA, HyperliquidProfile)
