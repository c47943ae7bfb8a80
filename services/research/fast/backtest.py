"""A whole backtest by the fast engine: of a file, or of bars in memory, with totals and metrics."""

import math
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.backtest import Backtest, Inputs, Totals, VenueRules
from services.research.backtest.engine import variants
from services.research.backtest.funding import FundingRates
from services.research.backtest.variants import Progress, TimeRange, VariantResult, sample_of
from services.research.fast.engine import (
    LEGS,
    BarColumns,
    FastRun,
    Fills,
    Floats,
    Ints,
    OnlyExact,
    Terms,
    compile_kernel,
    trade,
)
from services.research.fast.gate import ExactRun, require_same
from services.research.fast.predictions import Asked, Told, bars_before, predict_all
from services.research.in_process_line import LinePlans, line_plans, line_plans_with
from services.research.metrics import Metrics
from services.research.metrics.observer import MARK
from services.research.metrics.sums import TRIP
from shared.account import Fill
from shared.account.round_trips import RoundTrips
from shared.bar import BarArrays
from shared.config import Settings
from shared.history import HistoryBar, bars
from shared.history.times import MAX_NS
from shared.history.zone import start_of, zone_of
from shared.intervals import interval_ns
from shared.messages import Leg
from shared.models.choose import NO_MODEL, chosen_model
from shared.models.load_model import load_model
from shared.models.model_input import resampler_of
from shared.needs import needed_groups, stop_needs

_NETS = LEGS.index(Leg.NET)
GATED_BARS = 20_000  # at the beginning, and at the end, that both engines trade
READ_EVERY = 4_096
PRICES = ("open", "high", "low")  # which nobody knows of a bar with a price alone


class FastResult(NamedTuple):
    """This is what a backtest by the fast engine gave.

    - name: the variant's, for the table. result: without a curve. gated: how many bars both engines traded alike.
    - marks, trips: the rows of MARK and TRIP, of which the metrics are.
    """

    name: str
    result: VariantResult
    gated: int
    marks: NDArray[np.void]
    trips: NDArray[np.void]


class Prices(NamedTuple):
    """The prices of a file, without funding.

    - last: the last bars themselves. shown: what features of bars see.
    """

    bars: BarColumns
    last: list[HistoryBar]
    shown: BarArrays

    @classmethod
    def of(
        cls, settings: Settings, until_ns: int, keep: int, progress: Progress | None, fields: Sequence[str] = ()
    ) -> "Prices":
        """Reads the file of the settings' first symbol up to `until_ns`.

        - keep: how many of the last bars. fields: of a Bar, what features see beside its close.
        """
        own, sym = settings.ingestor, settings.symbols[0]
        ts, last = array("q"), deque[HistoryBar](maxlen=keep)
        prices = array("d"), array("d"), array("d"), array("d")
        told = {name: array("d") for name in fields}
        groups = stop_needs(settings) | needed_groups(settings)
        for bar in bars(own.files[sym], settings.interval, timezone=own.timezone, groups=groups):
            if bar.ts_event >= until_ns:
                break
            ts.append(bar.ts_event)
            for column, price in zip(prices, bar[1:5], strict=True):
                column.append(float(price))
            for name, column in told.items():
                value = None if bar.price_alone and name in PRICES else getattr(bar, name)
                column.append(math.nan if value is None else float(value))
            last.append(bar)
            if progress is not None and not len(ts) % READ_EVERY:
                progress("reading", len(ts))
        times = np.frombuffer(ts, np.int64)
        opens, highs, lows, closes = (np.frombuffer(column) for column in prices)
        shown = BarArrays(times, closes, **{name: np.frombuffer(column) for name, column in told.items()})
        return cls(BarColumns(times, opens, highs, lows, closes, np.zeros(len(ts))), [*last], shown)


def _funding(rules: VenueRules, settings: Settings, found: BarColumns) -> Floats:
    """Returns what a long of one unit pays at each bar; the price is chosen as by the exact engine's venue."""
    paid = np.zeros(len(found.ts))
    if rules.funding is None or not len(paid):
        return paid
    begins = _begins(settings)
    for due_ns, rate in FundingRates(rules.funding).until(int(found.ts[-1])):
        at = int(np.searchsorted(found.ts, due_ns))
        ends = int(found.ts[at])
        price = found.close[at] if 2 * due_ns > ends + begins(ends) else found.open[at]
        paid[at] += price * float(rate)
    return paid


def _begins(settings: Settings) -> Callable[[int], int]:
    """Returns what gives a bar's start from its end."""
    return start_of(interval_ns(settings.interval), zone_of(settings.ingestor.timezone))


def asked_of(settings: Settings) -> Asked:
    """Returns what to ask the settings' model; raises OnlyExact for one of longer bars, or where there is none."""
    if settings.signal.model == NO_MODEL:
        raise OnlyExact("model")
    loaded = load_model(chosen_model(settings), symbols=settings.symbols, interval=settings.interval)
    card = loaded.card
    if resampler_of(settings.interval, card.interval) is not None:
        raise OnlyExact("model")
    return Asked(loaded.predict(), loaded.hash, card.features, card.window)


