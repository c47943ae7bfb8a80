"""A report has a session's metrics beside those of the backtest of the same window and bars, and where they part."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from services.research.backtest import Backtest, Inputs, Observer
from services.research.line import line_plans
from services.research.metrics import Metrics, Results
from services.research.metrics.formats import NONE, count, money, percent
from services.research.session_report.booked import BookedSession, SessionFill, booked, opening_equity
from services.research.session_report.compared import (
    BarEnd,
    BarEnds,
    DecisionCounts,
    Evidence,
    FillCosts,
    PeriodReturn,
    by_period,
    costs,
    decided,
    evidence,
)
from services.research.session_report.session import LineSession
from services.research.verdict.held import Sample
from shared.config import Settings
from shared.errors import DataError
from shared.history.times import text_time
from shared.intervals import interval_ns
from shared.messages.monitor import SHOWN
from shared.models.choose import chosen_card
from shared.needs import needed_groups
from shared.plural import plural
from shared.strategies.identity import Identity
from shared.wall_time import WallTime, iso

SESSION, BACKTEST = "session", "backtest"
SHOWN_DAYS = 31
Rows = list[tuple[str, list[str]]]


class SessionReport(NamedTuple):
    """A report of one symbol. results: of session and backtest, by these names."""

    sym: str
    settings: Settings
    session: LineSession
    own: BookedSession
    results: dict[str, Results]
    costs: dict[str, FillCosts]
    decided: DecisionCounts
    days: list[PeriodReturn]
    months: list[PeriodReturn]
    evidence: Evidence | None
    notes: list[str]
    wall: WallTime
    curves: dict[str, Any]


def reported(settings: Settings, session: LineSession, wall: WallTime, *, curves: bool = False) -> SessionReport:
    """Books the session, runs the backtest of its window, and compares the two.

    The backtest begins flat with the session's money at its first bar, and trades the strategy and the model that are
    configured now. curves: for the HTML page.

    Raises DataError for a session without money.
    """
    start = opening_equity(session)
    if start <= 0:
        raise DataError(f"report: {session.sym} began the window with {start} of equity: there is nothing to compare")
    tested = _backtest_settings(settings, session, start)
    sample = Sample.of(chosen_card(tested))
    watched = {
        name: (Metrics(settings.interval, float(start), sample=sample), BarEnds()) for name in (SESSION, BACKTEST)
    }
    drawn = {name: _curve(float(start)) for name in watched} if curves else {}
    seen: dict[str, list[Observer]] = {
        name: [*pair, *([drawn[name]] if curves else [])] for name, pair in watched.items()
    }
    own = booked(settings, session, seen[SESSION])
    inputs = Inputs(session.bars(), line_plans(tested), needed_groups(tested))
    first, last = session.ticks[0].ts_event, session.ticks[-1].ts_event
    totals = {
        SESSION: own.totals,
        BACKTEST: Backtest(tested, start_ns=first, end_ns=last + 1, inputs=inputs).run(seen[BACKTEST]),
    }
    live, other = (marks.kept for _, marks in watched.values())
    starts = (float(start), float(start))
    return SessionReport(
        sym=session.sym,
        settings=tested,
        session=session,
        own=own,
        results={name: metrics.result(totals[name]) for name, (metrics, _) in watched.items()},
        costs=costs(settings, own.fills),
        decided=decided(settings, session, own, live, other),
        days=by_period(live, other, starts, wall.day),
        months=by_period(live, other, starts, lambda ns: wall.day(ns)[:7]),
        evidence=evidence(session),
        notes=list(_notes(tested, session, own, live, wall)),
        wall=wall,
        curves=drawn,
    )


def _backtest_settings(settings: Settings, session: LineSession, start: Decimal) -> Settings:
    files = {session.sym: Path("the session's ticks")}
    return settings.model_copy(
        update={
            "symbols": (session.sym,),
            "run_id": "report",
            "ingestor": settings.ingestor.model_copy(update={"source": "replay", "files": files}),
            "strategy": settings.strategy.model_copy(update={"balance": start}),
        }
    )


def _curve(start: float) -> Any:
    from services.research.report import Curve  # only a page needs it, and what it brings

    return Curve(start)


def _notes(
    settings: Settings, session: LineSession, own: BookedSession, live: Sequence[BarEnd], wall: WallTime
) -> Iterator[str]:
    if session.opening.position is not None:
        held = session.opening.position.signed_qty
        entry = "" if session.opening.known else ", at a price that is not kept any more: its profit counts from there"
        yield f"The session began with {held:f} {session.sym} held{entry}; the backtest begins flat."
    first_ns, asked_ns = session.ticks[0].ts_event, session.asked_ns
    if asked_ns is not None and first_ns - asked_ns > interval_ns(settings.interval):
        yield f"Of before {wall.second(first_ns)} nothing is kept, though {wall.second(asked_ns)} was asked for."
    if session.lost:
        yield (
            f"{plural(session.lost, 'execution report')} of this time are kept nowhere any more: the session's money "
            "lacks them. Ask for a later --from, or let the recorder keep more (recorder.keep_bytes)."
        )
    if session.gaps:
        yield f"{plural(session.gaps, 'gap')}: the session forgot its windows there, the backtest did not."
    models = {one.model for one in session.predictions.values() if one.model}
    now = Identity.of(settings)
    if any(model not in now.model_shown for model in models):
        then = ", ".join(sorted(models))
        yield f"The session's predictions are of model {then}, the backtest's of {now.model_shown}."
    if any(fill.decision_price is None for fill in own.fills):
        yield "Fills without a decision, e.g. liquidations, have no slippage."
    if len(live) and not session.predictions:
        yield "No prediction of the window is kept any more, so nothing is said of the session's."


def lines(report: SessionReport) -> Iterator[str]:
    """Yields the report for a person."""
    session, wall = report.session, report.wall
    ticks = session.ticks
    yield (
        f"{report.sym}: {wall.second(ticks[0].ts_event)} to {wall.second(ticks[-1].ts_event)}, {len(ticks):,} bars of "
        f"{report.settings.interval}; {report.settings.gateway.mode}, reports from the {session.origin}"
    )
    for title, found in [("", money_rows(report)), *tables(report)]:
        shown = found[-SHOWN_DAYS:] if title == DAYS else found
        yield from ("", title) if title else ()
        heads = HEADS.get(title, (SESSION, BACKTEST))
        yield _line("", heads)
        yield from (_line(label, cells) for label, cells in shown)
        if len(shown) < len(found):
            yield f"  ... the last {SHOWN_DAYS} of {len(found)}; --json has all"
    yield ""
    yield from report.notes
    for name, result in report.results.items():
        yield f"verdict, {name}: {result.verdict.words}"
    if report.evidence is not None:
        yield _evidence_line(report.evidence)
    yield str(Identity.of(report.settings))


def _evidence_line(found: Evidence) -> str:
    """
    >>> _evidence_line(Evidence(120, "ok", 3.21, 1.5, -1.234, 4.5))
    'monitor: ok after 120 held bars: M 3.21, evidence of an edge 1.5 of 20; net Sharpe between -1.23 and 4.50, 95 %'
    """
    sharpe = "" if found.low is None else f"; net Sharpe between {found.low:.2f} and {found.high:.2f}, 95 %"
    bars = plural(found.held, "held bar", spec=",")
    edge = f"evidence of an edge {found.edge:.3g} of {SHOWN:g}"
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


def tables(report: SessionReport) -> list[tuple[str, Rows]]:
    """Returns what a session has beside the metrics: title, and rows of two cells, as `HEADS` names them."""
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
    return (f"  {label:<40}" + "".join(f"{cell:>22}" for cell in cells)).rstrip()


def as_json(report: SessionReport) -> dict[str, Any]:
    """Returns the report as `--json` has it: money as text, times in UTC."""
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
        more=tables(report),
    )
