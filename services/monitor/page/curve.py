"""The equity's curve as the page draws it: bounded, however long the history, with the peak of all that was seen.

It stands in a file of the state folder, too, so that it goes on where the monitor was started anew.
"""

from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from services.monitor.comparisons import FEWEST, Z90
from shared.config import Settings
from shared.intervals import TRADE, interval_ns
from shared.models.choose import chosen_card
from shared.status.state import LineStatus
from shared.strategies.drift import reference_in

MOST = 600  # points; beyond that every second one goes
NS_PER_MS = 1_000_000

Point = tuple[int, float, float | None, float | None, float | None]


class CurveFigures(NamedTuple):
    """The curve's figures; falls are fractions of the peak before.

    - points: ms, equity, low and high of the band, buy-and-hold.
    - held: bars that the band is of; None where no card says what to expect.
    """

    points: tuple[Point, ...]
    drawdown: float
    max_drawdown: float
    held: int | None = None


class Expected(NamedTuple):
    """The card expects this of a held bar's return: its mean and standard deviation, out of sample, after costs."""

    mean: float
    sd: float
    bar_ms: int

    @classmethod
    def of(cls, settings: Settings) -> "Expected | None":
        """Returns what the card of the config's model expects; None where it does not know the strategy, or no bars."""
        card = chosen_card(settings)
        reference = None if card is None else reference_in(card, settings)
        if reference is None or settings.interval == TRADE:
            return None
        return cls(reference.mean_net, reference.sd_net, interval_ns(settings.interval) // NS_PER_MS)


class CurveBand(BaseModel):
    """The band is where nine in ten of the backtest's ways would stand, had they held what the books held.

    It is that of `EquityBand`, in money: each held bar adds what the card expects of its notional. What was held is
    known from the looks alone, so a bar counts with what the last look before its end has found.

    - begun: the equity at its beginning. held: bars through which something was held.
    - middle, variance: of the sum of what these were to make.
    - at_ms, notional: of the last look.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    begun: float
    at_ms: int
    notional: float
    held: int = 0
    middle: float = 0.0
    variance: float = 0.0

    def after(self, expected: Expected, at_ms: int, notional: float) -> "CurveBand":
        """Returns the band after another look; a clock that went back ends no bar."""
        ended = at_ms // expected.bar_ms - self.at_ms // expected.bar_ms
        bars = ended if ended > 0 and self.notional else 0
        return self.model_copy(
            update={
                "at_ms": max(at_ms, self.at_ms),
                "notional": notional,
                "held": self.held + bars,
                "middle": self.middle + bars * expected.mean * self.notional,
                "variance": self.variance + bars * (expected.sd * self.notional) ** 2,
            }
        )

    def edges(self) -> tuple[float | None, float | None]:
        """Returns low and high; None below FEWEST held bars, of which no sum is near normal."""
        if self.held < FEWEST:
            return None, None
        middle, wide = self.begun + self.middle, Z90 * sqrt(self.variance)
        return middle - wide, middle + wide


class CurveFile(BaseModel):
    """What is kept of a curve. line: whose it is. begun: each symbol's first price. band: earlier versions had none."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line: str
    points: list[Point]
    apart_ms: int
    begun: dict[str, Decimal]
    peak: Decimal
    deepest: float
    band: CurveBand | None = None


class EquityCurve:
    """The curve takes the line's equity whenever it was read.

    - capital: of all books.
    - expected: of each held bar, for the band; None for no band.

    >>> curve = EquityCurve(Decimal(100))
    >>> for i in range(5_000):
    ...     curve.put(1_000 * i, Decimal(100 + i % 10), Decimal(100))
    >>> figures = curve.figures()
    >>> MOST // 2 <= len(figures.points) <= MOST, figures.points[-1], round(figures.max_drawdown, 3)
    (True, (4999000, 109.0, None, None, 100.0), 0.083)
    """

    def __init__(self, capital: Decimal, expected: Expected | None = None) -> None:
        self._capital, self._expected = capital, expected
        self._band: CurveBand | None = None
        self._points: list[Point] = []
        self._last: Point | None = None
        self._apart_ms = 0  # between two points
        self._begun: dict[str, Decimal] = {}  # each symbol's first price
        self._peak, self._fall, self._deepest = Decimal(0), 0.0, 0.0

    def add(self, at_ms: int, status: LineStatus) -> None:
        """Takes a status; one without all prices or entries, or without an account's journal, is no point."""
        equity = status.equity
        if equity is None or (status.standing is not None and status.money_from != "journal"):
            return
        prices = {sym: one.price for sym, one in status.symbols.items() if one.price is not None}
        if len(prices) < len(status.symbols):
            return
        for sym, price in prices.items():
            self._begun.setdefault(sym, price)
        share = self._capital / len(prices)
        hold = sum((share * price / self._begun[sym] for sym, price in prices.items()), Decimal(0))
        if self._expected is not None:
            notional = float(sum(abs(one.qty) * prices[sym] for sym, one in status.symbols.items()))
            begun = CurveBand(begun=float(equity), at_ms=at_ms, notional=notional)
            self._band = begun if self._band is None else self._band.after(self._expected, at_ms, notional)
        self.put(at_ms, equity, hold)

    def put(self, at_ms: int, equity: Decimal, hold: Decimal | None) -> None:
        """Takes a point; one that is no later than the last takes its place."""
        self._peak = max(self._peak, equity)
        self._fall = float(1 - equity / self._peak) if self._peak > 0 else 0.0
        self._deepest = max(self._deepest, self._fall)
        low, high = (None, None) if self._band is None else self._band.edges()
        point = (at_ms, float(equity), low, high, None if hold is None else float(hold))
        self._last = point
        if self._points and at_ms - self._points[-1][0] < max(self._apart_ms, 1):
            return
        self._points.append(point)
        if len(self._points) >= MOST:
            self._points = self._points[::2]
            self._apart_ms = (self._points[-1][0] - self._points[0][0]) // len(self._points)

    def save(self, path: Path, line: str) -> None:
        """Writes the curve into a file; raises OSError."""
        kept = CurveFile(
            line=line, points=self._points, apart_ms=self._apart_ms, begun=self._begun, peak=self._peak,
            deepest=self._deepest, band=self._band,
        )  # fmt: skip
        beside = path.with_suffix(".new")
        beside.write_text(kept.model_dump_json())
        beside.replace(path)

    def load(self, path: Path, line: str) -> None:
        """Goes on with the curve that is in a file, if that is this line's; with none where nothing can be read."""
        try:
            kept = CurveFile.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return
        if kept.line == line and len(kept.points) <= MOST:
            self._points, self._apart_ms, self._begun = kept.points, kept.apart_ms, kept.begun
            self._peak, self._deepest = kept.peak, kept.deepest
            self._band = None if self._expected is None else kept.band

    def figures(self) -> CurveFigures:
        """Returns the curve as it is now."""
        points = tuple(self._points)
        if self._last is not None and (not points or points[-1] != self._last):
            points = (*points, self._last)
        held = None if self._expected is None else 0 if self._band is None else self._band.held
        return CurveFigures(points, self._fall, self._deepest, held)
