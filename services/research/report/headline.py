"""The key figures and the few sentences at the top of the report."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.research.metrics.forecasts import Estimate
from services.research.metrics.formats import money
from services.research.metrics.metrics import Results
from shared.plural import plural

_NONE = "–"


class Figure(NamedTuple):
    """A key figure: of each result by its name, and a line that says what to hold it against."""

    label: str
    values: dict[str, str]
    beside: str


def figures(results: Mapping[str, Results]) -> list[Figure]:
    """Six of them; what is beside a figure is of the first result."""
    first = next(iter(results.values()))

    def figure(label: str, value: Callable[[Results], str], beside: str) -> Figure:
        return Figure(label, {name: value(result) for name, result in results.items()}, beside)

    risk, costs, model = first.risk, first.costs, first.model
    return [
        figure("Return", lambda r: signed(r.returns.total), f"buy and hold: {signed(first.benchmark.total)}"),
        figure(
            "Sharpe ratio, a year",
            lambda r: ratio(r.risk.sharpe),
            f"above 0 with probability {share(risk.probabilistic_sharpe)}",
        ),
        figure(
            "Deepest drawdown", lambda r: fall(r.drawdown.depth), f"buy and hold: {fall(first.benchmark.max_drawdown)}"
        ),
        figure("Trades", lambda r: f"{r.trades.trades:,}", f"{share(first.trades.win_rate)} won after fees"),
        figure("Costs", lambda r: money(r.costs.gross - r.costs.net), _against(costs.paid_bps, costs.break_even_bps)),
        figure(
            "Prediction skill (IC)", lambda r: ratio(r.model.ic.value, 3), f"direction right: {share(model.hit_rate)}"
        ),
    ]


def words(name: str, result: Results) -> list[str]:
    """What happened, in sentences, of one result."""
    return [_account(name, result), _costs(result), _model(result)]


def signed(value: float | None) -> str:
    """A share with its sign.

    >>> signed(0.1234), signed(-0.05), signed(None)
    ('+12.3 %', '−5.0 %', '–')
    """
    return _NONE if value is None else _minus(f"{100 * value:+,.1f} %")


def share(value: float | None) -> str:
    """A share of a whole.

    >>> share(0.5607)
    '56.1 %'
    """
    return _NONE if value is None else _minus(f"{100 * value:,.1f} %")


def fall(depth: float | None) -> str:
    """A drawdown of depth 0.25.

    >>> fall(0.25), fall(0.0)
    ('−25.0 %', '0.0 %')
    """
    return share(-depth if depth else depth)


def ratio(value: float | None, digits: int = 2) -> str:
    """A number without unit.

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
        return "No prediction had an outcome, so nothing can be said of the model."
    return (
        f"The model said the right direction in {share(model.hit_rate)} of "
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
