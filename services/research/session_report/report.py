"""A report has a session's metrics beside those of the backtest of the same window and bars, and where they part."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from services.research.backtest import Backtest, Inputs, Observer
from services.research.backtest.variants import new_curve
from services.research.in_process_line import line_plans
from services.research.metrics import Metrics, Results
from services.research.session_report.booked import BookedSession, booked, opening_equity
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
from services.research.session_report.config import RecordedConfig
from services.research.session_report.session import LineSession
from services.research.verdict.held import Sample
from shared.config import Settings
from shared.errors import DataError
from shared.intervals import interval_ns
from shared.models.choose import chosen_card
from shared.needs import needed_groups, stop_needs
from shared.plural import plural
from shared.strategies.identity import Identity
from shared.wall_time import WallTime

SESSION, BACKTEST = "session", "backtest"


class SessionReport(NamedTuple):
    """The report compares one symbol's session with its backtest.

    - results, marks: of session and backtest, by these names.
    """

    sym: str
    settings: Settings
    session: LineSession
    own: BookedSession
    results: dict[str, Results]
    marks: dict[str, list[BarEnd]]
    costs: dict[str, FillCosts]
    decided: DecisionCounts
    days: list[PeriodReturn]
    months: list[PeriodReturn]
    evidence: Evidence | None
    notes: list[str]
    wall: WallTime
    curves: dict[str, Any]


def reported(config: RecordedConfig, session: LineSession, wall: WallTime, *, curves: bool = False) -> SessionReport:
    """Books the session, runs the backtest of its window, and compares the two.

    The backtest begins flat with the session's money at its first bar. curves: for the HTML page.

    Raises DataError for a session without money.
    """
    settings, start = config.settings, opening_equity(session)
    if start <= 0:
        raise DataError(f"report: {session.sym} began the window with {start} of equity: there is nothing to compare")
    tested = _backtest_settings(settings, session, start)
    sample = Sample.of(chosen_card(tested))
    watched = {
        name: (Metrics(settings.interval, float(start), sample=sample), BarEnds()) for name in (SESSION, BACKTEST)
    }
    drawn = {name: new_curve(float(start)) for name in watched} if curves else {}
    seen: dict[str, list[Observer]] = {
        name: [*pair, *([drawn[name]] if curves else [])] for name, pair in watched.items()
    }
    own = booked(settings, session, seen[SESSION])
    inputs = Inputs(session.bars(), line_plans(tested), needed_groups(tested) | stop_needs(tested))
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
        marks={name: ends.kept for name, (_, ends) in watched.items()},
        costs=costs(settings, own.fills),
        decided=decided(settings, session, own, live, other),
        days=by_period(live, other, starts, wall.day),
        months=by_period(live, other, starts, lambda ns: wall.day(ns)[:7]),
        evidence=evidence(session),
        notes=[*_config_notes(config), *_notes(tested, session, own, live, wall)],
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


def _config_notes(config: RecordedConfig) -> Iterator[str]:
    if not config.recorded:
        yield "No recording has the config of then, so the backtest has today's."
    elif config.changed:
        yield "The config changed within the window: the backtest has the last one."


def _notes(
    settings: Settings, session: LineSession, own: BookedSession, live: Sequence[BarEnd], wall: WallTime
) -> Iterator[str]:
    if session.opening.position is not None:
        held = session.opening.position.signed_qty
        entry = "" if session.opening.known else ", at a price that is not kept any more: its profit counts from there"
        yield f"The session began with {held:f} {session.sym} held{entry}; the backtest begins flat."
    given = [session.opening.capital, *(one.capital for one in session.reports if one.capital is not None)]
    if given[-1] != given[0]:
        yield f"Its capital became {given[-1]:f}, from {given[0]:f}: no profit; the backtest goes on with the first."
    first_ns, asked_ns = session.ticks[0].ts_event, session.asked_ns
    if asked_ns is not None and first_ns - asked_ns > interval_ns(settings.interval):
        yield f"Of before {wall.second(first_ns)} nothing is kept, though {wall.second(asked_ns)} was asked for."
    if session.lost:
        yield (
            f"{plural(session.lost, 'execution report')} of this time are kept nowhere any more: the session's money "
            "lacks them. Ask for a later --from, or let the recorder keep more (recorder.keep_bytes)."
        )
    length_ns = interval_ns(settings.interval)
    absent = sum(round((b.ts_event - a.ts_event) / length_ns) - 1 for a, b in pairwise(session.ticks))
    if absent > 0:
        yield f"{plural(absent, 'bar')} of the window never came, or are not kept any more: neither traded on them."
    if session.undecided:
        late = plural(session.undecided, "bar has come", "bars have come")
        yield f"{late} since the last decision, and nobody decided: `tickline status` says who is down."
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
