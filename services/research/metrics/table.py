"""Results as lines of text, one or several side by side."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.research.metrics.results import Drawdown, Estimate, Month, Results, Trades

_NONE = "-"
_LABEL = 26
_HUGE = 1e6  # more than that is written as 1.23e+06: a growth that a few bars made of a year
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Cell = Callable[["Results"], str]


def percent(value: float | None) -> str:
    """A share as a person reads it.

    >>> percent(0.12345), percent(None)
    ('12.35 %', '-')
    """
    if value is None:
        return _NONE
    return f"{100 * value:,.2f} %" if abs(value) < _HUGE else f"{100 * value:.3g} %"


def money(value: float | None) -> str:
    """Quote units; small amounts with four digits that count.

    >>> money(1234567.891), money(0.0123456), money(0.0)
    ('1,234,567.89', '0.01235', '0.00')
    """
    if value is None:
        return _NONE
    return f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"


def number(value: float | None) -> str:
    """A ratio."""
    if value is None:
        return _NONE
    return f"{value:,.3f}" if abs(value) < _HUGE else f"{value:.3g}"


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second.

    >>> moment(datetime(2025, 1, 2, 12))
    '2025-01-02 12:00:00'
    """
    return _NONE if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def days(value: float | None) -> str:
    """A time span; in hours or seconds where it is short.

    >>> days(12.5), days(0.25), days(0.0001), days(0.0)
    ('12.5 d', '6 h', '8.64 s', '0 d')
    """
    if value is None:
        return _NONE
    if value == 0 or value >= 1:
        return f"{value:,.6g} d"
    return f"{24 * value:.4g} h" if value >= 1 / 24 else f"{86_400 * value:.4g} s"


def _estimate(value: "Estimate") -> str:
    if value.value is None or value.low is None or value.high is None:
        return number(value.value)
    return f"{value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"


def _recovery(fall: "Drawdown") -> str:
    return "not yet" if fall.peak is not None and fall.recovery is None else moment(fall.recovery)


def _trades(of: Callable[["Results"], "Trades"]) -> list[tuple[str, Cell]]:
    """The rows of a set of round trips: all, long or short."""
    return [
        ("number", lambda r: f"{of(r).trades:,}"),
        ("wins", lambda r: f"{of(r).wins:,}"),
        ("win rate", lambda r: percent(of(r).win_rate)),
        ("win rate before fees", lambda r: percent(of(r).gross_win_rate)),
        ("average win", lambda r: money(of(r).average_win)),
        ("average loss", lambda r: money(of(r).average_loss)),
        ("best", lambda r: f"{money(of(r).best)} ({percent(of(r).best_return)})"),
        ("worst", lambda r: f"{money(of(r).worst)} ({percent(of(r).worst_return)})"),
        ("profit factor", lambda r: number(of(r).profit_factor)),
        ("expectancy", lambda r: f"{money(of(r).expectancy)} ({percent(of(r).average_return)})"),
        ("average time", lambda r: days(of(r).average_days)),
        ("gross profit", lambda r: money(of(r).gross_pnl)),
        ("fees", lambda r: money(of(r).fees)),
        ("net profit", lambda r: money(of(r).net_pnl)),
        ("sum of log returns", lambda r: f"{of(r).sum_log_return:.5f}"),
    ]


def _side(of: Callable[["Results"], "Trades"]) -> list[tuple[str, Cell]]:
    """The rows of the long or the short ones."""
    chosen = {"number", "win rate", "profit factor", "expectancy", "net profit"}
    return [row for row in _trades(of) if row[0] in chosen]


