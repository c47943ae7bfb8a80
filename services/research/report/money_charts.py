"""These charts show the money: equity, underwater, fees, returns by month."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt

from services.research.metrics.sums import MonthReturn
from services.research.metrics.table import MONTHS, compound
from services.research.report import drawing
from services.research.report.curve import Curve
from services.research.report.drawing import (
    MS,
    TRAINED,
    Panel,
    Series,
    TrainingSpan,
    lines,
    rows,
    tables,
    training_band,
)

HOLD = "buy and hold"
_LOG_FROM = 10.0  # a curve whose highest value is so many times its lowest is drawn on a log scale


def equity(curves: Mapping[str, Curve], learned: TrainingSpan | None) -> Panel:
    """Draws the account's value over time, beside the start money put into the asset."""
    title = "Equity beside buy and hold"
    caption = (
        "What the account is worth at each bar's close, open positions included. Dashed: the same start money put into "
        "the asset at the first close and held, without costs."
    )
    first = next(iter(curves.values()))
    if first.bars < 2:
        return Panel("equity", title, caption, sentence="There are fewer than two bars, so there is no curve to draw.")
    series = {
        name: Series(curve.points().equity.tolist(), colour)
        for (name, curve), colour in zip(curves.items(), drawing.SERIES, strict=False)
    }
    held = first.start_equity * first.points().price / first.first.price
    series[HOLD] = Series(held.tolist(), drawing.HOLD, (5, 4))
    lowest, highest = (of(of(one.values) for one in series.values()) for of in (min, max))
    log = lowest > 0 and highest / lowest > _LOG_FROM
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    y = alt.Y("y:Q", title="quote units" + ", log scale" * log, scale=scale, axis=alt.Axis(format=",~r"))
    chart, drawn = lines(series, y, ",.2f"), tables(_times(first), series)
    if learned is not None:
        chart, drawn = drawing.layered(training_band("top"), chart), drawn | {TRAINED: learned.rows()}
    return Panel("equity", title, caption, drawing.spec(chart, 320), drawn)


def underwater(curves: Mapping[str, Curve]) -> Panel:
    """Draws how far below its highest value the account is."""
    title = "Underwater: how far below the last peak"
    caption = "0 % is a new high. The deepest point is the largest loss of one who joined at the worst moment."
    series = {
        name: Series(curve.points().drawdown.tolist(), colour)
        for (name, curve), colour in zip(curves.items(), drawing.SERIES, strict=False)
    }
    deepest = min((min(one.values, default=0.0) for one in series.values()), default=0.0)
    if not deepest < 0:
        sentence = "The account never was below an earlier value, so there is no drawdown to draw."
        return Panel("underwater", title, caption, sentence=sentence)
    y = alt.Y("y:Q", title="below the peak", axis=alt.Axis(format=".0%" if deepest < -0.05 else "~%"))
    chart = drawing.spec(lines(series, y, ".2%", fill=0.14), 200)
    return Panel("underwater", title, caption, chart, tables(_times(next(iter(curves.values()))), series))


