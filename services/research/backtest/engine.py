"""A backtest takes a file through the very stages that the services run.

A Backtest has the settings, and reads the file in batches. A _Run has the line, and the sums: each bar goes to the
venue (what waits fills, funding is paid, stops fire), then through signal, strategy and gateway, and last to observers.
"""

import math
from collections.abc import Callable, Generator, Iterable, Sequence, Set
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import islice, takewhile
from typing import NamedTuple, cast

import torch

from services.ingestor.source import Quote
from services.research.backtest.funding import FundingRates
from services.research.backtest.observer import Observer, Totals
from services.research.backtest.venue import BacktestVenue, Fires, VenueRules
from services.research.in_process_line import InProcessLine, LinePlans, Tap, line_plans
from services.strategy.protected_stage import ProtectedStage
from shared.account import Fill, RoundTrips
from shared.account.simulated_stop import BarPrices
from shared.bar_groups import groups_of
from shared.config import Settings
from shared.errors import ConfigError, DataError
from shared.history import HistoryBar, bars
from shared.history.times import MAX_NS, time_text
from shared.history.zone import zone_of
from shared.intervals import interval_ns
from shared.messages import ExecutionReport, Gap, Leg, Message, OrderIntent, Prediction, Reason, Stream
from shared.models.card import ModelRefused
from shared.models.choose import NO_MODEL
from shared.needs import needed_groups, stop_needs
from shared.plural import plural
from shared.strategies import make_strategy
from shared.strategies.wrapper import innermost
from shared.user_code import blaming

_ZERO = Decimal(0)
_FUNDING, _LIQUIDATION, _STOP, _MISSED = Leg.FUNDING, Leg.LIQUIDATION, Leg.STOP, Reason.BEYOND_LIMIT
_new = tuple.__new__  # of a named tuple, at half the cost of its constructor
UNREAD = (Stream.FEATURES, Stream.DECISIONS)  # by no stage, and by none of the sums here
BATCH = 64  # bars that are read and predicted on before the first of them is traded: so each part has the caches
PROGRESS_EVERY = 16 * BATCH

LEGS, NETTED = "legs", "netted"

Progress = Callable[[int], None]  # the rows read so far


def variants(settings: Settings) -> dict[str, Settings]:
    """Returns the settings by a name for the table, the configured ones first.

    A strategy with a parameter `netting` has the other way of ordering beside it. Raises ValueError for parameters
    that do not fit.

    >>> from shared.config import load_settings
    >>> [(name, found.strategy.params) for name, found in variants(load_settings()).items()]
    [('legs', {}), ('netted', {'netting': True})]
    """
    own = settings.strategy
    netting = getattr(innermost(make_strategy(own)), "netting", None)
    if not isinstance(netting, bool):
        return {own.name: settings}
    strategy = own.model_copy(update={"params": {**own.params, "netting": not netting}})
    other = settings.model_copy(update={"strategy": strategy})
    return {NETTED: settings, LEGS: other} if netting else {LEGS: settings, NETTED: other}


class Inputs(NamedTuple):
    """A backtest trades this instead of the file and the weights that the settings name: bars in memory, and plans.

    - needs: the groups that model and strategy need of each bar, and what stops look at.
    """

    bars: Iterable[HistoryBar]
    plans: LinePlans
    needs: Set[str] = frozenset()


