"""The markets of an account's symbols: how each is traded, and what has become of it."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.errors import ConfigError, VenueError
from shared.exchanges.client import UNREADABLE, Unreadable
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading import parse
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.venue import Contract, MarketNews, MarketRules, NoPrice
from shared.orders.answers import VenueQuote

if TYPE_CHECKING:
    from shared.exchanges.trading.options import VenueOptions
    from shared.exchanges.trading.profile import TradingProfile

SHOWN = 5
BRIDGE = "USDT"
STATUS = ("status", "contractStatus", "state")  # what the exchanges call it in their own rows


class MarketOrder(NamedTuple):
    """A MarketOrder says what holds for market orders beside what holds for all orders, in the exchange's contracts.

    None: nothing. most_cost: quote units. price_tick, price_digits: of every order's price, where ccxt does not know.
    """

    least: Decimal | None = None
    most: Decimal | None = None
    step: Decimal | None = None
    most_cost: Decimal | None = None
    price_tick: Decimal | None = None
    price_digits: int | None = None


ALL_ORDERS = MarketOrder()


class Markets:
    """Markets hold the rules of an account's symbols as the exchange's markets are now.

    - rules: of each configured symbol that has a market
    - out_of_reach: symbols without one, and why; only where a way out is wanted
    - gone: symbols whose market the exchange lists no more, as last read
    - also: symbols that are not traded here, and their markets

    - now_ms: the exchange's clock.
    """

    def __init__(
        self, caller: RestCaller, profile: "TradingProfile", options: "VenueOptions", now_ms: Callable[[], int]
    ) -> None:
        self._caller, self._client, self._profile, self._options = caller, caller.client, profile, options
        self._now_ms = now_ms
        self.rules: dict[str, MarketRules] = {}
        self.out_of_reach: dict[str, str] = {}
        self.gone: frozenset[str] = frozenset()
        self.also: dict[str, str] = {}

    async def load(self, *, only_out: bool) -> None:
        """Reads the markets for the first time; ConfigError where a symbol cannot be traded as configured."""
        await self._caller.ask(self._client.load_markets)
        for sym, name in self._options.markets.items():
            try:
                self.rules[sym] = self._rules_of(sym, name)
            except ConfigError as error:
                if not only_out:
                    raise
                self.out_of_reach[sym] = str(error)
        if not self.rules:
            raise ConfigError("; ".join(self.out_of_reach.values()))
        quotes = {rules.quote for rules in self.rules.values()}
        if len(quotes) > 1 and not only_out:
            raise ConfigError(
                f"[gateway] markets: one account, one quote currency; these have {', '.join(sorted(quotes))}"
            )

    async def read(self) -> None:
        """Reads all markets anew, by one question. One that is not listed any more stays, as one that is closed."""
        client, before = self._client, self._client.markets
        await self._caller.ask(client.load_markets, True)
        for rules in self.rules.values():
            if rules.market not in client.markets:
                gone = client.markets[rules.market] = {**before[rules.market], "active": False, "gone": True}
                client.markets_by_id.setdefault(gone["id"], [gone])
        self.gone = frozenset(sym for sym, rules in self.rules.items() if client.markets[rules.market].get("gone"))

    def news(self, known: Mapping[str, Contract] = MappingProxyType({})) -> list[MarketNews]:
        """Returns what each symbol's market is, as last read. known: what its contract was, where more is known."""
        try:
            return [
                self._news_of(sym, self._client.markets[rules.market], known.get(sym, Contract.of(rules)))
                for sym, rules in self.rules.items()
            ]
        except (ConfigError, *UNREADABLE) as error:
            shown = f"{type(error).__name__}: {error}"
            raise VenueError(f"{self._options.exchange}: its markets cannot be read: {shown}") from None

    def _news_of(self, sym: str, market: Any, known: Contract) -> MarketNews:
        exchange, old = self._options.exchange, self.rules[sym]
        closed = closed_why(market, self._profile.ends_ms(market))
        if not market.get("gone"):
            self.rules[sym] = self._rules_of(sym, old.market)
        now, where = Contract.of(self.rules[sym]), f"{exchange} {old.market}: "
        changed, least = changes(known, now), least_changes(known, now)
        return MarketNews(sym, closed and where + closed, changed and where + changed, least and where + least)

    def traded(self) -> dict[str, MarketRules]:
        """Returns the rules without the markets that are closed now, whose modes would not be set."""
        markets = self._client.markets
        return {sym: rules for sym, rules in self.rules.items() if markets[rules.market].get("active") is not False}

    @property
    def untraded(self) -> frozenset[str]:
        """Returns the symbols whose market does not trade now, or is gone."""
        closed, markets = frozenset(self.rules) - self.traded().keys(), self._client.markets
        gone = {"active": False}
        return closed.union(sym for sym, name in self.also.items() if markets.get(name, gone).get("active") is False)

    def listed(self, syms: Sequence[str] = ()) -> dict[str, str]:
        """Returns ccxt's market → symbol, of these symbols or of all, without those that the exchange lists no more.

        Asking for one of them by its name would be refused, with all that is asked in the same breath.
        """
        return {self.rules[sym].market: sym for sym in syms or self.rules if sym not in self.gone}

    async def quote(self, sym: str, market: str) -> VenueQuote:
        """Asks what can be had now in one market."""

        async def timed() -> tuple[int, Any]:
            asked_ms = self._now_ms()
            return asked_ms, await self._profile.book_ticker(self._caller, market)

        def read(answer: tuple[int, Any]) -> VenueQuote:
            asked_ms, ticker = answer
            return parse.quote(sym, ticker, asked_ms, trading=self._client.markets[market].get("active") is not False)

        found: VenueQuote = await self._caller.ask(timed, read=read)
        return found

    async def quotes(self, syms: Sequence[str]) -> dict[str, VenueQuote]:
        """Asks what can be had now of all of these symbols that the exchange answers for, by the fewest questions."""
        own = [sym for sym in syms if sym in self.rules]
        names = self.listed(own) if own else {}
        also = {market: sym for sym, market in self.also.items() if sym in syms}
        names |= {market: sym for market, sym in also.items() if market in self._client.markets}

        async def timed() -> tuple[int, Any]:
            asked_ms = self._now_ms()
            return asked_ms, await self._profile.book_tickers(self._caller, list(names))

        def read(answer: tuple[int, Any]) -> dict[str, VenueQuote]:
            asked_ms, tickers = answer
            found = {}
            for market, ticker in tickers.items():
                trading = self._client.markets[market].get("active") is not False
                with suppress(Unreadable):  # a side without orders
                    found[names[market]] = parse.quote(names[market], ticker, asked_ms, trading=trading)
            return found

        found: dict[str, VenueQuote] = await self._caller.ask(timed, read=read)
        return found

    async def price(self, currency: str, quote: str) -> Decimal:
        """Asks for the middle between bid and ask of a currency's spot market or swap; else over BRIDGE.

        Raises NoPrice where there is none of these markets, and VenueError where one tells no price now.
        """
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
                found = await self.quote(currency, market)
                if min(found.bid, found.ask) <= 0:
                    why = f"{market} has no two sides now: {currency} has no price"
                    raise VenueError(f"{self._options.exchange}: {why}")
                return (found.bid + found.ask) / 2
        return None

    def _rules_of(self, sym: str, name: str) -> MarketRules:
        return rules_of(self._options.exchange, sym, name, self._client.markets, self._profile.market_order)


