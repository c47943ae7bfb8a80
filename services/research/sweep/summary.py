"""A sweep in lines for a person, and its rows as CSV."""

import csv
from typing import TextIO

from services.research.metrics.table import number, percent
from services.research.sweep.results import Row, Swept
from services.research.sweep.spec import SweepSpec
from shared.config import Settings
from shared.plural import plural

_COLUMNS = ("rank", "interval", "lags", "sizing", "leverage", "threshold", "Sharpe", "deflated", "total", "fills")
_FIRST = ("rank", "interval", "lags", "sizing", "leverage", "threshold", "sharpe", "deflated_sharpe", "total")
_WIDTHS = (4, 9, 5, 12, 9, 10, 8, 9, 11, 8)


def lines(swept: Swept, top: int = 10) -> list[str]:
    """The best rows, what luck alone would give, and the hold-out."""
    first, last, chosen = swept.folds[0], swept.folds[-1], swept.rows[0]
    return [
        f"walk-forward: {plural(len(swept.folds), 'fold')}, {first[0]} to {last[1]}, {plural(swept.trials, 'trial')}",
        "",
        _line(_COLUMNS),
        *(_line(_cells(row)) for row in swept.rows[:top]),
        *([f"... and {len(swept.rows) - top} more"] if len(swept.rows) > top else []),
        "",
        f"best of {plural(swept.trials, 'trial')} without skill: Sharpe {number(swept.expected_max_sharpe)} to expect; "
        f"probability that the chosen one's is above 0: {percent(chosen.deflated_sharpe)}",
        *_holdout(swept),
    ]


def described(settings: Settings, spec: SweepSpec) -> dict[str, object]:
    """How a sweep was run, for its JSON file."""
    sym = settings.symbols[0]
    return {
        "data": str(settings.ingestor.files[sym]),
        "sym": sym,
        "balance": str(settings.strategy.balance),
        "fee": str(settings.gateway.fee),
        "slippage_bps": str(settings.gateway.slippage_bps),
        **spec.model_dump(mode="json"),
    }


def write_csv(swept: Swept, file: TextIO) -> None:
    """All rows with a header; what is not defined is empty."""
    fields = [*_FIRST, *(name for name in Row.model_fields if name not in _FIRST)]
    write = csv.DictWriter(file, fields, lineterminator="\n")
    write.writeheader()
    write.writerows(row.model_dump() for row in swept.rows)


def _holdout(swept: Swept) -> list[str]:
    results = swept.holdout.results
    period, risk = results.period, results.risk
    held = results.benchmark.sharpe
    return [
        f"hold-out, once, trained until {swept.holdout.trained_until}: {plural(period.bars, 'bar')} to "
        f"{period.end:%Y-%m-%d}, "
        f"total {percent(results.returns.total)}, Sharpe {number(risk.sharpe)} "
        f"(above 0 with {percent(risk.probabilistic_sharpe)}), max drawdown {percent(results.drawdown.depth)}; "
        f"buy and hold: Sharpe {number(held)}",
    ]


def _cells(row: Row) -> tuple[str, ...]:
    sharpe = "ruined" if row.ruined else number(row.sharpe)
    return (
        str(row.rank), row.interval, str(row.lags), row.sizing, f"{row.leverage:f}", f"{row.threshold:g}", sharpe,
        number(row.deflated_sharpe), percent(row.total), f"{row.fills:,}",
    )  # fmt: skip


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
