"""The matching engine: orders in, fills out, and a book of its own that only grows.

Market orders fill at the fake's own quote, a tick worse with each further part; an order with a price rests. A client
id is refused only while another order of that id is open, as on Binance: a finished one's is taken again.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from services.simulator.engine.events import (
    LIVE,
    OPEN,
    Declined,
    DeclineReason,
    EngineFill,
    EngineOrder,
    EventFile,
    FillPlan,
    Payment,
    Setting,
    State,
)
from services.simulator.engine.listing import Listing
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.wallet import Wallet

FIRST_ID = 1_000_001
RECENT = 1_000
SMALLEST = Decimal("0.00000001")
FEE_IN, FEE_COIN, EXTRA_FEE = "fee_in", "fee_coin", "extra_fee"
LONG, SHORT, CROSS = "LONG", "SHORT", "CROSS"
HEDGE = (LONG, SHORT)


class NewOrder(NamedTuple):
    """What a request asks for, in base units. limit: a price to rest at. stamp_ms, validity_ms: as signed.

    leg, trigger, rises, origin, algo: as in Order.
    """

    sym: str
    signed_qty: Decimal
    client_id: str = ""
    reduce_only: bool = False
    limit: Decimal | None = None
    stamp_ms: int = 0
    validity_ms: int = 0
    leg: str = ""
    trigger: Decimal | None = None
    rises: bool = False
    origin: str = ""
    algo: str = ""


class MatchingEngine:
    """One account. fee: taker's, a share. `accepted`, `fills`, `payments`: the venue's own book, which only grows.

    path: where it is kept over a restart.
    """

    def __init__(
        self,
        listings: Iterable[Listing],
        prices: EnginePrices,
        cash: dict[str, Decimal],
        fee: Decimal,
        path: Path | None = None,
    ) -> None:
        self.listings = {listing.id: listing for listing in listings}
        self.prices, self.fee = prices, fee
        self.wallet = Wallet(cash)
        self.accepted: list[EngineOrder] = []
        self.fills: list[EngineFill] = []
        self.payments: list[Payment] = []
        self.settings: dict[str, str] = {}
        self.fires_as: Callable[[EngineOrder], str] | None = None
        self._versions: dict[int, list[EngineOrder]] = {}
        self._by_client: dict[str, list[int]] = {}
        self._open: dict[int, None] = {}
        self._ended: list[int] = []
        self._fills_of: defaultdict[int, list[EngineFill]] = defaultdict(list)
        self._file = EventFile(path)
        for event in itertools.chain.from_iterable(self._file.events()):
            self._take(event)
        newest = [self.accepted[-1].id if self.accepted else 0, *(fill.id for fill in self.fills[-1:])]
        self._ids = itertools.count(max(FIRST_ID, *(id_ + 1 for id_ in newest), *(pay.id + 1 for pay in self.payments)))

    def place(self, ask: NewOrder, now_ms: int, plan: FillPlan = FillPlan()) -> EngineOrder:  # noqa: B008
        """Take an order, or raise Declined; what fills at once is filled."""
        self.advance(now_ms)
        listing = self.listings[ask.sym]
        if self.status(ask.sym) and not ask.origin:
            raise Declined(DeclineReason.NOT_TRADING)
        if ask.client_id and any(self._newest(id_).state in LIVE for id_ in self._by_client.get(ask.client_id, ())):
            raise Declined(DeclineReason.DUPLICATE)
        waits = ask.trigger is not None
        if waits and self._reached(ask, now_ms):
            raise Declined(DeclineReason.WOULD_TRIGGER)
        qty = ask.signed_qty if waits else self._admitted(listing, ask, now_ms)
        parts = () if waits or ask.limit is not None else plan.of(qty, listing.step, now_ms)
        order = EngineOrder(
            next(self._ids), ask.client_id, ask.sym, ask.signed_qty, ask.reduce_only, ask.limit, ask.stamp_ms,
            ask.validity_ms, now_ms, now_ms, parts, state=State.UNTRIGGERED if waits else State.NEW, leg=ask.leg,
            trigger=ask.trigger, rises=ask.rises, origin=ask.origin, algo=ask.algo,
        )  # fmt: skip
        self._keep([order])
        self._work(order, now_ms)
        return self._newest(order.id)

    def advance(self, now_ms: int) -> None:
        """Fill what is due."""
        for id_ in list(self._open):
            self._work(self._newest(id_), now_ms)

    def cancel(self, order: EngineOrder, now_ms: int) -> EngineOrder:
        """Of an open one."""
        gone = order._replace(state=State.CANCELED, updated_ms=now_ms)
        self._keep([gone])
        return gone

    def orders(self, sym: str | None = None, at_ms: int | None = None) -> list[EngineOrder]:
        """All there are, newest version, or as they were at a time."""
        seen = (self._as_of(order.id, at_ms) for order in self.accepted if sym in (None, order.sym))
        return [order for order in seen if order is not None]

    def open_orders(self, sym: str | None = None, at_ms: int | None = None) -> list[EngineOrder]:
        """NEW and PARTIALLY_FILLED, now or at a time not long ago."""
        ids = list(self._open)
        if at_ms is not None:
            ids += [id_ for id_ in self._ended[-RECENT:] if self._newest(id_).updated_ms > at_ms]
        seen = (self._as_of(id_, at_ms) for id_ in sorted(ids))
        return [order for order in seen if order and order.state in OPEN and sym in (None, order.sym)]

    def waiting_orders(self, sym: str | None = None) -> list[EngineOrder]:
        """Those whose trigger was not reached yet."""
        newest = (self._newest(id_) for id_ in self._open)
        return [order for order in newest if order.state is State.UNTRIGGERED and sym in (None, order.sym)]

    def elsewhere(self, order: EngineOrder) -> bool:
        """Whether it is kept by a service of its own, where one that waits is no order yet, and never becomes it."""
        return self.fires_as is not None and order.trigger is not None

    def status(self, sym: str) -> str:
        """What a tester set, in the venue's own word; nothing: it is traded."""
        return self.settings.get(f"status:{sym}", "")

    def locked(self, currency: str) -> Decimal:
        """What resting spot orders hold of it."""
        locked = Decimal(0)
        for order in self.open_orders():
            listing, left = self.listings[order.sym], order.signed_qty - order.filled
            if listing.kind == "spot" and order.limit is not None:
                if left > 0 and listing.quote == currency:
                    locked += left * order.limit
                elif left < 0 and listing.base == currency:
                    locked -= left
        return locked

    def fills_of(self, order: EngineOrder) -> list[EngineFill]:
        """Of this order, as this version of it knows them."""
        return self._fills_of[order.id][: order.done]

    def by_client(self, client_id: str, at_ms: int | None = None) -> EngineOrder | None:
        """The newest order of this client id."""
        ids = self._by_client.get(client_id, [])
        return next(filter(None, (self._as_of(id_, at_ms) for id_ in reversed(ids))), None)

    def by_id(self, id_: int, at_ms: int | None = None) -> EngineOrder | None:
        """The order."""
        return self._as_of(id_, at_ms) if id_ in self._versions else None

    def pay(self, kind: str, sym: str, currency: str, amount: Decimal, now_ms: int) -> Payment:
        """Funding, or a transfer."""
        payment = Payment(next(self._ids), kind, sym, currency, amount, now_ms)
        self._keep([payment])
        return payment

    def set(self, key: str, value: str) -> None:
        """Leverage and the like."""
        self._keep([Setting(key, value)])

    def leverage(self, sym: str) -> Decimal:
        """Of a swap; 20 until it is set."""
        return Decimal(self.settings.get(f"leverage:{sym}", "20"))

    def free(self, currency: str, now_ms: int) -> Decimal:
        """What is not held as margin, unrealised profit included."""
        free = self.wallet.cash[currency] - self.locked(currency)
        for listing in self.listings.values():
            for held in (self.wallet.holding(listing.id, leg=leg) for leg in self.wallet.legs(listing.id)):
                if held.qty and listing.quote == currency:
                    mid = self.prices.quote(listing.id, now_ms).mid
                    free += held.qty * (mid - held.entry) - abs(held.qty) * held.entry / self.leverage(listing.id)
        return free

    def _admitted(self, listing: Listing, ask: NewOrder, now_ms: int) -> Decimal:
        qty, price = ask.signed_qty, self._price(listing, ask.signed_qty, 0, now_ms)
        if qty % listing.step:
            raise Declined(DeclineReason.STEP)
        if abs(qty) < listing.min_qty:
            raise Declined(DeclineReason.MIN_QTY)
        if abs(qty) > (listing.most_market if ask.limit is None else listing.most_limit) and not ask.origin:
            raise Declined(DeclineReason.MOST_MARKET)
        if listing.kind == "spot":
            spent, currency = (qty * price, listing.quote) if qty > 0 else (-qty, listing.base)
            if spent > self.wallet.cash[currency] - self.locked(currency):
                raise Declined(DeclineReason.MARGIN)
        held = self.wallet.holding(listing.id, leg=ask.leg).qty
        closes = ask.leg in HEDGE and (qty > 0) != (ask.leg == LONG)
        if ask.reduce_only or closes:
            if held * qty >= 0:
                raise Declined(DeclineReason.REDUCE_ONLY)
            return max(qty, -held) if qty < 0 else min(qty, -held)
        if abs(qty) * price < listing.min_notional:
            raise Declined(DeclineReason.MIN_NOTIONAL)
        added = max(abs(held + qty) - abs(held), Decimal(0))
        margin = added * price / self.leverage(listing.id) + abs(qty) * price * self.fee
        if listing.kind == "swap" and added and margin > self.free(listing.quote, now_ms):
            raise Declined(DeclineReason.MARGIN)
        return qty

    def _reached(self, ask: NewOrder | EngineOrder, now_ms: int) -> bool:
        mid = self.prices.quote(ask.sym, now_ms).mid
        return ask.trigger is not None and (mid >= ask.trigger if ask.rises else mid <= ask.trigger)

    def _woken(self, order: EngineOrder, now_ms: int) -> EngineOrder:
        """fires_as: the client id of the new order that it becomes, where a venue makes one; else it stays itself."""
        listing = self.listings[order.sym]
        if self.fires_as is not None:
            id_ = next(self._ids)
            self._keep([order._replace(state=State.TRIGGERED, updated_ms=now_ms, became=id_)])
            order = order._replace(
                id=id_, client_id=self.fires_as(order), created_ms=now_ms, trigger=None, algo="", was=order.id
            )
        ask = NewOrder(order.sym, order.signed_qty, order.client_id, order.reduce_only, order.limit, leg=order.leg)
        try:
            parts = FillPlan().of(self._admitted(listing, ask, now_ms), listing.step, now_ms)
        except Declined:
            woken = order._replace(state=State.EXPIRED, updated_ms=now_ms)
        else:
            woken = order._replace(state=State.NEW, updated_ms=now_ms, parts=() if order.limit is not None else parts)
        self._keep([woken])
        return woken

    def _work(self, order: EngineOrder, now_ms: int) -> None:
        if order.state is State.UNTRIGGERED:
            if not self._reached(order, now_ms):
                return
            order = self._woken(order, now_ms)
        while order.state in OPEN and order.limit is None:
            if order.done == len(order.parts):
                ended = State.FILLED if order.filled == order.signed_qty else State.EXPIRED
                order = order._replace(state=ended)
                self._keep([order])
                return
            if order.parts[order.done].at_ms > now_ms:
                return
            order = self._fill(order, now_ms)

    def _fill(self, order: EngineOrder, now_ms: int) -> EngineOrder:
        listing, part = self.listings[order.sym], order.parts[order.done]
        price = self._price(listing, part.qty, order.done, now_ms)
        notional = abs(part.qty) * price
        fee, currency = self._fee(listing, part.qty, notional, now_ms)
        fill = EngineFill(
            next(self._ids), order.id, order.client_id, order.sym, part.qty, price, fee, currency,
            self.wallet.profit(order.sym, part.qty, price, order.leg), part.at_ms,
            order.leg, order.origin, fee * Decimal(self.settings.get(EXTRA_FEE, "0")),
        )  # fmt: skip
        filled = order.filled + part.qty
        last = order.done + 1 == len(order.parts)
        ended = State.FILLED if filled == order.signed_qty else State.EXPIRED
        order = order._replace(
            done=order.done + 1, filled=filled, paid=order.paid + notional, updated_ms=part.at_ms,
            state=ended if last else State.PARTIALLY_FILLED,
        )  # fmt: skip
        self._keep([fill, order])
        return order

    def _fee(self, listing: Listing, qty: Decimal, notional: Decimal, now_ms: int) -> tuple[Decimal, str]:
        """So much of which currency. `fee_in`: the listing whose base pays; `fee_coin`: a coin that has no price."""
        if coin := self.settings.get(FEE_COIN):
            return (self.fee * notional).quantize(SMALLEST), coin
        if fee_in := self.settings.get(FEE_IN):
            worth = self.prices.quote(fee_in, now_ms).mid
            return (self.fee * notional / worth).quantize(SMALLEST), self.listings[fee_in].base
        in_base = listing.kind == "spot" and qty > 0
        return (self.fee * qty, listing.base) if in_base else (self.fee * notional, listing.quote)

    def _price(self, listing: Listing, qty: Decimal, part: int, now_ms: int) -> Decimal:
        bid, ask = self.prices.quote(listing.id, now_ms)
        return ask + listing.tick * part if qty > 0 else max(bid - listing.tick * part, listing.tick)

    def _newest(self, id_: int) -> EngineOrder:
        return self._versions[id_][-1]

    def _as_of(self, id_: int, at_ms: int | None) -> EngineOrder | None:
        seen = (order for order in reversed(self._versions[id_]) if at_ms is None or order.updated_ms <= at_ms)
        return next(seen, None)

    def _keep(self, events: Sequence[NamedTuple]) -> None:
        self._file.write(events)
        for event in events:
            self._take(event)

    def _take(self, event: NamedTuple) -> None:
        if isinstance(event, EngineFill):
            self.fills.append(event)
            self._fills_of[event.order_id].append(event)
            self.wallet.apply(self.listings[event.sym], event)
        elif isinstance(event, Payment):
            self.payments.append(event)
            self.wallet.pay(event)
        elif isinstance(event, Setting):
            self.settings[event.key] = event.value
        elif isinstance(event, EngineOrder):
            if event.id not in self._versions:
                self.accepted.append(event)
                self._by_client.setdefault(event.client_id, []).append(event.id)
            self._versions.setdefault(event.id, []).append(event)
            if event.state in LIVE:
                self._open[event.id] = None
            else:
                self._open.pop(event.id, None)
                self._ended.append(event.id)
