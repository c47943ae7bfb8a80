"""A session's report is shown as lines, JSON, CSV of its fills, or the page of a backtest with further tables."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TextIO

from services.research.metrics.formats import NONE, count, money, percent
from services.research.session_report.booked import SessionFill
from services.research.session_report.compared import Evidence
from services.research.session_report.report import BACKTEST, SESSION, SessionReport
from services.research.session_report.total import SessionTotal
from shared.history.times import text_time
from shared.messages.monitor import SHOWN, DriftState
from shared.models.choose import chosen_card
from shared.plural import plural
from shared.strategies.identity import Identity
from shared.wall_time import iso

SHOWN_DAYS = 31
Rows = list[tuple[str, list[str]]]


def lines(report: SessionReport) -> Iterator[str]:
    """Yields the report for a person."""
    session, wall = report.session, report.wall
    ticks = session.ticks
    yield (
        f"{report.sym}: {wall.second(ticks[0].ts_event)} to {wall.second(ticks[-1].ts_event)}, {len(ticks):,} bars of "
        f"{report.settings.interval}; {report.settings.gateway.mode}, reports from the {session.origin}"
    )
    yield from _tables([("", money_rows(report)), *tables(report)])
    yield ""
    yield from report.notes
    for name, result in report.results.items():
        yield f"verdict, {name}: {result.verdict.words}"
    if report.evidence is not None:
        yield _evidence_line(report.evidence)
    yield str(Identity.of(report.settings))


def total_lines(total: SessionTotal) -> Iterator[str]:
    """Yields what all symbols made together."""
    yield f"all {len(total.symbols)}: {', '.join(total.symbols)}"
    yield from _tables([("", _total_rows(total)), *tables(total)])


def _tables(found: Sequence[tuple[str, Rows]]) -> Iterator[str]:
    for title, rows in found:
        shown = rows[-SHOWN_DAYS:] if title == DAYS else rows
        yield from ("", title) if title else ()
        yield _line("", HEADS.get(title, (SESSION, BACKTEST)))
        yield from (_line(label, cells) for label, cells in shown)
        if len(shown) < len(rows):
            yield f"  ... the last {SHOWN_DAYS} of {len(rows)}; --json has all"


def _evidence_line(found: Evidence) -> str:
    """
    >>> _evidence_line(Evidence(120, "ok", 3.21, 1.5, -1.2, 4.5))
    'monitor: ok after 120 held bars: M 3.21, evidence of an edge 1.5 of 20; net Sharpe above -1.2 and below 4.5, 95 %'
    >>> _evidence_line(Evidence(120, "no edge shown", 0.0, 41.8, None, None))
    'monitor: edge shown at 95 % after 120 held bars: evidence of an edge 41.8 of 20; decay not computed (see card)'
    """
    ends = [f"{word} {end:.3g}" for word, end in (("above", found.low), ("below", found.high)) if end is not None]
    sharpe = f"; net Sharpe {' and '.join(ends)}, 95 %" if ends else ""
    bars = plural(found.held, "held bar", spec=",")
    edge = f"evidence of an edge {found.edge:.3g} of {SHOWN:g}"
    if found.state == DriftState.NO_EDGE:  # that is the card's word, whatever the bars since show
        live = "edge shown at 95 %" if found.edge >= SHOWN else "no edge shown"
        return f"monitor: {live} after {bars}: {edge}{sharpe}; decay not computed (see card)"
    return f"monitor: {found.state} after {bars}: M {found.decay:.3g}, {edge}{sharpe}"


COSTS, DECISIONS, DAYS, MONTHS = "Costs of trading", "Decisions", "Return by day", "Return by month"
HEADS = {COSTS: ("realised", "assumed"), DECISIONS: (SESSION, "")}


def money_rows(report: SessionReport) -> Rows:
    """Returns the money of both, side by side."""
    of = report.results.values()
    found: Rows = [
        ("return", [percent(one.returns.total) for one in of]),
        ("net profit", [money(one.costs.net) for one in of]),
        ("fees", [money(one.costs.fees) for one in of]),
        ("slippage", [money(one.costs.slippage) for one in of]),
        ("funding", [money(one.costs.funding) for one in of]),
        ("fills", [count(one.costs.fills) for one in of]),
        ("in the market", [percent(one.exposure.share) for one in of]),
        ("max drawdown", [percent(one.drawdown.depth) for one in of]),
        ("end equity", [money(one.returns.end_equity) for one in of]),
    ]
    return found


def _total_rows(total: SessionTotal) -> Rows:
    of = total.money.values()
    return [
        ("return", [percent(one.returned) for one in of]),
        ("net profit", [money(one.net) for one in of]),
        ("fees", [money(one.fees) for one in of]),
        ("slippage", [money(one.slippage) for one in of]),
        ("funding", [money(one.funding) for one in of]),
        ("fills", [count(one.fills) for one in of]),
        ("max drawdown", [percent(one.drawdown) for one in of]),
        ("end equity", [money(one.end_equity) for one in of]),
    ]


def tables(report: SessionReport | SessionTotal) -> list[tuple[str, Rows]]:
    """Returns what sessions have beside the metrics: title, and rows of two cells, as `HEADS` names them."""
    cost = [
        row
        for kind, one in report.costs.items()
        if one.fills or kind == "all"
        for row in (
            (f"{kind}, slippage", [_bps(one.slippage_bps), _bps(one.assumed_bps)]),
            (f"{kind}, fee", [_bps(one.fee and one.fee * 1e4), _bps(one.assumed_fee * 1e4)]),
            (f"{kind}, fills and value", [f"{one.fills:,}, {money(float(one.value))}", ""]),
        )
    ]
    made = report.decided
    delays = NONE if made.delays_s is None else f"{made.delays_s[0]:.2f} s, {made.delays_s[1]:.2f} s"
    decisions = [
        ("bars", [f"{made.bars:,}", ""]),
        ("missed: no decision", [f"{made.missed:,}", ""]),
        *((f"late: {reason}", [f"{n:,}", ""]) for reason, n in made.late.items()),
        *((f"not filled: {reason}", [f"{n:,}", ""]) for reason, n in made.refused.items()),
        *((f"no order: {reason}", [f"{n:,}", ""]) for reason, n in made.idle.items()),
        *((f"other side than the backtest: {why}", [f"{n:,}", ""]) for why, n in made.apart.items()),
        ("tick to decision: median, longest", [delays, ""]),
    ]
    periods = [
        (title, [(one.name, [percent(one.session), percent(one.backtest)]) for one in found])
        for title, found in ((DAYS, report.days), (MONTHS, report.months))
    ]
    return [(COSTS, cost), (DECISIONS, decisions), *periods]


def _bps(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f} bps"


def _line(label: str, cells: Sequence[str]) -> str:
    """
    >>> len(_line("other side than the backtest: PAST_VALID_UNTIL", ["1", "20.82 %"]))  # fits 80 columns
    80
    """
    return (f"  {label:<46}" + "".join(f"{cell:>16}" for cell in cells)).rstrip()


def as_json(reports: Sequence[SessionReport], total: SessionTotal | None) -> dict[str, Any]:
    """Returns the reports as `--json` has them: money as text, times in UTC; `total` is null for one symbol."""
    summed = None if total is None else {**total._asdict(), "decisions": total.decided}
    if summed is not None:
        del summed["decided"]
    return {"symbols": [_symbol_json(report) for report in reports], "total": summed}


def _symbol_json(report: SessionReport) -> dict[str, Any]:
    ticks = report.session.ticks
    return {
        "sym": report.sym,
        "from": iso(ticks[0].ts_event),
        "to": iso(ticks[-1].ts_event),
        "interval": report.settings.interval,
        "mode": report.settings.gateway.mode,
        "origin": report.session.origin,
        "identity": str(Identity.of(report.settings)),
        **{name: result.model_dump(mode="json") for name, result in report.results.items()},
        "costs": report.costs,
        "decisions": report.decided,
        "monitor": report.evidence,
        "days": report.days,
        "months": report.months,
        "notes": report.notes,
    }


FILL_COLUMNS = (
    "datetime", "sym", "client_order_id", "n", "kind", "leg", "signed_qty", "price", "decision_price", "slippage",
    "slippage_bps", "commission", "balance",
)  # fmt: skip


def write_fills(reports: Sequence[SessionReport], file: TextIO) -> None:
    """Writes the sessions' fills as CSV rows: times in UTC, money with all its digits, what is not known empty."""
    write = csv.writer(file, lineterminator="\n").writerow
    write(FILL_COLUMNS)
    for report in reports:
        for fill in report.own.fills:
            write(_fill_row(fill))


