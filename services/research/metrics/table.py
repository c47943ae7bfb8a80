"""A table shows results as lines of text, one or several side by side."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from services.research.metrics.formats import NONE
from services.research.metrics.registry import MetricSection

if TYPE_CHECKING:
    from services.research.metrics.metrics import Results
    from services.research.metrics.sums import MonthReturn

_LABEL = 26
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def sections(results: Mapping[str, "Results"]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Returns titles with their rows: a label, and a cell for each of `results`.

    All of it comes from the registry: what has an entry in `metrics.py` has its row here and on the HTML page. A
    section without a value is left out.
    """
    made: dict[str, list[tuple[str, list[str]]]] = {}
    for part, entry in type(next(iter(results.values()))).shown() if results else ():
        made.setdefault(entry.label, []).extend(_rows_of(part, entry.only, results))
    return [
        (title, lines) for title, lines in made.items() if any(cell != NONE for _, cells in lines for cell in cells)
    ]


def _rows_of(part: str, only: Collection[str], results: Mapping[str, "Results"]) -> list[tuple[str, list[str]]]:
    """Returns the rows of one section of all results; one that does not have it has empty cells."""
    found: list[MetricSection | None] = [getattr(result, part) for result in results.values()]
    kind = next((type(section) for section in found if section is not None), None)
    return [
        (entry.label, [NONE if section is None else entry.cell(section, name) for section in found])
        for name, entry in (kind.shown() if kind else ())
        if not only or name in only
    ]


def rows(results: Mapping[str, "Results"]) -> list[str]:
    """Returns the metrics in rows, a column for each of `results` under its name."""
    body: list[tuple[str, list[str] | None]] = []
    for title, lines in sections(results):
        body += [(title, None), *((f"  {label}", cells) for label, cells in lines)]
    widths = [max(len(name), *(len(cells[i]) for _, cells in body if cells)) for i, name in enumerate(results)]
    heads = [_line("", results, widths)] if any(results) else []
    return heads + [label if cells is None else _line(label, cells, widths) for label, cells in body]


def table(results: Mapping[str, "Results"]) -> list[str]:
    """Returns several results side by side in columns, e.g. legs and netted, then the months of each, and the notes."""
    months = [["", *month_rows(name, result.monthly)] for name, result in results.items() if result.monthly]
    return [*rows(results), *itertools.chain(*months), "", *notes(results)]


def notes(results: Mapping[str, "Results"]) -> list[str]:
    """Returns the notes of all, each once, with the names of those that it is of where it is not of all."""
    found: dict[str, list[str]] = {}
    for name, result in results.items():
        for note in result.notes:
            found.setdefault(note, []).append(name)
    return [note if len(of) == len(results) else f"{', '.join(of)}: {note}" for note, of in found.items()]


def month_rows(name: str, months: Sequence["MonthReturn"]) -> list[str]:
    """Returns returns in percent: a line a year, a column a month, and the whole year.

    - name: of the result, "" for none.
    """
    years = sorted({month.year for month in months})
    title = f"Return by month, %: {name}" if name else "Return by month, %"
    return [title, _month_line("", [*MONTHS, "year"]), *(_year(months, year) for year in years)]


def compound(totals: Iterable[float | None]) -> float | None:
    """Returns the return over all of them; None where one is not defined."""
    product = 1.0
    for total in totals:
        if total is None:
            return None
        product *= 1 + total
    return product - 1


def _year(months: Sequence["MonthReturn"], year: int) -> str:
    totals = {month.month: month.total for month in months if month.year == year}
    cells = [_short(totals.get(number)) for number in range(1, 13)]
    return _month_line(f"  {year}", [*cells, _short(compound(totals.values()))])


def _short(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f}"


def _month_line(label: str, cells: Sequence[str]) -> str:
    return f"{label:<8}" + "".join(f"{cell:>7}" for cell in cells)


def _line(label: str, cells: Iterable[str], widths: Sequence[int]) -> str:
    return f"{label:<{_LABEL}}" + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
