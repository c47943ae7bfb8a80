"""Comparisons only inform: they hold values, the costs of fills and equity against what card and config expect.

Nothing follows from a comparison but a reading that a person sees; what policy follows is drift (`shared/drift`). There
are three, each a Tick that gives a MeasuredValue now and then: Ranges (features and y_hat), RealisedCosts, EquityBand.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import sqrt
from typing import Any, NamedTuple

from shared.account.live_book import LiveBook
from shared.drift.pool import Behind, PooledBar, SymbolPool
from shared.drift.reference import DriftReference
from shared.drift.twin import Costs
from shared.messages import ExecutionReport, Features, Message, OrderIntent, Prediction
from shared.messages.monitor import Measure
from shared.models.training import Distribution, Training
from shared.record import Snapshot
from shared.tick import State, Tick

WINDOW = 100  # values behind a reading
LOW, HIGH = 0.01, 0.99  # quantiles of the card's distribution: its bulk lies between them
EXPECTED = 1 - (HIGH - LOW)  # the share of values outside
MOST = EXPECTED + 3 * sqrt(EXPECTED * (1 - EXPECTED) / WINDOW)  # three standard errors of independent values

FILLS = 20  # behind a reading
OPEN = 1_000  # orders of a symbol without a report, at most
BPS = 10_000
LEAST = -float(BPS)

EVERY = 100  # held bars between two readings, where equity does not cross the band
FEWEST = 30  # held bars before the first: below, no sum is near normal
Z90 = 1.645  # a normal number is beyond it, on either side, in 10 % of the cases

_ZERO = Decimal(0)


class MeasuredValue(NamedTuple):
    """A value of a measure, its range, and how many values are behind it. See RangeReading.

    - ts_event, tr: of the bar at whose end it is known; None and empty: of the message that brought it.
    """

    what: Measure
    name: str
    value: float
    low: float
    high: float
    behind: int
    ts_event: int | None = None
    tr: str = ""


class OutsideSnapshot(Snapshot):
    """The saved form of an Outside."""

    seen: int
    outside: int


class Outside(Tick[float, float]):
    """An Outside counts values outside a distribution's bulk; returns their share after every WINDOW values.

    >>> outside = Outside(Distribution.of([float(i) for i in range(101)]))
    >>> [share for i in range(100) if (share := outside.on_tick(float(i))) is not None]
    [0.01]
    """

    def __init__(self, known: Distribution) -> None:
        self._low, self._high = known.quantiles[LOW], known.quantiles[HIGH]
        self._seen = self._outside = 0

    def on_tick(self, val: float) -> float | None:
        """Takes a value; one that is no number lies outside."""
        self._seen += 1
        self._outside += not self._low <= val <= self._high
        if self._seen < WINDOW:
            return None
        share = self._outside / WINDOW
        self._seen = self._outside = 0
        return share

    def state(self) -> State:
        """Returns the counts."""
        return OutsideSnapshot(seen=self._seen, outside=self._outside)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = OutsideSnapshot.of(state)
        self._seen, self._outside = saved.seen, saved.outside


class RangesSnapshot(Snapshot):
    """The saved form of Ranges."""

    counts: dict[str, Any]


class Ranges(Tick[Message, list[MeasuredValue]]):
    """Ranges takes one symbol's Features and Predictions; returns shares outside the card's bulk, each after a window.

    - training: the card's; its quantiles at 1 and 99 % are what values are compared with.
    """

    def __init__(self, training: Training) -> None:
        self._features = [Outside(known) for known in training.features]
        self._y_hat = Outside(training.y_hat)

    def on_tick(self, val: Message) -> list[MeasuredValue]:
        """Takes a message; any other kind says nothing."""
        if isinstance(val, Prediction):
            return [] if val.y_hat is None else _shown(Measure.Y_HAT, "", self._y_hat.on_tick(val.y_hat))
        if not isinstance(val, Features):
            return []
        values = val.values.numpy().ravel().tolist()
        if len(values) != len(self._features):
            return []  # of another model than the card's
        pairs = enumerate(zip(self._features, values, strict=True), 1)
        return [
            each
            for i, (outside, value) in pairs
            for each in _shown(Measure.FEATURE, f"{i} of {val.spec}"[:300], outside.on_tick(value))
        ]

    def state(self) -> State:
        """Returns the counts."""
        counts = {str(i): outside.state() for i, outside in enumerate(self._features, 1)}
        return RangesSnapshot(counts=counts | {"y_hat": self._y_hat.state()})

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; a card with other features begins anew."""
        saved = RangesSnapshot.of(state).counts
        if len(saved) != len(self._features) + 1:
            return
        for i, outside in enumerate(self._features, 1):
            outside.restore(saved[str(i)])
        self._y_hat.restore(saved["y_hat"])


def _shown(what: Measure, name: str, share: float | None) -> list[MeasuredValue]:
    """Returns a share as a measured value, where there is one."""
    return [] if share is None else [MeasuredValue(what, name, share, 0.0, round(MOST, 6), WINDOW)]