def fees(name: str, curve: Curve, place: str, slippage: float) -> Panel:
    """Draws profit before and after fees, added up trade by trade."""
    title = f"Fees eaten: {name}"
    caption = "Profit of the closed trades, added up. The band is what fees and funding took."
    if slippage:
        caption += " Slippage is in the fill prices: it is gone before."
    paid = curve.paid()
    if not paid:
        return Panel(place, title, caption, sentence="No trade was closed, so no fees were paid on one.", half=True)
    times = [curve.first.ts_event // MS, *(at.ts_event // MS for at in paid)]
    gross = [0.0, *(at.gross for at in paid)]
    taken = [0.0, *(at.fees for at in paid)]
    net = [before - fee for before, fee in zip(gross, taken, strict=True)]
    series = {
        "before fees": Series(gross, drawing.GROSS),
        "after fees": Series(net, drawing.INK),
        "fees": Series(taken, drawing.FEES, (5, 3)),
    }
    taken_band = (
        alt.Chart(alt.NamedData(name="band"))
        .mark_area(color=drawing.FEES, opacity=0.2, interpolate="step-after")
        .encode(x=drawing.time_axis(), y=alt.Y("net:Q"), y2="gross:Q")
    )
    y = alt.Y("y:Q", title="quote units, added up", axis=alt.Axis(format=",~r"))
    chart = drawing.spec(drawing.layered(taken_band, lines(series, y, ",.4~f", "step-after")), 260)
    drawn = tables(times, series) | {"band": rows({"t": times, "net": net, "gross": gross})}
    return Panel(place, title, caption, chart, drawn, half=True)


def _times(curve: Curve) -> list[int]:
    return [int(ts) for ts in curve.points().ts_event // MS]


YEAR = "Year"
ROW = 34  # pixels


def strongest(monthly: Iterable[MonthReturn]) -> float:
    """Returns the largest monthly return of either sign; 1.0 where none moved."""
    return max((abs(month.total) for month in monthly if month.total is not None), default=0.0) or 1.0


def months(name: str, monthly: Sequence[MonthReturn], place: str, full: float) -> Panel:
    """Draws the return of each calendar month and year as a heat map, in percent.

    - full: the return that has the full colour.
    """
    title = f"Return by month, %: {name}"
    caption = "Calendar months in UTC; the first and the last may be a part. Blue gained, orange lost."
    known = [(month, month.total) for month in monthly if month.total is not None]
    if not known:
        return Panel(
            place, title, caption, sentence="There is no month with a return: there are too few bars.", half=True
        )
    years = sorted({month.year for month, _ in known})
    table = rows(
        {
            "year": [str(month.year) for month, _ in known],
            "month": [MONTHS[month.month - 1] for month, _ in known],
            "value": [total for _, total in known],
            "text": [_percent_text(total) for _, total in known],
            "hold": [month.buy_and_hold for month, _ in known],
        }
    )
    whole = [compound(month.total for month in monthly if month.year == year) for year in years]
    table += rows(
        {"year": [str(year) for year in years], "month": [YEAR] * len(years), "text": list(map(_percent_text, whole))}
    )
    return Panel(place, title, caption, drawing.spec(_heat_map(full), ROW * len(years)), {"rows": table}, half=True)


def _heat_map(full: float) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData(name="rows")).encode(
        x=alt.X(
            "month:O",
            title=None,
            sort=[*MONTHS, YEAR],
            scale=alt.Scale(domain=[*MONTHS, YEAR], paddingInner=0.06),
            axis=alt.Axis(
                orient="top",
                labelAngle=0,
                domain=False,
                ticks=False,
                labelFontSize=_font_size(12, 9),
                labelOverlap=False,
            ),
        ),
        y=alt.Y("year:O", title=None, scale=alt.Scale(paddingInner=0.1), axis=alt.Axis(domain=False, ticks=False)),
    )
    scale = alt.Scale(domain=[-full, 0, full], range=[drawing.LOSS, drawing.PAPER, drawing.GAIN], interpolate="rgb")
    cells = (
        base.transform_filter(alt.datum.month != YEAR)
        .mark_rect(cornerRadius=3)
        .encode(
            color=alt.Color("value:Q", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("month:O", title="month"),
                alt.Tooltip("year:O", title="year"),
                alt.Tooltip("value:Q", title="strategy", format="+.2%"),
                alt.Tooltip("hold:Q", title="buy and hold", format="+.2%"),
            ],
        )
    )
    year = alt.datum.month == YEAR
    texts = base.transform_filter(~year).mark_text(fontSize=_font_size(12, 9), color=drawing.INK).encode(text="text:N")
    sums = base.transform_filter(year).mark_text(fontSize=_font_size(12, 9), color=drawing.INK, fontWeight="bold")
    return drawing.layered(cells, texts, sums.encode(text="text:N"))


def _font_size(wide: int, narrow: int) -> alt.ExprRef:
    return alt.ExprRef(f"width < 420 ? {narrow} : {wide}")


def _percent_text(total: float | None) -> str:
    """Returns a return in few enough letters for a narrow cell: 0.5, −3.2, 12."""
    if total is None:
        return "–"
    percent = round(100 * total, 1) + 0.0  # no -0.0
    shown = f"{percent:.1f}" if abs(percent) < 9.95 else f"{percent:,.0f}"
    return shown.replace("-", "−")