def run_fast(settings: Settings, rules: VenueRules, traded: TimeRange, progress: Progress | None = None) -> FastResult:
    """Backtests the settings with the fast engine, and its ends with the exact one, too.

    Raises OnlyExact for what only the exact engine trades, EnginesDiffer, and what a backtest raises.
    """
    terms, asked = Terms.of(settings, rules), asked_of(settings)
    compile_kernel(lambda what: None if progress is None else progress(what, 0))
    vector = asked.vector
    warm, until_ns = bars_before(vector, asked.window), MAX_NS if traded.end_ns is None else traded.end_ns
    keep = GATED_BARS + (1 if warm is None else warm)
    prices = Prices.of(settings, until_ns, keep, progress, vector.columns)
    first = int(np.searchsorted(prices.bars.ts, traded.start_ns or 0))
    y_hat = predict_all(asked, prices.shown if vector.takes_bars else prices.bars.close, first)
    if y_hat is None:
        raise OnlyExact("features")
    found = prices.bars.part(first, len(prices.bars.ts))
    if not np.isfinite(y_hat).any() or not np.ptp(found.close):
        raise OnlyExact("data")  # the exact engine says what is wrong with it
    found = found._replace(funding=_funding(rules, settings, found))
    run = trade(found, y_hat, terms, keep=True)
    gated = _gate(settings, rules, found, prices.last, y_hat, terms, warm is None)
    begins = _begins(settings)
    alone = not terms.waits or prices.last[-1].price_alone
    opened = found.ts if alone else np.array([begins(ts) for ts in found.ts.tolist()])
    made = _Made(settings, found, opened, y_hat, run, terms)
    start = float(settings.strategy.balance)
    metrics = Metrics(settings.interval, start, sample=sample_of(settings), at_open=terms.waits)
    marks, trips, totals = made.marks(), made.trips(), made.totals()
    metrics.take(marks, trips)
    name = next(iter(variants(settings)))
    return FastResult(name, VariantResult(settings, totals, metrics.result(totals), None), gated, marks, trips)


def _gate(
    settings: Settings,
    rules: VenueRules,
    found: BarColumns,
    last: list[HistoryBar],
    y_hat: Floats,
    terms: Terms,
    endless: bool,
) -> int:
    """Lets both engines trade the ends; returns how many bars these were.

    - endless: the features forget nothing, so the last bars do not make the predictions at the end: there the exact
      engine trades on those that the fast one had.
    """
    count, bars_done = len(y_hat), 0
    for begin, end in sorted({(0, min(GATED_BARS, count)), (max(count - GATED_BARS, 0), count)}):
        if not np.isfinite(y_hat[begin:end]).any() or not np.ptp(found.close[begin:end]):
            continue  # there is nothing to trade
        times = found.ts[begin:end]
        exact = ExactRun()
        inputs = None
        if end == count and (begin or not endless):
            plans = _told(settings, y_hat[begin:end]) if endless else line_plans(settings)
            inputs = Inputs(last, plans, needed_groups(settings) | stop_needs(settings))
        Backtest(settings, rules, int(times[0]), int(times[-1]) + 1, inputs).run([exact], tap=exact.tap)
        fast = trade(found.part(begin, end), y_hat[begin:end], terms, keep=True)
        path = str(settings.ingestor.files[settings.symbols[0]])
        require_same(fast, y_hat[begin:end], exact, times.tolist(), terms.step, path)
        bars_done += end - begin
    return bars_done


def _told(settings: Settings, y_hat: Floats) -> LinePlans:
    """Returns the line with these predictions, from the second bar that it sees."""
    return line_plans_with(settings, Told(y_hat.tolist()), ["log_return()"], "told")


