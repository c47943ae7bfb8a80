"""A whole backtest by the fast engine: of a file, or of bars in memory, with totals and metrics."""

import math
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from services.research.backtest import Backtest, Inputs, VenueRules
from services.research.backtest.engine import variants
from services.research.backtest.funding import FundingRates
from services.research.backtest.variants import Progress, TimeRange, VariantResult
from services.research.fast.engine import BarColumns, Floats, compile_kernel, trade
from services.research.fast.gate import ExactRun, require_same
from services.research.fast.measured import Rows, measured
from services.research.fast.predictions import Asked, ToldModel, bars_before, predict_all
from services.research.fast.terms import OnlyExact, Terms
from services.research.in_process_line import LinePlans, line_plans, line_plans_with
from shared.bar import BarArrays
from shared.config import Settings
from shared.history import HistoryBar, bars
from shared.history.times import MAX_NS
from shared.history.zone import start_of, zone_of
from shared.intervals import interval_ns
from shared.models.choose import NO_MODEL, chosen_model
from shared.models.load_model import load_model
from shared.models.model_input import resampler_of
from shared.needs import needed_groups, stop_needs

GATED_BARS = 20_000  # at the beginning, and at the end, that both engines trade
READ_EVERY = 4_096
PRICES = ("open", "high", "low")  # which nobody knows of a bar with a price alone


class FastResult(NamedTuple):
    """This is what a backtest by the fast engine gave.

    - name: the variant's, for the table. result: without a curve. gated: how many bars both engines traded alike.
    - made: has the marks and round trips, of which the metrics are.
    """

    name: str
    result: VariantResult
    gated: int
    made: Rows


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


def funding_of(rules: VenueRules, settings: Settings, found: BarColumns) -> Floats:
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
    found = found._replace(funding=funding_of(rules, settings, found))
    begins = _begins(settings)
    alone = not terms.waits or prices.last[-1].price_alone
    opened = found.ts if alone else np.array([begins(ts) for ts in found.ts.tolist()])
    result, made = measured(settings, found, opened, y_hat, terms)
    gated = _gate(settings, rules, found, prices.last, y_hat, terms, warm is None)
    return FastResult(next(iter(variants(settings))), result, gated, made)


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
    return line_plans_with(settings, ToldModel(y_hat.tolist()), ["log_return()"], "told")
