"""The adversary does at the simulator what markets do at the worst moment, far more often than they do it."""

import asyncio
import random
import re
from collections import Counter
from decimal import Decimal

from services.simulator.engine.events import OPEN, EngineOrder, State
from services.simulator.engine.stops import EngineStop, StopState
from services.simulator.http.request import HttpRequest
from services.simulator.simulator import Simulator
from tests.chaos.asker import PRICE
from tests.simulator_venues import Place

RACED = 0.6  # of the cancels that find something to cancel
STRUCK = 0.1  # of the orders and stops that are sent: the price jumps just before
JUMP = Decimal("0.015")  # of the price
PASSED = 0.5  # of the price's moves go through a stop
BEYOND = Decimal("0.001")  # of the price: how far through
STEP = 0.002  # of the price: at most so far goes any other move
MOVE_S = 0.04  # between two moves, on average
RANGE = (Decimal("0.6"), Decimal("1.6"))  # of the first price
RECENT = 2_000  # orders, among which a request's is looked for
WORD = re.compile(r"[\w-]+")
TAKES_OFF, OFF = "/position/trading-stop", "0"  # Bybit's
FAILING = frozenset({"fails", "expires", "short", "sticks"})


class Adversary:
    """It sees each request just before the exchange does.

    Of a cancel it fills some or all of the order first, or has the stop triggered; before an order or a stop the price
    may jump. `move` moves the prices, through stops as often as not.

    - counts: of cancels and what they met.
    - orphans: ids of stops that were there without the position that they had been placed for.
    - versions: of all stops, as they came.
    """

    def __init__(self, fake: Simulator, place: Place, rng: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self.orphans: set[int] = set()
        self.versions: list[EngineStop] = []
        self._fake, self._place, self._rng = fake, place, rng
        self._moves = False
        fake.server.before = self._before
        take = fake.engine.stops.take

        def noted(stop: EngineStop) -> None:
            self.versions.append(stop)
            take(stop)

        fake.engine.stops.take = noted  # type: ignore[method-assign]

    @property
    def races(self) -> int:
        """Returns how many cancels came to what was filled or triggered meanwhile, in part or whole."""
        return sum(self.counts[name] for name in ("after a fill", "of what was filled", "of what was triggered"))

    @property
    def triggers(self) -> Counter[str]:
        """Returns how many stops were triggered, `all`, and what went wrong with some."""
        fired = [stop for stop in self._fake.engine.stops.all() if stop.fired_ms]
        counts = Counter(stop.at_trigger for stop in fired if stop.at_trigger in FAILING)
        counts["none of a position"] = sum(stop.why == "reduce_only" for stop in fired)
        counts["all"] = len(fired)
        return counts

    @property
    def failed_triggers(self) -> int:
        """Returns how many were triggered and left their position open."""
        return sum(self.triggers[name] for name in FAILING)

    async def move(self) -> None:
        """Moves the prices for ever."""
        self._moves, rng = True, self._rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / MOVE_S))
            waiting = self._fake.engine.stops.waiting()
            if waiting and rng.random() < PASSED:
                self._pass(rng.choice(waiting))
            else:
                self._shift(rng.choice(list(self._fake.engine.listings)), Decimal(rng.uniform(-STEP, STEP)))
            self._advance()

    def _before(self, request: HttpRequest) -> None:
        if is_cancel(request):
            said = words_of(request)
            self._advance()
            for stop in self._stops_in(said) or self._taken_off(request):
                self._race_stop(stop)
            for order in self._orders_in(said):
                self._race(order)
        elif self._moves and request.method == "POST" and self._rng.random() < STRUCK:
            said = words_of(request)
            for id_ in self._fake.engine.listings:
                if id_ in said:
                    self._shift(id_, JUMP * self._rng.choice((1, -1)))

    def _race(self, order: EngineOrder) -> None:
        """Fills some of the order's parts, or all, and counts what its cancel finds."""
        raced = order.state in OPEN and order.limit is None and self._rng.random() < RACED
        if raced:
            parts = self._rng.randint(1, len(order.parts))
            order = self._fake.engine.hasten(order, self._fake.state.now_ms(), parts)
        if order.state in OPEN:
            self.counts["after a fill" if raced else "of an open order"] += 1
        else:
            self.counts["again" if order.state is State.CANCELED else "of what was filled"] += 1

    def _race_stop(self, stop: EngineStop) -> None:
        """Has the stop triggered, and counts what its cancel finds."""
        if stop.state == StopState.WAITING and self._moves and self._rng.random() < RACED:
            self._pass(stop)
            self._advance()
            stop = self._fake.engine.stops.by_id(stop.id) or stop
        if stop.state == StopState.WAITING:
            self.counts["of a waiting stop"] += 1
        else:
            self.counts["again" if stop.state == StopState.CANCELED else "of what was triggered"] += 1

    def _pass(self, stop: EngineStop) -> None:
        """Moves the price through a stop's."""
        if stop.trigger is not None:
            ahead = 1 if stop.rises else -1
            self._set(stop.sym, stop.trigger * (1 + ahead * BEYOND))

    def _shift(self, id_: str, share: Decimal) -> None:
        self._set(id_, self._fake.engine.prices.quote(id_, self._fake.state.now_ms()).mid * (1 + share))

    def _set(self, id_: str, price: Decimal) -> None:
        lowest, highest = (PRICE * share for share in RANGE)
        tick = self._fake.engine.listings[id_].tick
        self._fake.engine.prices.set(id_, min(max(price, lowest), highest) // tick * tick)

    def _advance(self) -> None:
        """Lets happen what is due, and looks for stops that have lost their position."""
        engine = self._fake.engine
        engine.advance(self._fake.state.now_ms())
        for stop in engine.stops.waiting():
            if engine.wallet.holding(stop.sym, leg=stop.leg).qty * stop.side >= 0:
                self.orphans.add(stop.id)

    def _orders_in(self, said: frozenset[str]) -> list[EngineOrder]:
        """Returns the orders that a request names: by our id, else by the exchange's."""
        engine = self._fake.engine
        newest = engine.accepted[-RECENT:]
        named = [order for order in newest if order.client_id in said]
        named = named or [order for order in newest if self._place.order_id(order.id) in said]
        return [found for order in named if (found := engine.by_id(order.id)) is not None]

    def _stops_in(self, said: frozenset[str]) -> list[EngineStop]:
        newest = self._fake.engine.stops.all()[-RECENT:]
        ours = [stop for stop in newest if stop.client_id in said]
        return ours or [stop for stop in newest if self._place.order_id(stop.id) in said]

    def _taken_off(self, request: HttpRequest) -> list[EngineStop]:
        """Returns the stops that Bybit is asked to take off a position: by their kind, they have no id there."""
        if not request.path.endswith(TAKES_OFF):
            return []
        off = {name for name, value in request.content.items() if value == OFF}
        waiting = self._fake.engine.stops.waiting(request.content["symbol"])
        return [stop for stop in waiting if stop.kind[:1].lower() + stop.kind[1:] in off]


def words_of(request: HttpRequest) -> frozenset[str]:
    """Returns all words of a request, where ids stand."""
    return frozenset(word.removeprefix("0x") for word in WORD.findall(f"{request.raw_query}&{request.body}"))


def is_cancel(request: HttpRequest) -> bool:
    """Says whether a request cancels something.

    >>> off = HttpRequest("api.bybit.com/v5/position/trading-stop", {}, "POST", body='{"symbol": "B", "stopLoss": "0"}')
    >>> is_cancel(off), is_cancel(off._replace(body='{"symbol": "B", "stopLoss": "9"}'))
    (True, False)
    """
    if request.path.endswith(TAKES_OFF):
        return OFF in request.content.values()
    return request.method == "DELETE" or "cancel" in request.target
