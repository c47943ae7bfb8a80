"""What all dialects of the fake share: the book, the weather, the clock, the one account's keys."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services.simulator.engine.events import Declined, DeclineReason, EngineFill, EngineOrder
from services.simulator.engine.faults import RandomFaults
from services.simulator.engine.matching_engine import MatchingEngine, NewOrder
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.engine.wallet import HeldPosition
from services.simulator.http.request import HttpRequest

# The venue's time: this machine's, or one that runs as fast as clients take what has happened.

NS = 1_000_000


class SimulatorClock:
    """This machine's."""

    def now_ms(self) -> int:
        """Since 1970 UTC."""
        return time.time_ns() // NS

    def pass_on(self) -> bool:
        """Let time pass, if that is ours to do: whether it did."""
        return False


class FloodClock(SimulatorClock):
    """Stands until somebody has taken all that has happened, then goes on by `step_ms`: for benchmarks.

    until_ms: it ends there.
    """

    def __init__(self, start_ms: int, step_ms: int = 10, until_ms: int | None = None) -> None:
        self._now_ms, self._step_ms, self._until_ms = start_ms, step_ms, until_ms

    def now_ms(self) -> int:
        """Since 1970 UTC."""
        return self._now_ms

    def pass_on(self) -> bool:
        """Go on by one step."""
        if self._until_ms is not None and self._now_ms >= self._until_ms:
            return False
        self._now_ms += self._step_ms
        return True


SLACK_MS = 60_000


@dataclass
class ApiKeys:
    """What a client signs with. withdraws: whether the key may. reads_only: it may not trade."""

    key: str = "fake-key"
    secret: str = "fake-secret"
    password: str = "fake-password"
    withdraws: bool = False
    reads_only: bool = False


@dataclass
class SimulatorState:
    """skew_ms: how far the venue's clock is ahead of ours. tapes: the trades of its markets, by the venue's id.

    quiet_ms: how long ago the best prices have changed last, where a ticker tells that.
    """

    engine: MatchingEngine
    random_faults: RandomFaults = field(default_factory=RandomFaults)
    keys: ApiKeys = field(default_factory=ApiKeys)
    skew_ms: int = 0
    clock: SimulatorClock = field(default_factory=SimulatorClock)
    histories: Mapping[str, TradeHistory] = field(default_factory=dict)
    quiet_ms: int = 0

    def now_ms(self) -> int:
        """The venue's clock."""
        return self.clock.now_ms() + self.skew_ms

    def place(self, ask: NewOrder) -> EngineOrder:
        """Through the weather, into the book."""
        if self.random_faults.rejects(ask.client_id):
            raise Declined(DeclineReason.MARGIN)
        return self.engine.place(ask, self.now_ms(), self.random_faults.plan(ask.client_id))

    def seen_ms(self, request: HttpRequest) -> int:
        """The time as of which a read is answered; what is due by now is filled before."""
        now_ms = self.now_ms()
        self.engine.advance(now_ms)
        return now_ms - self.random_faults.stale(request)

    def fills(self, sym: str | None, since_ms: int, seen_ms: int) -> list[EngineFill]:
        """Those of one market, between two times, oldest first."""
        found: list[EngineFill] = []
        for fill in reversed(self.engine.fills):
            if fill.at_ms < since_ms - SLACK_MS:  # they come nearly in order of time
                break
            if sym in (None, fill.sym) and since_ms <= fill.at_ms <= seen_ms:
                found.append(fill)
        return found[::-1]

    def holdings(self, request: HttpRequest) -> list[tuple[str, str, HeldPosition]]:
        """All swaps with their positions by leg, flat ones too, as this read sees it."""
        seen_ms, wallet = self.seen_ms(request), self.engine.wallet
        swaps = [listing.id for listing in self.engine.listings.values() if listing.kind == "swap"]
        return [
            (sym, leg, wallet.holding(sym, seen_ms, leg))
            for sym in swaps
            for leg in dict.fromkeys(("", *wallet.legs(sym)))
        ]

    def in_position(self, sym: str | None = None) -> bool:
        """Whether this swap is held, or any, in any leg."""
        wallet, syms = self.engine.wallet, self.engine.listings if sym is None else [sym]
        return any(wallet.holding(one, leg=leg).qty for one in syms for leg in wallet.legs(one))

    def fund(self, sym: str, rate: Decimal) -> None:
        """Long pays short at a positive rate."""
        now_ms, listing = self.now_ms(), self.engine.listings[sym]
        amount = -self.engine.wallet.net(sym) * self.engine.prices.quote(sym, now_ms).mid * rate
        self.engine.pay("FUNDING_FEE", sym, listing.quote, amount.quantize(Decimal("0.00000001")), now_ms)

    def close_out(self, sym: str, origin: str) -> list[EngineOrder]:
        """End every position of a swap as the venue does it itself: `liquidation`, `adl` or `settlement`."""
        wallet = self.engine.wallet
        held = [(leg, wallet.holding(sym, leg=leg).qty) for leg in wallet.legs(sym)]
        asks = [NewOrder(sym, -qty, reduce_only=True, leg=leg, origin=origin) for leg, qty in held if qty]
        return [self.engine.place(ask, self.now_ms()) for ask in asks]
