"""The drift stage reads what signal and strategy wrote, and says bar by bar whether the edge is still there.

    messages of a symbol ─▶ its Twin ─ its bars ─▶ SymbolPool ─ one bar ─▶ Scale ─ x ─▶ decay, claim, edge ─▶ reading

docs/drift.md has the method and its letters: M is the evidence of decay, E that of the card's claim, m the floor.
"""

from collections.abc import Sequence
from hashlib import sha256
from math import log
from typing import Any, NamedTuple

from shared.drift.pool import Behind, PooledBar, SymbolPool
from shared.drift.reference import DriftReference
from shared.drift.scale import Scale
from shared.drift.twin import Costs, Twin
from shared.drift.wealth import Decay, Wealth, claim_of, edge_above
from shared.messages import Message
from shared.messages.monitor import POOLED, DriftMoved, DriftReading, DriftState, evidence
from shared.record import Snapshot, unvalidated
from shared.tick import State, Tick

LATCH_YEARS, WARN_YEARS = 10, 1

_reading = unvalidated(DriftReading)


class DriftRules(NamedTuple):
    """The rules of when decay is said; None for what follows from the reference.

    - share: of the mean out of sample that must remain, the floor: 0.5, 0.75 or 1.
    - warn_bars, latch_bars: A, what M has to come to, in held bars; else a year and ten years of them.
    """

    share: float = 0.5
    warn_bars: int | None = None
    latch_bars: int | None = None


class DriftSnapshot(Snapshot):
    """The saved form of a DriftStage.

    - about: a hash of what the evidence is about; that of another one begins anew.
    - in_decay, in_claim, in_edge: M, E, and the evidence of an edge, after the last bar.
    """

    about: str
    model: str
    twins: dict[str, Any]
    pool: Any
    scale: Any
    edge: Any
    claim: Any = None
    decay: Any = None
    held: int
    n: int
    decayed: bool
    moved: str
    in_decay: float
    in_claim: float
    in_edge: float


