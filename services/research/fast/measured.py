"""What the fast engine traded becomes totals and metrics, of the rows that an observer of the exact one is shown."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from services.research.backtest import Totals
from services.research.backtest.variants import VariantResult, sample_of
from services.research.fast.engine import LEGS, BarColumns, Booked, FastRun, Floats, Ints, book, trade
from services.research.fast.terms import Terms
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
        self._run, self._terms, self._fills, self._funded = run, terms, run.kept, run.funded
        self._state = Booked()

    def whole(self) -> tuple[Marks, Trips]:
        """Returns all of them."""
        marks, trips = zip(*((piece.marks, piece.trips) for piece in self.pieces()), strict=True)
        return Marks._make(map(np.concatenate, zip(*marks, strict=True))), Trips._make(
            map(np.concatenate, zip(*trips, strict=True))
        )

    def pieces(self) -> Iterator[Piece]:
        """Yields them in the order of time."""
        ts, opened, count = np.ascontiguousarray(self._bars.ts), np.ascontiguousarray(self._opened), len(self._y_hat)
        self._state = Booked()
        for begin in range(0, count, CHUNK):
            bars = slice(begin, min(begin + CHUNK, count))
            self._state, held, paid, trips, sums = book(
                self._fills, ts, opened, self._funded, self._terms, bars, self._state
            )
            price, equity = self._bars.close[bars], self._run.equity[bars]
            held *= price
            held /= equity
            marks = Marks(self._bars.ts[bars], price, equity, held, self._y_hat[bars], paid)
            np.log(trips.log_return, out=trips.log_return)
            yield Piece(marks, trips, sums)

    def _open_trip(self) -> Fill | None:
        """Returns the position that is open at the end as the fill that an account books.

        Its balance is not known here, and no metric has it.
        """
        state, fills = self._state, self._fills
        if state.qty == 0:
            return None
        decided = fills.bar[state.first] - (self._terms.waits and fills.leg[state.first] <= _NETS)
        y_hat, fee = float(self._y_hat[decided]), state.fees + self._funded[-1] - state.funded_first
        qty, price = _exact(state.qty), _exact(state.entry)
        return Fill(state.first_ts, self._settings.symbols[0], y_hat, qty, price, _exact(fee), Decimal(0))

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
            liquidations=int(np.count_nonzero(fills.leg == LEGS.index(Leg.LIQUIDATION))),
            first_ts=int(self._bars.ts[0]),
            last_ts=int(self._bars.ts[-1]),
            open_trip=trip,
            unrealised=_exact(unrealised),
            stops=int(np.count_nonzero(fills.leg == LEGS.index(Leg.STOP))),
            **{name: _exact(value) for name, value in sums.items()},
        )


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
