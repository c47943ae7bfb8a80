"""The report: one HTML file that opens without network."""

import functools
from collections.abc import Mapping, Sequence

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.research.metrics.formats import moment
from services.research.metrics.metrics import Results
from services.research.metrics.table import notes, sections
from services.research.report import style
from services.research.report.curve import Curve
from services.research.report.headline import figures, words
from services.research.report.learned import Learned
from services.research.report.lines import MS
from services.research.report.money import equity, fees, underwater
from services.research.report.months import months, strongest
from services.research.report.panel import Panel
from services.research.report.rolling import rolling_ic
from services.research.report.scatter import scatter
from shared.plural import plural

_NOTHING = "No prediction has an outcome: the model never was warm, or the next bar never came."


def html_report(
    *, title: str, results: Mapping[str, Results], curves: Mapping[str, Curve],
    settings: Mapping[str, str], learned_ns: tuple[int, int] | None = None,
) -> str:  # fmt: skip
    """The report of a backtest, or of up to four variants of it over the same bars, side by side.

    results, curves: by the variant's name, the same names in the same order, else ValueError; the first is the one
    that the sentences and the model's charts speak of. settings: how it was run, label and text. learned_ns: from
    when to when the model was fitted, ns since 1970 UTC, where that is known. All text is escaped.
    """
    if [*results] != [*curves] or not 1 <= len(results) <= len(style.SERIES):
        raise ValueError(f"needs 1 to {len(style.SERIES)} results, each with its curve, not {[*results]}, {[*curves]}")
    if len({(curve.bars, curve.first) for curve in curves.values()}) != 1:
        raise ValueError("the variants of a report must be of the same bars")
    (name, result), curve = next(iter(results.items())), next(iter(curves.values()))
    times = [int(ts) // MS for ts in (curve.first.ts_event, *curve.points().ts_event[-1:])]
    learned = Learned(learned_ns[0] // MS, learned_ns[1] // MS).within(times) if learned_ns else None
    panels = _panels(results, curves, learned)
    drawn = {panel.name: {"spec": panel.spec, "tables": panel.tables} for panel in panels if panel.spec}
    templates = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return templates.get_template("page.html").render(
        title=title,
        subtitle=_subtitle(result),
        words=words(name, result) + _memory(learned, times, learned_ns is not None),
        figures=figures(results),
        panels=panels,
        names=[*results],
        metrics=sections(results),
        settings=settings,
        notes=notes(results) + _shown(curve),
        colours=style.SERIES,
        font=style.FONT,
        data={"config": style.CONFIG, "panels": drawn},
        bundle=_library(),
    )


@functools.cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _panels(results: Mapping[str, Results], curves: Mapping[str, Curve], learned: Learned | None) -> list[Panel]:
    """All charts, in the order of the page."""
    full = max(strongest(result.monthly) for result in results.values())
    first = next(iter(curves.values()))
    return [
        equity(curves, learned),
        underwater(curves),
        *(months(name, result.monthly, f"months-{i}", full) for i, (name, result) in enumerate(results.items())),
        *(
            fees(name, curve, f"fees-{i}", results[name].costs.slippage)
            for i, (name, curve) in enumerate(curves.items())
        ),
        scatter(first, _NOTHING),
        rolling_ic(first, _NOTHING, learned),
    ]


def _subtitle(result: Results) -> str:
    period = result.period
    bars = plural(period.bars, "bar", spec=",")
    return f"{moment(period.start)} to {moment(period.end)} UTC, {bars} of {period.interval}"


def _memory(learned: Learned | None, times: Sequence[int], known: bool) -> list[str]:
    """What of the backtest the model has seen before."""
    if not known:
        return ["On which of these bars the model was fitted, its card does not say."]
    if learned is None:
        return ["The model was fitted on none of these bars."]
    part = (learned.end - learned.start) / (times[-1] - times[0])
    return [f"The model was fitted on {100 * part:.0f} % of this time (shaded): there it shows memory, not skill."]


def _shown(curve: Curve) -> list[str]:
    """What of the backtest is in the charts; the tables are always of everything."""
    bars, step = curve.bars, curve.bars_per_point
    found = [f"The tables are computed from every bar and every trade; the curves show all {bars:,} bars."]
    if step > 1:
        found = [
            "The tables are computed from every bar and every trade. The curves show "
            f"{len(curve.points().bar):,} points, one for {step:,} of {bars:,} bars: each with the "
            "equity of the last, the deepest drawdown and the correlation of all of them."
        ]
    sampled = (("prediction", curve.dot_step), ("trade", curve.paid_step))
    return found + [f"Of the {what}s one in {every:,} is drawn." for what, every in sampled if every > 1]
