"""What the fast engine traded becomes totals and metrics, of the rows that an observer of the exact one is shown."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.backtest import Totals
from services.research.backtest.variants import VariantResult, sample_of
from services.research.fast.engine import LEGS, BarColumns, FastRun, Fills, Floats, Ints, Terms, trade
from services.research.metrics import Metrics
from services.research.metrics.observer import CHUNK, Marks
from services.research.metrics.sums import Trips
from services.research.statistics import RESAMPLES
from shared.account import Fill
from shared.config import Settings
from shared.messages import Leg

_NETS = LEGS.index(Leg.NET)
SUMS = ("fees", "slippage", "turnover")


def measured(
    settings: Settings, found: BarColumns, opened: Ints, y_hat: Floats, terms: Terms, resamples: int = RESAMPLES
) -> "tuple[VariantResult, Rows]":
    """Returns totals and metrics of bars, and the rows that they are made of.

    - opened: when orders fill that wait for a bar's open, ns; the bars' ends where none does.
    - resamples: of the metrics' intervals; 0 for none.

    Raises OnlyExact where a comparison was close.
    """
    made = Rows(settings, found, opened, y_hat, trade(found, y_hat, terms, keep=True), terms)
    start = float(settings.strategy.balance)
    metrics = Metrics(settings.interval, start, sample=sample_of(settings), at_open=terms.waits, resamples=resamples)
    sums = np.zeros(len(SUMS))
    for piece in made.pieces():
        metrics.take(piece.marks, piece.trips)
        sums += piece.sums
    totals = made.totals(dict(zip(SUMS, sums.tolist(), strict=True)))
    return VariantResult(settings, totals, metrics.result(totals), None), made


class Piece(NamedTuple):
    """The rows of some bars: marks, the trips that were closed in them, and the SUMS of their fills."""

    marks: Marks
    trips: Trips
    sums: Floats


class Rows:
    """These are the rows of a run: what an observer of the exact engine is shown, as columns.

    They come in pieces, so small that numpy works on them in the processor's cache.
    """

    def __init__(
        self, settings: Settings, found: BarColumns, opened: Ints, y_hat: Floats, run: FastRun, terms: Terms
    ) -> None:
        assert run.kept is not None
        assert run.funded is not None
        self._settings, self._bars, self._opened, self._y_hat = settings, found, opened, y_hat
        self._run, self._terms, self._fills = run, terms, run.kept
        self._netting = bool((run.kept.leg == _NETS).any())
        self._funded = np.concatenate([[0.0], run.funded])
        self._open: Fill | None = None

    def whole(self) -> tuple[Marks, Trips]:
        """Returns all of them."""
        marks, trips = zip(*((piece.marks, piece.trips) for piece in self.pieces()), strict=True)
        return Marks._make(map(np.concatenate, zip(*marks, strict=True))), Trips._make(
            map(np.concatenate, zip(*trips, strict=True))
        )

    def pieces(self) -> Iterator[Piece]:
        """Yields them in the order of time."""
        fills, count = self._fills, len(self._bars.ts)
        netted = self._netted() if self._netting else None
        edges = [*range(0, count, CHUNK), count]
        ends = np.searchsorted(fills.bar, edges).tolist()
        paid, steps, closed = 0.0, 0, 0
        for begin, end, of, until in zip(edges, edges[1:], ends, ends[1:], strict=False):
            before = min(of, 1)  # the fill before the piece is looked at, too: what is held, and where it was opened
            part = _Filled.of(fills, slice(of - before, until), self._terms, steps)
            steps += int(fills.steps[of - before : max(until - 1, 0)].sum())
            times, funded = self._times(part)
            costs = paid + np.cumsum((part.fee + part.slippage)[before:])
            done = np.cumsum(np.bincount(part.bar[before:] - begin, minlength=end - begin))
            held = np.concatenate([[0.0], part.held])[done + before]
            spent = np.concatenate([[paid], costs])[done]
            bars = slice(begin, end)
            price, equity = self._bars.close[bars], self._run.equity[bars]
            costs = spent + self._funded[1:][bars]
            marks = Marks(self._bars.ts[bars], price, equity, held * price / equity, self._y_hat[bars], costs)
            paid = float(spent[-1])
            if netted is not None:
                exits = int(np.searchsorted(netted.exit_ts, self._bars.ts[end - 1], side="right"))
                trips, closed = netted.part(slice(closed, exits)), exits
            else:
                trips = part.trips(before, times, funded)
            yield Piece(marks, trips, np.array([each[before:].sum() for each in part[2:5]]))

    def _times(self, part: "_Filled") -> tuple[Ints, Floats]:
        """Returns of each fill its time, and the funding that had been paid before it.

        Orders that waited fill at the open: before the bar's funding.
        """
        if not self._terms.waits:
            return self._bars.ts[part.bar], self._funded[part.bar + 1]
        early = part.leg <= _NETS
        return np.where(early, self._opened[part.bar], self._bars.ts[part.bar]), self._funded[part.bar + 1 - early]

    def _netted(self) -> Trips:
        """Returns the closed round trips of orders that add, reduce and turn; keeps the open one. As RoundTrips."""
        part = _Filled.of(self._fills, slice(None), self._terms, 0)
        times, funded = self._times(part)
        # A fill that turns a position has two parts: one closes it, one opens the other side.
        held = np.concatenate([[0.0], part.held])
        of = np.repeat(np.arange(len(part.held)), 1 + (held[:-1] * held[1:] < 0))
        twin = of[1:] == of[:-1]
        closes, opens = np.append(twin, False), np.append(False, twin)
        before, after = np.where(opens, 0.0, held[:-1][of]), np.where(closes, 0.0, held[1:][of])
        qty, price = after - before, part.price[of]
        fee = part.fee[of] * np.abs(qty / part.qty[of])
        adds = before * qty >= 0
        begins = np.flatnonzero(before == 0)
        ends = np.append(begins[1:], len(of)) - 1
        into, out = np.where(adds, qty, 0.0), np.where(adds, 0.0, qty)
        columns = (into, into * price, out, out * price, fee)
        entered, cost, left, gained, fees = (np.add.reduceat(column, begins) for column in columns)
        entry, first, last = cost / entered, of[begins], of[ends]
        count = len(begins) - int(after[-1] != 0)  # the last one may be open
        if count < len(begins):
            paid = fees[-1] + self._funded[-1] - funded[first[-1]]
            self._open = self._fill(int(first[-1]), int(times[first[-1]]), paid)._replace(
                signed_qty=_exact(after[-1]), price=_exact(entry[-1])
            )
        some = slice(0, count)
        entered, entry, first, last = entered[some], entry[some], first[some], last[some]
        fee = fees[some] + funded[last] - funded[first]
        return _trips(times[first], times[last], entered, entry, gained[some] / left[some], fee)

    def _fill(self, at: int, ts: int, fee: float) -> Fill:
        """Returns a fill as an account books it; its balance is not known, and no metric has it."""
        fills = self._fills
        qty = float(fills.steps[at]) * self._terms.step if self._terms.step else fills.qty[at]
        decided = fills.bar[at] - (self._terms.waits and fills.leg[at] <= _NETS)
        y_hat, price = float(self._y_hat[decided]), _exact(fills.price[at])
        return Fill(ts, self._settings.symbols[0], y_hat, _exact(qty), price, _exact(fee), Decimal(0))

    def _open_trip(self) -> Fill | None:
        if self._netting or not len(self._fills.bar):
            return self._open
        last = len(self._fills.bar) - 1
        if self._fills.leg[last] != LEGS.index(Leg.OPEN):
            return None
        part = _Filled.of(self._fills, slice(last, None), self._terms, 0)
        times, funded = self._times(part)
        paid = part.fee[0] + self._funded[-1] - funded[0]
        return self._fill(last, int(times[0]), paid)

    def totals(self, sums: Mapping[str, float]) -> Totals:
        """Returns the totals, whose digits are those of float64; behind all pieces, whose SUMS these are."""
        fills, run = self._fills, self._run
        trip, last = self._open_trip(), float(self._bars.close[-1])
        unrealised = 0.0 if trip is None else float(trip.signed_qty) * (last - float(trip.price))
        if trip is not None:
            trip = trip._replace(balance=_exact(run.equity[-1] - unrealised))
        return Totals(
            start_equity=self._settings.strategy.balance,
            end_equity=_exact(run.equity[-1]),
            funding=_exact(self._funded[-1]),
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
            **{name: _exact(value) for name, value in sums.items()},
        )


class _Filled(NamedTuple):
    """What some fills are, and what each of them left: signed base units."""

    bar: Ints
    leg: NDArray[np.int8]
    fee: Floats
    slippage: Floats
    value: Floats
    qty: Floats
    price: Floats
    held: Floats

    @classmethod
    def of(cls, fills: Fills, some: slice, terms: Terms, steps: int) -> "_Filled":
        """Returns some of the fills. steps: held before them."""
        part = Fills._make(column[some] for column in fills)
        sizes = np.abs(part.qty)
        value = sizes * part.price
        if terms.step:
            held = np.asarray((np.cumsum(part.steps) + steps) * terms.step, np.float64)
        else:
            held = np.where(part.leg == LEGS.index(Leg.OPEN), part.qty, 0.0)
        slippage = sizes * np.abs(part.price - part.market)
        return cls(part.bar, part.leg, terms.fee * value, slippage, value, part.qty, part.price, held)

    def trips(self, first: int, times: Ints, funded: Floats) -> Trips:
        """Returns the round trips that end with one of these, from the place `first` on: each is two fills."""
        ends = np.flatnonzero(self.held[first:] == 0) + first
        begins = ends - 1
        fee = self.fee[begins] + self.fee[ends] + funded[ends] - funded[begins]
        return _trips(times[begins], times[ends], self.qty[begins], self.price[begins], self.price[ends], fee)


def _trips(entry_ts: Ints, exit_ts: Ints, qty: Floats, price: Floats, left: Floats, fee: Floats) -> Trips:
    """Returns round trips. price, left: what they were entered and left at."""
    side = np.sign(qty)
    return Trips(
        entry_ts, exit_ts, side.astype(np.int64), side * np.log(left / price), qty, price, qty * (left - price), fee
    )


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
