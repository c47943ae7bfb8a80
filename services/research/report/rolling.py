"""How well prediction and outcome went together over time."""

import math
from typing import Any

import altair as alt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from services.research.metrics.statistics import pearson
from services.research.report import style
from services.research.report.curve import Curve
from services.research.report.learned import TABLE, Learned, band
from services.research.report.lines import MS, follow, told
from services.research.report.pairs import Floats
from services.research.report.panel import Panel, rows
from services.research.report.points import Points

TITLE = "Rolling information coefficient"
CAPTION = (
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


def rolling_ic(curve: Curve, nothing: str, learned: Learned | None) -> Panel:
    """The chart, out of the sums over all bars; `nothing` is what to say where no prediction has an outcome."""
    points = curve.points()
    whole = points.pairs.sum(axis=0)
    known = int(whole[0])
    if known < 2 * LEAST:
        few = f"Only {known} of the predictions have an outcome: a moving window takes {2 * LEAST} or more."
        return Panel("rolling-ic", TITLE, CAPTION, sentence=few if known else nothing, half=True)
    window = max(LEAST, math.ceil(known / _SHARE))
    moving = _moving(points, math.ceil(len(points.bar) * window / known))
    if not moving["t"]:
        same = "The predictions or the prices did not vary, so there is no correlation to draw."
        return Panel("rolling-ic", TITLE, CAPTION, sentence=same, half=True)
    all_time = [float(value) for value in pearson(whole[None]) if math.isfinite(value)]
    drawn = {
        "rows": rows(moving),
        "hover": told({name: moving[name] for name in ("t", "y", "n")}),
        "whole": rows({"y": all_time}),
    }
    chart = _chart()
    if learned is not None and (part := learned.within(moving["t"])) is not None:
        chart, drawn = style.layered(band("bottom"), chart), drawn | {TABLE: part.rows()}
    title = f"{TITLE} over {max(moving['n']):,} predictions"
    return Panel("rolling-ic", title, CAPTION, style.spec(chart, 360), drawn, half=True)


def _moving(points: Points, span: int) -> dict[str, list[Any]]:
    """The correlation in each window of `span` points, and what chance does there; empty where nothing varies."""
    sums: Floats = sliding_window_view(points.pairs, min(span, len(points.bar)), axis=0).sum(axis=-1)
    moving = pearson(sums)
    seen = np.isfinite(moving)
    n = sums[seen][:, 0]
    chance = np.minimum(_SURE / np.sqrt(n), 1.0)
    times = points.ts_event[-len(moving) :][seen] // MS
    columns = {"t": times, "y": moving[seen], "low": -chance, "high": chance, "n": n.astype(int)}
    return {name: values.tolist() for name, values in columns.items()}


def _chart() -> alt.LayerChart:
    base = alt.Chart(alt.NamedData(name="rows")).encode(x=style.time_axis())
    y = alt.Y("y:Q", title="correlation", axis=alt.Axis(format="~g"))
    band = base.mark_area(color=style.HOLD, opacity=0.16).encode(y="low:Q", y2="high:Q")
    moving = base.mark_line(color=style.SERIES[0], strokeWidth=1.8).encode(y=y)
    whole = (
        alt.Chart(alt.NamedData(name="whole"))
        .mark_rule(color=style.INK, strokeDash=[5, 4], strokeWidth=1.5)
        .encode(y=y, tooltip=alt.Tooltip("y:Q", title="over the whole time", format=".3f"))
    )
    return style.layered(band, moving, whole, follow(_TOLD))