def rules_of(
    exchange: str,
    sym: str,
    name: str,
    markets: Mapping[str, Mapping[str, Any]],
    market_order: Callable[[Mapping[str, Any]], MarketOrder] = lambda market: ALL_ORDERS,
) -> MarketRules:
    """Returns how `sym` is traded, which the config maps to ccxt's market `name`; ConfigError where it cannot be.

    Orders are market orders, so what bounds these counts beside what bounds all. One in which nothing is traded now has
    its rules, too: it holds up no other, and `closed_why` keeps orders that add out of it.
    """
    where = f"[gateway] markets: {sym} = {name!r}"
    market = markets.get(name)
    if market is None:
        near = difflib.get_close_matches(name, markets, SHOWN, 0.6)
        hint = f"did you mean {', '.join(near)}?" if near else "write it as ccxt does, e.g. BTC/USDT:USDT"
        raise ConfigError(f"{where}: {exchange} has no such market: {hint}")
    if market.get("type") not in ("swap", "spot"):
        raise ConfigError(f"{where}: a {market.get('type')} market: only swap and spot are traded")
    if market["type"] == "swap" and market.get("linear") is not True:
        raise ConfigError(
            f"{where}: an inverse contract, settled in {market.get('settle')}: only linear ones are traded"
        )
    size = decimal_at(market, "contractSize") if market["type"] == "swap" else Decimal(1)
    step = decimal_at(market, "precision", "amount")
    if size is None or step is None:
        raise VenueError(f"{where}: {exchange} does not tell the contract's size or the amount's step")
    bound = market_order(market)
    step = _common(step, bound.step) if bound.step else step
    least = max(decimal_at(market, "limits", "amount", "min") or step, bound.least or step, step)
    most = [one for one in (decimal_at(market, "limits", "amount", "max"), bound.most) if one]
    return MarketRules(
        kind=market["type"],
        market=name,
        base=market["base"],
        quote=market["quote"],
        step=step * size,
        min_qty=least * size,
        most_qty=min(most) * size if most else None,
        min_notional=decimal_at(market, "limits", "cost", "min") or Decimal(0),
        price_tick=bound.price_tick or decimal_at(market, "precision", "price") or Decimal(0),
        contract_size=size,
        most_notional=bound.most_cost,
        price_digits=bound.price_digits,
    )


