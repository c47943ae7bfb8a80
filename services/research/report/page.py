"""The page is the report: charts, key figures and sentences in one HTML file that opens without network."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.research.metrics.forecasts import Estimate
from services.research.metrics.formats import moment, money
from services.research.metrics.metrics import Results
from services.research.metrics.table import notes, sections
from services.research.report import drawing
from services.research.report.curve import Curve
from services.research.report.drawing import MS, Panel, TrainingSpan
from services.research.report.money_charts import equity, fees, months, strongest, underwater
from services.research.report.prediction_charts import rolling_ic, scatter
from shared.plural import plural

_NONE = "–"
_NO_OUTCOME = "No prediction has an outcome: the model never was warm, or the next bar never came."


def html_report(
    *,
    title: str,
    results: Mapping[str, Results],
    curves: Mapping[str, Curve],
    settings: Mapping[str, str],
    learned_ns: tuple[int, int] | None = None,
    more: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]] = (),
) -> str:
    """Returns the report of a backtest, or of up to four variants of it over the same bars, side by side.

    - results, curves: by the variant's name, the same names in the same order, else ValueError. The sentences and the
      model's charts are about the first one.
    - settings: how it was run, label and text.
    - more: further tables beside the metrics: a title, and rows of a label and a cell for each result.
    - learned_ns: from when to when the model was fitted, ns since 1970 UTC, where that is known.

    All text is escaped.
    """
    if [*results] != [*curves] or not 1 <= len(results) <= len(drawing.SERIES):
        raise ValueError(
            f"needs 1 to {len(drawing.SERIES)} results, each with its curve, not {[*results]}, {[*curves]}"
        )
    if len({(curve.bars, curve.first) for curve in curves.values()}) != 1:
        raise ValueError("the variants of a report must be of the same bars")
    (name, result), curve = next(iter(results.items())), next(iter(curves.values()))
    times = [int(ts) // MS for ts in (curve.first.ts_event, *curve.points().ts_event[-1:])]
    learned = TrainingSpan(learned_ns[0] // MS, learned_ns[1] // MS).within(times) if learned_ns else None
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
        metrics=[*more, *sections(results)],
        settings=settings,
        notes=notes(results) + _shown(curve),
        colours=drawing.SERIES,
        font=drawing.FONT,
        data={"config": drawing.CONFIG, "panels": drawn},
        bundle=_library(),
    )


@functools.cache
def _library() -> str:
    """Returns Vega, Vega-Lite and vega-embed in one script."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _panels(results: Mapping[str, Results], curves: Mapping[str, Curve], learned: TrainingSpan | None) -> list[Panel]:
    """Returns all charts, in the order of the page."""
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
        scatter(first, _NO_OUTCOME),
        rolling_ic(first, _NO_OUTCOME, learned),
    ]


def _subtitle(result: Results) -> str:
    period = result.period
    bars = plural(period.bars, "bar", spec=",")
    return f"{moment(period.start)} to {moment(period.end)} UTC, {bars} of {period.interval}"


def _memory(learned: TrainingSpan | None, times: Sequence[int], known: bool) -> list[str]:
    """Says what of the backtest the model has seen before."""
    if not known:
        return ["On which of these bars the model was fitted, its card does not say."]
    if learned is None:
        return ["The model was fitted on none of these bars."]
    part = (learned.end - learned.start) / (times[-1] - times[0])
    return [f"The model was fitted on {100 * part:.0f} % of this time (shaded): there it shows memory, not skill."]


def _shown(curve: Curve) -> list[str]:
    """Says what of the backtest is in the charts; the tables are always of everything."""
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


class Figure(NamedTuple):
    """A key figure has a value for each result, by its name. beside: a line that says what to compare it with."""

    label: str
    values: dict[str, str]
    beside: str


