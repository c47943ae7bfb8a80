"""Each prediction against what then happened."""

import altair as alt

from services.research.report import style
from services.research.report.curve import Curve, Dot
from services.research.report.lines import MS
from services.research.report.pairs import line
from services.research.report.panel import Panel, Rows, rows

TITLE = "Prediction against what then happened"
CAPTION = (
    "Each dot: one prediction ŷ, and the log return from that bar's close to the next. In the shaded corners the "
    "direction was right; the counts are of all predictions. Black: the least-squares line; flat means no linear "
    "relation."
)
RIGHT, WRONG, STILL = "direction right", "direction wrong", "no direction"
_COLOURS = {RIGHT: style.SERIES[0], WRONG: style.SERIES[1], STILL: style.HOLD}
_SIDES = {1: "up", -1: "down"}
_MOVES = {1: "rose", -1: "fell"}


def scatter(curve: Curve, nothing: str) -> Panel:
    """The chart; `nothing` is what to say where there is no prediction with an outcome."""
    dots = curve.dots()
    if not dots:
        return Panel("scatter", TITLE, CAPTION, sentence=nothing, half=True)
    # Round figures beyond the largest; where all are 0, anything will do.
    widest = 1.06 * max(abs(dot.y_hat) for dot in dots) or 1e-6
    highest = 1.15 * max(abs(dot.outcome) for dot in dots) or 1e-6
    drawn = rows({
        "x": [dot.y_hat for dot in dots],
        "y": [dot.outcome for dot in dots],
        "t": [dot.ts_event // MS for dot in dots],
        "name": [_kind(dot) for dot in dots],
    })  # fmt: skip
    tables = {"rows": drawn, "corners": _corners(curve, widest, highest), "fit": _fit(curve, widest)}
    kinds = {kind: colour for kind, colour in _COLOURS.items() if kind in {_kind(dot) for dot in dots}}
    return Panel("scatter", TITLE, CAPTION, style.spec(_chart(widest, highest, kinds), 360), tables, half=True)


def _kind(dot: Dot) -> str:
    if dot.y_hat == 0 or dot.outcome == 0:
        return STILL
    return RIGHT if (dot.y_hat > 0) == (dot.outcome > 0) else WRONG


def _corners(curve: Curve, widest: float, highest: float) -> Rows:
    """The four corners: where they end, and how many of all predictions are in each."""
    counts = curve.quadrants()
    signs = [(x, y) for x in _SIDES for y in _MOVES]
    return rows({
        "right": [x > 0 for x, _ in signs],
        "hit": [x == y for x, y in signs],
        "zero": [0.0] * len(signs),
        "x": [x * widest for x, _ in signs],
        "y": [y * highest for _, y in signs],
        "at": [0.94 * y * highest for _, y in signs],
        "text": [f"said {_SIDES[x]}, {_MOVES[y]}: {counts[x, y]:,}" for x, y in signs],
    })  # fmt: skip


def _fit(curve: Curve, widest: float) -> Rows:
    """The least-squares line from side to side; empty where all predictions are the same."""
    found = line(curve.points().pairs.sum(axis=0))
    if found is None:
        return rows({"x": [], "y": []})
    slope, intercept = found
    ends = [-widest, widest]
    return rows({"x": ends, "y": [slope * x + intercept for x in ends]})


def _chart(widest: float, highest: float, kinds: dict[str, str]) -> alt.LayerChart:
    percent = alt.Axis(format="~%", tickCount=6, grid=True)
    x = alt.X("x:Q", title="prediction ŷ (log return, %)", scale=_range(widest), axis=percent)
    y = alt.Y("y:Q", title="outcome (log return, %)", scale=_range(highest), axis=percent)
    corners = alt.Chart(alt.NamedData(name="corners"))
    shade = (
        corners.transform_filter(alt.datum.hit)
        .mark_rect(color=style.SERIES[0], opacity=0.07)
        .encode(x=x, y=y, x2="zero:Q", y2="zero:Q")
    )
    dots = (
        alt.Chart(alt.NamedData(name="rows"))
        .mark_circle(size=22, opacity=0.5)
        .encode(
            x=x,
            y=y,
            color=style.colours([*kinds], [*kinds.values()], "circle"),
            tooltip=[
                style.time_tooltip(),
                alt.Tooltip("x:Q", title="prediction", format="+.3%"),
                alt.Tooltip("y:Q", title="outcome", format="+.3%"),
            ],
        )
    )
    fit = alt.Chart(alt.NamedData(name="fit")).mark_line(color=style.INK, strokeWidth=2, clip=True).encode(x=x, y=y)
    return style.layered(shade, dots, fit, _counts(corners, right=True), _counts(corners, right=False))


def _range(end: float) -> alt.Scale:
    return alt.Scale(domain=[-end, end], nice=False)


def _counts(corners: alt.Chart, right: bool) -> alt.Chart:
    side = alt.datum.right if right else ~alt.datum.right
    shown: alt.Chart = corners.transform_filter(side).mark_text(
        align="right" if right else "left", dx=-6 if right else 6, color=style.INK, fontWeight="bold"
    )
    return shown.encode(x="x:Q", y="at:Q", text="text:N")
