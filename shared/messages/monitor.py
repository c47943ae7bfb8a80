"""The monitor's messages say, bar by bar, whether the edge is still there; docs/drift.md has M, E and A."""

import math
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from shared.messages.base import Message, Nanoseconds, Stream, Symbol
from shared.plural import plural
from shared.record import BY_VALUE
from shared.wall_time import age

POOLED = "*"  # the symbol of a reading that is about all symbols together
BOOK = "*book"  # likewise, about what their books hold
Count = Annotated[int, Field(ge=0, lt=2**63)]
Evidence = Annotated[float, Field(ge=0)]
LARGEST = 1e300  # of a reading's evidence, which has no bound itself


class DriftState(StrEnum):
    """A state says what is known of the edge."""

    NO_EDGE = "no edge shown"  # the card shows none, so its decay is not computed
    OK = "ok"
    WARNING = "warning"  # M has come to `warn_bars`
    DECAYED = "decayed"  # M has come to `latch_bars`, since the evidence began; it stays so until a person resumes


class DriftMoved(StrEnum):
    """A cause says why there is a reading."""

    BAR = "bar"  # a bar ended through which a position was wanted
    RUIN = "ruin"  # likewise, and it lost so much that what had shown an edge counts no more
    BEGUN = "begun"  # another model, strategy, fee or floor: all evidence begins anew
    RESUMED = "resumed"  # a person has resumed: the evidence of decay begins anew


class DriftReading(Message):
    """A reading is the evidence after one held bar, pooled over all symbols; see docs/drift.md.

    - sym: POOLED. ts_event: the bar's end. tr: the tick at that bar's end that moved it most.
    - net: return of the wanted position at leverage 1, after assumed costs and funding, the mean of the symbols held.
    - syms, nets: the symbols that were held, and the return of each.
    - x: `net` by the standard deviation of the bars before, cut off at B from above. 0 where no bar ended.
    - decay: M, the evidence of decay; at the floor it comes to A once in A held bars or less often.
    - claim: E, which is large where the edge was never what the card says; it informs only.
    - edge: the evidence that there is an edge; from 20 on it is shown at 95 %.
    - held: bars that M and E know.
    - warn_bars, latch_bars: what M has to come to; 0 where it is not computed.
    - moved: why there is this reading.
    """

    STREAM: ClassVar[Stream] = Stream.MONITOR

    net: float
    syms: Annotated[tuple[Symbol, ...], BY_VALUE]
    nets: Annotated[tuple[float, ...], BY_VALUE]
    x: float
    decay: Evidence
    claim: Evidence
    edge: Evidence
    held: Count
    warn_bars: Count
    latch_bars: Count
    state: Annotated[DriftState, BY_VALUE]
    moved: Annotated[DriftMoved, BY_VALUE] = DriftMoved.BAR

    @property
    def edge_shown(self) -> bool:
        """Says whether the bars since the start show an edge at 95 %."""
        return self.edge >= SHOWN

    def human(self) -> str:
        """Returns e.g. `drift ok: M 12.1, warns at 730, latches at 7300; 311 held bars`."""
        watched = "not watched" if self.state is DriftState.NO_EDGE else str(self.state)
        head = f"drift {watched}" + ("" if self.moved is DriftMoved.BAR else f" ({self.moved})")
        held = plural(self.held, "held bar")
        if self.state is DriftState.NO_EDGE:
            return f"{head}, the card shows no edge: {held}, evidence of an edge {self.edge:.3g} of {SHOWN:g}"
        return f"{head}: M {self.decay:.3g}, warns at {self.warn_bars}, latches at {self.latch_bars}; {held}"


class Measure(StrEnum):
    """A measure is what the monitor compares with what the card or the config says; it informs only."""

    FEATURE = "feature"  # share of values outside the card's 1 to 99 %
    Y_HAT = "y_hat"  # likewise
    COSTS = "costs"  # fee and slippage of fills, in basis points
    EQUITY = "equity"  # sum of the book's net returns of held bars, per unit of notional


class RangeReading(Message):
    """A reading compares a measure with its range.

    - sym: BOOK for the equity, which is of all symbols.
    - name: which one, e.g. of the features; empty where there is one only.
    - value, low, high: of the measure, in its unit. count: values, fills or held bars behind it.
    """

    STREAM: ClassVar[Stream] = Stream.MONITOR

    what: Annotated[Measure, BY_VALUE]
    name: Annotated[str, Field(max_length=300)]
    value: float
    low: float
    high: float
    count: Count

    @property
    def outside(self) -> bool:
        """Says whether the value lies outside its range."""
        return not self.low <= self.value <= self.high

    def human(self) -> str:
        """Returns e.g. `y_hat: 12 % of 100 values outside the card's 1 to 99 %, up to 6.2 % may be chance`."""
        value, high, count = self.value, self.high, self.count
        if self.what is Measure.COSTS:
            return f"costs: {value:.4g} bps in {plural(count, 'fill')}, {high:.4g} assumed"
        if self.what is Measure.EQUITY:
            band = f"{self.low:+.3%} to {high:+.3%} expected"
            return f"books: {value:+.3%} of the notional in {plural(count, 'held bar')}, {band}"
        name = " ".join(filter(None, (str(self.what), self.name)))
        share = f"{100 * value:.3g} % of {plural(count, 'value')}"
        return f"{name}: {share} outside the card's 1 to 99 %, up to {100 * high:.2g} % may be chance"


class LateBars(Message):
    """The monitor waits no longer for a symbol's bars, since another symbol is a whole bar further; it knows wire 5.

    A bar of the symbol that ends behind `since` and begins before `ts_event` does not count, whenever it comes.

    - ts_event: the end of the last bar that was given up. since: that of the last bar that had come; 0 for none.
    - book: they are bars of what the book made; else of the paper twin.
    """

    STREAM: ClassVar[Stream] = Stream.MONITOR

    since: Nanoseconds
    book: bool

    def human(self) -> str:
        """Returns e.g. `ETHUSDT late: no bar for 12 h 0 min, the drift of the others goes on without it`."""
        whose = "books" if self.book else "drift"
        how_long = f"no bar for {age(self.ts_event - self.since)}" if self.since else "no bar yet"
        return f"{self.sym} late: {how_long}, the {whose} of the others goes on without it"


SHOWN = 20.0  # evidence of an edge that chance brings once in 20 times, whenever one looks


def evidence(log: float) -> float:
    """Returns a reading's number for evidence that is computed as a logarithm.

    >>> evidence(-math.inf), evidence(0.0), evidence(1e9)
    (0.0, 1.0, 1e+300)
    """
    return min(math.exp(min(log, 700.0)), LARGEST)