def _fill_row(fill: SessionFill) -> list[object]:
    made, value = fill.report, fill.decided_value
    bps = "" if value is None else f"{float(fill.slippage / value) * 1e4 + 0.0:.4f}"
    return [
        iso(made.ts_event), made.sym, made.client_order_id, made.n, fill.kind, made.leg.value, _text(made.last_qty),
        _text(made.last_px), _text(fill.decision_price), "" if value is None else _text(fill.slippage), bps,
        _text(made.commission), _text(fill.balance),
    ]  # fmt: skip


def _text(value: Decimal | None) -> str:
    """
    >>> _text(Decimal("0E-31")), _text(Decimal("1.50")), _text(Decimal("1E+2"))
    ('0', '1.5', '100')
    """
    return "" if value is None else f"{value.normalize() + 0:f}"


def as_html(report: SessionReport) -> str:
    """Returns the page of a report that was made with curves."""
    from services.research.report import html_report

    card = chosen_card(report.settings)
    fitted = card and card.training and card.training.train
    ticks = report.session.ticks
    said: Mapping[str, str] = {
        "symbol": report.sym,
        "from": report.wall.second(ticks[0].ts_event),
        "to": report.wall.second(ticks[-1].ts_event),
        "mode": str(report.settings.gateway.mode),
        "what traded": str(Identity.of(report.settings)),
        "reports from": f"the {report.session.origin}",
        "notes": " ".join(report.notes) or "none",
    }
    return html_report(
        title=f"Session of {report.settings.strategy.name} on {report.sym}",
        results=report.results,
        curves=report.curves,
        settings=said,
        learned_ns=(text_time(fitted.start).ns, text_time(fitted.end).ns) if fitted else None,
        more=[
            (f"{title}, the last {SHOWN_DAYS}", found[-SHOWN_DAYS:]) if len(found) > SHOWN_DAYS else (title, found)
            for title, found in tables(report)
        ],
    )
