"""How all charts look. The colours are those of Okabe and Ito, which colour-blind people can tell apart."""

import json
from typing import Any

import altair as alt

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
        "labelColor": MUTED, "titleColor": MUTED, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridColor": "#eceff1", "domainColor": RULE, "tickColor": RULE, "titlePadding": 8, "labelPadding": 4,
    },
    "axisX": {"grid": False, "labelFlush": False, "labelOverlap": True},
    "axisY": {"domain": False, "ticks": False, "tickCount": 6},
    "legend": {
        "orient": "top", "title": None, "labelColor": INK, "labelFontSize": 13, "symbolStrokeWidth": 2.5,
        "symbolSize": 220, "symbolOpacity": 1, "columnPadding": 18, "labelLimit": 260, "offset": 6,
    },
}  # fmt: skip


_TIMES: Any = {
    "year": "%Y", "quarter": "%b", "month": "%b", "week": "%-d %b", "date": "%-d %b", "day": "%-d %b",
    "hours": "%H:%M", "minutes": "%H:%M", "seconds": "%H:%M:%S", "milliseconds": "%H:%M:%S.%L",
}  # fmt: skip


def time_axis() -> alt.X:
    """Field t, ms since 1970, shown in UTC."""
    return alt.X(
        "t:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format=_TIMES, tickCount=alt.ExprRef("ceil(width / 100)")),
    )


def time_tooltip() -> alt.Tooltip:
    """Field t, to the minute."""
    return alt.Tooltip("utcyearmonthdatehoursminutes(t):T", title="UTC", format="%Y-%m-%d %H:%M")


def told(name: str) -> str:
    """A name as the title in a tooltip. Vega-Lite makes it a text of an expression and escapes the quotes only.

    >>> print(told('a "b" \\\\ c'))
    a "b" \\\\ c
    """
    return json.dumps(name)[1:-1].replace('\\"', '"')


def colours(names: list[str], values: list[str], symbol: Any = "stroke") -> alt.Color:
    """Field name, with a legend above the chart."""
    return alt.Color(
        "name:N", scale=alt.Scale(domain=names, range=values), legend=alt.Legend(title=None, symbolType=symbol)
    )


def layered(*charts: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """One above the other; `alt.layer`, with a type."""
    return alt.LayerChart(layer=list(charts))


def spec(chart: alt.LayerChart, height: int) -> dict[str, Any]:
    """The chart as JSON: as wide as its place on the page."""
    shaped = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    made: dict[str, Any] = shaped.to_dict()
    return {key: value for key, value in made.items() if key not in ("$schema", "config")}
