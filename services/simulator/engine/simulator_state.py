"""The state that every dialect works on: engine, clock, the one account's keys, and what goes wrong at random."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services.simulator.engine.admission import Band
from services.simulator.engine.events import Declined, DeclineReason, EngineFill, EngineOrder, NewOrder
from services.simulator.engine.faults import RandomFaults
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.stop_faults import StopFaults
from services.simulator.engine.stops import EngineStop
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.engine.wallet import HeldPosition
from services.simulator.http.request import HttpRequest

NS_PER_MS = 1_000_000
SLACK_MS = 60_000


class SimulatorClock:
    """The simulator's clock is this machine's."""

    def now_ms(self) -> int:
        """Returns the ms since 1970 UTC."""
        return time.time_ns() // NS_PER_MS

    def pass_on(self) -> bool:
        """Lets time pass where that is in the clock's power; returns whether it did."""
        return False


class FloodClock(SimulatorClock):
    """A clock that stands until clients have taken all that has happened, then goes on by `step_ms`: for benchmarks.

    - until_ms: where it stops for good; None: nowhere.
    """

    def __init__(self, start_ms: int, step_ms: int = 10, until_ms: int | None = None) -> None:
        self._now_ms, self._step_ms, self._until_ms = start_ms, step_ms, until_ms

    def now_ms(self) -> int:
        """Returns the ms since 1970 UTC."""
        return self._now_ms

    def pass_on(self) -> bool:
        """Goes on by one step; returns whether it did."""
        if self._until_ms is not None and self._now_ms >= self._until_ms:
            return False
        self._now_ms += self._step_ms
        return True


@dataclass
class ApiKeys:
    """The keys that a client signs with, and what they may do.

    - withdraws: the key may take money out.
    - reads_only: the key may not trade.
    """

    key: str = "fake-key"
    secret: str = "fake-secret"
    password: str = "fake-password"
    withdraws: bool = False
    reads_only: bool = False


@dataclass
class SimulatorState:
    """A simulator but for its servers.

    - skew_ms: how far its clock is ahead of this machine's.
    - histories: the trades of its markets, by the exchange's id; empty where nothing is traded.
    - quiet_ms: how long ago the best prices have changed last, where a ticker tells that.
    - asked_weight: what was asked for weighs, where a dialect adds it up.
    """

    engine: MatchingEngine
    random_faults: RandomFaults = field(default_factory=RandomFaults)
    stop_faults: StopFaults = field(default_factory=StopFaults)
    keys: ApiKeys = field(default_factory=ApiKeys)
    skew_ms: int = 0
    clock: SimulatorClock = field(default_factory=SimulatorClock)
    histories: Mapping[str, TradeHistory] = field(default_factory=dict)
    quiet_ms: int = 0
    asked_weight: int = 0

    def now_ms(self) -> int:
        """Returns the time by the simulator's clock."""
        return self.clock.now_ms() + self.skew_ms

    def place(self, new: NewOrder) -> EngineOrder:
        """Hands an order to the engine, unless a random fault rejects it. Raises Declined."""
        faults, id_ = self.random_faults, new.client_id
        if faults.rejects(id_):
            raise Declined(DeclineReason.MARGIN)
        plan = faults.ioc_plan(id_) if new.ioc else faults.plan(id_)
        return self.engine.place(new, self.now_ms(), plan, faults.lags(id_))

    def place_stop(self, stop: EngineStop) -> EngineStop:
        """Hands a stop to the engine, with what will befall it. Raises Declined."""
        fate = self.stop_faults.fate(stop.client_id or f"{stop.kind} {stop.sym}")
        return self.engine.stops.place(stop, fate, self.now_ms())

    def seen_ms(self, request: HttpRequest) -> int:
        """Fills what is due by now, and returns the time as of which a read is answered."""
        now_ms = self.now_ms()
        self.engine.advance(now_ms)
        return now_ms - self.random_faults.stale(request)

    def band(self, sym: str) -> Band:
        """Returns between which prices limits are taken now."""
        return Band(self.engine.listings[sym], self.engine.prices.quote(sym, self.now_ms()).mid)

    def fills(self, sym: str | None, since_ms: int, seen_ms: int, until_ms: int | None = None) -> list[EngineFill]:
        """Returns the fills of one market, or of all, between two times, oldest first, as a read sees them."""
        found: list[EngineFill] = []
        until_ms = seen_ms if until_ms is None else until_ms
        for fill in reversed(self.engine.fills):
            if fill.at_ms < since_ms - SLACK_MS:  # they come nearly in order of time
                break
            if sym in (None, fill.sym) and since_ms <= fill.at_ms <= until_ms and fill.seen_ms <= seen_ms:
                found.append(fill)
        return found[::-1]

    def holdings(self, request: HttpRequest) -> list[tuple[str, str, HeldPosition]]:
        """Returns (market, leg, position) of all swaps, flat ones too, as this read sees them."""
        seen_ms, wallet = self.seen_ms(request), self.engine.wallet
        swaps = [listing.id for listing in self.engine.listings.values() if listing.kind == "swap"]
        return [
            (sym, leg, wallet.holding(sym, seen_ms, leg))
            for sym in swaps
            for leg in dict.fromkeys(("", *wallet.legs(sym)))
        ]

    def in_position(self, sym: str | None = None) -> bool:
        """Returns whether this swap is held, or any, in any leg."""
        wallet, syms = self.engine.wallet, self.engine.listings if sym is None else [sym]
        return any(wallet.holding(one, leg=leg).qty for one in syms for leg in wallet.legs(one))

    def fund(self, sym: str, rate: Decimal) -> None:
        """Pays funding now; at a positive rate long pays short."""
        now_ms, listing = self.now_ms(), self.engine.listings[sym]
        amount = -self.engine.wallet.net(sym) * self.engine.prices.quote(sym, now_ms).mid * rate
        self.engine.pay("FUNDING_FEE", sym, listing.quote, amount.quantize(Decimal("0.00000001")), now_ms)

    def close_out(self, sym: str, origin: str) -> list[EngineOrder]:
        """Ends every position of a swap as an exchange does it by itself.

        - origin: one of ORIGINS.
        """
        wallet = self.engine.wallet
        held = [(leg, wallet.holding(sym, leg=leg).qty) for leg in wallet.legs(sym)]
        orders = [NewOrder(sym, -qty, reduce_only=True, leg=leg, origin=origin) for leg, qty in held if qty]
        return [self.engine.place(new, self.now_ms()) for new in orders]
