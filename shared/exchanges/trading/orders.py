"""An order is sent to an exchange once, looked up and cancelled; what a failure means is said here, too."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shared.errors import VenueError
from shared.exchanges.client import MS, UNREADABLE, Unreadable, codes_in
from shared.exchanges.profile import TradingFacts
from shared.exchanges.rest_caller import NotThere, Refusing, RestCaller, with_type
from shared.exchanges.trading import amounts, parse
from shared.exchanges.trading.client import NotCleared, Overdue, Stamp
from shared.exchanges.trading.once import sent_once
from shared.exchanges.trading.profile import TradingProfile
from shared.exchanges.trading.venue import Cleared, MarketRules
from shared.messages.reasons import OrderPhase, OrderType, Reason, TimeInForce
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from shared.orders.state import OrderRequest


class OrderSender:
    """An OrderSender sends orders through ccxt, each once. timeout_s: from when a request may be written."""

    def __init__(self, caller: RestCaller, profile: TradingProfile, timeout_s: float) -> None:
        self._caller, self._profile, self._facts, self._timeout_s = caller, profile, profile.facts, timeout_s

    async def place(
        self,
        rules: MarketRules,
        request: OrderRequest,
        now_ms: Callable[[], int],
        cleared: Cleared,
        carried: Mapping[str, Any] = MappingProxyType({}),
    ) -> OrderStatusReport | Refused | Ambiguous:
        """Sends exactly one request, or none; never raises for what the exchange does.

        - now_ms: the exchange's clock.
        - cleared: awaited when the request is made and before anything of it is written.
        - carried: what the request says of the stops that it carries.
        """
        refused = self._unfit(rules, request)
        if refused is not None:
            return refused
        stamp = Stamp(at_ms=request.at_ms, validity_ms=request.validity_ms, now_ms=now_ms)
        try:
            price = await self._price(rules, request, stamp)
        except Overdue as error:
            return self._failed(stamp, error)
        except VenueError as error:
            return Refused(Reason.NOT_SENT, f"not sent: no price for a market order: {error}")
        amount = amounts.contracts(rules, request.signed_qty)

        async def send() -> OrderStatusReport:
            order = await self._caller.client.create_order(
                rules.market,
                request.type.value.lower(),
                "buy" if request.signed_qty > 0 else "sell",
                amount,
                price,
                {**self._params(rules, request), **carried},
            )
            if order.get("clientOrderId") not in (None, request.client_order_id):
                raise Unreadable("the answer is about another order")
            return parse.answer(self._profile, rules, order, request.signed_qty)

        sent = await sent_once(send, stamp, cleared, self._timeout_s)
        if sent.error is not None:
            return self._failed(stamp, sent.error)
        report: OrderStatusReport = sent.answer
        return report

    async def _price(self, rules: MarketRules, request: OrderRequest, stamp: Stamp) -> str | None:
        """Returns the price that is sent: the limit, or the one that a market order must have there; else None.

        To find it takes at most half of what is left of the request's validity.
        """
        price, qty = request.limit_price, request.signed_qty
        if price is None:
            left_s = (stamp.until_ms - stamp.now_ms()) / MS
            if left_s <= 0:
                raise Overdue(f"valid until {stamp.until_ms}")
            worst = await self._profile.price_of_market_order(
                self._caller, rules.market, buys=qty > 0, reduces=request.reduce_only, within_s=left_s / 2
            )
            price = None if worst is None else amounts.limit_at(rules, worst, qty)
        return None if price is None else amounts.plain(price)

    def _unfit(self, rules: MarketRules, request: OrderRequest) -> Refused | None:
        facts, wanted = self._facts, request.signed_qty
        if amounts.truncated(wanted, rules.step) != wanted or abs(wanted) < max(rules.min_qty, rules.step):
            return Refused(Reason.BELOW_MINIMUM, f"{wanted}: at least {rules.min_qty} in steps of {rules.step}")
        if unfit := _unfit_price(rules, request):
            return Refused(Reason.NOT_SENT, unfit)
        if not facts.client_id_form.match(request.client_order_id):
            return Refused(Reason.NOT_SENT, f"client id {request.client_order_id!r} is not as the venue wants it")
        if facts.expiry and request.validity_ms > facts.most_validity_ms:
            return Refused(Reason.NOT_SENT, f"validity {request.validity_ms} ms: at most {facts.most_validity_ms} ms")
        if not request.reduce_only and (why := self._profile.spent()):
            return Refused(Reason.RATE_LIMITED, why)
        if self._caller.limit.silence_s:
            return Refused(
                Reason.RATE_LIMITED, f"the venue wants {self._caller.limit.silence_s:.0f} s of silence: not sent"
            )
        return None

    def _params(self, rules: MarketRules, request: OrderRequest) -> dict[str, Any]:
        facts, params = self._facts, dict[str, Any]({self._facts.client_id: request.client_order_id})
        if request.time_in_force is not None:
            params["timeInForce"] = request.time_in_force.value
        if request.row:
            return {**params, **self._profile.closing(request.row)}
        if rules.kind == "spot":
            return {**params, **facts.spot_params, **(facts.market_params if request.limit_price is None else {})}
        return {**params, **facts.swap_params, **({"reduceOnly": True} if request.reduce_only else {})}

    def _failed(self, stamp: Stamp, error: BaseException) -> OrderStatusReport | Refused | Ambiguous:
        fate = failed(self._facts, stamp, error)
        if isinstance(fate, Refused) and fate.reason is Reason.BEYOND_LIMIT:  # taken, and over at once, with nothing
            return OrderStatusReport(OrderPhase.CANCELED, Decimal(0), Decimal(0), "", traded_qty=Decimal(0))
        if isinstance(fate, Refused):
            return Refused(fate.reason, self._caller.redact(fate.text))
        return Ambiguous(self._caller.redact(fate.cause))


def _unfit_price(rules: MarketRules, request: OrderRequest) -> str:
    """Says why an order is not sent as it is priced; empty where it is.

    Nothing that is sent here rests: that needs somebody who cancels it when the line is dead.
    """
    price = request.limit_price
    if request.trigger_price is not None:
        return "an order that waits for a price is no order yet"
    if request.type is OrderType.MARKET:
        return "" if (price, request.time_in_force) == (None, None) else "a market order has no limit"
    if price is None or request.time_in_force is not TimeInForce.IOC:
        return "an order with a limit price is sent as IOC only"
    if price <= 0 or amounts.limit_at(rules, price, request.signed_qty) != price:
        return f"limit {amounts.plain(price)}: the market's prices are in steps of {rules.price_tick}"
    return ""


class OrderLookup:
    """An OrderLookup finds orders by their client id; it reads only. VenueError where the exchange does not answer."""

    def __init__(self, caller: RestCaller, profile: TradingProfile) -> None:
        self._caller, self._profile, self._facts = caller, profile, profile.facts

    async def find(
        self, rules: MarketRules, client_id: str, since_ms: int | None = None
    ) -> OrderStatusReport | Ambiguous | None:
        """Returns None where neither the look-up nor the open orders know it."""
        order = await self._profile.order_by_client_id(self._caller, rules.market, client_id, since_ms)
        own = order is not None
        if order is None:
            opened = await self._profile.open_orders(self._caller, rules.market)
            order = next((row for row in opened if row.get("clientOrderId") == client_id), None)
        return None if order is None else await self.read(rules, order, own=own)

    async def read(
        self, rules: MarketRules, order: Mapping[str, Any], *, own: bool = True
    ) -> OrderStatusReport | Ambiguous:
        """Reads an order as ccxt writes it, with what its fills have cost. own: its own row, and none of a list."""
        found = parse.snapshot(self._facts, rules, order)
        short = own and self._facts.final_rows and found.phase in parse.ENDED_SHORT
        inexact = bool(found.filled_qty) and not self._facts.exact_cost
        return await self._with_trades(rules, order, found, short=short) if short or inexact else found

    async def _with_trades(
        self, rules: MarketRules, order: Mapping[str, Any], found: OrderStatusReport, *, short: bool
    ) -> OrderStatusReport | Ambiguous:
        """Adds what its trades come to; they are asked for after its row.

        - short: the order has ended with less than was asked, by its own row. What the trades have cost counts where
          the row has an average price only, which is rounded.
        """
        rows = await self._profile.trades_of(self._caller, rules.market, order, found.venue_order_id)
        fills = [parse.fill(self._profile, rules, "", row) for row in rows]
        traded = sum((fill.signed_qty for fill in fills), Decimal(0))
        if not self._facts.exact_cost:
            if traded != found.filled_qty:
                return Ambiguous(f"the order says {found.filled_qty} filled, its fills {traded}: not all are there yet")
            found = found._replace(paid=sum((abs(fill.signed_qty) * fill.price for fill in fills), Decimal(0)))
        return found._replace(traded_qty=traded) if short else found


async def cancel_order(
    caller: RestCaller, profile: TradingProfile, market: str, client_id: str, order_id: str, at_ms: int
) -> Absent | Ambiguous | None:
    """Cancels one order of ours, which can be repeated without harm.

    None: the exchange has taken the cancel. Absent: it has no such order open.

    - order_id: the exchange's own; where it is empty the order is named by our id.
    - at_ms: the exchange's clock.
    """
    params = {} if order_id else {profile.lookup_name: client_id}
    try:
        await caller.ask(caller.client.cancel_order, order_id or None, market, params)
    except NotThere:
        return Absent(at_ms)
    except Refusing as error:
        return Absent(at_ms) if error.codes & profile.over else Ambiguous(caller.redact(str(error)))
    except (VenueError, *UNREADABLE) as error:
        return Ambiguous(caller.redact(f"{type(error).__name__}: {error}"))
    return None


def failed(facts: TradingFacts, stamp: Stamp, error: BaseException) -> Refused | Ambiguous:
    """Says what a failed order means: the exchange has definitely not taken it, or nobody knows.

    Only what an exchange's facts list is definite. The answer itself is read, not ccxt's name for it: ccxt maps codes
    by the host's name, puts several meanings under one class, and calls "nobody knows" an error like any other. Texts
    are the exchange's: not redacted yet.
    """
    if isinstance(error, Overdue):
        return Refused(Reason.REQUEST_EXPIRED, "its validity was over before it was written: not sent")
    if isinstance(error, NotCleared):
        return Ambiguous(f"not sent: {error}")
    if not stamp.may_be_there or _never_connected(error):
        return Refused(Reason.NOT_SENT, f"not sent: {with_type(error)}")
    codes = list(codes_in(stamp.body))
    for code, text in codes:
        if code in facts.duplicate or "uplicate" in text:
            return Ambiguous(f"the venue knows this id already: {code} {text}")
    for code, text in codes:
        if code in facts.refusals:
            reason = next((reason for words, reason in facts.meant.items() if words in text), facts.refusals[code])
            return Refused(reason, text if code in text else f"{code} {text}")
    # A code says more than the status: OKX answers 50013, "Systems are busy", with 429 (P: DOCS/#error-code-rest-api).
    if not codes and stamp.status is not None and stamp.status in facts.refusal_statuses:
        return Refused(facts.refusal_statuses[stamp.status], f"HTTP {stamp.status}")
    status = "no answer" if stamp.status is None else f"HTTP {stamp.status}"
    return Ambiguous(f"{status}: {' '.join(f'{code} {text}' for code, text in codes) or with_type(error)}")


def _never_connected(error: BaseException) -> bool:
    """No connection was made, so nothing was written."""
    from aiohttp import ClientConnectorError

    return isinstance(error.__cause__, ClientConnectorError)