class RealisedSnapshot(Snapshot):
    """The saved form of RealisedCosts. prices: of orders without a report, by id."""

    prices: dict[str, Decimal]
    cost: Decimal
    notional: Decimal
    fills: int


class RealisedCosts(Tick[Message, list[MeasuredValue]]):
    """Realised costs takes one symbol's OrderIntents and ExecutionReports; returns their mean after every FILLS fills.

    It is the fee and the way from the decision's price to the fill's, over the notional, in basis points; negative
    where the market came the order's way.

    - costs: what is assumed of each fill.
    """

    def __init__(self, costs: Costs) -> None:
        self._assumed = round(costs.rate * BPS, 6)
        self._prices: dict[str, Decimal] = {}
        self._begin()

    def _begin(self) -> None:
        self._cost, self._notional, self._fills = _ZERO, _ZERO, 0

    def on_tick(self, val: Message) -> list[MeasuredValue]:
        """Takes a message; any other kind says nothing."""
        if isinstance(val, OrderIntent):
            self._prices[val.client_order_id] = val.price
            if len(self._prices) > OPEN:
                del self._prices[next(iter(self._prices))]
        elif isinstance(val, ExecutionReport):
            price = self._prices.pop(val.client_order_id, None)
            if price is not None and val.last_px is not None and val.last_qty:
                return self._filled(price, val.last_px, val)
        return []

    def _filled(self, price: Decimal, paid: Decimal, report: ExecutionReport) -> list[MeasuredValue]:
        self._cost += report.last_qty * (paid - price) + report.commission
        self._notional += report.last_qty.copy_abs() * price
        self._fills += 1
        if self._fills < FILLS:
            return []
        mean = round(float(self._cost / self._notional) * BPS, 6)
        self._begin()
        return [MeasuredValue(Measure.COSTS, "", mean, LEAST, self._assumed, FILLS)]

    def state(self) -> State:
        """Returns the sums, and what waits for its report."""
        return RealisedSnapshot(prices=dict(self._prices), cost=self._cost, notional=self._notional, fills=self._fills)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = RealisedSnapshot.of(state)
        self._prices, self._fills = dict(saved.prices), saved.fills
        self._cost, self._notional = saved.cost, saved.notional


class BandSnapshot(Snapshot):
    """The saved form of an EquityBand."""

    books: dict[str, Any]
    pool: Any
    total: float
    held: int
    outside: bool


class EquityBand(Tick[Message, list[MeasuredValue]]):
    """The band takes all symbols' messages; returns the sum of net returns where it crosses the band, and now and then.

    The band is that of a sum of so many independent held bars of the card's mean and standard deviation, out of sample:
    what a bootstrap of these bars gives, once they are thirty.
    """

    def __init__(self, symbols: Sequence[str], reference: DriftReference) -> None:
        self._mean, self._sd = reference.mean_net, reference.sd_net
        self._books = {sym: LiveBook(sym) for sym in symbols}
        self._pool = SymbolPool(tuple(symbols))
        self._total, self._held, self._outside = 0.0, 0, False

    def on_tick(self, val: Message) -> list[MeasuredValue]:
        """Takes a message of any symbol."""
        book = self._books.get(val.sym)
        bars = [] if book is None else book.on_tick(val)
        return [found for bar in bars for pooled in self._pool.on_tick(bar) for found in self._on_bar(pooled)]

    def behind(self) -> Behind | None:
        """Returns which symbols hold the others up; None where none does."""
        return self._pool.behind()

    def miss(self, sym: str, since: int, upto: int) -> list[MeasuredValue]:
        """Lets the others go on without a symbol's bars; see `SymbolPool.miss`."""
        return [found for pooled in self._pool.miss(sym, since, upto) for found in self._on_bar(pooled)]

    def _on_bar(self, bar: PooledBar) -> Iterator[MeasuredValue]:
        self._total += bar.net
        self._held += 1
        middle, wide = self._mean * self._held, Z90 * self._sd * sqrt(self._held)
        low, high = middle - wide, middle + wide
        found = MeasuredValue(Measure.EQUITY, "", self._total, low, high, self._held, bar.ts_event, bar.tr)
        outside = not found.low <= found.value <= found.high
        if self._held < FEWEST:
            return
        if outside is not self._outside or self._held % EVERY == 0:
            self._outside = outside
            yield found

    def state(self) -> State:
        """Returns the books and the sum."""
        return BandSnapshot(
            books={sym: book.state() for sym, book in self._books.items()}, pool=self._pool.state(), total=self._total,
            held=self._held, outside=self._outside,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = BandSnapshot.of(state)
        for sym, book in self._books.items():
            if sym in saved.books:
                book.restore(saved.books[sym])
        self._pool.restore(saved.pool)
        self._total, self._held, self._outside = saved.total, saved.held, saved.outside


class Comparisons(NamedTuple):
    """The comparisons inform only.

    - ranges: by symbol, features and y_hat; empty where the card has no distributions. costs: by symbol.
    - band: of the equity; None where the card does not say what to expect.
    """

    ranges: Mapping[str, Ranges]
    costs: Mapping[str, RealisedCosts]
    band: EquityBand | None


NOTHING = Comparisons({}, {}, None)
