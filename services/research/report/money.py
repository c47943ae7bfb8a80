"""The charts of the money: equity, underwater, fees."""

from collections.abc import Mapping

import altair as alt

from services.research.report import style
from services.research.report.curve import Curve
from services.research.report.learned import TABLE, Learned, band
from services.research.report.lines import MS, Series, lines, tables
from services.research.report.panel import Panel, rows

HOLD = "buy and hold"
_LOG_FROM = 10.0  # a curve whose highest value is so many times its lowest is drawn on a log scale


def equity(curves: Mapping[str, Curve], learned: Learned | None) -> Panel:
    """Account value over time, beside the start money put into the asset."""
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
        for (name, curve), colour in zip(curves.items(), style.SERIES, strict=False)
    }
    held = first.start_equity * first.points().price / first.first.price
    series[HOLD] = Series(held.tolist(), style.HOLD, (5, 4))
    lowest, highest = (of(of(one.values) for one in series.values()) for of in (min, max))
    log = lowest > 0 and highest / lowest > _LOG_FROM
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    y = alt.Y("y:Q", title="quote units" + ", log scale" * log, scale=scale, axis=alt.Axis(format=",~r"))
    chart, drawn = lines(series, y, ",.2f"), tables(_times(first), series)
    if learned is not None:
        chart, drawn = style.layered(band("top"), chart), drawn | {TABLE: learned.rows()}
    return Panel("equity", title, caption, style.spec(chart, 320), drawn)


def underwater(curves: Mapping[str, Curve]) -> Panel:
    """How far below its highest value the account is."""
    title = "Underwater: how far below the last peak"
    caption = "0 % is a new high. The deepest point is the largest loss of one who joined at the worst moment."
    series = {
        name: Series(curve.points().drawdown.tolist(), colour)
        for (name, curve), colour in zip(curves.items(), style.SERIES, strict=False)
    }
    deepest = min((min(one.values, default=0.0) for one in series.values()), default=0.0)
    if not deepest < 0:
        sentence = "The account never was below an earlier value, so there is no drawdown to draw."
        return Panel("underwater", title, caption, sentence=sentence)
    y = alt.Y("y:Q", title="below the peak", axis=alt.Axis(format=".0%" if deepest < -0.05 else "~%"))
    chart = style.spec(lines(series, y, ".2%", fill=0.14), 200)
    return Panel("underwater", title, caption, chart, tables(_times(next(iter(curves.values()))), series))


def fees(name: str, curve: Curve, place: str, slippage: float) -> Panel:
    """Profit before and after fees, added up trade by trade."""
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
        "before fees": Series(gross, style.GROSS),
        "after fees": Series(net, style.INK),
        "fees": Series(taken, style.FEES, (5, 3)),
    }
    taken_band = (
        alt.Chart(alt.NamedData(name="band"))
        .mark_area(color=style.FEES, opacity=0.2, interpolate="step-after")
        .encode(x=style.time_axis(), y=alt.Y("net:Q"), y2="gross:Q")
    )
    y = alt.Y("y:Q", title="quote units, added up", axis=alt.Axis(format=",~r"))
    chart = style.spec(style.layered(taken_band, lines(series, y, ",.4~f", "step-after")), 260)
    drawn = tables(times, series) | {"band": rows({"t": times, "net": net, "gross": gross})}
    return Panel(place, title, caption, chart, drawn, half=True)


def _times(curve: Curve) -> list[int]:
    return [int(ts) for ts in curve.points().ts_event // MS]
