"""The equity's curve as the page draws it: bounded, however long the history, with the peak of all that was seen.

It stands in a file of the state folder, too, so that it goes on where the monitor was started anew.
"""

from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.status.state import LineStatus

MOST = 600  # points; beyond that every second one goes

Point = tuple[int, float, float | None, float | None, float | None]


class CurveFigures(NamedTuple):
    """The curve's figures; falls are fractions of the peak before.

    - points: ms, equity, low and high of the band, buy-and-hold.
    """

    points: tuple[Point, ...]
    drawdown: float
    max_drawdown: float


class CurveFile(BaseModel):
    """What is kept of a curve. line: whose it is. begun: each symbol's first price."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line: str
    points: list[Point]
    apart_ms: int
    begun: dict[str, Decimal]
    peak: Decimal
    deepest: float


class EquityCurve:
    """The curve takes the line's equity whenever it was read.

    - capital: of all books.

    >>> curve = EquityCurve(Decimal(100))
    >>> for i in range(5_000):
    ...     curve.put(1_000 * i, Decimal(100 + i % 10), Decimal(100))
    >>> figures = curve.figures()
    >>> MOST // 2 <= len(figures.points) <= MOST, figures.points[-1], round(figures.max_drawdown, 3)
    (True, (4999000, 109.0, None, None, 100.0), 0.083)
    """

    def __init__(self, capital: Decimal) -> None:
        self._capital = capital
        self._points: list[Point] = []
        self._last: Point | None = None
        self._apart_ms = 0  # between two points
        self._begun: dict[str, Decimal] = {}  # each symbol's first price
        self._peak, self._fall, self._deepest = Decimal(0), 0.0, 0.0

    def add(self, at_ms: int, status: LineStatus) -> None:
        """Takes a status."""
        prices = {sym: one.price for sym, one in status.symbols.items() if one.price is not None}
        if len(prices) < len(status.symbols):
            return
        for sym, price in prices.items():
            self._begun.setdefault(sym, price)
        share = self._capital / len(prices)
        hold = sum((share * price / self._begun[sym] for sym, price in prices.items()), Decimal(0))
        self.put(at_ms, status.equity, hold)

    def put(self, at_ms: int, equity: Decimal, hold: Decimal | None) -> None:
        """Takes a point; one that is no later than the last takes its place."""
        self._peak = max(self._peak, equity)
        self._fall = float(1 - equity / self._peak) if self._peak > 0 else 0.0
        self._deepest = max(self._deepest, self._fall)
        point = (at_ms, float(equity), None, None, None if hold is None else float(hold))
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
            deepest=self._deepest,
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

    def figures(self) -> CurveFigures:
        """Returns the curve as it is now."""
        points = tuple(self._points)
        if self._last is not None and (not points or points[-1] != self._last):
            points = (*points, self._last)
        return CurveFigures(points, self._fall, self._deepest)
