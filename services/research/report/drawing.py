"""All charts of the report share their looks, their data, lines over time and the model's training span."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import altair as alt

from shared.intervals import NS_PER_S

MS = NS_PER_S // 1_000

# Okabe and Ito's colours, which colour-blind people can tell apart.
INK, MUTED, RULE = "#1c2733", "#5a6875", "#dfe4e8"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
HOLD = "#767f88"
GAIN, PAPER, LOSS = "#2b7bba", "#f4f4f1", "#d1701f"
FEES, GROSS = "#e69f00", "#00795a"
LEARNED = "#efe9d8"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#eceff1",
        "domainColor": RULE,
        "tickColor": RULE,
        "titlePadding": 8,
        "labelPadding": 4,
    },
    "axisX": {"grid": False, "labelFlush": False, "labelOverlap": True},
    "axisY": {"domain": False, "ticks": False, "tickCount": 6},
    "legend": {
        "orient": "top",
        "title": None,
        "labelColor": INK,
        "labelFontSize": 13,
        "symbolStrokeWidth": 2.5,
        "symbolSize": 220,
        "symbolOpacity": 1,
        "columnPadding": 18,
        "labelLimit": 260,
        "offset": 6,
    },
}


_TIMES: Any = {
    "year": "%Y",
    "quarter": "%b",
    "month": "%b",
    "week": "%-d %b",
    "date": "%-d %b",
    "day": "%-d %b",
    "hours": "%H:%M",
    "minutes": "%H:%M",
    "seconds": "%H:%M:%S",
    "milliseconds": "%H:%M:%S.%L",
}


def time_axis() -> alt.X:
    """Returns the axis of field t: ms since 1970, shown in UTC."""
    return alt.X(
        "t:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format=_TIMES, tickCount=alt.ExprRef("ceil(width / 100)")),
    )


def time_tooltip() -> alt.Tooltip:
    """Returns a line of a tooltip with field t, to the minute."""
    return alt.Tooltip("utcyearmonthdatehoursminutes(t):T", title="UTC", format="%Y-%m-%d %H:%M")


def tooltip_title(name: str) -> str:
    """Returns a name as the title in a tooltip.

    Vega-Lite makes it a text of an expression and escapes the quotes only.

    >>> print(tooltip_title('a "b" \\\\ c'))
    a "b" \\\\ c
    """
    return json.dumps(name)[1:-1].replace('\\"', '"')


def colours(names: list[str], values: list[str], symbol: Any = "stroke") -> alt.Color:
    """Returns the colours of field name, with a legend above the chart."""
    return alt.Color(
        "name:N", scale=alt.Scale(domain=names, range=values), legend=alt.Legend(title=None, symbolType=symbol)
    )


def layered(*charts: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Draws one chart above the other: `alt.layer`, with a type."""
    return alt.LayerChart(layer=list(charts))