class _Made:
    """What metrics and totals are made of: the rows of a run."""

    def __init__(
        self, settings: Settings, found: BarColumns, opened: Ints, y_hat: Floats, run: FastRun, terms: Terms
    ) -> None:
        assert run.kept is not None
        assert run.funded is not None
        self._settings, self._bars, self._y_hat, self._run, self._terms = settings, found, y_hat, run, terms
        self._fills, self._funded, fills = run.kept, run.funded, run.kept
        sizes = np.abs(fills.qty)
        self._value = sizes * fills.price
        self._fee = terms.fee * self._value
        self._slippage = sizes * np.abs(fills.price - fills.market)
        self._held = _held(fills, terms.step)
        # Orders that waited fill at the open: before the bar's funding, and on what was predicted at the bar before.
        self._early = (fills.leg <= _NETS) & terms.waits
        funded = np.concatenate([[0.0], run.funded])
        self._paid_before = funded[fills.bar + 1 - self._early]
        self._times = np.where(self._early, opened[fills.bar], found.ts[fills.bar])
        self._done = np.searchsorted(fills.bar, np.arange(len(found.ts)), side="right")  # the fills up to each bar

    def marks(self) -> NDArray[np.void]:
        """Returns what an observer's `on_mark` gets, a row each bar."""
        held = np.concatenate([[0.0], self._held])[self._done]
        paid = np.concatenate([[0.0], np.cumsum(self._fee + self._slippage)])[self._done]
        rows = np.empty(len(held), MARK)
        rows["ts"], rows["price"], rows["equity"] = self._bars.ts, self._bars.close, self._run.equity
        rows["exposure"] = held * self._bars.close / self._run.equity
        rows["y_hat"], rows["paid"] = self._y_hat, paid + self._funded
        return rows

    def trips(self) -> NDArray[np.void]:
        """Returns the closed round trips."""
        fills = self._fills
        if (fills.leg == _NETS).any():
            return self._netted()[0]
        ends = np.flatnonzero(self._held == 0)  # each trip is one fill that opens and one that closes
        begins = ends - 1
        rows = np.empty(len(ends), TRIP)
        rows["entry_ts"], rows["exit_ts"] = self._times[begins], self._times[ends]
        rows["side"] = np.sign(fills.qty[begins])
        rows["log_return"] = rows["side"] * np.log(fills.price[ends] / fills.price[begins])
        rows["qty"], rows["price"] = fills.qty[begins], fills.price[begins]
        rows["gross"] = fills.qty[begins] * (fills.price[ends] - fills.price[begins])
        rows["fee"] = self._fee[begins] + self._fee[ends] + self._paid_before[ends] - self._paid_before[begins]
        return rows

    def _netted(self) -> tuple[NDArray[np.void], Fill | None]:
        """Returns the closed round trips of orders that add, reduce and turn, and the open one, fill by fill."""
        fills, trips, before = self._fills, RoundTrips(), 0.0
        rows = []
        for at in range(len(fills.bar)):
            trips.on_cost(_exact(self._paid_before[at] - before))
            before = self._paid_before[at]
            trip = trips.on_fill(self._fill(at))
            if trip is not None:
                entered = (trip.signed_qty, trip.entry_price, trip.gross_pnl, trip.fee)
                times = (trip.datetime, trip.exit_datetime, trip.dir_signal)
                rows.append((*times, trip.trade_log_return, *map(float, entered)))
        trips.on_cost(_exact(self._funded[-1] - before))
        return np.array(rows, TRIP), trips.open()

    def _fill(self, at: int) -> Fill:
        """Returns a fill as an account books it; its balance is not known, and no metric has it."""
        fills = self._fills
        qty = float(fills.steps[at]) * self._terms.step if self._terms.step else fills.qty[at]
        return Fill(
            int(self._times[at]), self._settings.symbols[0], float(self._y_hat[fills.bar[at] - self._early[at]]),
            _exact(qty), _exact(fills.price[at]), _exact(self._fee[at]), Decimal(0),
        )  # fmt: skip

    def _open_trip(self) -> Fill | None:
        if not len(self._held) or self._held[-1] == 0:
            return None
        if (self._fills.leg == _NETS).any():
            return self._netted()[1]
        paid = self._fee[-1] + self._funded[-1] - self._paid_before[-1]
        return self._fill(len(self._held) - 1)._replace(commission=_exact(paid))

    def totals(self) -> Totals:
        """Returns the sums, whose digits are those of float64."""
        fills, run = self._fills, self._run
        trip, last = self._open_trip(), float(self._bars.close[-1])
        unrealised = 0.0 if trip is None else float(trip.signed_qty) * (last - float(trip.price))
        if trip is not None:
            trip = trip._replace(balance=_exact(run.equity[-1] - unrealised))
        return Totals(
            start_equity=self._settings.strategy.balance,
            end_equity=_exact(run.equity[-1]),
            fees=_exact(self._fee.sum()),
            funding=_exact(self._funded[-1]),
            slippage=_exact(self._slippage.sum()),
            turnover=_exact(self._value.sum()),
            bars=len(self._bars.ts),
            fills=len(fills.bar),
            missed=run.missed,
            expired=run.expired,
            liquidations=int((fills.leg == LEGS.index(Leg.LIQUIDATION)).sum()),
            first_ts=int(self._bars.ts[0]),
            last_ts=int(self._bars.ts[-1]),
            open_trip=trip,
            unrealised=_exact(unrealised),
            stops=int((fills.leg == LEGS.index(Leg.STOP)).sum()),
        )


def _held(fills: Fills, step: float) -> Floats:
    """Returns what is held after each fill, signed base units."""
    if step:
        return np.asarray(np.cumsum(fills.steps) * step, np.float64)
    return np.where(fills.leg == LEGS.index(Leg.OPEN), fills.qty, 0.0)


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
