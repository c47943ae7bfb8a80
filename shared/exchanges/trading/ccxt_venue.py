"""A venue through ccxt takes orders at market, and IOC with a limit, on linear swaps and on spot, each sent once.

A CcxtVenue answers in our words (symbols, VenueOrder, VenueFill …) what it asks of the exchange in ccxt's. Its parts
know how: `_caller` asks, again where that does no harm; `_profile` says what is special at this exchange; `_markets`
has the rules and quotes; `_setup` checks key, account and modes; `_sender` sends an order, and `_lookup` finds it;
`stops` are the stops of positions.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shared.config import Settings
from shared.errors import SafetyRefusal, VenueError
from shared.exchanges.client import UNREADABLE, RateLimit, load_ccxt, require_known
from shared.exchanges.clock import ExchangeClock
from shared.exchanges.profile import NOT_PROTECTED
from shared.exchanges.registry import profile_of, stop_profile, traded, trading_profile
from shared.exchanges.rest_caller import CallRules, RestCaller
from shared.exchanges.trading import parse
from shared.exchanges.trading.client import make_trading_client
from shared.exchanges.trading.markets import Markets
from shared.exchanges.trading.options import Credentials, VenueOptions, credentials_of, venue_options
from shared.exchanges.trading.orders import OrderLookup, OrderSender, cancel_order
from shared.exchanges.trading.paging import trades
from shared.exchanges.trading.setup import AccountSetup
from shared.exchanges.trading.stops import Stops
from shared.exchanges.trading.venue import (
    AccountIdentity,
    Cleared,
    Contract,
    MarketNews,
    MarketRules,
    Venue,
    at_once,
)
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
from shared.orders.stops import StopPhase, StopReport, StopRequest

NS_PER_MS = 1_000_000
FIRST_S = 0.2
LONGEST_S = 30.0


def make_venue(settings: Settings, **other: Any) -> Venue:
    """Makes the venue that a config means. It is not opened yet, and nothing is asked.

    Raises ConfigError or SafetyRefusal. other: VenueOptions that are not the config's, e.g. `attempts`.
    """
    return CcxtVenue(replace(venue_options(settings), **other), credentials_of(settings))


class CcxtVenue:
    """A CcxtVenue is one account at one exchange; its connections are made in open() and given back in close()."""

    def __init__(self, options: VenueOptions, credentials: Credentials) -> None:
        ccxt, name = load_ccxt("this venue", "journal"), options.exchange
        require_known(ccxt, name, "[gateway] exchange")
        if profile_of(name).trading is None and not options.allow_unlisted:
            raise SafetyRefusal(
                f"[gateway] exchange {name} is not one of {', '.join(traded())}: {NOT_PROTECTED}; "
                "allow_unlisted = true goes on all the same"
            )
        self._options, self._profile = options, trading_profile(name, options.kind)
        if self._profile.by_kind and options.kind not in self._profile.by_kind:
            raise SafetyRefusal(f"[gateway] exchange {name}: {options.kind} markets are not traded there")
        self._facts, limit = self._profile.facts, RateLimit(least_s=0.0)
        self._profile.use_keys(credentials.api_key.get_secret_value(), credentials.secret.get_secret_value())
        self._client = make_trading_client(ccxt, options, self._facts, credentials, limit, self._profile.client_class)
        credentials.check_complete(name, self._client.requiredCredentials, self._facts.keys)
        self._api_key, self._uid = credentials.api_key, ""
        rules = CallRules(options.attempts, FIRST_S, LONGEST_S)
        self._caller = RestCaller(
            ccxt, self._client, rules, limit, unknown=self._facts.unknown, redact=credentials.redact
        )
        self._markets = Markets(self._caller, self._profile, options, self.now_ms)
        self._rules = self._markets.rules
        self._setup = AccountSetup(self._caller, self._profile, options)
        self._lookup = OrderLookup(self._caller, self._profile)
        self._sender = OrderSender(self._caller, self._profile, options.timeout_s)
        stops = stop_profile(name, options.kind)
        self.stops = Stops(self._caller, stops, self._lookup, self._rules, self.now_ms, options.timeout_s)
        self._clock = ExchangeClock()
        self._profile.use_clock(self.now_ms)

    async def open(self, *, only_out: bool = False) -> None:
        """Loads markets and clock, and checks key and modes.

        Raises ConfigError, SafetyRefusal or VenueError, with the connections given back.
        """
        try:
            await self._markets.load(only_out=only_out)
            await self.server_time_ms()
            if not only_out:
                await self._setup.check(self._rules)
            self._uid = await self._account_id(only_out=only_out)
            await self._profile.prepare(self._caller)
            if not only_out:
                await self._setup.set_modes(self._markets.traded())
        except UNREADABLE as error:
            await self.close()
            shown = self._caller.redact(f"{type(error).__name__}: {error}")
            raise VenueError(f"{self._options.exchange}: an answer cannot be read: {shown}") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Gives the connections back, also when it was never opened."""
        self._client.silence.close()
        await self._client.close()

    async def _account_id(self, *, only_out: bool) -> str:
        """Returns the exchange's number of the account; without an answer the key tells, which holds up no way out."""
        try:
            return await self._profile.account_id(self._caller, live=self._options.mode == "live")
        except VenueError:
            if not only_out:
                raise
            return ""

    def identity(self, salt: str) -> AccountIdentity:
        """Returns whose account this is, by its number and the key."""
        found = AccountIdentity.of(salt, self._uid, self._api_key.get_secret_value())
        return found.model_copy(update={"key_ends_ms": self._setup.key_ends_ms})

    @property
    def out_of_reach(self) -> Mapping[str, str]:
        """Returns the symbols without rules here, and why."""
        return self._markets.out_of_reach

    @property
    def gone(self) -> frozenset[str]:
        """Returns the symbols whose market the exchange lists no more."""
        return self._markets.gone

    @property
    def untraded(self) -> frozenset[str]:
        """Returns the symbols whose market does not trade now, or is gone."""
        return self._markets.untraded

    async def check_account(self) -> None:
        """Asks what the key may do and how the account is, and sets nothing; SafetyRefusal where nothing may trade."""
        await self._setup.check(self._rules)

    def also(self, markets: Mapping[str, str]) -> None:
        """Takes symbols that only books hold into `balance` and `quotes`. markets: ccxt's, of each."""
        self._markets.also = dict(markets)

    def rules(self, sym: str) -> MarketRules:
        """Returns how a configured symbol is traded."""
        return self._rules[sym]

    async def read_markets(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """Reads all markets anew."""
        await self._markets.read()
        return self._markets.news(known)

    def market_news(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """Returns what the markets are, as last read."""
        return self._markets.news(known)

    async def read_modes(self) -> dict[str, str]:
        """Returns the swaps whose modes are not as configured."""
        swaps = {market: sym for market, sym in self._markets.listed().items() if self._rules[sym].kind == "swap"}
        return await self._setup.wrong_modes(swaps)

    def now_ms(self) -> int:
        """Returns the exchange's time, by its clock as last asked."""
        return self._clock.now_ms()

    async def server_time_ms(self) -> int:
        """Asks the exchange for its time, and sets the clock by it; returns the time.

        Each try is timed by itself, so that a try that failed does not count for the way of the answer.
        """
        if self._client.has["fetchTime"] is not True:
            return self.now_ms()

        async def timed() -> tuple[int, int, int]:
            before = time.time_ns() // NS_PER_MS
            told = int(await self._client.fetch_time())
            return before, told, time.time_ns() // NS_PER_MS

        self._clock.told(*await self._caller.ask(timed))
        self._client.options["timeDifference"] = -self._clock.ahead_ms
        return self.now_ms()

    async def place(
        self, request: OrderRequest, cleared: Cleared = at_once, stops: Sequence[StopRequest] = ()
    ) -> OrderStatusReport | Refused | Ambiguous:
        """Sends exactly one request, or none; never raises for what the exchange does."""
        carried = self.stops.carried(request, stops)
        return await self._sender.place(self._rules[request.sym], request, self.now_ms, cleared, carried)

    async def find(
        self, sym: str, client_order_id: str, since_ms: int | None = None
    ) -> OrderStatusReport | Absent | Ambiguous:
        """Looks an order up, then among the open orders; Absent carries the time before it was asked."""
        at_ms = self.now_ms()
        try:
            found = await self._lookup.find(self._rules[sym], client_order_id, since_ms)
        except (VenueError, *UNREADABLE) as error:
            return Ambiguous(self._caller.redact(f"{type(error).__name__}: {error}"))
        return Absent(at_ms) if found is None else found

    async def cancel(self, sym: str, client_order_id: str, venue_order_id: str) -> Absent | Ambiguous | None:
        """Asks for the cancel of one order of ours."""
        market = self._rules[sym].market
        return await cancel_order(self._caller, self._profile, market, client_order_id, venue_order_id, self.now_ms())

    async def open_orders(self, sym: str) -> list[VenueOrder]:
        """Returns the open orders of a symbol, anybody's."""
        return await self.all_open_orders([sym])

    async def all_open_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Returns the open orders of these symbols or of all, anybody's, by the fewest questions."""
        names = {self._rules[sym].market: sym for sym in syms or self._rules}

        def read(rows: Any) -> list[VenueOrder]:
            oldest = sorted(rows, key=lambda row: (int(row.get("timestamp") or 0), str(row.get("id"))))
            mine = [(names[row["symbol"]], row) for row in oldest if row["symbol"] in names]
            return [
                VenueOrder(
                    sym,
                    row.get("clientOrderId") or "",
                    parse.snapshot(self._facts, self._rules[sym], row),
                    waits=self._profile.waits(row.get("info") or {}),
                    forced=self._profile.forced(row.get("info") or {}),
                    of_position=self._profile.of_position(row.get("info") or {}),
                )
                for sym, row in mine
            ]

        given = self._caller, list(self._markets.listed(syms))
        found: list[VenueOrder] = await self._caller.ask(self._profile.all_open_orders, *given, read=read)
        return found

    async def waiting_orders(self, syms: Sequence[str] = ()) -> list[VenueOrder]:
        """Returns the orders that wait for a price, by one question where the exchange allows that."""
        names = self._markets.listed(syms)
        found = await self._profile.waiting(self._caller, list(names))
        return [
            VenueOrder(
                names[order.market],
                order.client_id,
                OrderStatusReport(OrderPhase.NEW, Decimal(0), Decimal(0), order.order_id),
                waits=True,
            )
            for order in found
        ]

    async def maker(self, sym: str, venue_order_id: str) -> Maker:
        """Asks who made an order, only where trades do not tell."""
        if self._profile.trades_name_makers:
            return Maker("")

        def read(order: Any) -> Maker:
            return Maker(str(order.get("clientOrderId") or ""), self._profile.forced(order.get("info") or {}))

        found: Maker = await self._caller.ask(
            self._client.fetch_order, venue_order_id, self._rules[sym].market, read=read
        )
        return found

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        """Returns a symbol's trades, the oldest first."""
        rules = self._rules[sym]
        given = self._caller, self._profile, rules.market, since_ms, self.now_ms()

        def read(rows: Any) -> list[VenueFill]:
            return [parse.fill(self._profile, rules, sym, row) for row in rows if self._profile.is_trade(row)]

        found: list[VenueFill] = await self._caller.ask(trades, *given, read=read)
        return found

    @property
    def fills_at_once(self) -> bool:
        """Says whether one question has the trades of all symbols."""
        return self._profile.trades_at_once

    async def all_fills(self, syms: Sequence[str], since_ms: int) -> list[VenueFill]:
        """Returns the trades of these symbols; each symbol's are the oldest first."""
        names = {self._rules[sym].market: sym for sym in syms}

        def read(rows: Any) -> list[VenueFill]:
            mine = [
                (names[row["symbol"]], row) for row in rows if row["symbol"] in names and self._profile.is_trade(row)
            ]
            return [parse.fill(self._profile, self._rules[sym], sym, row) for sym, row in mine]

        given = self._caller, list(self._markets.listed(syms)), since_ms, self.now_ms()
        found: list[VenueFill] = await self._caller.ask(self._profile.all_trades, *given, read=read)
        return found

    async def positions(self) -> list[VenuePosition]:
        """Returns the positions of every configured symbol."""
        found: list[VenuePosition] = []
        swaps = self._swaps()
        if swaps:

            def read(rows: Any) -> list[VenuePosition]:
                return [place for market, sym in swaps.items() for place in self._positions_in(sym, market, rows)]

            found += await self._caller.ask(self._profile.positions, self._caller, list(swaps), read=read)
        if len(swaps) < len(self._rules):
            held = await self._held()
            found += [VenuePosition(sym, qty, None) for sym, qty in self._coins(held).items()]
        return found

    def _swaps(self) -> dict[str, str]:
        return {rules.market: sym for sym, rules in self._rules.items() if rules.kind == "swap"}

    async def balance(self) -> VenueBalance:
        """Returns what there is of the one quote currency, and the coins."""
        held = await self._held()
        quote = next(iter(self._rules.values())).quote
        return VenueBalance(held.get(quote, Decimal(0)), {**self._coins(held), **self._coins_also(held)})

    async def funding(self, since_ms: int) -> list[FundingPayment]:
        """Returns the payments of all swaps; spot has none."""
        syms = self._swaps()
        found = await self._profile.funding(self._caller, syms, since_ms) if syms else []
        return sorted(found, key=lambda payment: (payment.at_ms, len(payment.payment_id), payment.payment_id))

    async def quote(self, sym: str) -> VenueQuote:
        """Returns what can be had now."""
        return await self._markets.quote(sym, self._rules[sym].market)

    async def quotes(self, syms: Sequence[str]) -> dict[str, VenueQuote]:
        """Returns what can be had now of each symbol that the exchange answers for."""
        return await self._markets.quotes(syms)

    async def price(self, currency: str, quote: str) -> Decimal:
        """Returns the price of a currency, now; NoPrice where it has no market here."""
        return await self._markets.price(currency, quote)

    async def cancel_all(self, sym: str, shown: Sequence[VenueOrder] | None = None, keep: Collection[str] = ()) -> None:
        """Cancels orders of every kind: those that rest, and those that wait for a price; no stop of a position."""
        market = self._rules[sym].market
        resting: list[str] | None = None  # ids at the exchange; None: all, whichever there are
        waiting: list[str] | None = None
        if keep:
            shown = shown or [*await self.open_orders(sym), *await self.waiting_orders([sym])]
            shown = [one for one in shown if not {one.client_order_id, one.report.venue_order_id} & set(keep)]
        if shown is not None:
            taken = [one for one in shown if not one.of_position]
            resting = [one.report.venue_order_id for one in taken if not one.waits]
            waiting = [one.report.venue_order_id for one in taken if one.waits]
        await self._profile.cancel_resting(self._caller, market, resting)
        if not keep:
            await self._profile.cancel_waiting(self._caller, market, waiting)
            return
        for id_ in waiting or ():  # one by one: all at once would take those that are kept
            answer = await self.stops.cancel(StopReport(sym, None, StopPhase.WAITING, id_))
            if isinstance(answer, Ambiguous):
                raise VenueError(f"{sym}: {id_} is not cancelled: {answer.cause}")

    def _positions_in(self, sym: str, market: str, rows: Any) -> list[VenuePosition]:
        """Returns each position in this market; a flat one where there is none."""
        rules, own = self._rules[sym], [row for row in rows if row["symbol"] == market]
        found = [parse.position(rules, sym, row, self._profile.row_of(row)) for row in own]
        held = [position for position in found if position.signed_qty]
        return held or [parse.position(rules, sym, {})]

    async def _held(self) -> Mapping[str, Decimal]:
        """Asks what the account holds of each currency."""
        found: Mapping[str, Decimal] = await self._caller.ask(
            self._client.fetch_balance, self._profile.balance_params(), read=self._profile.held
        )
        return found

    def _coins(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Returns what is held of each symbol that is traded on spot."""
        return {sym: held.get(rules.base, Decimal(0)) for sym, rules in self._rules.items() if rules.kind == "spot"}

    def _coins_also(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Returns what is held of the symbols of `also`, by the coin's name: their market may be gone."""
        coins = {sym: market.partition("/")[0] for sym, market in self._markets.also.items() if ":" not in market}
        return {sym: held.get(coin, Decimal(0)) for sym, coin in coins.items()}
