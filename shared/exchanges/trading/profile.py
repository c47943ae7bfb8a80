"""The trading half of a profile is a class whose defaults are ccxt's common interface.

Each exchange has a folder beside this one; nowhere else does the code ask which exchange it is. An exchange's class
says anew only what differs there. Its methods come in this order: lists of orders, trades and positions; the same of
many markets at once; single rows; the account: its rights, orders by name, balance, funding, and modes.
"""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, NamedTuple

from shared.errors import SafetyRefusal, VenueError
from shared.exchanges.client import Unreadable
from shared.exchanges.profile import TradingFacts
from shared.exchanges.rest_caller import NotThere, Refusing, RestCaller
from shared.exchanges.trading.markets import MarketOrder, decimal_at
from shared.exchanges.trading.paging import MOST_PAGES, Row, all_pages, order_trades, trades
from shared.exchanges.trading.parse import number
from shared.orders.answers import Forced, FundingPayment

ISOLATED = "isolated"
EARLIER_MS = 60_000  # a trade may seem older than its order


class Rights(NamedTuple):
    """Rights say what a key may do; None: the exchange does not tell.

    - ends_ms: when the key, or its right to trade, ends; None where it does not, or nobody tells.
    """

    trade: bool | None = None
    withdraw: bool | None = None
    ends_ms: int | None = None


class WaitingOrder(NamedTuple):
    """A WaitingOrder waits for a price at the exchange. market: ccxt's."""

    market: str
    order_id: str
    client_id: str


class Modes(NamedTuple):
    """Modes say how a swap is set. hedged: one position each way. margin: ccxt's word, e.g. isolated.

    - leverage: as the exchange writes it, which may be a fraction: ccxt's own number of it is cut to a whole one.
    """

    hedged: bool
    margin: str | None
    leverage: Decimal | None