def figures(results: Mapping[str, Results]) -> list[Figure]:
    """Returns the six key figures; what is beside a figure is of the first result."""
    first = next(iter(results.values()))

    def figure(label: str, value: Callable[[Results], str], beside: str) -> Figure:
        return Figure(label, {name: value(result) for name, result in results.items()}, beside)

    costs, model = first.costs, first.model
    return [
        figure("Return", lambda r: signed(r.returns.total), f"buy and hold: {signed(first.benchmark.total)}"),
        figure(
            "Sharpe ratio, a year",
            lambda r: ratio(r.risk.sharpe),
            f"after costs, out of sample: {first.verdict.conclusion}",
        ),
        figure(
            "Deepest drawdown", lambda r: fall(r.drawdown.depth), f"buy and hold: {fall(first.benchmark.max_drawdown)}"
        ),
        figure("Trades", lambda r: f"{r.trades.trades:,}", f"{share(first.trades.win_rate)} won after fees"),
        figure("Costs", lambda r: money(r.costs.gross - r.costs.net), _against(costs.paid_bps, costs.break_even_bps)),
        figure(
            "Prediction skill (IC), out of sample",
            lambda r: ratio(r.model.ic.value, 3),
            f"direction right: {share(model.hit_rate)}",
        ),
    ]


def words(name: str, result: Results) -> list[str]:
    """Returns sentences that tell what happened, of one result."""
    return [_account(name, result), _costs(result), _model(result), f"The verdict: {result.verdict.words}."]


def signed(value: float | None) -> str:
    """Returns a share with its sign.

    >>> signed(0.1234), signed(-0.05), signed(None)
    ('+12.3 %', '−5.0 %', '–')
    """
    return _NONE if value is None else _minus(f"{100 * value:+,.1f} %")


def share(value: float | None) -> str:
    """Returns a share of a whole.

    >>> share(0.5607)
    '56.1 %'
    """
    return _NONE if value is None else _minus(f"{100 * value:,.1f} %")


def fall(depth: float | None) -> str:
    """Returns a drawdown by its depth.

    >>> fall(0.25), fall(0.0)
    ('−25.0 %', '0.0 %')
    """
    return share(-depth if depth else depth)


def ratio(value: float | None, digits: int = 2) -> str:
    """Returns a number without unit.

    >>> ratio(-1.234)
    '−1.23'
    """
    return _NONE if value is None else _minus(f"{value:,.{digits}f}")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _against(paid: float | None, break_even: float | None) -> str:
    return f"{ratio(paid, 1)} bps paid, {ratio(break_even, 1)} bps break even"


def _account(name: str, result: Results) -> str:
    period, returns, held = result.period, result.returns, result.benchmark
    return (
        f"In {period.days:,.4g} days ({plural(period.bars, 'bar', spec=',')} of {period.interval}) the account "
        f"of “{name}” went from "
        f"{money(returns.start_equity)} to {money(returns.end_equity)} quote units ({signed(returns.total)}); "
        f"buying at the first close and holding gave {signed(held.total)}."
    )


def _costs(result: Results) -> str:
    costs = result.costs
    if not costs.fills:
        return "It never traded."
    taken = costs.gross - costs.net
    earned = f"Before all costs it {'earned' if costs.gross >= 0 else 'lost'} {money(abs(costs.gross))}"
    if taken <= 0:
        return f"{earned}; trading cost nothing."
    part = ""
    if costs.gross > 0:
        part = ", more than that" if taken > costs.gross else f", {share(taken / costs.gross)} of it"
    return f"{earned}; fees, slippage and funding took {money(taken)}{part}."


def _model(result: Results) -> str:
    model = result.model
    if not model.predictions:
        return "No prediction out of sample had an outcome, so nothing can be said of the model."
    return (
        f"Out of sample, the model said the right direction in {share(model.hit_rate)} of "
        f"{plural(model.predictions, 'prediction', spec=',')}. "
        f"{_skill(model.ic)}"
    )


def _skill(ic: Estimate) -> str:
    if ic.value is None:
        return "Predictions or outcomes did not vary, so there is no correlation."
    if ic.low is None or ic.high is None:
        return f"Their correlation with the outcomes was {ratio(ic.value, 3)}; for an interval there are too few."
    interval = f"{ratio(ic.value, 3)}, with 95 % confidence between {ratio(ic.low, 3)} and {ratio(ic.high, 3)}"
    verdict = "which chance alone can explain" if ic.low <= 0 <= ic.high else "which chance alone hardly explains"
    return f"Their correlation with the outcomes (information coefficient) was {interval}: {verdict}."
