"""Binance: how its markets are read, and how USD-M futures and spot are traded.

In this order: the market data half; the errors that refuse an order; the facts of futures and of spot; and the trading
half, a class with the calls that Binance makes otherwise than ccxt's common interface. The letters behind a fact (P, C,
K, U) say against what it was checked: shared/exchanges/profile.py has them.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.exchanges.candles import BINANCE_CANDLES
from shared.exchanges.market_data import parse
from shared.exchanges.market_data.events import Trade
from shared.exchanges.profile import ExchangeProfile, MarketDataProfile, TradingFacts, all_of, states_of
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading.markets import MarketOrder, decimal_at
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import Modes, Rights, TradingProfile, WaitingOrder, payment_pages, told
from shared.messages.reasons import Reason
from shared.orders.answers import Forced, FundingPayment

DOCS = "https://developers.binance.com/docs/derivatives/usds-margined-futures"
SPOT_DOCS = "https://developers.binance.com/docs/binance-spot-api-docs"


def _acknowledged(message: Any) -> bool | None:
    """Reads what DOCS/websocket-market-streams/Live-Subscribing-Unsubscribing-to-streams says of a subscription.

    >>> _acknowledged({"result": None, "id": 1}), _acknowledged({"e": "aggTrade", "a": 1})
    (True, None)
    >>> _acknowledged({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 1})
    False
    """
    if not isinstance(message, dict) or "id" not in message:
        return None
    return False if message.get("error") is not None else True if message.get("result", 0) is None else None


def _trade(message: Any, market_id: str) -> Trade | None:
    """Reads an aggregate trade whose fields have the types of DOCS/websocket-market-streams/Aggregate-Trade-Streams.

    >>> message = {"e": "aggTrade", "s": "BTCUSDT", "a": 7, "p": "1.5", "q": "2", "T": 1000, "m": True}
    >>> _trade(message, "BTCUSDT")
    Trade(id=7, ts_event=1000000000, price=Decimal('1.5'), qty=Decimal('2'), seq=0, on_book=True)
    >>> _trade(message, "ETHUSDT"), _trade({**message, "p": 1.5}, "BTCUSDT")
    (None, None)
    """
    try:
        if message["e"] != "aggTrade" or message["s"] != market_id:
            return None
        on_book = "nq" not in message or not _all_improved(message)
        return parse.plain_trade(message["a"], message["T"], message["p"], message["q"], on_book)
    except (KeyError, TypeError):
        return None


def _off_book(raw: Mapping[str, Any]) -> bool:
    """Reads X of the raw `@trade` stream (MARKET, INSURANCE_FUND, ADL, NA) and `nq` of aggregate trades.

    P: market data streams. nq is the quantity without trades against RPI orders, also over REST: P, aggregate trade
    streams and list.
    """
    return raw.get("X", "MARKET") != "MARKET" or raw.get("isRPITrade") is True or _all_improved(raw)


def _all_improved(raw: Mapping[str, Any]) -> bool:
    """Says whether all of an aggregate trade was against RPI orders.

    >>> [_all_improved(raw) for raw in ({"q": "1.5", "nq": "0.000"}, {"q": "1.5", "nq": "0.1"}, {"q": "1.5"})]
    [True, False, False]
    """
    nq = raw.get("nq")
    return nq.__class__ is str and nq != "" and not nq.strip("0.")


MARKET_DATA = MarketDataProfile(
    watch={"name": "aggTrade"},  # REST gives aggregate trades, and these have ids of their own
    consecutive=True,
    from_id="fromId",  # inclusive: DOCS/market-data/rest-api/Compressed-Aggregate-Trades-List
    page=1000,
    pages=30,  # each costs 20 of the 1200 to 2400 a minute, a question about bars 1: DOCS/market-data/rest-api
    forward=True,
    every_bar=True,
    market_types={"swap": "linear", "spot": "spot"},
    acknowledged=_acknowledged,
    trade=_trade,
    candles=BINANCE_CANDLES,
    refused={"swap": {"1s"}},  # P: DOCS/common-definition: of the futures the shortest is 1m
    off_book=_off_book,
    spacing="rollingWindow",  # its limits are by the minute: DOCS/general-info
)

# Errors that say that an order was not taken. The two APIs give one number different meanings.
#
# U: DOCS/error-code, SPOT_DOCS/errors: all rows but those marked otherwise were found there (P) or in ccxt's table,
# which quotes them (C). What is here in no table is no answer: see tests/unit/exchanges/codes.toml.
BOTH = {
    **all_of(Reason.REQUEST_EXPIRED, "-1021"),
    **all_of(Reason.RATE_LIMITED, "-1003 -1008 -1015"),
    **all_of(Reason.KEY_REFUSED, "-1002 -1022 -1099 -2014 -2015"),
    **all_of(
        Reason.VENUE_REFUSED,
        "-1013 -1014 -1020 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1111 -1112 -1114 -1115 -1116 -1117 -1118"
        " -1119 -1121 -1128 -1130 -1131 -2010",
    ),
}
FUTURES_REFUSALS = {
    **BOTH,
    **all_of(Reason.NO_MARGIN, "-2018 -2019 -2027 -2028"),
    **all_of(Reason.REQUEST_EXPIRED, "-5028"),
    **all_of(Reason.NOTHING_TO_REDUCE, "-2022 -4118"),
    **all_of(Reason.BELOW_MINIMUM, "-4003 -4004 -4164"),
    # -4109, -4411: an account that is inactive, an agreement that is not signed: other clients' records (K), as -4130:
    # a stop of the whole position (closePosition) lies there already in this direction
    **all_of(Reason.KEY_REFUSED, "-1005 -1011 -1109 -2017 -4087 -4088 -4109 -4202 -4411"),
    **all_of(
        Reason.VENUE_REFUSED,
        "-1126 -1136 -2020 -2021 -2023 -2024 -2025 -2026 -4001 -4002 -4005 -4006 -4007 -4013 -4014 -4015 -4016 -4020"
        " -4023 -4024 -4031 -4045 -4060 -4061 -4062 -4120 -4130 -4131 -4135 -4136 -4137 -4138 -4139 -4140 -4141 -4142"
        " -4144 -4183 -4184 -4192 -4210 -4211 -4400 -4401 -4402 -5021 -5022 -5037 -5038 -5039 -5040"
        " -4405 -4407 -4517 -4518 -4519",  # P: only what reduces is taken
    ),
}
SPOT_REFUSALS = {
    # there -2021 and -2022 speak of a replaced order, -2026 of one that was archived, -4xxx of withdrawals
    **BOTH,
    **all_of(Reason.KEY_REFUSED, "-2008"),
    **all_of(Reason.VENUE_REFUSED, "-1134 -1135"),
}


NEVER_MS = 4_133_404_800_000  # C: what a perpetual has as its deliveryDate
MARGINS = {"ISOLATED": "isolated", "CROSSED": "cross"}  # as ccxt calls them
MOST_SPOT_BY_SYMBOL = 13
MOST_BY_SYMBOL = 40  # P: DOCS/trade/rest-api/Current-All-Algo-Open-Orders: weight 1 a symbol, 40 for all
FUTURES_FACTS = TradingFacts(
    client_id="newClientOrderId",  # C, the form U: DOCS/trade/rest-api/New-Order; unique among open orders only
    client_id_form=re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$"),
    expiry="window",  # U: DOCS/general-info#timing-security
    most_validity_ms=60_000,
    test="demo",  # C: futures' testnet is gone; https://www.binance.com/en/support/faq/detail/9be58f73e5e14338809e3b705b9687dd
    refusals=FUTURES_REFUSALS,
    # U: DOCS/general-info#http-return-codes: 403 is the firewall, 429 and 418 are limits, 451 the law of
    # the place where we are; no engine is reached
    refusal_statuses={
        403: Reason.RATE_LIMITED,
        418: Reason.RATE_LIMITED,
        429: Reason.RATE_LIMITED,
        451: Reason.KEY_REFUSED,
    },
    # U: https://developers.binance.com/docs/binance-spot-api-docs/errors: -2010 and -1013 have many reasons
    meant={"insufficient balance": Reason.NO_MARGIN, "NOTIONAL": Reason.BELOW_MINIMUM},
    duplicate=frozenset({"-4116"}),  # C, as the two below
    unknown=frozenset({"-2013", "-2011"}),
    unchanged=frozenset({"-4046", "-4059"}),
    in_the_way=frozenset({"-4047", "-4048", "-4067", "-4068", "-4531"}),  # C
    # P: https://developers.binance.com/docs/binance-spot-api-docs/enums; futures add those of liquidations (U)
    status_name="status",
    states=states_of(
        new="NEW PENDING_NEW PARTIALLY_FILLED PENDING_CANCEL NEW_INSURANCE NEW_ADL",
        filled="FILLED",
        canceled="CANCELED",
        rejected="REJECTED",
        expired="EXPIRED EXPIRED_IN_MATCH",
    ),
    causes={"status": frozenset({"CANCELED", "REJECTED", "EXPIRED"})},  # P: EXPIRED_IN_MATCH: by self-trade prevention
    market_types={"swap": "linear", "spot": "spot"},
    options={"warnOnFetchOpenOrdersWithoutSymbol": False},  # we know what it costs
    # P: DOCS/trade/rest-api/New-Order: RESULT has "the final status result of the order (FILLED or EXPIRED)";
    # SPOT_DOCS/enums: EXPIRED, CANCELED and REJECTED are over
    final_rows=True,
    exact_cost=True,  # C: cumQuote, cummulativeQuoteQty
    page=1000,
)

CREDITS = "BNFCR"
FUNDING = "FUNDING_FEE"
OWN_IDS = {  # P: DOCS/user-data-streams/Event-Order-Update
    "autoclose-": Forced.LIQUIDATION, "adl_autoclose": Forced.ADL, "settlement_autoclose-": Forced.SETTLEMENT,
}  # fmt: skip
SPOT_FACTS = FUTURES_FACTS._replace(
    refusals=SPOT_REFUSALS,
    fills_name="fills",  # P: SPOT_DOCS/rest-api/trading-endpoints: of FULL, the usual answer to LIMIT and MARKET
    window_ms=86_400_000,  # P: SPOT_DOCS/rest-api/account-endpoints#account-trade-list-user_data
)


class BinanceProfile(TradingProfile):
    """A BinanceProfile knows two APIs: futures are signed, limited and answered by one host, spot by another."""

    name: ClassVar[str] = "binance"
    by_kind: ClassVar[Mapping[str, TradingFacts]] = {"swap": FUTURES_FACTS, "spot": SPOT_FACTS}
    lookup_name: ClassVar[str] = "origClientOrderId"
    trades_name_makers: ClassVar[bool] = False  # P: DOCS/trade/rest-api/Account-Trade-List

    def more_trades(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Pages by id, which goes with no time: DOCS/trade/rest-api/Account-Trade-List (P)."""
        return {"since": None, "until": None, "fromId": max(int(row["id"]) for row in rows) + 1}

    async def order_trades_page(
        self, caller: RestCaller, market: str, id_: str, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for the account's trades by orderId, which ccxt does of spot only.

        P: DOCS/trade/rest-api/Account-Trade-List, SPOT_DOCS/rest-api/account-endpoints#account-trade-list-user_data
        """
        asked = {"orderId": id_, **{name: value for name, value in params.items() if value is not None}}
        found: list[Row] = await caller.client.fetch_my_trades(market, None, self.facts.page, asked)
        return found

    def forced(self, info: Mapping[str, Any]) -> Forced | None:
        """Tells by the client id that it gives its own orders."""
        name = str(info.get("clientOrderId") or "")
        return next((why for start, why in OWN_IDS.items() if name.startswith(start)), None)

    async def book_ticker(self, caller: RestCaller, market: str) -> Row:
        """Asks bookTicker, which weighs a twentieth of a ticker on spot."""
        rows: Mapping[str, Row] = await caller.ask(caller.client.fetch_bids_asks, [market])
        return rows[market]

    def market_order(self, market: Row) -> MarketOrder:
        """Reads MARKET_LOT_SIZE beside LOT_SIZE; a 0 in it is no rule.

        P: https://developers.binance.com/docs/binance-spot-api-docs/filters#market_lot_size
        """
        filters = market["info"].get("filters") or []
        by_type: dict[str, Row] = {one["filterType"]: one for one in filters}
        lot, value = by_type.get("MARKET_LOT_SIZE", {}), by_type.get("NOTIONAL", {})
        return MarketOrder(
            decimal_at(lot, "minQty"),
            decimal_at(lot, "maxQty"),
            decimal_at(lot, "stepSize"),
            decimal_at(value, "maxNotional") if value.get("applyMaxToMarket") else None,
        )

    async def rights(self, caller: RestCaller) -> Rights:
        """Asks the wallet's API. P: https://developers.binance.com/docs/wallet/account/api-key-permission."""
        rights: Any = await caller.ask(caller.client.sapi_get_account_apirestrictions)
        trade = rights["enableFutures" if self.kind == "swap" else "enableSpotAndMarginTrading"]
        ends_ms = rights.get("tradingAuthorityExpirationTime")  # of a key that is bound to no address
        return Rights(trade is True, rights["enableWithdrawals"] is not False, int(ends_ms) if ends_ms else None)

    async def account_id(self, caller: RestCaller, *, live: bool) -> str:
        """Returns spot's `uid`; futures have an `accountAlias` in each row of the balance.

        P: SPOT_DOCS/rest-api/account-endpoints#account-information-user_data; C, that it is unique to the account U:
        DOCS/account/rest-api/Futures-Account-Balance-V3
        """
        if self.kind == "swap":
            rows: Any = await caller.ask(caller.client.fapiprivatev3_get_balance)
            return next((str(row["accountAlias"]) for row in rows if row.get("accountAlias")), "")
        answer: Any = await caller.ask(caller.client.private_get_account, {"omitZeroBalances": "true"})
        return str(answer.get("uid") or "")

    async def fee_currencies(self, caller: RestCaller) -> frozenset[str]:
        """Returns BNFCR where it is used: in the EEA futures are charged in credits, which have no price.

        U: https://www.binance.com/en/support/faq (futures credits trading mode); P: the coin, in the conversion pages.
        """
        if self.kind != "swap":
            return frozenset()
        rows: Any = await caller.ask(caller.client.fapiprivatev3_get_balance)
        return frozenset(row["asset"] for row in rows if row["asset"] == CREDITS and number(row["balance"], "0"))

    async def all_open_orders(self, caller: RestCaller, markets: Sequence[str]) -> list[Row]:
        """Asks market by market while that is cheaper than all at once.

        C, P: weights 1 and 40 of futures (DOCS/trade/rest-api/Current-All-Open-Orders), 6 and 80 of spot.
        """
        if len(markets) <= (MOST_BY_SYMBOL if self.kind == "swap" else MOST_SPOT_BY_SYMBOL):
            return await super().all_open_orders(caller, markets)
        kind = {"type": "swap", "subType": "linear"} if self.kind == "swap" else {"type": "spot"}
        return await self.open_orders(caller, None, kind)

    tickers_one_by_one: ClassVar[float] = 2  # C: weights 2 and 5

    async def all_tickers(self, caller: RestCaller, ids: Sequence[str]) -> list[tuple[str, Row]]:
        """Asks for bookTicker of all, or of these on spot."""
        client = caller.client
        if self.kind == "swap":
            rows = await caller.ask(client.fapipublic_get_ticker_bookticker)
        else:
            rows = await caller.ask(client.public_get_ticker_bookticker, {"symbols": client.json(sorted(ids))})
        return [(row["symbol"], row) for row in rows]

    modes_a_round: ClassVar[int] = 1_000

    async def modes(self, caller: RestCaller, swaps: Sequence[str]) -> Mapping[str, Modes]:
        """Asks for margin and leverage of all markets in one call: DOCS/account/rest-api/Symbol-Config (P, C)."""
        client = caller.client
        hedged = bool(await told(caller, "dualSidePosition", client.fapiprivate_get_accountconfig))  # a sixth of dual
        names = {client.markets[market]["id"]: market for market in swaps}

        def read(rows: Any) -> Mapping[str, Modes]:
            found = {names[row["symbol"]]: row for row in rows if row["symbol"] in names}
            return {
                market: Modes(hedged, MARGINS[found[market]["marginType"]], number(found[market]["leverage"]))
                for market in swaps
            }

        made: Mapping[str, Modes] = await caller.ask(client.fapiPrivateGetSymbolConfig, {}, read=read)
        return made

    def ends_ms(self, market: Row) -> int | None:
        """Reads a perpetual's deliveryDate, which is in 2100 until its delisting is announced.

        P: DOCS/market-data/rest-api/Exchange-Information
        """
        told_ms = int(market["info"].get("deliveryDate") or 0)
        return told_ms if 0 < told_ms < NEVER_MS else None

    async def waiting(self, caller: RestCaller, markets: Sequence[str]) -> list[WaitingOrder]:
        """Asks the algo service, where those of futures lie since December 2025; spot's are among the open orders.

        P: DOCS/trade/rest-api/Current-All-Algo-Open-Orders
        """
        if self.kind != "swap":
            return []
        client = caller.client
        names = {client.markets[market]["id"]: market for market in markets}
        asked = [{"symbol": id_} for id_ in names] if len(names) <= MOST_BY_SYMBOL else [{}]
        rows = [row for params in asked for row in await caller.ask(client.fapiPrivateGetOpenAlgoOrders, params)]
        return [
            WaitingOrder(names[row["symbol"]], str(row["algoId"]), str(row.get("clientAlgoId") or ""))
            for row in rows
            if row["symbol"] in names
        ]

    async def cancel_waiting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels all at once: DOCS/trade/rest-api/Cancel-All-Algo-Open-Orders (P)."""
        if self.kind == "swap":
            params = {"symbol": caller.client.markets[market]["id"]}
            await caller.ask(caller.client.fapiPrivateDeleteAlgoOpenOrders, params, tolerated=self.facts.unknown)

    def row_of(self, position: Mapping[str, Any]) -> str:
        """Returns LONG or SHORT for a position of a hedge."""
        side = str(position["info"].get("positionSide") or "BOTH")
        return "" if side == "BOTH" else side

    def closing(self, row: str) -> Mapping[str, Any]:
        """Names the side only: reduceOnly is refused in hedge mode: DOCS/trade/rest-api/New-Order (P)."""
        return {"positionSide": row}

    async def unfit(self, caller: RestCaller, *, live: bool) -> str | None:
        """Wants single-asset mode, and no portfolio margin, whose positions and balance lie elsewhere (papi).

        P: DOCS/account/rest-api/Account-Config; https://developers.binance.com/docs/wallet/account/account-info,
        which the demo system has not.
        """
        if self.kind != "swap":
            return None
        if live and (await caller.ask(caller.client.sapi_get_account_info))["isPortfolioMarginRetailEnabled"]:
            return "is a portfolio margin account: leave portfolio margin, or use a sub-account that is none"
        if (await caller.ask(caller.client.fapiprivate_get_accountconfig))["multiAssetsMargin"]:
            return "is in multi-assets mode: switch its futures to single-asset mode (Preferences, Asset Mode)"
        return None

    def held(self, answer: Mapping[str, Any]) -> Mapping[str, Decimal]:
        """Reads each asset's `marginBalance` of futures raw: ccxt leaves a row out whose `updateTime` is 0.

        An asset with which nothing was done has that, also one that is the whole account:
        https://github.com/ccxt/ccxt/issues/27997, where such rows also have what other assets are worth as
        `availableBalance`.
        """
        if self.kind != "swap":
            return super().held(answer)
        return {row["asset"]: number(row["marginBalance"]) for row in answer["info"]["assets"]}

    async def funding(self, caller: RestCaller, syms: Mapping[str, str], since_ms: int) -> list[FundingPayment]:
        """Asks for all markets in one call, since each costs 30; a page is the oldest rows of what was asked."""
        client = caller.client
        ids = {client.market(market)["id"]: sym for market, sym in syms.items()}

        def read(rows: Any) -> tuple[int, int, list[FundingPayment]]:
            mine = [row for row in rows if row["incomeType"] == FUNDING and row["symbol"] in ids]
            return len(rows), max((int(row["time"]) for row in rows), default=0), [_payment(ids, row) for row in mine]

        async def page(start_ms: int) -> tuple[list[FundingPayment], int | None]:
            asked = {"incomeType": FUNDING, "startTime": start_ms, "limit": self.facts.page}
            count, last_ms, payments = await caller.ask(client.fapiprivate_get_income, asked, read=read)
            return payments, None if count < self.facts.page or last_ms == start_ms else last_ms

        return await payment_pages(caller, page, since_ms)


def _payment(ids: Mapping[str, str], row: Mapping[str, Any]) -> FundingPayment:
    """Reads a payment: `income` > 0 came in. C, P: DOCS/account/rest-api/Get-Income-History."""
    return FundingPayment(str(row["tranId"]), ids[row["symbol"]], number(row["income"]), int(row["time"]))


BINANCE = ExchangeProfile("binance", MARKET_DATA, BinanceProfile)
BINANCE_USD_M = ExchangeProfile("binanceusdm", MARKET_DATA)
BINANCE_COIN_M = ExchangeProfile(
    "binancecoinm", MarketDataProfile(from_id="fromId", candles=BINANCE_CANDLES, off_book=_off_book)
)
BINANCE_US = ExchangeProfile("binanceus", MarketDataProfile(from_id="fromId", candles=BINANCE_CANDLES))