_TABLE: tuple[tuple[str, list[tuple[str, Cell]]], ...] = (
    ("Period", [
        ("first bar", lambda r: moment(r.period.start)),
        ("last bar", lambda r: moment(r.period.end)),
        ("length", lambda r: days(r.period.days)),
        ("bars", lambda r: f"{r.period.bars:,} of {r.period.interval}"),
        ("in the market", lambda r: percent(r.exposure.share)),
        ("long, short", lambda r: f"{percent(r.exposure.long)}, {percent(r.exposure.short)}"),
        ("highest leverage", lambda r: number(r.exposure.max_leverage)),
    ]),
    ("Return", [
        ("start equity", lambda r: money(r.returns.start_equity)),
        ("end equity", lambda r: money(r.returns.end_equity)),
        ("return", lambda r: percent(r.returns.total)),
        ("CAGR", lambda r: percent(r.returns.cagr)),
        ("best bar", lambda r: percent(r.returns.best_bar)),
        ("worst bar", lambda r: percent(r.returns.worst_bar)),
    ]),
    ("Buy and hold, no costs", [
        ("end equity", lambda r: money(r.benchmark.end_equity)),
        ("return", lambda r: percent(r.benchmark.total)),
        ("CAGR", lambda r: percent(r.benchmark.cagr)),
        ("volatility", lambda r: percent(r.benchmark.volatility)),
        ("Sharpe", lambda r: number(r.benchmark.sharpe)),
        ("max drawdown", lambda r: percent(r.benchmark.max_drawdown)),
    ]),
    ("Risk", [
        ("volatility", lambda r: percent(r.risk.volatility)),
        ("Sharpe", lambda r: number(r.risk.sharpe)),
        ("Sortino", lambda r: number(r.risk.sortino)),
        ("Calmar", lambda r: number(r.risk.calmar)),
        ("probabilistic Sharpe", lambda r: percent(r.risk.probabilistic_sharpe)),
        ("skewness", lambda r: number(r.risk.skewness)),
        ("kurtosis", lambda r: number(r.risk.kurtosis)),
    ]),
    ("Drawdown", [
        ("max drawdown", lambda r: percent(r.drawdown.depth)),
        ("in money", lambda r: money(r.drawdown.money)),
        ("peak", lambda r: moment(r.drawdown.peak)),
        ("trough", lambda r: moment(r.drawdown.trough)),
        ("recovery", lambda r: _recovery(r.drawdown)),
        ("duration", lambda r: days(r.drawdown.days)),
        ("longest below a peak", lambda r: days(r.drawdown.longest_days)),
    ]),
    ("Trades, after fees", _trades(lambda r: r.trades)),
    ("Long trades", _side(lambda r: r.long)),
    ("Short trades", _side(lambda r: r.short)),
    ("Costs", [
        ("turnover", lambda r: money(r.costs.turnover)),
        ("turnover a year", lambda r: f"{number(r.costs.turnover_per_year)} x start equity"),
        ("gross profit", lambda r: money(r.costs.gross)),
        ("fees", lambda r: money(r.costs.fees)),
        ("slippage", lambda r: money(r.costs.slippage)),
        ("funding", lambda r: money(r.costs.funding)),
        ("net profit", lambda r: money(r.costs.net)),
        ("paid", lambda r: f"{number(r.costs.paid_bps)} bps"),
        ("break-even cost", lambda r: f"{number(r.costs.break_even_bps)} bps"),
        ("fills", lambda r: f"{r.costs.fills:,}"),
        ("liquidations", lambda r: f"{r.costs.liquidations:,}"),
    ]),
    ("Model", [
        ("predictions", lambda r: f"{r.model.predictions:,}"),
        ("IC [95 %]", lambda r: _estimate(r.model.ic)),
        ("rank IC [95 %]", lambda r: _estimate(r.model.rank_ic)),
        ("hit rate", lambda r: percent(r.model.hit_rate)),
    ]),
    ("Still open", [
        ("since", lambda r: moment(r.open.since if r.open else None)),
        ("quantity", lambda r: f"{r.open.signed_qty:g} at {r.open.entry_price:g}" if r.open else _NONE),
        ("unrealised profit", lambda r: money(r.open.unrealised if r.open else None)),
    ]),
)  # fmt: skip


def sections(results: Mapping[str, "Results"]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Titles with their rows: a label, and a cell for each of `results`. A section without a value is left out."""
    made = [
        (title, [(label, [cell(result) for result in results.values()]) for label, cell in section])
        for title, section in _TABLE
    ]
    return [(title, lines) for title, lines in made if any(cell != _NONE for _, cells in lines for cell in cells)]


def rows(results: Mapping[str, "Results"]) -> list[str]:
    """The metrics in rows, a column for each of `results` under its name."""
    body: list[tuple[str, list[str] | None]] = []
    for title, lines in sections(results):
        body += [(title, None), *((f"  {label}", cells) for label, cells in lines)]
    widths = [max(len(name), *(len(cells[i]) for _, cells in body if cells)) for i, name in enumerate(results)]
    heads = [_line("", results, widths)] if any(results) else []
    return heads + [label if cells is None else _line(label, cells, widths) for label, cells in body]


def table(results: Mapping[str, "Results"]) -> list[str]:
    """Several results side by side in columns, e.g. legs and netted; below them the months of each, and the notes."""
    months = [["", *month_rows(name, result.monthly)] for name, result in results.items() if result.monthly]
    return [*rows(results), *itertools.chain(*months), "", *notes(results)]


def notes(results: Mapping[str, "Results"]) -> list[str]:
    """The notes of all, each once, with the names of those that it is of where it is not of all."""
    found: dict[str, list[str]] = {}
    for name, result in results.items():
        for note in result.notes:
            found.setdefault(note, []).append(name)
    return [note if len(of) == len(results) else f"{', '.join(of)}: {note}" for note, of in found.items()]


def month_rows(name: str, months: Sequence["Month"]) -> list[str]:
    """Returns in percent: a line a year, a column a month, and the whole year. name: of the result, "" for none."""
    years = sorted({month.year for month in months})
    title = f"Return by month, %: {name}" if name else "Return by month, %"
    return [title, _month_line("", [*MONTHS, "year"]), *(_year(months, year) for year in years)]


def _year(months: Sequence["Month"], year: int) -> str:
    totals = {month.month: month.total for month in months if month.year == year}
    cells = [_short(totals.get(number)) for number in range(1, 13)]
    return _month_line(f"  {year}", [*cells, _short(compound(totals.values()))])


def compound(totals: Iterable[float | None]) -> float | None:
    """The return over all of them; None where one is not defined."""
    product = 1.0
    for total in totals:
        if total is None:
            return None
        product *= 1 + total
    return product - 1


def _short(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f}"


def _month_line(label: str, cells: Sequence[str]) -> str:
    return f"{label:<8}" + "".join(f"{cell:>7}" for cell in cells)


def _line(label: str, cells: Iterable[str], widths: Sequence[int]) -> str:
    return f"{label:<{_LABEL}}" + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
