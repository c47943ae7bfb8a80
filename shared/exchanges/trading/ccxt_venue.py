"""A venue through ccxt: market orders on linear swaps and on spot, each sent once."""

import difflib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shared.errors import ConfigError, SafetyRefusal, VenueError
from shared.exchanges.clock import ahead_ms
from shared.exchanges.profile import NOT_PROTECTED
from shared.exchanges.registry import TRADED, trading_profile
from shared.exchanges.trading import parse
from shared.exchanges.trading.client import load_ccxt, make_client
from shared.exchanges.trading.markets import changes, closed_why, least_changes, rules_of
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.exchanges.trading.orders import Lookup, OrderSender
from shared.exchanges.trading.paging import trades
from shared.exchanges.trading.profile import ISOLATED, Modes
from shared.exchanges.trading.rest_caller import UNREADABLE, RestCaller
from shared.exchanges.trading.setup import check_account, check_fees, check_key, set_modes, shown
from shared.exchanges.trading.venue import AccountIdentity, Cleared, Contract, MarketNews, MarketRules, NoPrice, at_once
from shared.messages.reasons import OrderPhase
from shared.orders.answers import (
    Absent,
    Ambiguous,
    FundingPayment,
    Maker,
    OrderStatusReport,
    Refused,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from shared.orders.state import OrderRequest

NS = 1_000_000
SHOWN = 5
BRIDGE = "USDT"


class CcxtVenue:
    """A Venue. One instance is one account; its connections are made in open() and given back in close()."""

    def __init__(self, options: VenueOptions, credentials: Credentials) -> None:
        ccxt = load_ccxt()
        name = options.exchange
        if name not in ccxt.exchanges:
            near = difflib.get_close_matches(name.lower(), ccxt.exchanges, SHOWN, 0.6)
            raise ConfigError(
                f"[gateway] exchange {name[:40]!r} is unknown to ccxt {ccxt.__version__}: "
                + (f"did you mean {', '.join(near)}?" if near else "use ccxt's name, e.g. binance, bybit, okx")
            )
        if name not in TRADED and not options.allow_unlisted:
            raise SafetyRefusal(
                f"[gateway] exchange {name} is not one of {', '.join(TRADED)}: {NOT_PROTECTED}; "
                "allow_unlisted = true goes on all the same"
            )
        if not options.markets:
            raise ConfigError(
                '[gateway] markets is empty: name the market of each symbol, e.g. BTCUSDT = "BTC/USDT:USDT"'
            )
        if len(options.kinds) > 1:
            raise ConfigError(
                "[gateway] markets has swaps and spot markets: an account here holds one kind; give the other kind an "
                "account, and a line, of its own"
            )
        self._options, self._profile = options, trading_profile(name, *options.kinds)
        self._facts = self._profile.facts
        self._client = make_client(ccxt, options, self._facts, credentials)
        credentials.check_complete(name, self._client.requiredCredentials)
        self._api_key, self._uid = credentials.api_key, ""
        self._asker = RestCaller(ccxt, self._client, credentials, self._facts.unknown, options.attempts)
        self._lookup = Lookup(self._asker, self._profile)
        self._sender = OrderSender(self._asker, self._profile, options.timeout_s)
        self._rules: dict[str, MarketRules] = {}
        self.out_of_reach: dict[str, str] = {}
        self.gone: frozenset[str] = frozenset()
        self._also: dict[str, str] = {}
        self._modes: dict[str, Modes] = {}
        self._modes_turn = 0
        self._ahead_ms: int | None = None

    async def open(self, *, only_out: bool = False) -> None:
        """Markets, clock, key and modes. ConfigError, SafetyRefusal or VenueError, with the connections given back."""
        try:
            await self._asker.ask(self._client.load_markets)
            markets = self._client.markets
            for sym, name in self._options.markets.items():
                try:
                    self._rules[sym] = self._rules_of(sym, name, markets)
                except ConfigError as error:
                    if not only_out:
                        raise
                    self.out_of_reach[sym] = str(error)
            if not self._rules:
                raise ConfigError("; ".join(self.out_of_reach.values()))
            if not only_out:
                self._check_quotes()
            await self.server_time_ms()
            if not only_out:
                await check_key(self._asker, self._profile, self._options)
                await check_account(self._asker, self._profile, self._options)
                await check_fees(self._asker, self._profile, self._options, self._rules)
            self._uid = await self._account_id(only_out=only_out)
            await self._profile.prepare(self._asker)
            if not only_out:
                await set_modes(self._asker, self._profile, self._options, self._traded())
        except UNREADABLE as error:
            await self.close()
            shown = self._asker.redact(f"{type(error).__name__}: {error}")
            raise VenueError(f"{self._options.exchange}: an answer cannot be read: {shown}") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Also when it was never opened."""
        self._client.silence.close()
        await self._client.close()

    def _rules_of(self, sym: str, name: str, markets: Any) -> MarketRules:
        return rules_of(self._options.exchange, sym, name, markets, self._profile.market_order)

    async def _account_id(self, *, only_out: bool) -> str:
        """The exchange's number of the account. What it does not answer holds up no way out: the key tells, then."""
        try:
            return await self._profile.account_id(self._asker, live=self._options.mode == "live")
        except VenueError:
            if not only_out:
                raise
            return ""

    def identity(self, salt: str) -> AccountIdentity:
        """Of the account's number and the key."""
        return AccountIdentity.of(salt, self._uid, self._api_key.get_secret_value())

    def _traded(self) -> dict[str, MarketRules]:
        """Without the markets that are closed now: their modes are looked at, and would not be set."""
        markets = self._client.markets
        return {sym: rules for sym, rules in self._rules.items() if markets[rules.market].get("active") is not False}

    @property
    def untraded(self) -> frozenset[str]:
        """Those whose market does not trade now, or is gone."""
        closed, markets = frozenset(self._rules) - self._traded().keys(), self._client.markets
        gone = {"active": False}
        return closed.union(sym for sym, name in self._also.items() if markets.get(name, gone).get("active") is False)

    def also(self, markets: Mapping[str, str]) -> None:
        """Told of with the balance and the quotes."""
        self._also = dict(markets)

    def rules(self, sym: str) -> MarketRules:
        """Of a configured symbol."""
        return self._rules[sym]

    async def read_markets(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """One reload for all. A market that is not listed any more stays, as one that is closed."""
        client, before = self._client, self._client.markets
        await self._asker.ask(client.load_markets, True)
        for rules in self._rules.values():
            if rules.market not in client.markets:
                gone = client.markets[rules.market] = {**before[rules.market], "active": False, "gone": True}
                client.markets_by_id.setdefault(gone["id"], [gone])
        self.gone = frozenset(sym for sym, rules in self._rules.items() if client.markets[rules.market].get("gone"))
        return self.market_news(known)

    def market_news(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """As last read."""
        try:
            return [
                self._news_of(sym, self._client.markets[rules.market], known.get(sym, Contract.of(rules)))
                for sym, rules in self._rules.items()
            ]
        except (ConfigError, *UNREADABLE) as error:
            shown = f"{type(error).__name__}: {error}"
            raise VenueError(f"{self._options.exchange}: its markets cannot be read: {shown}") from None

    def _news_of(self, sym: str, market: Any, known: Contract) -> MarketNews:
        exchange, old = self._options.exchange, self._rules[sym]
        closed = closed_why(market, self._profile.ends_ms(market))
        if not market.get("gone"):
            self._rules[sym] = self._rules_of(sym, old.market, self._client.markets)
        now, where = Contract.of(self._rules[sym]), f"{exchange} {old.market}: "
        changed, least = changes(known, now), least_changes(known, now)
        return MarketNews(sym, closed and where + closed, changed and where + changed, least and where + least)

    async def read_modes(self) -> dict[str, str]:
        """Of swaps, some in turn where each is a question of its own; spot has none."""
        swaps = {market: sym for market, sym in self._listed().items() if self._rules[sym].kind == "swap"}
        if not swaps:
            return {}
        wanted = Modes(hedged=False, margin=ISOLATED, leverage=Decimal(self._options.leverage))
        turn, most = self._modes_turn, self._profile.modes_a_round
        self._modes |= await self._profile.modes(self._asker, list(swaps)[turn : turn + most])
        self._modes_turn = turn + most if turn + most < len(swaps) else 0
        return {
            swaps[market]: f"{self._options.exchange} {market}: {shown(modes)}; wanted {shown(wanted)}"
            for market, modes in self._modes.items()
            if modes != wanted and market in swaps
        }

    def _listed(self, syms: Sequence[str] = ()) -> dict[str, str]:
        """ccxt's market → symbol, of these symbols or of all; without those that the venue lists no more.

        Asking for one of them by its name would be refused, with all that is asked in the same breath.
        """
        return {self._rules[sym].market: sym for sym in syms or self._rules if sym not in self.gone}

    def now_ms(self) -> int:
        """Ours and what the two were apart when last asked."""
        return time.time_ns() // NS + (self._ahead_ms or 0)

    async def server_time_ms(self) -> int:
        """Asked now; only the way of the question that was answered counts, not what was asked before it in vain."""
        if self._client.has["fetchTime"] is not True:
            return self.now_ms()

        async def timed() -> tuple[int, int, int]:
            before = time.time_ns() // NS
            told = int(await self._client.fetch_time())
            return before, told, time.time_ns() // NS

        before, told, after = await self._asker.ask(timed)
        self._ahead_ms = ahead_ms(before, told, after, self._ahead_ms)
        self._client.options["timeDifference"] = -self._ahead_ms
        return self.now_ms()

    async def place(self, request: OrderRequest, cleared: Cleared = at_once) -> OrderStatusReport | Refused | Ambiguous:
        """Exactly one request, or none; never raises for what the venue does."""
        return await self._sender.place(self._rules[request.sym], request, self.now_ms, cleared)

    async def find(
        self, sym: str, client_order_id: str, since_ms: int | None = None
    ) -> OrderStatusReport | Absent | Ambiguous:
        """By client id, then among the open orders; Absent carries the time before it was asked."""
        at_ms = self.now_ms()
        try:
            found = await self._lookup.find(self._rules[sym], client_order_id, since_ms)
        except (VenueError, *UNREADABLE) as error:
            return Ambiguous(self._asker.redact(f"{type(error).__name__}: {error}"))
        return Absent(at_ms) if found is None else found

    async def open_orders(self, sym: str) -> list[VenueOrder]:
        """Anybody's."""
        return await self.all_open_orders([sym])

    async def all_open_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Anybody's, of these symbols or of all, by the fewest questions."""
        names = {self._rules[sym].market: sym for sym in syms or self._rules}

        def read(rows: Any) -> list[VenueOrder]:
            oldest = sorted(rows, key=lambda row: (int(row.get("timestamp") or 0), str(row.get("id"))))
            mine = [(names[row["symbol"]], row) for row in oldest if row["symbol"] in names]
            return [
                VenueOrder(
                    sym, row.get("clientOrderId") or "", parse.snapshot(self._facts, self._rules[sym], row),
                    forced=self._profile.forced(row.get("info") or {}),
                )
                for sym, row in mine
            ]  # fmt: skip

        given = self._asker, list(self._listed(syms))
        found: list[VenueOrder] = await self._asker.ask(self._profile.all_open_orders, *given, read=read)
        return found

    async def waiting_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Of these symbols, or of all: asked for together, which costs some venues as much as one."""
        names = self._listed(syms)
        found = await self._profile.waiting(self._asker, list(names))
        return [
            VenueOrder(
                names[order.market], order.client_id,
                OrderStatusReport(OrderPhase.NEW, Decimal(0), Decimal(0), order.order_id), waits=True,
            )
            for order in found
        ]  # fmt: skip

    async def maker(self, sym: str, venue_order_id: str) -> Maker:
        """Asked only where trades do not tell."""
        if self._profile.trades_name_makers:
            return Maker("")

        def read(order: Any) -> Maker:
            return Maker(str(order.get("clientOrderId") or ""), self._profile.forced(order.get("info") or {}))

        found: Maker = await self._asker.ask(
            self._client.fetch_order, venue_order_id, self._rules[sym].market, read=read
        )
        return found

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        """Oldest first."""
        rules = self._rules[sym]
        given = self._asker, self._profile, rules.market, since_ms, self.now_ms()

        def read(rows: Any) -> list[VenueFill]:
            return [parse.fill(self._profile, rules, sym, row) for row in rows if self._profile.is_trade(row)]

        found: list[VenueFill] = await self._asker.ask(trades, *given, read=read)
        return found

    @property
    def fills_at_once(self) -> bool:
        """Whether one question has the trades of all symbols."""
        return self._profile.trades_at_once

    async def all_fills(self, syms: Sequence[str], since_ms: int) -> list[VenueFill]:
        """Of these symbols; each symbol's the oldest first."""
        names = {self._rules[sym].market: sym for sym in syms}

        def read(rows: Any) -> list[VenueFill]:
            mine = [
                (names[row["symbol"]], row) for row in rows if row["symbol"] in names and self._profile.is_trade(row)
            ]
            return [parse.fill(self._profile, self._rules[sym], sym, row) for sym, row in mine]

        given = self._asker, list(self._listed(syms)), since_ms, self.now_ms()
        found: list[VenueFill] = await self._asker.ask(self._profile.all_trades, *given, read=read)
        return found

    async def positions(self) -> list[VenuePosition]:
        """Of every configured symbol."""
        found: list[VenuePosition] = []
        swaps = {rules.market: sym for sym, rules in self._rules.items() if rules.kind == "swap"}
        if swaps:

            def read(rows: Any) -> list[VenuePosition]:
                return [place for market, sym in swaps.items() for place in self._rows(sym, market, rows)]

            found += await self._asker.ask(self._profile.positions, self._asker, list(swaps), read=read)
        if len(swaps) < len(self._rules):
            held = await self._held()
            found += [VenuePosition(sym, qty, None) for sym, qty in self._coins(held).items()]
        return found

    async def balance(self) -> VenueBalance:
        """In the one quote currency, and the coins."""
        held = await self._held()
        quote = next(iter(self._rules.values())).quote
        return VenueBalance(held.get(quote, Decimal(0)), {**self._coins(held), **self._coins_also(held)})

    async def funding(self, since_ms: int) -> list[FundingPayment]:
        """Of all swaps; spot has none."""
        syms = {rules.market: sym for sym, rules in self._rules.items() if rules.kind == "swap"}
        found = await self._profile.funding(self._asker, syms, since_ms) if syms else []
        return sorted(found, key=lambda payment: (payment.at_ms, len(payment.payment_id), payment.payment_id))

    async def quote(self, sym: str) -> VenueQuote:
        """Now."""
        return await self._quote(sym, self._rules[sym].market)

    async def quotes(self, syms: Sequence[str]) -> dict[str, VenueQuote]:
        """Now, of all of these that the venue answers for."""
        own = [sym for sym in syms if sym in self._rules]
        names = self._listed(own) if own else {}
        also = {market: sym for sym, market in self._also.items() if sym in syms}
        names |= {market: sym for market, sym in also.items() if market in self._client.markets}

        async def timed() -> tuple[int, Any]:
            asked_ms = self.now_ms()
            return asked_ms, await self._profile.book_tickers(self._asker, list(names))

        def read(answer: tuple[int, Any]) -> dict[str, VenueQuote]:
            asked_ms, tickers = answer
            found = {}
            for market, ticker in tickers.items():
                trading = self._client.markets[market].get("active") is not False
                with suppress(parse.Unreadable):  # a side without orders
                    found[names[market]] = parse.quote(names[market], ticker, asked_ms, trading=trading)
            return found

        found: dict[str, VenueQuote] = await self._asker.ask(timed, read=read)
        return found

    async def price(self, currency: str, quote: str) -> Decimal:
        """The middle between bid and ask of its spot market with quote, or of its swap; else over BRIDGE."""
        direct = await self._middle(currency, quote)
        if direct is not None:
            return direct
        first, second = await self._middle(currency, BRIDGE), await self._middle(quote, BRIDGE)
        if first is None or second is None:
            raise NoPrice(f"{self._options.exchange}: no market {currency}/{quote} is loaded: {currency} has no price")
        return first / second

    async def _middle(self, currency: str, quote: str) -> Decimal | None:
        for market in (f"{currency}/{quote}", f"{currency}/{quote}:{quote}"):
            if market in self._client.markets:
                found = await self._quote(currency, market)
                return (found.bid + found.ask) / 2
        return None

    async def _quote(self, sym: str, market: str) -> VenueQuote:
        async def timed() -> tuple[int, Any]:
            asked_ms = self.now_ms()
            return asked_ms, await self._profile.book_ticker(self._asker, market)

        def read(answer: tuple[int, Any]) -> VenueQuote:
            asked_ms, ticker = answer
            return parse.quote(sym, ticker, asked_ms, trading=self._client.markets[market].get("active") is not False)

        found: VenueQuote = await self._asker.ask(timed, read=read)
        return found

    async def cancel_all(self, sym: str, shown: Sequence[VenueOrder] | None = None) -> None:
        """Of every kind: those that rest, and those that wait for a price."""
        market, ids = self._rules[sym].market, dict[bool, list[str] | None]({False: None, True: None})
        if shown is not None:
            ids = {waits: [one.report.venue_order_id for one in shown if one.waits is waits] for waits in ids}
        await self._profile.cancel_resting(self._asker, market, ids[False])
        await self._profile.cancel_waiting(self._asker, market, ids[True])

    def _rows(self, sym: str, market: str, rows: Any) -> list[VenuePosition]:
        """One for each position in this market; a flat one where there is none."""
        rules, own = self._rules[sym], [row for row in rows if row["symbol"] == market]
        found = [parse.position(rules, sym, row, self._profile.row_of(row)) for row in own]
        held = [position for position in found if position.signed_qty]
        return held or [parse.position(rules, sym, {})]

    async def _held(self) -> Mapping[str, Decimal]:
        found: Mapping[str, Decimal] = await self._asker.ask(
            self._client.fetch_balance, self._profile.balance_params(), read=self._profile.held
        )
        return found

    def _coins(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        return {sym: held.get(rules.base, Decimal(0)) for sym, rules in self._rules.items() if rules.kind == "spot"}

    def _coins_also(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """By the coin's name, which a market that is gone has left."""
        coins = {sym: market.partition("/")[0] for sym, market in self._also.items() if ":" not in market}
        return {sym: held.get(coin, Decimal(0)) for sym, coin in coins.items()}

    def _check_quotes(self) -> None:
        quotes = {rules.quote for rules in self._rules.values()}
        if len(quotes) > 1:
            raise ConfigError(
                f"[gateway] markets: one account, one quote currency; these have {', '.join(sorted(quotes))}"
            )