class DriftStage(Tick[Message, list[DriftReading]]):
    """A DriftStage takes Predictions, Decisions and Gaps of all symbols; returns a reading for each held bar.

    The result depends on each stream and symbol alone, and on what `miss` gave up, not on how they interleave. Evidence
    begins anew with another model, strategy, fee, slippage or floor.

    - symbols: those of the line. costs: of its strategy.
    - reference: what the card says of this strategy and these costs; None where it says nothing. Without one, or where
      it shows no edge, there is no floor, and decay is not computed.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        costs: Costs,
        reference: DriftReference | None = None,
        rules: DriftRules = DriftRules(),  # noqa: B008  (a tuple)
    ) -> None:
        self.reference = reference
        floored = reference is not None and reference.shows_edge
        self.least_mean = reference.mean * rules.share if reference is not None and floored else None  # m
        self._symbols, self._costs = tuple(symbols), costs
        # Compared with the like: see DriftReference.funded.
        all_of_8h = reference is not None and reference.funded is None
        self._twins = {sym: Twin(sym, costs, all_of_8h=all_of_8h) for sym in symbols}
        self._pool = SymbolPool(self._symbols)
        self.warn_bars, self.latch_bars = _bars_of(reference, rules) if floored else (0, 0)
        # `_about` leaves out what is at its default, or says no more: so evidence goes on where a field is added.
        known = None if reference is None else reference.model_dump(mode="json", exclude_defaults=True)
        if known is not None and not known.get("funded"):
            known.pop("funded", None)
        about = (self._symbols, costs, self.least_mean, known)
        self._about = sha256(repr(about).encode()).hexdigest()[:16]
        self._model, self._n = "", 0
        self._begin(DriftMoved.BEGUN)

    def _begin(self, moved: DriftMoved) -> None:
        """Forgets all evidence."""
        reference, mean = self.reference, self.least_mean
        self._scale = Scale(None if reference is None else reference.sd_net or None)
        self._edge = edge_above()
        self._claim: Wealth | None = None if mean is None else claim_of(mean)
        self._decay: Decay | None = None if mean is None else Decay(mean)
        self._held, self._decayed, self._moved = 0, False, moved
        self._evidence = (0.0, 1.0, 1.0)  # M, E, that of an edge

    def on_tick(self, val: Message) -> list[DriftReading]:
        """Takes a message; one of an unknown symbol, as of one that is no longer traded, completes nothing."""
        twin = self._twins.get(val.sym)
        if twin is None:
            return []
        return [
            reading
            for bar in twin.on_tick(val)
            for pooled in self._pool.on_tick(bar)
            if (reading := self._on_bar(pooled)) is not None
        ]

    def behind(self) -> Behind | None:
        """Returns which symbols hold the others up; None where none does."""
        return self._pool.behind()

    def miss(self, sym: str, since: int, upto: int) -> list[DriftReading]:
        """Lets the others go on without a symbol's bars; see `SymbolPool.miss`."""
        missed = self._pool.miss(sym, since, upto)
        return [reading for pooled in missed if (reading := self._on_bar(pooled)) is not None]

    def resume(self, ts_event: int) -> list[DriftReading]:
        """Lets the evidence of decay begin anew, as a person has resumed; returns the reading that says so."""
        self._decay = None if self.least_mean is None else Decay(self.least_mean)
        self._decayed, self._evidence = False, (0.0, *self._evidence[1:])
        bar = PooledBar(ts_event, f"resume:{ts_event}", self._model, 0.0, (), ())
        return [self._read(bar, 0.0, DriftMoved.RESUMED)]

    def _on_bar(self, bar: PooledBar) -> DriftReading | None:
        """Returns the evidence after a bar; None while too few bars are known to scale it."""
        if bar.model != self._model:
            if self._model:
                self._begin(DriftMoved.BEGUN)
            self._model = bar.model
        x = self._scale.on_tick(bar.net)
        if x is None:
            return None
        self._held += 1
        moved, self._moved = self._moved, DriftMoved.BAR
        ruined, edge = self._edge.ruined, evidence(self._edge.on_tick(x))
        if self._edge.ruined and not ruined and moved is DriftMoved.BAR:
            moved = DriftMoved.RUIN
        decay, claim = 0.0, 1.0
        if self._decay is not None and self._claim is not None:
            log_decay, claim = self._decay.on_tick(x), evidence(self._claim.on_tick(x))
            decay = evidence(log_decay)
            self._decayed = self._decayed or log_decay >= log(self.latch_bars)
        self._evidence = (decay, claim, edge)
        return self._read(bar, x, moved)

    def _read(self, bar: PooledBar, x: float, moved: DriftMoved) -> DriftReading:
        self._n += 1
        decay, claim, edge = self._evidence
        return _reading(
            n=self._n, sym=POOLED, ts_event=bar.ts_event, tr=bar.tr, net=bar.net, syms=bar.syms, nets=bar.nets, x=x,
            decay=decay, claim=claim, edge=edge, held=self._held, warn_bars=self.warn_bars,
            latch_bars=self.latch_bars, state=self._state(decay), moved=moved,
        )  # fmt: skip

    def _state(self, decay: float) -> DriftState:
        if self.least_mean is None:
            return DriftState.NO_EDGE
        if self._decayed:
            return DriftState.DECAYED
        return DriftState.WARNING if decay >= self.warn_bars else DriftState.OK

    @property
    def evidences(self) -> dict[str, float]:
        """Returns M, E and the evidence of an edge after the last bar, by what they speak for."""
        return dict(zip(("decay", "claim", "edge"), self._evidence, strict=True))

    @property
    def is_now(self) -> DriftState:
        """Returns what is known of the edge after the last bar."""
        return self._state(self._evidence[0])

    def state(self) -> State:
        """Returns all evidence, what the twins hold, and what waits."""
        decay, claim, edge = self._evidence
        return DriftSnapshot(
            about=self._about, model=self._model, twins={sym: twin.state() for sym, twin in self._twins.items()},
            pool=self._pool.state(), scale=self._scale.state(), edge=self._edge.state(),
            claim=None if self._claim is None else self._claim.state(),
            decay=None if self._decay is None else self._decay.state(),
            held=self._held, n=self._n, decayed=self._decayed, moved=self._moved.value,
            in_decay=decay, in_claim=claim, in_edge=edge,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; where it was about something else, only the positions and n."""
        saved = DriftSnapshot.of(state)
        for sym, twin in self._twins.items():
            if sym in saved.twins:
                twin.restore(saved.twins[sym])
        self._pool.restore(saved.pool)
        self._n = saved.n
        same = saved.about == self._about
        self._begin(DriftMoved(saved.moved) if same else DriftMoved.BEGUN)
        if not same:
            return
        self._model = saved.model
        self._scale.restore(saved.scale)
        self._edge.restore(saved.edge)
        if self._claim is not None and self._decay is not None:
            self._claim.restore(saved.claim)
            self._decay.restore(saved.decay)
        self._held, self._decayed = saved.held, saved.decayed
        self._evidence = saved.in_decay, saved.in_claim, saved.in_edge


def _bars_of(reference: DriftReference | None, rules: DriftRules) -> tuple[int, int]:
    """Returns what M has to come to for the warning and for the latch, in held bars."""
    a_year = reference.held_a_year if reference is not None else 0.0
    warn = rules.warn_bars or max(round(WARN_YEARS * a_year), 1)
    return warn, rules.latch_bars or max(round(LATCH_YEARS * a_year), 1)