class TradingProfile:
    """A TradingProfile trades at an exchange of which nothing is known but what ccxt has in common for all.

    Subclasses say what is known.

    - kind: `swap` or `spot`. An account here holds one of them, and the two may be two APIs.
    """

    name: ClassVar[str] = ""
    fake_keys: ClassVar[tuple[str, str, str]] = ("fake-key", "fake-secret", "fake-password")  # of the simulator
    rights_in_test: ClassVar[bool] = False  # whether its test system tells a key's rights
    margin_of_account: ClassVar[bool] = False  # whether the margin mode is that of the whole account
    by_kind: ClassVar[Mapping[str, TradingFacts]] = {}
    lookup_name: ClassVar[str] = "clientOrderId"  # the parameter of a look-up by our id
    over: ClassVar[frozenset[str]] = frozenset()  # codes that refuse a cancel of what is over, or about to be
    trades_name_makers: ClassVar[bool] = True  # a trade tells its order's client id, and whether the exchange forced it

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.facts = self.by_kind.get(kind, TradingFacts())
        self.now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000  # ours, until `use_clock`

    def use_keys(self, api_key: str, secret: str) -> None:
        """Takes the account's keys; ConfigError, without their content, where the exchange has none of this form."""

    def use_clock(self, now_ms: Callable[[], int]) -> None:
        """Takes the exchange's clock, as it is known here."""
        self.now_ms = now_ms

    def client_class(self, parent: Any) -> Any:
        """Returns the class of the account's client. parent: ccxt's, as everybody has it here."""
        return parent

    # ---- lists

    def more_orders(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Returns what to ask for after this page of open orders, or of positions; None where there is no more."""
        return None

    def more_trades(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Returns what to ask for after this page of trades.

        That goes beside the same times or, with `since` in it, instead of them. None: nothing is known but the times,
        and the next page is asked for by them.
        """
        return None

    async def open_orders(
        self, caller: RestCaller, market: str | None, params: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """Asks for all orders that rest in a market, anybody's. params: of ccxt, beside its own."""
        return await all_pages(caller, self.more_orders, partial(self._open_page, caller, market), params or {})

    async def _open_page(self, caller: RestCaller, market: str | None, params: Mapping[str, Any]) -> Any:
        return await caller.client.fetch_open_orders(market, None, self.facts.orders_page, dict(params))

    async def positions(self, caller: RestCaller, swaps: Sequence[str]) -> list[Row]:
        """Asks for the rows of these swaps, or of more than these."""
        found: list[Row] = await caller.ask(caller.client.fetch_positions, list(swaps))
        return found

    async def book_ticker(self, caller: RestCaller, market: str) -> Row:
        """Asks for bid and ask of one market."""
        found: Row = await caller.ask(caller.client.fetch_ticker, market)
        return found

    # ---- the same of many markets, as cheaply as the exchange gives it

    trades_at_once: ClassVar[bool] = False  # whether one question has the trades of all markets

    async def all_open_orders(self, caller: RestCaller, markets: Sequence[str]) -> list[Row]:
        """Asks for all that rest in these markets, or in more than these."""
        return [row for market in markets for row in await self.open_orders(caller, market)]

    async def all_trades(self, caller: RestCaller, markets: Sequence[str], since_ms: int, now_ms: int) -> list[Row]:
        """Asks for the account's trades in these markets, or in more than these."""
        return [row for market in markets for row in await trades(caller, self, market, since_ms, now_ms)]

    tickers_one_by_one: ClassVar[float] = math.inf  # markets that are asked for so; `all_tickers` asks for more

    async def all_tickers(self, caller: RestCaller, ids: Sequence[str]) -> list[tuple[str, Row]]:
        """Asks for the tickers of these markets, or of more, by one question: the exchange's id, and its row."""
        return []

    async def book_tickers(self, caller: RestCaller, markets: Sequence[str]) -> Mapping[str, Row]:
        """Asks for bid and ask of these markets; one that the exchange does not answer for is left out."""
        if len(markets) > self.tickers_one_by_one:
            client = caller.client
            names = {client.markets[market]["id"]: market for market in markets}
            rows = {names[id_]: row for id_, row in await self.all_tickers(caller, list(names)) if id_ in names}
            return {market: client.parse_ticker(row, client.markets[market]) for market, row in rows.items()}
        found = {}
        for market in markets:
            try:
                found[market] = await self.book_ticker(caller, market)
            except VenueError:
                if len(markets) == 1:
                    raise
        return found

    async def trades_page(
        self, caller: RestCaller, market: str | None, since: int | None, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for a page of the account's trades, in all markets for None; `is_trade` tells what is none."""
        found: list[Row] = await caller.client.fetch_my_trades(market, since, self.facts.page, dict(params))
        return found

    async def order_trades_page(
        self, caller: RestCaller, market: str, id_: str, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks for a page of the trades of one order, by its id at the exchange."""
        found: list[Row] = await caller.client.fetch_order_trades(id_, market, None, self.facts.page, dict(params))
        return found

    async def trades_of(self, caller: RestCaller, market: str, order: Row, id_: str) -> list[Row]:
        """Asks for the trades of an order that was just looked up. id_: its own at the exchange."""
        client = caller.client
        if client.has["fetchOrderTrades"]:
            return await order_trades(caller, self, market, id_)
        since_ms = int(order.get("timestamp") or 0) - EARLIER_MS
        rows = await trades(caller, self, market, since_ms, client.milliseconds())
        return [row for row in rows if str(row.get("order")) == id_]

    def is_trade(self, row: Row) -> bool:
        """Says whether a row of a page of trades is one."""
        return True

    # ---- single rows

    def forced(self, info: Mapping[str, Any]) -> Forced | None:
        """Says why the exchange itself made this order or trade, out of its own row; None where it does not say so."""
        return None

    def fees(self, trade: Row) -> list[tuple[str, Decimal]]:
        """Returns what a trade has cost, by currency; positive when paid."""
        fee = trade.get("fee") or {}
        return [(str(fee.get("currency") or ""), number(fee.get("cost"), "0"))]

    def market_order(self, market: Row) -> MarketOrder:
        """Returns what a market order may be, beside what holds for all orders."""
        least, most = (decimal_at(market, "limits", "market", edge) for edge in ("min", "max"))
        return MarketOrder(least, most)

    async def price_of_market_order(
        self, caller: RestCaller, market: str, *, buys: bool, reduces: bool, within_s: float
    ) -> Decimal | None:
        """Returns the worst price that a market order names, where the exchange has none without a price; else None.

        - within_s: the order's validity runs, and the answer must be there by then. Raises VenueError where it must be
          asked for, and there is none.
        """
        return None

    def spent(self) -> str:
        """Says why nothing that adds is sent now, since the rest is kept for what reduces; empty where it may go."""
        return ""

    # ---- the account

    async def prepare(self, caller: RestCaller) -> None:
        """Asks what ccxt would else ask in the middle of the first order."""

    async def rights(self, caller: RestCaller) -> Rights:
        """Asks what the key may do, as far as the exchange tells."""
        return Rights()

    async def account_id(self, caller: RestCaller, *, live: bool) -> str:
        """Asks for the exchange's own number of the account, whatever its key; empty where it does not tell one."""
        return ""

    async def unfit(self, caller: RestCaller, *, live: bool) -> str | None:
        """Says why an account is of no kind that is traded here, and what to do about it; None where it is."""
        return None

    async def fee_currencies(self, caller: RestCaller) -> frozenset[str]:
        """Asks which currencies fees are paid in beside quote and base, as far as that is known before the first."""
        return frozenset()

    async def order_by_client_id(
        self, caller: RestCaller, market: str, client_id: str, since_ms: int | None = None
    ) -> Row | None:
        """Looks an order up; None where the exchange does not know it. since_ms: it was not made before."""
        try:
            found: Mapping[str, Any] = await caller.ask(
                caller.client.fetch_order, "", market, {self.lookup_name: client_id}
            )
        except NotThere:
            return None
        return found if found.get("clientOrderId") in (client_id, None) else None

    async def waiting(self, caller: RestCaller, markets: Sequence[str]) -> list[WaitingOrder]:
        """Asks for orders that the exchange keeps apart from what rests; all others are told with the open orders."""
        return []

    async def cancel_waiting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels all of these, anybody's. ids: theirs, where they are known; None: they are not."""

    async def cancel_resting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels all open orders, anybody's: at once where the exchange can, else one by one. ids: likewise."""
        client, gone = caller.client, self.facts.unknown
        if client.has["cancelAllOrders"] is True:
            await caller.ask(client.cancel_all_orders, market, tolerated=gone)
            return
        for order in await self.open_orders(caller, market):
            await caller.ask(client.cancel_order, str(order["id"]), market, tolerated=gone)

    def waits(self, info: Mapping[str, Any]) -> bool:
        """Says of a row of the open orders whether it waits for a price, where such orders are listed among them."""
        return False

    def of_position(self, info: Mapping[str, Any]) -> bool:
        """Says of a row of the open orders whether it is the stop of a position, likewise."""
        return False

    def row_of(self, position: Mapping[str, Any]) -> str:
        """Names one of several positions in a market; empty for the one that is traded here."""
        return str(position.get("side") or "").upper() if position.get("hedged") else ""

    def closing(self, row: str) -> Mapping[str, Any]:
        """Returns the parameters of an order that closes that position, or part of it, and nothing else."""
        raise VenueError(
            f"{self.name or 'this exchange'}: how its position {row} is closed is not known: do it by hand"
        )

    def balance_params(self) -> Mapping[str, str]:
        """Returns what is asked for a balance."""
        return {"type": self.kind}

    def held(self, answer: Mapping[str, Any]) -> Mapping[str, Decimal]:
        """Reads out of a ccxt balance what there is of each currency, with the unrealised profit of its swaps."""
        return {currency: number(amount, "0") for currency, amount in answer["total"].items()}

    async def funding(self, caller: RestCaller, syms: Mapping[str, str], since_ms: int) -> list[FundingPayment]:
        """Asks for the payments of these markets (ccxt's name → symbol) from a time on, positive when received."""
        found: list[FundingPayment] = []
        for market, sym in syms.items():
            read = partial(_payments, sym)
            found += await caller.ask(caller.client.fetch_funding_history, market, since_ms, self.facts.page, read=read)
        return found

    async def set_one_way(self, caller: RestCaller, swaps: Sequence[str]) -> None:
        """Sets one position a market, not one each way; SafetyRefusal where the exchange then says otherwise."""
        client = caller.client
        if not client.has["fetchPositionMode"]:
            raise VenueError(f"{client.id}: ccxt cannot read the position mode back: swaps are not traded there")
        if await _hedged(caller, swaps[0]) is False:  # of the whole account
            return
        await self.set_mode(caller, "one-way position mode", client.set_position_mode, False, swaps[0])
        if (hedged := await _hedged(caller, swaps[0])) is not False:
            raise SafetyRefusal(f"{client.id}: hedged is {hedged}, wanted one-way: close what is open, set it by hand")

    async def margin_and_leverage(self, caller: RestCaller, market: str) -> tuple[str | None, Decimal | None]:
        """Asks how they are now, e.g. ("isolated", 1)."""
        client = caller.client
        if not client.has["fetchLeverage"] or not client.has["fetchMarginMode"]:
            raise VenueError(f"{client.id}: ccxt cannot read margin mode and leverage back: swaps are not traded there")
        margin = await told(caller, "marginMode", client.fetch_margin_mode, market)
        return margin, number(await told(caller, "longLeverage", client.fetch_leverage, market))

    modes_a_round: ClassVar[int] = 20  # markets whose modes one look asks for, where each is a question of its own

    async def modes(self, caller: RestCaller, swaps: Sequence[str]) -> Mapping[str, Modes]:
        """Asks how they are now, by market: anybody may have changed them by hand."""
        hedged = await _hedged(caller, swaps[0])
        return {market: Modes(hedged, *await self.margin_and_leverage(caller, market)) for market in swaps}

    def ends_ms(self, market: Row) -> int | None:
        """Says when trading in this market is announced to end; None: not that we know."""
        return None

    async def set_margin_and_leverage(self, caller: RestCaller, market: str, leverage: int) -> None:
        """Sets isolated margin and this leverage."""
        client = caller.client
        await self.set_mode(caller, f"{market}: isolated margin", client.set_margin_mode, ISOLATED, market)
        await self.set_mode(caller, f"{market}: leverage {leverage}", client.set_leverage, leverage, market, {})

    async def set_mode(self, caller: RestCaller, wanted: str, call: Callable[..., Awaitable[Any]], *given: Any) -> None:
        """Asks for a setting. SafetyRefusal with the remedy, where what is open keeps it from being changed."""
        try:
            await caller.ask(call, *given, tolerated=self.facts.unchanged)
        except Refusing as error:
            if error.codes & self.facts.in_the_way:
                raise SafetyRefusal(
                    f"{wanted} is needed, and {caller.client.id} does not change it while positions or orders are "
                    f"open: close and cancel them (tickline halt --flatten, or on its site), then try again: {error}"
                ) from None
            raise


async def told(caller: RestCaller, name: str, call: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    """Asks for one field of an answer. One without it is asked for again, and in the end a VenueError."""

    async def once() -> Any:
        answer = await call(*given)
        if not isinstance(answer, Mapping) or answer.get(name) is None:
            raise Unreadable(f"it does not tell {name}")
        return answer[name]

    return await caller.ask(once)


async def payment_pages(
    caller: RestCaller, page: Callable[[Any], Awaitable[tuple[list[FundingPayment], Any]]], first: Any
) -> list[FundingPayment]:
    """Returns the payments of all pages, each once. page: gives some, and what to ask for next, None after the last."""
    found, at = dict[str, FundingPayment](), first
    for _ in range(MOST_PAGES):
        payments, at = await page(at)
        found |= {payment.payment_id: payment for payment in payments}
        if at is None:
            return list(found.values())
    raise VenueError(f"{caller.client.id}: more than {MOST_PAGES} pages of funding payments")


async def _hedged(caller: RestCaller, market: str) -> bool:
    return bool(await told(caller, "hedged", caller.client.fetch_position_mode, market))


def _payments(sym: str, rows: Any) -> list[FundingPayment]:
    return [FundingPayment(str(row["id"]), sym, number(row["amount"]), int(row["timestamp"])) for row in rows]
