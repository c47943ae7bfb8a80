"""The matching engine takes orders and fills them, and keeps all of it, whatever a client does wrong.

How it works:

1. Whatever happens is an event: a version of an order, a fill, a payment, a setting. `_keep` writes it to the file,
   then `_take` puts it into memory; at a restart the file's events go through `_take` again. Nothing else does.
2. Nothing happens by itself. Whoever reads or places says what time it is, and `advance` fills what is due by then.
3. A market order fills at the simulator's own prices, a tick worse with each further part. An order with a price rests
   until it is cancelled; an IOC takes the parts whose price is within its limit, in one instant. One with a trigger
   waits until the price is there:

       UNTRIGGERED -> NEW -> PARTIALLY_FILLED -> FILLED, or EXPIRED where a part of it is not filled
                 `-> TRIGGERED, where the exchange makes a new order of it
       any of them that is live -> CANCELED

4. Since all versions stay, a read can be answered as of a time that has passed: a stale answer. A version, or a trade,
   may also be late itself: reads see it so long after it happened.
5. A client id is refused only while another order of that id is live, as on Binance: a finished one's is taken again.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from services.simulator.engine.admission import BuyingPower, admitted
from services.simulator.engine.events import (
    LIVE,
    OPEN,
    Declined,
    DeclineReason,
    EngineFill,
    EngineOrder,
    EventFile,
    FillPlan,
    Lags,
    NewOrder,
    Payment,
    PlannedFill,
    Setting,
    State,
)
from services.simulator.engine.listing import Listing
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.stops import EngineStop, StopBook
from services.simulator.engine.wallet import Wallet

FIRST_ID = 1_000_001
RECENT = 1_000
SMALLEST = Decimal("0.00000001")
FEE_IN, FEE_COIN, EXTRA_FEE = "fee_in", "fee_coin", "extra_fee"


class MatchingEngine:
    """The engine keeps the orders of one account over some markets. What it accepted, filled and paid only grows.

    - listings: the markets.
    - prices: what market orders fill at.
    - cash: at the start, by currency.
    - fee: the taker's, a share.
    - path: the file that keeps all of it over a restart; None: nothing does.
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
        # Where an exchange makes a new order of one that was triggered: that order's client id.
        self.triggered_client_id: Callable[[EngineOrder], str] | None = None
        self._versions: dict[int, list[EngineOrder]] = {}  # of each order, the newest last
        self._by_client: dict[str, list[int]] = {}
        self._open: dict[int, None] = {}  # ids of those that are live, in order
        self._ended: list[int] = []
        self._fills_of: defaultdict[int, list[EngineFill]] = defaultdict(list)
        self._lags: dict[int, Lags] = {}
        self.stops = StopBook(self)
        self._file = EventFile(path, {"Stop": EngineStop})
        for event in itertools.chain.from_iterable(self._file.events()):
            self._take(event)
        newest = [self.accepted[-1].id if self.accepted else 0, *(fill.id for fill in self.fills[-1:])]
        newest += [stop.id for stop in self.stops.all()]
        self._ids = itertools.count(max(FIRST_ID, *(id_ + 1 for id_ in newest), *(pay.id + 1 for pay in self.payments)))

    def place(
        self,
        new: NewOrder,
        now_ms: int,
        plan: FillPlan = FillPlan(),  # noqa: B008
        lags: Lags = Lags(),  # noqa: B008
        *,
        id_: int = 0,
    ) -> EngineOrder:
        """Takes an order, or raises Declined; fills what is to be filled at once. id_: its own, where it had one."""
        self.advance(now_ms)
        listing = self.listings[new.sym]
        if self.status(new.sym) and not new.origin:
            raise Declined(DeclineReason.NOT_TRADING)
        if new.client_id and any(self._newest(id_).state in LIVE for id_ in self._by_client.get(new.client_id, ())):
            raise Declined(DeclineReason.DUPLICATE)
        waits = new.trigger is not None
        if waits and self._reached(new, now_ms):
            raise Declined(DeclineReason.WOULD_TRIGGER)
        qty = new.signed_qty if waits else self._admitted(listing, new, now_ms)
        order = EngineOrder(
            id=id_ or next(self._ids),
            created_ms=now_ms,
            updated_ms=now_ms,
            parts=() if waits else self._parts(new, qty, now_ms, plan),
            state=State.UNTRIGGERED if waits else State.NEW,
            late_ms=lags.row_ms,
            **new._asdict(),
        )
        if any(lags):
            self._lags[order.id] = lags
        self._keep([order])
        self._work(order, now_ms)
        return self._newest(order.id)

    def advance(self, now_ms: int) -> None:
        """Fills what is due by then."""
        for id_ in list(self._open):
            self._work(self._newest(id_), now_ms)
        self.stops.advance(now_ms)

    def next_id(self) -> int:
        """Returns an id that nothing has."""
        return next(self._ids)

    def note(self, stop: EngineStop) -> None:
        """Keeps a version of a stop."""
        self._keep([stop])

    def hasten(self, order: EngineOrder, now_ms: int, parts: int) -> EngineOrder:
        """Fills so many parts of an order now that were to be filled later; returns it as it is then."""
        early = [part._replace(at_ms=min(part.at_ms, now_ms)) for part in order.parts[: order.done + parts]]
        self._keep([order._replace(parts=(*early, *order.parts[len(early) :]), updated_ms=now_ms, late_ms=0)])
        self._work(self._newest(order.id), now_ms)
        return self._newest(order.id)

    def cancel(self, order: EngineOrder, now_ms: int) -> EngineOrder:
        """Cancels what is left of a live order now, whatever of it a read shows."""
        order = self._newest(order.id)
        assert order.state in LIVE
        gone = order._replace(state=State.CANCELED, updated_ms=now_ms, late_ms=0)
        self._keep([gone])
        return gone

    def orders(self, sym: str | None = None, at_ms: int | None = None) -> list[EngineOrder]:
        """Returns all orders there are, in their newest version or as they were at a time."""
        seen = (self._as_of(order.id, at_ms) for order in self.accepted if sym in (None, order.sym))
        return [order for order in seen if order is not None]

    def open_orders(self, sym: str | None = None, at_ms: int | None = None) -> list[EngineOrder]:
        """Returns the orders that are NEW or PARTIALLY_FILLED, now or at a time not long ago."""
        ids = list(self._open)
        if at_ms is not None:
            ids += [id_ for id_ in self._ended[-RECENT:] if self._seen_ms(self._newest(id_)) > at_ms]
        seen = (self._as_of(id_, at_ms) for id_ in sorted(ids))
        return [order for order in seen if order and order.state in OPEN and sym in (None, order.sym)]

    def waiting_orders(self, sym: str | None = None) -> list[EngineOrder]:
        """Returns the orders whose trigger was not reached yet."""
        newest = (self._newest(id_) for id_ in self._open)
        return [order for order in newest if order.state is State.UNTRIGGERED and sym in (None, order.sym)]

    def kept_apart(self, order: EngineOrder) -> bool:
        """Returns whether the exchange keeps this order apart: there it is no order, and never becomes one."""
        return self.triggered_client_id is not None and order.trigger is not None

    def status(self, sym: str) -> str:
        """Returns the status that a tester set, in the exchange's own word; empty: the market is traded."""
        return self.settings.get(f"status:{sym}", "")

    def locked(self, currency: str) -> Decimal:
        """Returns how much of a currency resting spot orders hold."""
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
        """Returns the fills of an order, as far as this version of it knows them."""
        return self._fills_of[order.id][: order.done]

    def by_client(self, client_id: str, at_ms: int | None = None) -> EngineOrder | None:
        """Returns the newest order of this client id, now or as it was at a time."""
        ids = self._by_client.get(client_id, [])
        return next(filter(None, (self._as_of(id_, at_ms) for id_ in reversed(ids))), None)

    def by_id(self, id_: int, at_ms: int | None = None) -> EngineOrder | None:
        """Returns the order of this id, now or as it was at a time."""
        return self._as_of(id_, at_ms) if id_ in self._versions else None

    def pay(self, kind: str, sym: str, currency: str, amount: Decimal, now_ms: int) -> Payment:
        """Books funding, or a transfer."""
        payment = Payment(next(self._ids), kind, sym, currency, amount, now_ms)
        self._keep([payment])
        return payment

    def set(self, key: str, value: str) -> None:
        """Sets leverage and the like."""
        self._keep([Setting(key, value)])

    def leverage(self, sym: str) -> Decimal:
        """Returns the leverage of a swap; 20 until it is set."""
        return Decimal(self.settings.get(f"leverage:{sym}", "20"))

    def free(self, currency: str, now_ms: int) -> Decimal:
        """Returns how much of a currency is not held as margin, unrealised profit included."""
        free = self.wallet.cash[currency] - self.locked(currency)
        for listing in self.listings.values():
            for held in (self.wallet.holding(listing.id, leg=leg) for leg in self.wallet.legs(listing.id)):
                if held.qty and listing.quote == currency:
                    mid = self.prices.quote(listing.id, now_ms).mid
                    free += held.qty * (mid - held.entry) - abs(held.qty) * held.entry / self.leverage(listing.id)
        return free

    def _admitted(self, listing: Listing, new: NewOrder, now_ms: int) -> Decimal:
        """Returns the quantity that is taken. Raises Declined."""
        account = BuyingPower(
            self.wallet.holding(listing.id, leg=new.leg).qty,
            lambda currency: self.wallet.cash[currency] - self.locked(currency),
            lambda currency: self.free(currency, now_ms),
            self.leverage(listing.id),
            self.fee,
        )
        mark = self.prices.quote(listing.id, now_ms).mid
        return admitted(listing, new, account, self._price(listing, new.signed_qty, 0, now_ms), mark)

    def _parts(self, new: NewOrder, qty: Decimal, now_ms: int, plan: FillPlan) -> tuple[PlannedFill, ...]:
        """Returns what is to be filled: nothing of an order that rests, of an IOC what is within its limit, at once."""
        listing = self.listings[new.sym]
        if new.limit is None:
            return plan.of(qty, listing.step, now_ms)
        if not new.ioc:
            return ()
        parts, side = plan._replace(apart_ms=0).of(qty, listing.step, now_ms), 1 if qty > 0 else -1
        prices = [self._price(listing, part.qty, number, now_ms) for number, part in enumerate(parts)]
        return tuple(part for part, price in zip(parts, prices, strict=True) if side * price <= side * new.limit)

    def _reached(self, new: NewOrder | EngineOrder, now_ms: int) -> bool:
        """Says whether the price is where the order waits for it."""
        mid = self.prices.quote(new.sym, now_ms).mid
        return new.trigger is not None and (mid >= new.trigger if new.rises else mid <= new.trigger)

    def _triggered(self, order: EngineOrder, now_ms: int) -> EngineOrder:
        """Makes a new order of one that was triggered, where the exchange does so; else the order stays itself."""
        listing = self.listings[order.sym]
        if self.triggered_client_id is not None:
            id_ = next(self._ids)
            self._keep([order._replace(state=State.TRIGGERED, updated_ms=now_ms, became=id_)])
            client_id = self.triggered_client_id(order)
            order = order._replace(id=id_, client_id=client_id, created_ms=now_ms, trigger=None, algo="", was=order.id)
        new = NewOrder(order.sym, order.signed_qty, order.client_id, order.reduce_only, order.limit, leg=order.leg)
        try:
            parts = self._parts(new, self._admitted(listing, new, now_ms), now_ms, FillPlan())
        except Declined:
            triggered = order._replace(state=State.EXPIRED, updated_ms=now_ms)
        else:
            triggered = order._replace(state=State.NEW, updated_ms=now_ms, parts=parts)
        self._keep([triggered])
        return triggered

    def _work(self, order: EngineOrder, now_ms: int) -> None:
        """Does all that is due of one order: it is triggered, filled part by part, and ends."""
        if order.state is State.UNTRIGGERED:
            if not self._reached(order, now_ms):
                return
            order = self._triggered(order, now_ms)
        lags = self._lags.get(order.id, Lags())
        while order.state in OPEN and (order.limit is None or order.ioc):
            if order.done == len(order.parts):
                ended = State.FILLED if order.filled == order.signed_qty else State.EXPIRED
                order = order._replace(state=ended, late_ms=lags.end_ms)
                self._keep([order])
                return
            if order.parts[order.done].at_ms > now_ms:
                return
            order = self._fill(order, now_ms, lags)

    def _fill(self, order: EngineOrder, now_ms: int, lags: Lags) -> EngineOrder:
        """Fills the order's next part; returns the order after it."""
        listing, part = self.listings[order.sym], order.parts[order.done]
        price = self._price(listing, part.qty, order.done, now_ms)
        notional = abs(part.qty) * price
        fee, currency = self._fee(listing, part.qty, notional, now_ms)
        fill = EngineFill(
            id=next(self._ids),
            order_id=order.id,
            client_id=order.client_id,
            sym=order.sym,
            qty=part.qty,
            price=price,
            fee=fee,
            fee_currency=currency,
            profit=self.wallet.profit(order.sym, part.qty, price, order.leg),
            at_ms=part.at_ms,
            leg=order.leg,
            origin=order.origin,
            extra=fee * Decimal(self.settings.get(EXTRA_FEE, "0")),
            late_ms=lags.trades_ms,
        )
        filled = order.filled + part.qty
        last = order.done + 1 == len(order.parts)
        ended = State.FILLED if filled == order.signed_qty else State.EXPIRED
        order = order._replace(
            done=order.done + 1,
            filled=filled,
            paid=order.paid + notional,
            updated_ms=part.at_ms,
            late_ms=lags.end_ms,
            state=ended if last else State.PARTIALLY_FILLED,
        )
        self._keep([fill, order])
        return order

    def _fee(self, listing: Listing, qty: Decimal, notional: Decimal, now_ms: int) -> tuple[Decimal, str]:
        """Returns the fee, and its currency.

        Settings: `fee_in`, the listing whose base pays; `fee_coin`, a coin that has no price.
        """
        if coin := self.settings.get(FEE_COIN):
            return (self.fee * notional).quantize(SMALLEST), coin
        if fee_in := self.settings.get(FEE_IN):
            worth = self.prices.quote(fee_in, now_ms).mid
            return (self.fee * notional / worth).quantize(SMALLEST), self.listings[fee_in].base
        in_base = listing.kind == "spot" and qty > 0
        return (self.fee * qty, listing.base) if in_base else (self.fee * notional, listing.quote)

    def _price(self, listing: Listing, qty: Decimal, part: int, now_ms: int) -> Decimal:
        """Returns at what price the part with this number fills, each further one a tick worse."""
        bid, ask = self.prices.quote(listing.id, now_ms)
        return ask + listing.tick * part if qty > 0 else max(bid - listing.tick * part, listing.tick)

    def _newest(self, id_: int) -> EngineOrder:
        return self._versions[id_][-1]

    def _as_of(self, id_: int, at_ms: int | None) -> EngineOrder | None:
        """Returns the newest version of an order that could be seen at a time; None before the first."""
        seen = (order for order in reversed(self._versions[id_]) if at_ms is None or self._seen_ms(order) <= at_ms)
        return next(seen, None)

    def _seen_ms(self, order: EngineOrder) -> int:
        return order.updated_ms + order.late_ms

    def _keep(self, events: Sequence[NamedTuple]) -> None:
        """Writes events to the file, all or none, then takes them into memory."""
        self._file.write(events)
        for event in events:
            self._take(event)

    def _take(self, event: NamedTuple) -> None:
        """Takes an event into memory, one that happens now or one of the file."""
        if isinstance(event, EngineFill):
            self.fills.append(event)
            self._fills_of[event.order_id].append(event)
            self.wallet.apply(self.listings[event.sym], event)
        elif isinstance(event, Payment):
            self.payments.append(event)
            self.wallet.pay(event)
        elif isinstance(event, EngineStop):
            self.stops.take(event)
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