def spec(chart: alt.LayerChart, height: int) -> dict[str, Any]:
    """Returns the chart as JSON: as wide as its place on the page."""
    shaped = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    made: dict[str, Any] = shaped.to_dict()
    return {key: value for key, value in made.items() if key not in ("$schema", "config")}


Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Panel:
    """A panel is a chart with what stands around it.

    - title, caption: for the reader.
    - spec: the chart as Vega-Lite JSON; None where there is nothing to draw, and then `sentence` says why.
    - tables: the chart's data by name.
    - half: two of them fit side by side on a wide screen.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any] | None = None
    tables: Mapping[str, Rows] = field(default_factory=dict)
    sentence: str = ""
    half: bool = False


def rows(columns: Mapping[str, Iterable[object]], **same: str) -> Rows:
    """Returns a part of a table: columns of equal length, and what is the same in each row.

    The page makes rows of it. Floats keep seven digits, which is more than can be drawn.

    >>> rows({"t": [1, 2], "y": [0.123456789, 3.0]}, name="legs")
    [{'columns': {'t': [1, 2], 'y': [0.1234568, 3.0]}, 'same': {'name': 'legs'}}]
    """
    return [{"columns": {name: _short(list(values)) for name, values in columns.items()}, "same": same}]


def _short(values: Sequence[object]) -> list[object]:
    return [float(f"{value:.7g}") if isinstance(value, float) else value for value in values]


HOVER = 300  # places for the rule: one every few pixels


class Series(NamedTuple):
    """A series is a line with its looks, and a value for each time of its chart."""

    values: Sequence[float]
    colour: str
    dash: tuple[int, int] = (1, 0)


def tables(times: Sequence[int], series: Mapping[str, Series]) -> dict[str, Rows]:
    """Returns the data of `lines`. times: ms since 1970."""
    drawn = Rows()
    for name, one in series.items():
        drawn += rows({"t": times, "y": one.values}, name=name)
    return {
        "rows": drawn,
        "hover": hover_rows({"t": times, **{f"v{i}": one.values for i, one in enumerate(series.values())}}),
    }


def hover_rows(columns: Mapping[str, Sequence[object]]) -> Rows:
    """Returns the data of `follow`: not more rows than a pointer can tell apart, the last one among them."""
    step = max(1, -(-max(map(len, columns.values())) // HOVER))
    return rows({name: values[::-1][::step] for name, values in columns.items()})


def follow(tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """Draws a rule that follows the pointer over table `hover`, with time and `tooltip`."""
    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", empty=False, encodings=["x"])
    rule: alt.Chart = alt.Chart(alt.NamedData(name="hover")).mark_rule(color=MUTED)
    shown = alt.when(near).then(alt.value(0.7)).otherwise(alt.value(0.0))
    return rule.encode(x=time_axis(), opacity=shown, tooltip=[time_tooltip(), *tooltip]).add_params(near)


def lines(
    series: Mapping[str, Series],
    y: alt.Y,
    number: str,
    how: Literal["linear", "step-after"] = "linear",
    fill: float = 0.0,
) -> alt.LayerChart:
    """Draws `tables` as lines.

    - number: the d3 format of values in the tooltip.
    - how: how points are connected.
    - fill: opacity of the area down to zero.
    """
    names = list(series)
    base = alt.Chart(alt.NamedData(name="rows")).encode(
        x=time_axis(), y=y.stack(None), color=colours(names, [one.colour for one in series.values()])
    )
    drawn = base.mark_line(strokeWidth=1.8, interpolate=how, strokeJoin="round").encode(
        strokeDash=alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=[one.dash for one in series.values()]))
    )
    rule = follow([alt.Tooltip(f"v{i}:Q", title=tooltip_title(name), format=number) for i, name in enumerate(names)])
    areas = [base.mark_area(opacity=fill, interpolate=how)] if fill else []
    return layered(*areas, drawn, rule)


TRAINED = "learned"  # the name of its table


class TrainingSpan(NamedTuple):
    """The model was fitted on the time from `start` to `end`, ms since 1970 UTC."""

    start: int
    end: int

    def within(self, times: Sequence[int]) -> "TrainingSpan | None":
        """Returns the part of it between the first and the last of `times`; None where there is none.

        >>> TrainingSpan(10, 30).within([20, 40]), TrainingSpan(10, 30).within([30, 40])
        (TrainingSpan(start=20, end=30), None)
        """
        if not times:
            return None
        start, end = max(self.start, times[0]), min(self.end, times[-1])
        return TrainingSpan(start, end) if start < end else None

    def rows(self) -> Rows:
        """Returns the data of `training_band`."""
        return rows({"t": [self.start], "until": [self.end], "text": ["the model was fitted here"]})


def training_band(label: Literal["top", "bottom"]) -> alt.LayerChart:
    """Shades a part of the time axis, of table `TRAINED`. label: where it is least in the way."""
    place = alt.ExprRef("10" if label == "top" else "height - 10")
    base = alt.Chart(alt.NamedData(name=TRAINED))
    shade = base.mark_rect(color=LEARNED, opacity=0.5).encode(x=time_axis(), x2="until:T")
    text = base.mark_text(align="left", dx=6, y=place, color=MUTED, fontSize=12, fontStyle="italic").encode(
        x=time_axis(), text="text:N"
    )
    return layered(shade, text)