class Backtest:
    """A backtest trades one symbol, the first of the settings, out of its file.

    With the default rules it does what the paper line would do. Rows are streamed: memory does not grow with the file,
    but for what observers keep.

    - start_ns, end_ns: only bars whose end is in [start_ns, end_ns) are traded on. Those before warm the features, then
      trading starts flat.
    - inputs: what is traded instead of the file and the model, which are then not read.

    Raises ConfigError for settings that make no backtest, DataError for a file, or a model, that does not fit them.
    """

    def __init__(
        self,
        settings: Settings,
        rules: VenueRules = VenueRules(),  # noqa: B008  (frozen)
        start_ns: int | None = None,
        end_ns: int | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        self._sym = settings.symbols[0]
        path = settings.ingestor.files.get(self._sym) if settings.ingestor.source == "replay" else None
        if path is None:
            raise ConfigError(
                f"a backtest of {self._sym} needs a file of its prices: pass --data FILE --sym {self._sym}"
            )
        self._settings = settings
        self._rules = rules
        self._path = path
        self._inputs = inputs
        self._start_ns = 0 if start_ns is None else start_ns
        self._end_ns = MAX_NS + 1 if end_ns is None else end_ns
        if self._start_ns >= self._end_ns:
            raise ConfigError(f"a backtest from {time_text(self._start_ns)} to {time_text(self._end_ns)} is empty")

    def run(
        self, observers: Sequence[Observer] = (), progress: Progress | None = None, tap: Tap | None = None
    ) -> Totals:
        """Runs the whole backtest, from the file's first row.

        - progress: called now and then with the rows read so far.
        - tap: called with every message of the bars that are traded on, before their mark.
        """
        with blaming(self._sym):
            plans, venue = self._plans(), None
        if not self._rules.as_paper:
            venue = self._venue()
            plans = plans._replace(gateway=replace(plans.gateway, make_stage=lambda _: venue))
        own = self._settings
        needs = self._inputs.needs if self._inputs is not None else needed_groups(own) | stop_needs(own)
        run = _Run(self._settings, self._rules, plans, venue, observers, tap, needs)
        rows = 0
        with closing(self._bars(needs)) as found, torch.inference_mode(), blaming(self._sym):
            ends = self._end_ns <= MAX_NS
            wanted = takewhile(lambda bar: bar.ts_event < self._end_ns, found) if ends else found
            while batch := list(islice(wanted, BATCH)):
                run.on_bars(batch, self._start_ns)
                rows += len(batch)
                if progress is not None and not rows % PROGRESS_EVERY:
                    progress(rows)
        if progress is not None:
            progress(rows)
        self._require_sense(run, rows)
        return run.totals()

    def _bars(self, needs: Set[str]) -> Generator[HistoryBar, None, None]:
        if self._inputs is not None:
            yield from self._inputs.bars
            return
        own = self._settings
        yield from bars(self._path, own.interval, timezone=own.ingestor.timezone, groups=needs)

    def _plans(self) -> LinePlans:
        if self._inputs is not None:
            return self._inputs.plans
        try:
            return line_plans(self._settings)
        except ModelRefused:
            for _ in self._bars(frozenset()):  # a defect of the file, e.g. another interval, is the better reason
                pass
            raise

    def _venue(self) -> BacktestVenue:
        """Returns the venue of the rules; raises ConfigError where they do not go with the strategy."""
        own, strategy = self._settings.gateway, self._settings.strategy
        leverage = getattr(innermost(make_strategy(strategy)), "leverage", None)
        margin = self._rules.maintenance_margin
        if margin is not None:
            if not isinstance(leverage, Decimal):
                raise ConfigError(f"strategy {strategy.name} has no parameter leverage, and liquidation needs it")
            if margin * leverage >= 1:
                raise ConfigError(
                    f"maintenance margin {margin}: with leverage {leverage} it must be below 1/{leverage}"
                )
        return BacktestVenue(
            self._sym,
            self._rules,
            own.fee,
            own.slippage_bps,
            leverage or Decimal(1),
            interval_ns(self._settings.interval),
            zone_of(self._settings.ingestor.timezone),
            FundingRates(self._rules.funding) if self._rules.funding is not None else None,
        )

    def _require_sense(self, run: "_Run", rows: int) -> None:
        """Raises DataError where nothing was traded on, nothing was predicted, or no price moved."""
        if not run.bars:
            raise DataError(
                f"{self._path}: {plural(rows, 'row')}, none in the time to be traded: give another --from or --to"
            )
        if not run.predictions and self._settings.signal.model != NO_MODEL:
            raise DataError(
                f"{self._path}: {plural(rows, 'row is', 'rows are')} too few for the model's features, nothing "
                "was predicted: pass more"
            )
        if not run.moved:
            raise DataError(
                f"{self._path}: all {run.bars} prices are the same: there is nothing to trade: pass other data"
            )


class _Run:
    """A run holds the line and the sums of one backtest."""

    def __init__(
        self,
        settings: Settings,
        rules: VenueRules,
        plans: LinePlans,
        venue: BacktestVenue | None,
        observers: Sequence[Observer],
        tap: Tap | None,
        needs: Set[str],
    ) -> None:
        self._needs = needs
        self.bars = self.predictions = 0
        self.moved = False
        self._sym = settings.symbols[0]
        taps: dict[Stream, Tap] = {
            Stream.PREDICTIONS: cast(Tap, self._on_prediction),
            Stream.EXECUTIONS: cast(Tap, self._on_execution),
        }
        if settings.strategy.protect.terms is not None:
            taps[Stream.ORDERS] = cast(Tap, self._on_order)
        if tap is not None:
            taps = {stream: _both(taps.get(stream), tap) for stream in Stream}
        self._line = InProcessLine(plans, self._sym, taps, UNREAD if tap is None else ())
        self._account = self._line.strategy.account
        self._venue = venue
        self._on_mark = [observer.on_mark for observer in observers]
        self._on_trip = [observer.on_trip for observer in observers]
        self._stopped_at = _ZERO  # the market's price when the last stop fired
        self._slips = settings.gateway.slippage_bps != 0
        self._at_open = rules.fill == "next_open"
        self._trips = RoundTrips()
        self._y_hat = math.nan
        self._bar: HistoryBar | None = None
        self._first_ts = 0
        self._fees = self._funding = self._slippage = self._turnover = _ZERO
        self._fills = self._missed = self._expired = self._liquidations = self._stops = 0

    def on_bars(self, bars: list[HistoryBar], start_ns: int) -> None:
        """Takes the next bars; those that end before `start_ns` are not traded on."""
        ahead, sym, needs = self._line.ahead, self._sym, self._needs
        if needs:
            written = [ahead(Quote(sym, bar.ts_event, bar.close, *groups_of(bar, needs))) for bar in bars]
        else:
            written = [ahead(_new(Quote, (sym, bar.ts_event, bar.close, None, None, None))) for bar in bars]
        for bar, messages in zip(bars, written, strict=True):
            if bar.ts_event >= start_ns:
                self._on_bar(bar, messages)

    def _on_bar(self, bar: HistoryBar, messages: list[Message]) -> None:
        before, self._bar = self._bar, bar
        if before is None:
            self._first_ts = bar.ts_event
        elif not self.moved:
            self.moved = bar.close != before.close
        self.bars += 1
        line = self._line
        if self._venue is not None:
            for report in self._venue.on_bar(bar, self._account, self._fires(bar)):
                line.deliver([report])
        self._y_hat = math.nan
        line.deliver(messages)
        if self._on_mark:
            self._mark(bar)

    def _fires(self, bar: HistoryBar) -> Fires | None:
        """Returns what tells the venue which stop the bar fires; None where the strategy has none."""
        strategy = self._line.strategy
        if not isinstance(strategy, ProtectedStage):
            return None
        return partial(strategy.stop.fires, BarPrices.of(bar.close, groups_of(bar, self._needs).bar))

    def totals(self) -> Totals:
        """Returns the sums; orders that still wait expire."""
        bar, account = self._bar, self._account
        assert bar is not None
        if self._venue is not None:
            self._line.deliver(list(self._venue.at_end()))
        unrealised = account.unrealised(self._sym, bar.close)
        return Totals(
            start_equity=account.capital,
            end_equity=account.balance() + unrealised,
            fees=self._fees,
            funding=self._funding,
            slippage=self._slippage,
            turnover=self._turnover,
            bars=self.bars,
            fills=self._fills,
            missed=self._missed,
            expired=self._expired,
            liquidations=self._liquidations,
            first_ts=self._first_ts,
            last_ts=bar.ts_event,
            open_trip=self._trips.open(),
            unrealised=unrealised,
            stops=self._stops,
        )

    def _mark(self, bar: HistoryBar) -> None:
        """Shows the observers how the book stands at a bar's end."""
        account, price = self._account, float(bar.close)
        position = account.position(self._sym)
        if position is None:
            equity, exposure = float(account.balance()), 0.0
        else:
            equity = float(account.balance() + position.unrealised(bar.close))
            value = float(position.signed_qty) * price
            exposure = value / equity if equity else math.copysign(math.inf, value)
        paid = float(self._fees + self._slippage + self._funding)
        for on_mark in self._on_mark:
            on_mark(bar.ts_event, price, equity, exposure, self._y_hat, paid)

    def _on_prediction(self, prediction: Prediction | Gap) -> None:
        y_hat = prediction.y_hat if isinstance(prediction, Prediction) else None
        if y_hat is None:
            self._y_hat = math.nan
            return
        self._y_hat = y_hat
        self.predictions += 1

    def _on_execution(self, report: ExecutionReport) -> None:
        """Adds a report that the strategy has booked."""
        qty, price, commission, leg = report.last_qty, report.last_px, report.commission, report.leg
        if leg is _FUNDING:
            self._funding += commission
            self._trips.on_cost(commission)
            return
        if price is None:
            missed = report.reason is _MISSED
            self._missed += missed
            self._expired += not missed
            return
        size = qty.copy_abs()
        if leg is _LIQUIDATION:
            self._liquidations += 1
        elif self._slips:
            self._slippage += size * (price - self._reference(leg)).copy_abs()
        self._stops += leg is _STOP
        self._fills += 1
        self._fees += commission
        self._turnover += size * price
        trip = self._trips.on_fill(
            _new(Fill, (report.ts_event, self._sym, self._y_hat, qty, price, commission, self._account.balance()))
        )
        if trip is not None:
            for on_trip in self._on_trip:
                on_trip(trip)

    def _on_order(self, order: OrderIntent) -> None:
        if order.stop is not None:
            self._stopped_at = order.price

    def _reference(self, leg: Leg) -> Decimal:
        """Returns the price of a fill before slippage."""
        assert self._bar is not None
        if leg is _STOP:
            return self._stopped_at
        return self._bar.open if self._at_open else self._bar.close


def _both(first: Tap | None, second: Tap) -> Tap:
    """Returns a tap that calls both, in this order."""
    if first is None:
        return second

    def both(message: Message) -> None:
        first(message)
        second(message)

    return both