def closed_why(market: Mapping[str, Any], ends_ms: int | None) -> str:
    """Says why nothing is to be added in a market now; empty where it is traded, and no end of that is announced.

    >>> closed_why({"active": True}, None), closed_why({"active": True}, 1_764_576_000_000)
    ('', 'trading in it ends on 2025-12-01 08:00 UTC')
    """
    status = next((market["info"][name] for name in STATUS if market.get("info", {}).get(name)), "")
    if market.get("gone"):
        return "the exchange does not list it any more"
    if market.get("active") is False:
        return f"the exchange does not trade it now{f' ({status})' if status else ''}"
    if ends_ms is None:
        return ""
    return f"trading in it ends on {datetime.fromtimestamp(ends_ms / 1000, UTC):%F %H:%M} UTC"


def changes(old: Contract, new: Contract) -> str:
    """Says what is another contract than before: its size, or the step of its quantity; empty where neither is."""
    return _told(old, new, {"contract's size": (old.size, new.size), "quantity's step": (old.step, new.step)})


def least_changes(old: Contract, new: Contract) -> str:
    """Says what an order must be at least that it needed not be before, or the other way; empty where it is the same.

    >>> least = {"min_qty": Decimal("0.1"), "min_notional": Decimal(5)}
    >>> old = Contract(market="BTC/USDT", size=Decimal(1), step=Decimal("0.1"), **least)
    >>> least_changes(old, old.model_copy(update={"min_notional": Decimal(10)}))
    'the least value of an order was 5 and is 10'
    """
    quantity, value = (old.min_qty, new.min_qty), (old.min_notional, new.min_notional)
    return _told(old, new, {"least quantity": quantity, "least value of an order": value})


def _told(old: Contract, new: Contract, both: Mapping[str, tuple[Decimal | None, Decimal | None]]) -> str:
    if old.market != new.market:
        return ""
    return ", ".join(
        f"the {name} was {plain(was)} and is {plain(now)}"
        for name, (was, now) in both.items()
        if was is not None and now is not None and was != now
    )


def _common(one: Decimal, other: Decimal) -> Decimal:
    """Returns the least step that is a whole number of both.

    >>> _common(Decimal("0.001"), Decimal("0.01")), _common(Decimal("0.4"), Decimal("0.6"))
    (Decimal('0.01'), Decimal('1.2'))
    """
    (a, b), (c, d) = one.as_integer_ratio(), other.as_integer_ratio()
    return Decimal(math.lcm(a * d, c * b)) / Decimal(b * d)


def decimal_at(market: Mapping[str, Any], *path: str) -> Decimal | None:
    """Returns the number that stands there, if one does.

    >>> decimal_at({"limits": {"amount": {"min": "0.2"}}}, "limits", "amount", "min")
    Decimal('0.2')
    """
    found: Any = market
    for key in path:
        found = (found or {}).get(key)
    try:
        return None if found is None or found == "" else Decimal(str(found))
    except InvalidOperation:
        return None
