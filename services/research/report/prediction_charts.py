"""These charts show each prediction against what then happened, and how well both went together over time."""

import math
from typing import Any

import altair as alt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from services.research.report import drawing
from services.research.report.curve import Curve, Dot, Points
from services.research.report.drawing import (
    MS,
    TRAINED,
    Panel,
    Rows,
    TrainingSpan,
    follow,
    hover_rows,
    rows,
    training_band,
)
from services.research.statistics import Floats, least_squares_line, pearson

SCATTER_TITLE = "Prediction against what then happened"
SCATTER_CAPTION = (
    "Each dot: one prediction ŷ, and the log return from that bar's close to the next. In the shaded corners the "
    "direction was right; the counts are of all predictions. Black: the least-squares line; flat means no linear "
    "relation."
)
RIGHT, WRONG, STILL = "direction right", "direction wrong", "no direction"
_COLOURS = {RIGHT: drawing.SERIES[0], WRONG: drawing.SERIES[1], STILL: drawing.HOLD}
_SIDES = {1: "up", -1: "down"}
_MOVES = {1: "rose", -1: "fell"}


def scatter(curve: Curve, nothing: str) -> Panel:
    """Draws each prediction against what then happened. nothing: the sentence where no prediction has an outcome."""
    dots = curve.dots()
    if not dots:
        return Panel("scatter", SCATTER_TITLE, SCATTER_CAPTION, sentence=nothing, half=True)
    # Round figures beyond the largest; where all are 0, anything will do.
    widest = 1.06 * max(abs(dot.y_hat) for dot in dots) or 1e-6
    highest = 1.15 * max(abs(dot.outcome) for dot in dots) or 1e-6
    drawn = rows(
        {
            "x": [dot.y_hat for dot in dots],
            "y": [dot.outcome for dot in dots],
            "t": [dot.ts_event // MS for dot in dots],
            "name": [_kind(dot) for dot in dots],
        }
    )
    tables = {"rows": drawn, "corners": _corners(curve, widest, highest), "fit": _fit(curve, widest)}
    kinds = {kind: colour for kind, colour in _COLOURS.items() if kind in {_kind(dot) for dot in dots}}
    return Panel(
        "scatter",
        SCATTER_TITLE,
        SCATTER_CAPTION,
        drawing.spec(_scatter_chart(widest, highest, kinds), 360),
        tables,
        half=True,
    )


def _kind(dot: Dot) -> str:
    if dot.y_hat == 0 or dot.outcome == 0:
        return STILL
    return RIGHT if (dot.y_hat > 0) == (dot.outcome > 0) else WRONG


def _corners(curve: Curve, widest: float, highest: float) -> Rows:
    """Returns the four corners: where they end, and how many of all predictions are in each."""
    counts = curve.quadrants()
    signs = [(x, y) for x in _SIDES for y in _MOVES]
    return rows(
        {
            "right": [x > 0 for x, _ in signs],
            "hit": [x == y for x, y in signs],
            "zero": [0.0] * len(signs),
            "x": [x * widest for x, _ in signs],
            "y": [y * highest for _, y in signs],
            "at": [0.94 * y * highest for _, y in signs],
            "text": [f"said {_SIDES[x]}, {_MOVES[y]}: {counts[x, y]:,}" for x, y in signs],
        }
    )


def _fit(curve: Curve, widest: float) -> Rows:
    """Returns the least-squares line from side to side; nothing where all predictions are the same."""
    found = least_squares_line(curve.points().pairs.sum(axis=0))
    if found is None:
        return rows({"x": [], "y": []})
    slope, intercept = found
    ends = [-widest, widest]
    return rows({"x": ends, "y": [slope * x + intercept for x in ends]})


def _scatter_chart(widest: float, highest: float, kinds: dict[str, str]) -> alt.LayerChart:
    percent = alt.Axis(format="~%", tickCount=6, grid=True)
    x = alt.X("x:Q", title="prediction ŷ (log return, %)", scale=_range(widest), axis=percent)
    y = alt.Y("y:Q", title="outcome (log return, %)", scale=_range(highest), axis=percent)
    corners = alt.Chart(alt.NamedData(name="corners"))
    shade = (
        corners.transform_filter(alt.datum.hit)
        .mark_rect(color=drawing.SERIES[0], opacity=0.07)
        .encode(x=x, y=y, x2="zero:Q", y2="zero:Q")
    )
    dots = (
        alt.Chart(alt.NamedData(name="rows"))
        .mark_circle(size=22, opacity=0.5)
        .encode(
            x=x,
            y=y,
            color=drawing.colours([*kinds], [*kinds.values()], "circle"),
            tooltip=[
                drawing.time_tooltip(),
                alt.Tooltip("x:Q", title="prediction", format="+.3%"),
                alt.Tooltip("y:Q", title="outcome", format="+.3%"),
            ],
        )
    )
    fit = alt.Chart(alt.NamedData(name="fit")).mark_line(color=drawing.INK, strokeWidth=2, clip=True).encode(x=x, y=y)
    return drawing.layered(shade, dots, fit, _counts(corners, right=True), _counts(corners, right=False))


def _range(end: float) -> alt.Scale:
    return alt.Scale(domain=[-end, end], nice=False)


def _counts(corners: alt.Chart, right: bool) -> alt.Chart:
    side = alt.datum.right if right else ~alt.datum.right
    shown: alt.Chart = corners.transform_filter(side).mark_text(
        align="right" if right else "left", dx=-6 if right else 6, color=drawing.INK, fontWeight="bold"
    )
    return shown.encode(x="x:Q", y="at:Q", text="text:N")


ROLLING_TITLE = "Rolling information coefficient"
ROLLING_CAPTION = (
    "Correlation of prediction and outcome in a window that ends at each moment. In the grey band lie 95 % of the "
    "values that a model without skill would show. Dashed: over the whole time."
)
LEAST = 30  # predictions in a window
_SHARE = 8  # a window holds one in so many of all predictions
_TOLD = (
    alt.Tooltip("y:Q", title="correlation", format=".3f"),
    alt.Tooltip("n:Q", title="of predictions", format=","),
)
_SURE = 1.96  # 95 % of a normal distribution is within so many standard deviations


def rolling_ic(curve: Curve, nothing: str, learned: TrainingSpan | None) -> Panel:
    """Draws how well prediction and outcome went together in a moving window, out of the sums over all bars.

    - nothing: the sentence where no prediction has an outcome.
    """
    points = curve.points()
    whole = points.pairs.sum(axis=0)
    known = int(whole[0])
    if known < 2 * LEAST:
        few = f"Only {known} of the predictions have an outcome: a moving window takes {2 * LEAST} or more."
        return Panel("rolling-ic", ROLLING_TITLE, ROLLING_CAPTION, sentence=few if known else nothing, half=True)
    window = max(LEAST, math.ceil(known / _SHARE))
    moving = _moving(points, math.ceil(len(points.bar) * window / known))
    if not moving["t"]:
        same = "The predictions or the prices did not vary, so there is no correlation to draw."
        return Panel("rolling-ic", ROLLING_TITLE, ROLLING_CAPTION, sentence=same, half=True)
    all_time = [float(value) for value in pearson(whole[None]) if math.isfinite(value)]
    drawn = {
        "rows": rows(moving),
        "hover": hover_rows({name: moving[name] for name in ("t", "y", "n")}),
        "whole": rows({"y": all_time}),
    }
    chart = _rolling_chart()
    if learned is not None and (part := learned.within(moving["t"])) is not None:
        chart, drawn = drawing.layered(training_band("bottom"), chart), drawn | {TRAINED: part.rows()}
    title = f"{ROLLING_TITLE} over {max(moving['n']):,} predictions"
    return Panel("rolling-ic", title, ROLLING_CAPTION, drawing.spec(chart, 360), drawn, half=True)


def _moving(points: Points, span: int) -> dict[str, list[Any]]:
    """Returns the correlation in each window of `span` points, and what chance does there.

    Points at which nothing varies are left out.
    """
    sums: Floats = sliding_window_view(points.pairs, min(span, len(points.bar)), axis=0).sum(axis=-1)
    moving = pearson(sums)
    seen = np.isfinite(moving)
    n = sums[seen][:, 0]
    chance = np.minimum(_SURE / np.sqrt(n), 1.0)
    times = points.ts_event[-len(moving) :][seen] // MS
    columns = {"t": times, "y": moving[seen], "low": -chance, "high": chance, "n": n.astype(int)}
    return {name: values.tolist() for name, values in columns.items()}


def _rolling_chart() -> alt.LayerChart:
    base = alt.Chart(alt.NamedData(name="rows")).encode(x=drawing.time_axis())
    y = alt.Y("y:Q", title="correlation", axis=alt.Axis(format="~g"))
    chance = base.mark_area(color=drawing.HOLD, opacity=0.16).encode(y="low:Q", y2="high:Q")
    moving = base.mark_line(color=drawing.SERIES[0], strokeWidth=1.8).encode(y=y)
    whole = (
        alt.Chart(alt.NamedData(name="whole"))
        .mark_rule(color=drawing.INK, strokeDash=[5, 4], strokeWidth=1.5)
        .encode(y=y, tooltip=alt.Tooltip("y:Q", title="over the whole time", format=".3f"))
    )
    return drawing.layered(chance, moving, whole, follow(_TOLD))
