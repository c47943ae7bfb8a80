"""The heat map of monthly returns."""

from collections.abc import Iterable, Sequence

import altair as alt

from services.research.metrics.metrics import MonthReturn
from services.research.metrics.table import MONTHS, compound
from services.research.report import style
from services.research.report.panel import Panel, rows

YEAR = "Year"
ROW = 34  # pixels


def strongest(monthly: Iterable[MonthReturn]) -> float:
    """The largest monthly return of either sign; 1.0 where none moved."""
    return max((abs(month.total) for month in monthly if month.total is not None), default=0.0) or 1.0


def months(name: str, monthly: Sequence[MonthReturn], place: str, full: float) -> Panel:
    """Return of each calendar month and year, in percent. full: the return that has the full colour."""
    title = f"Return by month, %: {name}"
    caption = "Calendar months in UTC; the first and the last may be a part. Blue gained, orange lost."
    known = [(month, month.total) for month in monthly if month.total is not None]
    if not known:
        return Panel(
            place, title, caption, sentence="There is no month with a return: there are too few bars.", half=True
        )
    years = sorted({month.year for month, _ in known})
    table = rows({
        "year": [str(month.year) for month, _ in known],
        "month": [MONTHS[month.month - 1] for month, _ in known],
        "value": [total for _, total in known],
        "text": [_text(total) for _, total in known],
        "hold": [month.buy_and_hold for month, _ in known],
    })  # fmt: skip
    whole = [compound(month.total for month in monthly if month.year == year) for year in years]
    table += rows(
        {"year": [str(year) for year in years], "month": [YEAR] * len(years), "text": list(map(_text, whole))}
    )
    return Panel(place, title, caption, style.spec(_chart(full), ROW * len(years)), {"rows": table}, half=True)


def _chart(full: float) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData(name="rows")).encode(
        x=alt.X(
            "month:O", title=None, sort=[*MONTHS, YEAR], scale=alt.Scale(domain=[*MONTHS, YEAR], paddingInner=0.06),
            axis=alt.Axis(
                orient="top", labelAngle=0, domain=False, ticks=False, labelFontSize=_size(12, 9), labelOverlap=False
            ),
        ),
        y=alt.Y("year:O", title=None, scale=alt.Scale(paddingInner=0.1), axis=alt.Axis(domain=False, ticks=False)),
    )  # fmt: skip
    scale = alt.Scale(domain=[-full, 0, full], range=[style.LOSS, style.PAPER, style.GAIN], interpolate="rgb")
    cells = (
        base.transform_filter(alt.datum.month != YEAR)
        .mark_rect(cornerRadius=3)
        .encode(
            color=alt.Color("value:Q", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("month:O", title="month"), alt.Tooltip("year:O", title="year"),
                alt.Tooltip("value:Q", title="strategy", format="+.2%"),
                alt.Tooltip("hold:Q", title="buy and hold", format="+.2%"),
            ],
        )
    )  # fmt: skip
    year = alt.datum.month == YEAR
    texts = base.transform_filter(~year).mark_text(fontSize=_size(12, 9), color=style.INK).encode(text="text:N")
    sums = base.transform_filter(year).mark_text(fontSize=_size(12, 9), color=style.INK, fontWeight="bold")
    return style.layered(cells, texts, sums.encode(text="text:N"))


def _size(wide: int, narrow: int) -> alt.ExprRef:
    return alt.ExprRef(f"width < 420 ? {narrow} : {wide}")


def _text(total: float | None) -> str:
    """Few enough letters for a narrow cell: 0.5, −3.2, 12."""
    if total is None:
        return "–"
    percent = round(100 * total, 1) + 0.0  # no -0.0
    shown = f"{percent:.1f}" if abs(percent) < 9.95 else f"{percent:,.0f}"
    return shown.replace("-", "−")
