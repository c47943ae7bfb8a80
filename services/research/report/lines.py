"""Lines over time, with a rule that follows the pointer and tells the values under it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import altair as alt

from services.research.report import style
from services.research.report.panel import Rows, rows
from shared.intervals import NS_PER_S

MS = NS_PER_S // 1_000
HOVER = 300  # places for the rule: one every few pixels


class Series(NamedTuple):
    """A line: its values, one for each time of its chart, and its looks."""

    values: Sequence[float]
    colour: str
    dash: tuple[int, int] = (1, 0)


def tables(times: Sequence[int], series: Mapping[str, Series]) -> dict[str, Rows]:
    """The data of `lines`: times in ms since 1970."""
    drawn = Rows()
    for name, one in series.items():
        drawn += rows({"t": times, "y": one.values}, name=name)
    return {
        "rows": drawn,
        "hover": told({"t": times, **{f"v{i}": one.values for i, one in enumerate(series.values())}}),
    }


def told(columns: Mapping[str, Sequence[object]]) -> Rows:
    """The data of `follow`: not more rows than a pointer can tell apart, the last one among them."""
    step = max(1, -(-max(map(len, columns.values())) // HOVER))
    return rows({name: values[::-1][::step] for name, values in columns.items()})


def follow(tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """A rule that follows the pointer over table `hover`, with time and `tooltip`."""
    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", empty=False, encodings=["x"])
    rule: alt.Chart = alt.Chart(alt.NamedData(name="hover")).mark_rule(color=style.MUTED)
    shown = alt.when(near).then(alt.value(0.7)).otherwise(alt.value(0.0))
    return rule.encode(x=style.time_axis(), opacity=shown, tooltip=[style.time_tooltip(), *tooltip]).add_params(near)


def lines(
    series: Mapping[str, Series],
    y: alt.Y,
    number: str,
    how: Literal["linear", "step-after"] = "linear",
    fill: float = 0.0,
) -> alt.LayerChart:
    """A chart of `tables`. number: how values are told, a d3 format; fill: opacity of the area down to zero."""
    names = list(series)
    base = alt.Chart(alt.NamedData(name="rows")).encode(
        x=style.time_axis(), y=y.stack(None), color=style.colours(names, [one.colour for one in series.values()])
    )
    drawn = base.mark_line(strokeWidth=1.8, interpolate=how, strokeJoin="round").encode(
        strokeDash=alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=[one.dash for one in series.values()]))
    )
    rule = follow([alt.Tooltip(f"v{i}:Q", title=style.told(name), format=number) for i, name in enumerate(names)])
    areas = [base.mark_area(opacity=fill, interpolate=how)] if fill else []
    return style.layered(*areas, drawn, rule)
