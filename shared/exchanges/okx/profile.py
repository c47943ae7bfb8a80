"""OKX: how its markets are read, and how linear swaps and spot are traded. The letters: shared/exchanges/profile.py."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.exchanges.candles import OKX_CANDLES
from shared.exchanges.client import Unreadable
from shared.exchanges.profile import DAY_MS, ExchangeProfile, MarketDataProfile, TradingFacts, all_of, states_of
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading.markets import MarketOrder, decimal_at
from shared.exchanges.trading.paging import Row, order_trades, trades
from shared.exchanges.trading.parse import number, order_id
from shared.exchanges.trading.profile import (
    EARLIER_MS,
    ISOLATED,
    Modes,
    Rights,
    TradingProfile,
    WaitingOrder,
    payment_pages,
    told,
)
from shared.messages.reasons import Reason
from shared.orders.answers import Forced, FundingPayment

DOCS = "https://www.okx.com/docs-v5/en"


def _acknowledged(message: Any) -> bool | None:
    """Reads what DOCS/#overview-websocket-subscribe says of a subscription.

    ccxt's okx.handle_error_message has a refusal, recorded.

    >>> _acknowledged({"event": "subscribe", "arg": {"channel": "trades", "instId": "BTC-USDT"}, "connId": "a4"})
    True
    >>> _acknowledged({"event": "error", "code": "60018", "msg": "Wrong URL or channel", "connId": "a4"})
    False
    >>> _acknowledged({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": []})
    """
    event = message.get("event") if isinstance(message, dict) else None
    return {"subscribe": True, "error": False}.get(event) if isinstance(event, str) else None


def _off_book(raw: Mapping[str, Any]) -> bool:
    """Reads source: 0 is a normal order, 1 one of the liquidity program (ELP). P: trades channel, Get trades."""
    return raw.get("source") not in (None, "", "0")


# DOCS/#overview-websocket-connect: 3 a second for an IP; #order-book-trading-market-data-get-trades
MARKET_DATA = MarketDataProfile(
    count_name="count",  # P: #order-book-trading-market-data-ws-trades-channel: tradeId 123 of 3 is 121, 122 and 123
    last_rows=True,
    bars_page=300,  # C, of the last 1440 bars and of older ones; a page ends so many bars behind the time asked for
    acknowledged=_acknowledged,
    candles=OKX_CANDLES,
    off_book=_off_book,
    connects=3,
)

# Errors that say that an order was not taken: DOCS/#error-code-rest-api.
#
# All rows are in ccxt's table, which quotes that page (C), but: K: 50029 50030 50032 50033 50035 50036 50037; U:
# 50040 50119 50120 50121 50122 51290 54031; P (a copy of July 2026): 51169 and all of the last two groups, of which
# ccxt has 51091 to 51096, 51250 to 51280 and 51327 to 51330. 51205 says that such an order cannot be told to reduce
# (others have measured it of trigger orders), 51148 that it could run against reducing orders that rest: neither that
# the position is gone. 51100 was a quantity that is too small (C), and is a stop on an order that reduces (P): see
# `meant`. What is in no table is no answer:
# tests/unit/exchanges/codes.toml.

REFUSALS = {
    **all_of(Reason.NO_MARGIN, "51008 51119 51127 51131"),
    **all_of(Reason.REQUEST_EXPIRED, "50036 50037 50102"),
    **all_of(Reason.RATE_LIMITED, "50011 50040 50061"),
    **all_of(Reason.NOTHING_TO_REDUCE, "51058 51169 51170"),
    **all_of(Reason.BELOW_MINIMUM, "50122 51007 51020 51118 51120"),
    **all_of(
        Reason.KEY_REFUSED,
        "4088 50007 50030 50035 50100 50101 50103 50104 50105 50106 50107 50110 50111 50112 50113 50114 50119 50120"
        " 50121 51009 51024 51155 59113",
    ),
    **all_of(
        Reason.VENUE_REFUSED,
        "50000 50002 50006 50009 50012 50014 50015 50016 50017 50018 50019 50020 50021 50022 50023 50024 50025 50027"
        " 50028 50029 50032 50033 50115 51000 51001 51002 51003 51004 51005 51006 51010 51012 51015 51017 51018 51019"
        " 51021 51022 51023 51025 51026 51027 51028 51029 51030 51031 51046 51047 51051 51072 51073 51074 51101 51102"
        " 51103 51104 51105 51106 51107 51108 51109 51110 51112 51115 51116 51117 51121 51122 51124 51125 51126 51128"
        " 51129 51130 51132 51133 51134 51135 51136 51137 51138 51139 51159 51162 51163 51166 51174 51185 51201 51202"
        " 51100 51203 51204 51205 51290 54000 54011 54031 54051 54072 54073 54094",
    ),
    **all_of(  # a price beyond its limits; what an account, a market or a reducing order may not at the time
        Reason.VENUE_REFUSED,
        "51033 51037 51038 51135 51136 51148 51150 51186 51187 51196 51197 51206 51207 51209 51210 51211 51213",
    ),
    **all_of(  # of orders that wait: their trigger is passed already (last, mark, index), or their form is wrong
        Reason.VENUE_REFUSED,
        "51277 51278 51279 51280 51300 51302 51303 51304 51305 51306 51307 51308 51048 51049 51050 51052 51053 51044"
        " 51076 51077 51079 51080 51081 51082 51083 51084 51085 51086 51088 51089 51091 51092 51093 51094 51095 51096"
        " 51250 51252 51257 51258 51259 51260 51261 51275 51276 51281 51298 51299 51311 51312 51317 51327 51328 51329"
        " 51330 51331 51332 51333 51415",
    ),
}


ORDERS_PAGE = 100
DOLLARS = frozenset({"USD", "USDT", "USDC"})
FACTS = TradingFacts(
    client_id="clOrdId",  # C, the letters U: DOCS/#order-book-trading-trade-post-place-order: 32 letters and digits
    client_id_form=re.compile(r"^[A-Za-z0-9]{1,32}$"),
    expiry="header",  # U: DOCS/#overview-transaction-timeouts: expTime, ms
    most_validity_ms=30_000,  # U: DOCS/#overview-rest-authentication-making-requests: a timestamp is good for 30 s
    test="sandbox",  # C: DOCS/#overview-demo-trading-services: x-simulated-trading
    refusals=REFUSALS,
    refusal_statuses={429: Reason.RATE_LIMITED},
    meant={"min tradable amount": Reason.BELOW_MINIMUM},  # C: 51100
    duplicate=frozenset({"51016", "50071", "51065", "51068"}),  # C; 50071: U; of orders that wait: P
    unknown=frozenset({"51603"}),  # C, K
    in_the_way=frozenset({"59000", "59100", "59101", "59107"}),  # C
    order_id_name="ordId",  # C: parse_order takes `algoId` first, which an order that was a fired algo order has, too
    status_name="state",  # P: DOCS/#order-book-trading-trade-get-order-details
    states=states_of(new="live partially_filled", filled="filled", canceled="canceled mmp_canceled"),
    # P: cancelSource of #order-book-trading-trade-ws-order-channel: 0 by the system, 1 by us, 14 an IOC's rest; others
    # are e.g. self-trade prevention and missing margin
    causes={"cancelSource": frozenset({"0", "1", "14"})},
    # P: the same page: `canceled` is a "terminal state. For IOC orders partially filled before cancellation, accFillSz
    # may be non-zero"
    final_rows=True,
    market_types={"swap": "swap", "spot": "spot"},
    options={"createOrder": "privatePostTradeOrder"},  # ccxt would take the batch route, whose errors have another form
    swap_params={"tdMode": "isolated"},
    spot_params={"tdMode": "cash"},
    market_params={"tgtCcy": "base_ccy"},  # else a market buy's sz is quote
    page=100,
    orders_page=ORDERS_PAGE,
    newest_first=True,
    window_ms=2 * DAY_MS,  # one that begins too early for RECENT_MS is over long before now
)

CATEGORIES = {  # P: DOCS/#order-book-trading-trade-get-order-details; the others are the account's own
    "full_liquidation": Forced.LIQUIDATION,
    "partial_liquidation": Forced.LIQUIDATION,
    "adl": Forced.ADL,
    "delivery": Forced.SETTLEMENT,
}
SUB_TYPES = {  # P: DOCS/#trading-account-rest-api-get-bills-details-last-7-days, which a trade's subType is of
    **dict.fromkeys(map(str, range(100, 108)), Forced.LIQUIDATION),
    **dict.fromkeys(map(str, range(125, 129)), Forced.ADL),
    **dict.fromkeys(("112", "113"), Forced.SETTLEMENT),
}
# P: #order-book-trading-trade-get-transaction-details-last-3-months advises to ask for these in the list of the last
# three days; K: the list of months is behind (https://github.com/c9s/bbgo/pull/1878), which is all that ccxt asks.
RECENT_MS = 3 * DAY_MS - 3_600_000
UNFIT = {"1": "spot mode (level 1)", "4": "portfolio margin mode (level 4)"}
FUNDING, PAID, CAME_IN = "8", "173", "174"  # C, U: DOCS/#trading-account-rest-api-get-bills-details-last-7-days


# P: DOCS/#order-book-trading-algo-trading-get-algo-order-list: each type is asked for by itself, but these two
ALGO_KINDS = ("conditional,oco", "trigger", "move_order_stop", "iceberg", "twap")
SWAP_KINDS = ("chase",)  # as the page has it, for swaps only
ALGO_PAGE = 100
MOST_LEVERAGES = 20
MOST_CANCELS = 10  # P: DOCS/#order-book-trading-algo-trading-post-cancel-algo-order
# C: it is filled, cancelled or about to be; 51416: P (a copy of July 2026), it has fired. 51412 may be a time-out, too
GONE = frozenset({"51400", "51401", "51402", "51410", "51416"})


class OkxProfile(TradingProfile):
    """An OkxProfile knows one API for both kinds, and one balance."""

    name: ClassVar[str] = "okx"
    by_kind: ClassVar[Mapping[str, TradingFacts]] = dict.fromkeys(("swap", "spot"), FACTS)
    lookup_name: ClassVar[str] = "clOrdId"
    over: ClassVar[frozenset[str]] = GONE
    rights_in_test: ClassVar[bool] = True

    def more_orders(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Asks for what is older than an order (`after`): DOCS/#order-book-trading-trade-get-order-list (P)."""
        if len(rows) < ORDERS_PAGE:
            return None
        return {"after": str(min(int(row["info"]["ordId"]) for row in rows))}

    def forced(self, info: Mapping[str, Any]) -> Forced | None:
        """Reads an order's `category`, a trade's `subType`."""
        return CATEGORIES.get(str(info.get("category"))) or SUB_TYPES.get(str(info.get("subType")))

    def more_trades(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Asks for what is older than a bill."""
        return {"after": str(min(int(row["info"]["billId"]) for row in rows))}

    def market_order(self, market: Row) -> MarketOrder:
        """Reads maxMktSz, which is contracts of a swap, and USDT on spot, where maxMktAmt is USD.

        P: DOCS/#public-data-rest-api-get-instruments. A quote that is not a dollar has no such bound that we know.
        """
        info = market["info"]
        most = decimal_at(info, "maxMktSz")
        if market["type"] == "swap":
            return MarketOrder(most=most)
        costs = [cost for cost in (most, decimal_at(info, "maxMktAmt")) if cost]
        return MarketOrder(most_cost=min(costs) if costs and market["quote"] in DOLLARS else None)

    async def positions(self, caller: RestCaller, swaps: Sequence[str]) -> list[Row]:
        """Asks for all: it takes no more than ten markets: DOCS/#trading-account-rest-api-get-positions (P)."""
        found: list[Row] = await caller.ask(caller.client.fetch_positions, None, {"instType": "SWAP"})
        return found

    trades_at_once: ClassVar[bool] = True

    async def all_open_orders(self, caller: RestCaller, markets: Sequence[str]) -> list[Row]:
        """Asks for those of one market, or of all of a kind: DOCS/#order-book-trading-trade-get-order-list (P)."""
        if len(markets) == 1:
            return await super().all_open_orders(caller, markets)
        return await self.open_orders(caller, None, {"instType": self.kind.upper()})

    async def all_trades(self, caller: RestCaller, markets: Sequence[str], since_ms: int, now_ms: int) -> list[Row]:
        """Asks for all markets of a kind at once."""
        return await trades(caller, self, None, since_ms, now_ms)

    async def trades_page(
        self, caller: RestCaller, market: str | None, since: int | None, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for the trades of a time, newest first, raw: of the last days in a list of their own."""
        times = {"begin": since, "end": params.get("until")}
        return await self._trades(caller, market, {**times, "after": params.get("after")})

    async def trades_of(self, caller: RestCaller, market: str, order: Row, id_: str) -> list[Row]:
        """Asks for those of one order, in the list in which they are."""
        at_ms = order.get("timestamp")
        return await order_trades(caller, self, market, id_, {"begin": int(at_ms) - EARLIER_MS} if at_ms else {})

    async def order_trades_page(
        self, caller: RestCaller, market: str, id_: str, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for the trades of one order."""
        return await self._trades(caller, market, {"ordId": id_, **params})

    async def _trades(self, caller: RestCaller, market: str | None, given: Mapping[str, Any]) -> list[Row]:
        client, known = caller.client, None if market is None else caller.client.markets[market]
        asked = {"instType": self.kind.upper(), "instId": known and known["id"], "limit": self.facts.page, **given}
        recent = int(given.get("begin") or 0) > self.now_ms() - RECENT_MS
        call = client.private_get_trade_fills if recent else client.private_get_trade_fills_history
        answer = await call({name: str(value) for name, value in asked.items() if value is not None})
        found: list[Row] = client.parse_trades(answer["data"], known)
        return found

    tickers_one_by_one: ClassVar[float] = 4  # beyond, one answer of all, hundreds of kilobytes, is the lesser burden

    async def all_tickers(self, caller: RestCaller, ids: Sequence[str]) -> list[tuple[str, Row]]:
        """Asks for all of a kind: each question costs the same (C)."""
        answer = await caller.ask(caller.client.public_get_market_tickers, {"instType": self.kind.upper()})
        return [(row["instId"], row) for row in answer["data"]]

    async def unfit(self, caller: RestCaller, *, live: bool) -> str | None:
        """Wants account level 2 or 3: DOCS/#trading-account-rest-api-get-account-configuration (P)."""
        level = (await caller.ask(caller.client.private_get_account_config))["data"][0]["acctLv"]
        if level not in UNFIT:
            return None
        return f"is in {UNFIT[level]}: switch its account mode to futures mode"

    async def rights(self, caller: RestCaller) -> Rights:
        """Reads the account's config. P: DOCS/#trading-account-rest-api-get-account-configuration."""
        answer: Any = await caller.ask(caller.client.private_get_account_config)
        told = answer["data"][0]["perm"].split(",")
        return Rights(trade="trade" in told, withdraw="withdraw" in told)

    async def account_id(self, caller: RestCaller, *, live: bool) -> str:
        """Returns `uid`. P: DOCS/#trading-account-rest-api-get-account-configuration."""
        answer: Any = await caller.ask(caller.client.private_get_account_config)
        return str(answer["data"][0].get("uid") or "")

    def balance_params(self) -> Mapping[str, str]:
        """Asks for none: there is one balance for all kinds."""
        return {}

    async def margin_and_leverage(self, caller: RestCaller, market: str) -> tuple[str | None, Decimal | None]:
        """Asks for the leverage; the mode goes with each order. ccxt makes a whole number of `2.5`."""
        return ISOLATED, (await self._leverages(caller, [market]))[market]

    async def set_margin_and_leverage(self, caller: RestCaller, market: str, leverage: int) -> None:
        """Sets the leverage of isolated positions."""
        params = {"mgnMode": ISOLATED}
        await self.set_mode(
            caller, f"{market}: leverage {leverage}", caller.client.set_leverage, leverage, market, params
        )

    modes_a_round: ClassVar[int] = 1_000

    async def modes(self, caller: RestCaller, swaps: Sequence[str]) -> Mapping[str, Modes]:
        """Asks for the leverage of isolated positions, of twenty markets a call; the margin mode goes with each order.

        P: DOCS/#trading-account-rest-api-get-leverage
        """
        hedged = bool(await told(caller, "hedged", caller.client.fetch_position_mode, swaps[0]))
        leverages = await self._leverages(caller, swaps)
        return {market: Modes(hedged, ISOLATED, leverage) for market, leverage in leverages.items()}

    async def _leverages(self, caller: RestCaller, swaps: Sequence[str]) -> dict[str, Decimal]:
        client, found = caller.client, dict[str, Decimal]()
        names = {client.markets[market]["id"]: market for market in swaps}

        def read(answer: Any) -> dict[str, Decimal]:
            told_of = {names[row["instId"]]: number(row["lever"]) for row in answer["data"]}
            if missing := set(asked) - told_of.keys():
                raise Unreadable(f"it does not tell the leverage of {', '.join(sorted(missing))}")
            return told_of

        ids = list(names)
        for first in range(0, len(ids), MOST_LEVERAGES):
            some = ids[first : first + MOST_LEVERAGES]
            asked = [names[id_] for id_ in some]
            params = {"instId": ",".join(some), "mgnMode": ISOLATED}
            found |= await caller.ask(client.privateGetAccountLeverageInfo, params, read=read)
        return found

    def ends_ms(self, market: Row) -> int | None:
        """Reads expTime of swap and spot, which is empty until the delisting is announced.

        P: DOCS/#public-data-rest-api-get-instruments
        """
        return int(market["info"].get("expTime") or 0) or None

    async def waiting(self, caller: RestCaller, markets: Sequence[str]) -> list[WaitingOrder]:
        """Asks for the whole kind of market, or for one; each type of order by itself, page by page."""
        client = caller.client
        names = {client.markets[market]["id"]: market for market in markets}
        only = {"instId": next(iter(names))} if len(names) == 1 else {}
        found: list[WaitingOrder] = []
        for kind in ALGO_KINDS + (SWAP_KINDS if self.kind == "swap" else ()):
            asked = {"instType": self.kind.upper(), "ordType": kind, "limit": str(ALGO_PAGE), **only}
            while True:
                answer: Any = await caller.ask(client.privateGetTradeOrdersAlgoPending, asked)
                rows = answer["data"]
                found += (
                    WaitingOrder(names[row["instId"]], row["algoId"], row.get("algoClOrdId") or "")
                    for row in rows
                    if row["instId"] in names
                )
                if len(rows) < ALGO_PAGE:
                    break
                asked = {**asked, "after": rows[-1]["algoId"]}
        return found

    async def cancel_waiting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels waiting orders by their ids, some at a time."""
        if ids is None:
            ids = [order.order_id for order in await self.waiting(caller, [market])]
        for first in range(0, len(ids), MOST_CANCELS):
            some, gone = ids[first : first + MOST_CANCELS], self.facts.unknown | GONE
            await caller.ask(caller.client.cancel_orders, some, market, {"trigger": True}, tolerated=gone)

    async def cancel_resting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels them one by one; what is gone meanwhile is gone."""
        gone = self.facts.unknown | GONE
        if ids is None:
            ids = [order_id(self.facts, order) for order in await self.open_orders(caller, market)]
        for id_ in ids:
            await caller.ask(caller.client.cancel_order, id_, market, tolerated=gone)

    def row_of(self, position: Mapping[str, Any]) -> str:
        """Returns side and margin mode, as each is closed: NET CROSS, LONG ISOLATED ..."""
        side, mode = str(position["info"].get("posSide") or "net"), str(position["info"].get("mgnMode") or ISOLATED)
        return "" if (side, mode) == ("net", ISOLATED) else f"{side} {mode}".upper()

    def closing(self, row: str) -> Mapping[str, Any]:
        """Adds reduceOnly to net positions only: DOCS/#order-book-trading-trade-post-place-order (P)."""
        side, mode = row.lower().split()
        return {"posSide": side, "tdMode": mode, **({"reduceOnly": True} if side == "net" else {})}

    async def funding(self, caller: RestCaller, syms: Mapping[str, str], since_ms: int) -> list[FundingPayment]:
        """Asks for all markets together, newest first: ccxt gives one page and cannot ask from a time on."""
        client = caller.client
        ids = {client.market(market)["id"]: sym for market, sym in syms.items()}

        def read(answer: Any) -> tuple[int, str, list[FundingPayment]]:
            rows = answer["data"]
            mine = [row for row in rows if row["type"] == FUNDING and row["instId"] in ids]
            return len(rows), rows[-1]["billId"] if rows else "", [_payment(ids, row) for row in mine]

        async def page(before: str) -> tuple[list[FundingPayment], str | None]:
            asked = {"instType": "SWAP", "type": FUNDING, "begin": str(since_ms), "limit": str(self.facts.page)}
            further = {"after": before} if before else {}
            count, last, payments = await caller.ask(client.private_get_account_bills, {**asked, **further}, read=read)
            return payments, None if count < self.facts.page else last

        return await payment_pages(caller, page, "")


def _payment(ids: Mapping[str, str], row: Mapping[str, Any]) -> FundingPayment:
    """Reads a payment, whose kind says which way it went. C: the balance changes, or an isolated position's own."""
    amount = number(row["balChg"], "0") or number(row["posBalChg"], "0")
    signed = {PAID: -abs(amount), CAME_IN: abs(amount)}.get(row["subType"], amount)
    return FundingPayment(str(row["billId"]), ids[row["instId"]], signed, int(row["ts"]))


OKX = ExchangeProfile("okx", MARKET_DATA, OkxProfile)
