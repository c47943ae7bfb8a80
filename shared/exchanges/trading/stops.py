"""The stops of an account at an exchange are placed once, replaced, cancelled, listed and read.

One that is placed here only ever reduces, so two of one position cost no money, and none may: an answer that nobody
knows is followed by another placing, under the next revision of its id. Where the first one is there after all, and of
its kind only one can be, the answer is Occupied: that one is adopted. What else shows up late is told by the list, and
is cancelled.

**One that an entry carries may be none that only reduces** (`StopForm.attached_reduces`, `StopReport.reduce_only`): it
is replaced at once by one that is placed here, and never left when its position is gone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from shared.errors import VenueError
from shared.exchanges.client import UNREADABLE, NotAllThere, codes_in
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading import amounts
from shared.exchanges.trading.client import Stamp
from shared.exchanges.trading.once import Sent, sent_once
from shared.exchanges.trading.orders import OrderLookup, failed
from shared.exchanges.trading.stop_profile import Market, StopForm, StopProfile, trigger_price
from shared.exchanges.trading.venue import Cleared, MarketRules, at_once
from shared.messages.reasons import Reason, StopKind
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from shared.orders.state import OrderRequest
from shared.orders.stops import Beyond, Occupied, StopAnswer, StopPhase, StopReport, StopRequest


class Replaced(NamedTuple):
    """Replaced says what became of both stops.

    - new: the answer to the new one's request
    - old: the answer to the old one's cancel; None where it was not cancelled: it is the new one now, or it stays
    """

    new: StopAnswer
    old: StopReport | Absent | Ambiguous | None = None


class Stops:
    """Stops are those of one account.

    - lookup: reads the orders that they become
    - rules: how each symbol's market is traded
    - now_ms: the exchange's clock
    - timeout_s: from when a request may be written
    """

    def __init__(
        self,
        caller: RestCaller,
        profile: StopProfile,
        lookup: OrderLookup,
        rules: Mapping[str, MarketRules],
        now_ms: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self._caller, self._rules, self._now_ms, self._timeout_s = caller, rules, now_ms, timeout_s
        self._profile, self._lookup = profile, lookup

    @property
    def form(self) -> StopForm:
        """Returns what a stop is at this exchange."""
        return self._profile.form

    async def place(self, request: StopRequest, cleared: Cleared = at_once) -> StopAnswer:
        """Sends exactly one request, or none; never raises for what the exchange does.

        Beyond: only a close helps. Occupied: one is there. cleared: awaited when the request is made and before
        anything of it is written.
        """
        unfit = self._unfit(request)
        if unfit is not None:
            return unfit
        market = self._market(request.sym)
        stamp = Stamp(at_ms=request.at_ms, validity_ms=request.validity_ms, now_ms=self._now_ms)

        async def send() -> str:
            return await self._profile.send(self._caller.client, market, request)

        sent = await sent_once(send, stamp, cleared, self._timeout_s)
        if sent.error is None or self._says(sent, self._profile.unchanged):
            return self._taken(request, sent.answer or "")
        return self._failed(sent)

    def carried(self, entry: OrderRequest, requests: Sequence[StopRequest]) -> Mapping[str, Any]:
        """Returns what an entry's request says of the stops that it carries. ValueError where it cannot carry one."""
        if not requests:
            return {}
        for request in requests:
            unfit = self._unfit(request)
            if request.kind not in self.form.attached or unfit is not None:
                why = f"{request.kind} goes with no entry" if unfit is None else unfit.text
                raise ValueError(f"{request.sym}: {why}")
            if entry.reduce_only or request.sym != entry.sym or entry.signed_qty * request.held_qty <= 0:
                raise ValueError(f"{request.sym}: a stop of {request.held_qty} is none of this order's position")
        return self._profile.carried(self._market(entry.sym), requests)

    def replacement(self, old: StopReport, request: StopRequest) -> StopRequest:
        """Returns the request so that it can rest beside the old one: of those sized by the position only one can."""
        beside = self.form.replaced == "new_first" and old.whole and old.kind is request.kind
        return request._replace(whole=request.whole and not beside)

    async def replace(self, old: StopReport, request: StopRequest, cleared: Cleared = at_once) -> Replaced:
        """Puts a stop in the place of another, so that one of them rests at any time.

        The old one stays where the new one is not taken for certain. A journal that writes between the two does the
        same by `place` of `replacement`, then `cancel`.
        """
        new = await self.place(self.replacement(old, request), cleared)
        taken = isinstance(new, StopReport) and self.form.replaced == "new_first"
        return Replaced(new, await self.cancel(old) if taken else None)

    async def cancel(self, stop: StopReport) -> StopReport | Absent | Ambiguous:
        """Cancels one. Absent: there was none to cancel: it has fired, was cancelled before, or is not to be seen yet.

        The answer is the last word about it: an exchange forgets the cancelled ones.
        """
        at_ms = self._now_ms()
        try:
            done = await self._profile.cancel(self._caller, self._market(stop.sym), stop)
        except (VenueError, *UNREADABLE) as error:
            return self._ambiguous(error)
        return stop._replace(phase=StopPhase.CANCELED, text="cancelled") if done else Absent(at_ms)

    async def waiting(self, syms: Sequence[str] = ()) -> list[StopReport]:
        """Returns all that wait for a price in these symbols, or in all, anybody's."""
        swaps = [sym for sym in syms or self._rules if self._rules[sym].kind == "swap"]
        markets = {market.id: market for market in map(self._market, swaps)}
        return await self._profile.waiting(self._caller, markets) if markets else []

    async def find(
        self, sym: str, kind: StopKind, stop_id: str, venue_id: str = "", taken: Collection[str] = ()
    ) -> StopReport | Absent | Ambiguous:
        """Looks one up, by the exchange's id where it is known. Absent is no proof where the form says so.

        taken: orders that other stops have become, so that this one has not.
        """
        at_ms, market = self._now_ms(), self._market(sym)
        asked = StopReport(sym, kind, StopPhase.WAITING, venue_id, stop_id)
        try:
            found = await self._profile.find(self._caller, market, asked, taken)
        except (VenueError, *UNREADABLE) as error:
            return self._ambiguous(error)
        return Absent(at_ms) if found is None else found

    async def order(
        self, sym: str, order_id: str, asked_qty: Decimal = Decimal(0)
    ) -> OrderStatusReport | Absent | Ambiguous:
        """Looks up the order that a stop became. asked_qty: what it was to close; 0: nobody knows."""
        at_ms, market = self._now_ms(), self._market(sym)
        try:
            row = await self._profile.order(self._caller, market, order_id, asked_qty)
            return Absent(at_ms) if row is None else await self._lookup.read(market.rules, row)
        except NotThere:
            return Absent(at_ms)
        except NotAllThere as error:
            return Ambiguous(self._caller.redact(str(error)), ended_with=error.qty * market.rules.contract_size)
        except (VenueError, *UNREADABLE) as error:
            return self._ambiguous(error)

    def _market(self, sym: str) -> Market:
        rules = self._rules[sym]
        return Market(sym, str(self._caller.client.markets[rules.market]["id"]), rules)

    def _taken(self, request: StopRequest, venue_id: str) -> StopReport:
        form, rules, whole = self.form, self._rules[request.sym], request.whole and request.kind in self.form.whole
        return StopReport(
            sym=request.sym,
            kind=request.kind,
            phase=StopPhase.WAITING,
            venue_id=venue_id,
            stop_id=request.stop_id if form.own_id else "",
            trigger_price=None if request.kind is StopKind.TRAIL else trigger_price(rules, request),
            signed_qty=Decimal(0) if whole else request.signed_qty,
            whole=whole,
        )

    def _unfit(self, request: StopRequest) -> Refused | None:
        form, facts, rules = self.form, self._profile.facts, self._rules[request.sym]
        if rules.kind != "swap" or request.kind not in form.kinds:
            where = f"{self._caller.client.id}'s {rules.kind} markets"
            return Refused(Reason.NOT_SENT, f"{request.kind}: no such stop is known of {where}")
        trail, bps = form.trail, request.trail_bps
        if request.kind is StopKind.TRAIL and (
            trail is None or bps is None or not trail.least_bps <= bps <= trail.most_bps or bps % trail.step_bps
        ):
            return Refused(Reason.NOT_SENT, f"trail_bps {bps}: {trail}")
        if request.price <= 0 or not request.held_qty:
            return Refused(Reason.NOT_SENT, f"a stop at {request.price} of {request.held_qty}: both are needed")
        if unfit := self._unfit_size(request, rules):
            return Refused(Reason.NOT_SENT, unfit)
        if not facts.client_id_form.match(request.stop_id):
            return Refused(Reason.NOT_SENT, f"id {request.stop_id!r} is not as the venue wants it")
        if facts.expiry and request.validity_ms > facts.most_validity_ms:
            return Refused(Reason.NOT_SENT, f"validity {request.validity_ms} ms: at most {facts.most_validity_ms} ms")
        if self._caller.limit.silence_s:
            return Refused(Reason.RATE_LIMITED, f"the venue wants {self._caller.limit.silence_s:.0f} s of silence")
        return None

    def _unfit_size(self, request: StopRequest, rules: MarketRules) -> str:
        """Says why a quantity is none of this market's; what is sized by the position has no bounds that we know."""
        qty = abs(request.held_qty)
        if amounts.truncated(qty, rules.step) != qty:
            return f"{qty} is no multiple of {rules.step}"
        if request.whole and request.kind in self.form.whole:
            return ""
        if qty < rules.min_qty:
            return f"a stop of {qty}: an order is at least {rules.min_qty}"
        most = amounts.most_at_once(rules, request.price)
        return "" if most is None or qty <= most else f"a stop of {qty}: an order at market is at most {most}"

    def _failed(self, sent: Sent) -> StopAnswer:
        assert sent.error is not None
        for code, text in codes_in(sent.stamp.body):
            if code in self._profile.occupied:
                return Occupied(self._caller.redact(f"{code} {text}"))
            if code in self._profile.beyond or any(words in text for words in self._profile.beyond_words):
                return Beyond(self._caller.redact(f"{code} {text}"))
        fate = failed(self._profile.facts, sent.stamp, sent.error)
        if isinstance(fate, Refused):
            return Refused(fate.reason, self._caller.redact(fate.text))
        return Ambiguous(self._caller.redact(fate.cause))

    def _says(self, sent: Sent, codes: frozenset[str]) -> bool:
        return any(code in codes for code, _ in codes_in(sent.stamp.body))

    def _ambiguous(self, error: BaseException) -> Ambiguous:
        return Ambiguous(self._caller.redact(f"{type(error).__name__}: {error}"))
