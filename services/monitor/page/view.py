"""The view is what a browser shows, as JSON: a pure function of what the reader has seen.

Money and quantities are texts, since a browser's numbers are floats; ages are seconds at the time of sending.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from services.monitor.comparisons import FEWEST
from services.monitor.page.curve import CurveFigures
from services.monitor.page.tail import DecisionSeen, OrderSeen, StreamRate
from services.monitor.page.watch import Owner, SeenAlert
from shared.config import Settings
from shared.control.latches import HALT
from shared.exchanges.trading.amounts import plain
from shared.explain.decisions import Decided, Rule, decision_line
from shared.explain.orders import difference_name
from shared.intervals import interval_ns
from shared.journal.rows import OrderRow
from shared.messages import DriftReading, Stream
from shared.messages.monitor import DriftState, RangeReading
from shared.messages.reasons import UNASKED
from shared.plural import plural
from shared.runner.progress import Progress
from shared.status.state import LineStatus, SymbolStatus
from shared.wall_time import LOCAL_TIME, age

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
DECISIONS = 60  # shown at most
ORDERS = 50
FED_S = 2.0  # without a tick of a source that has one at least each second
HEARD_S = 5.0  # without a word of an exchange; each second's word is written with the next commit
ARROWS = (Stream.TICKS, Stream.FEATURES, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS)
LINE = ("ingestor", "signal", "strategy", "gateway", "monitor", "recorder")


class Stale(NamedTuple):
    """What cannot be believed just now. what: bus, feed, exchange, line or journal. age_s: since when, if known."""

    what: str
    age_s: float | None
    sentence: str


class PageState(NamedTuple):
    """A state is all that the reader has seen at one moment.

    - decisions: the last ones, as `shown_decision` gives them, the newest first.
    - orders: of the streams' ends, the newest last.
    - drift, band: the monitor's last readings of the edge and of the books.
    - acts: as `PageActs` shows them.
    """

    settings: Settings
    status: LineStatus
    progress: Progress
    rates: Mapping[Stream, StreamRate]
    decisions: tuple[Mapping[str, Any], ...]
    orders: tuple[OrderSeen, ...]
    curve: CurveFigures
    owners: Mapping[str, tuple[Owner, ...]]
    alerts: tuple[SeenAlert, ...]
    drift: DriftReading | None
    band: RangeReading | None
    acts: Mapping[str, Any]


def view_of(state: PageState, now_ms: int | None, revision: int, stale: Iterable[Stale] = ()) -> dict[str, Any]:
    """Returns the view. now_ms: None leaves out what moves with the time, so that two views of a state are equal."""
    status, ages = state.status, _Ages(now_ms, state.status)
    return {
        "revision": revision,
        "as_of_ms": now_ms,
        "mode": str(status.mode),
        "account": status.account,
        "venue": status.venue,
        "run": state.settings.run_id or None,
        "currency": None,
        **_held(state),
        "arming": _arming(state, now_ms),
        "line": list(_line(state)),
        "arrows": list(_arrows(state, ages)),
        "ages": _last_words(state, ages),
        "equity": _equity(state),
        "positions": [_position(one, ages, status) for one in status.symbols.values()],
        "orders": list(_orders(state, ages))[:ORDERS],
        "decisions": list(state.decisions[:DECISIONS]),
        "drift": _drift(state),
        "reconciliation": _reconciliation(state, ages),
        "alerts": [one._asdict() for one in state.alerts],
        "acts": state.acts,
        "stale": [one._asdict() for one in stale],
        "notes": list(status.notes),
        "worst": status.worst or None,
    }


def silences(state: PageState, now_ns: int) -> Iterator[Stale]:
    """Yields who has said nothing for too long, beside the bus."""
    status, own = state.status, state.settings.ingestor
    fed_s = HEARD_S if own.source == "ccxt" else max(FED_S, 2 * _apart_s(state.settings))
    if status.missing:
        yield Stale("line", None, f"Not at work: {', '.join(status.missing)}.")
    for word in status.words:
        age_s = None if word.at_ns is None else max(now_ns - word.at_ns, 0) / NS_PER_S
        what = word.who.partition(" ")[0]
        if what == "bus" or age_s is None or age_s < (HEARD_S if what == "exchange" else fed_s):
            continue
        over = ", or the replay is over" if own.source == "replay" else ""
        yield Stale(
            what, round(age_s, 1), f"Nothing was heard from the {word.who} for {age(int(age_s * NS_PER_S))}{over}."
        )
    if status.standing is not None and status.money_from != "journal":
        yield Stale("journal", None, f"The journal cannot be read: {'; '.join(status.notes)}.")


def _apart_s(settings: Settings) -> float:
    """Returns the time between two ticks of a symbol, 0 where they come as fast as they are taken."""
    own = settings.ingestor
    if own.source == "fake":
        return interval_ns(settings.interval) / NS_PER_S
    return 1 / own.ticks_per_s if own.source == "simulated" and own.ticks_per_s else 0.0


class _Ages:
    """Ages as of the sending, in seconds; None where there is none, or where they are left out."""

    def __init__(self, now_ms: int | None, status: LineStatus) -> None:
        self._now_ns = None if now_ms is None else now_ms * NS_PER_MS
        # A replay's and a simulated market's ticks are of another clock.
        self._apart_ns = status.now_ns - status.event_ns

    def moving(self, number: float) -> float | None:
        """Returns a number that moves with the time, too, as a rate does."""
        return None if self._now_ns is None else number

    def wall(self, at_ns: int | None) -> float | None:
        """Returns the age of something that was written then."""
        return None if self._now_ns is None or not at_ns else round(max(self._now_ns - at_ns, 0) / NS_PER_S, 3)

    def event(self, at_ns: int | None) -> float | None:
        """Returns the age of something of that time on the ticks' clock."""
        return self.wall(None if at_ns is None else at_ns + self._apart_ns)


def _held(state: PageState) -> dict[str, str | None]:
    """Returns the sentence about the latches, by whether nothing is sent at all or only nothing that adds exposure."""
    own = state.status.standing
    said = None if own is None or not own.latches else own.held(state.status.now_ns, LOCAL_TIME)
    halted = own is not None and HALT in own.latches
    return {"halted": said if halted else None, "held": None if halted else said}


def _arming(state: PageState, now_ms: int | None) -> dict[str, Any] | None:
    """Returns how long the account is armed yet, and what it may lose today."""
    status, own = state.status, state.status.standing
    if own is None or own.arming is None or not own.armed_ns(status.now_ns):
        return None
    budget = state.settings.gateway.risk.daily_loss
    left = None if status.today is None else max(min(budget, budget + status.today), Decimal(0))
    return {
        "left_s": None if now_ms is None else max(own.arming.expires_at_ms - now_ms, 0) / 1_000,
        "max_notional": plain(own.arming.max_notional),
        "loss_budget": plain(budget),
        "loss_left": _text(left),
    }


def _line(state: PageState) -> Iterator[dict[str, Any]]:
    own = state.settings
    there = {"monitor": own.monitor.on, "recorder": own.recorder.on}
    for name in LINE:
        if there.get(name, True):
            owners = state.owners.get(name)
            told = None if owners is None else [one._asdict() for one in owners]
            yield {"service": name, "up": name not in state.status.missing, "owners": told}


def _last_words(state: PageState, ages: _Ages) -> dict[str, Any]:
    """Returns how old the last word of each end of the line is."""
    words = {word.who: word.at_ns for word in state.status.words}
    feeds = [at_ns for who, at_ns in words.items() if who.startswith("feed ") and at_ns is not None]
    return {
        "feed_s": ages.wall(min(feeds, default=None)),
        "bus_s": ages.wall(words.get("bus")),
        "exchange_s": ages.wall(words.get("exchange")),
    }


def _drift(state: PageState) -> dict[str, Any]:
    """Returns whether drift is watched, and what is known of the edge."""
    reading, edge = state.drift, state.status.edge
    if reading is None:
        return {"state": "not watched yet", "sentence": None, "verdict": edge or "no edge shown"}
    edge = edge or ("edge shown at 95 %" if reading.edge_shown else "no edge shown")
    if reading.state is DriftState.NO_EDGE:
        return {"state": "not watched", "sentence": "the card shows no edge", "verdict": edge}
    return {"state": str(reading.state), "sentence": reading.human(), "verdict": edge}


def _reconciliation(state: PageState, ages: _Ages) -> dict[str, Any]:
    status = state.status
    if status.standing is None:
        return {"differences": [], "checked_age_s": None, "why_not": "on paper there is no exchange to compare"}
    told = [
        {"symbol": row.sym, "sentence": f"difference {difference_name(row)}: {row.text}"}
        for row in status.standing.differences
    ]
    return {"differences": told, "checked_age_s": _last_words(state, ages)["exchange_s"], "why_not": None}


def _arrows(state: PageState, ages: _Ages) -> Iterator[dict[str, Any]]:
    for stream in ARROWS:
        rate = state.rates[stream]
        yield {
            "stream": str(stream),
            "per_second": ages.moving(rate.per_second),
            "lag": state.progress.lag.get(stream),
            "age_s": ages.wall(rate.at_ns),
        }


def _equity(state: PageState) -> dict[str, Any]:
    status, curve = state.status, state.curve
    return {
        "now": _text(status.equity),
        "unrealised": _text(status.unrealised),
        "today": _text(status.today),
        "drawdown": curve.drawdown,
        "max_drawdown": curve.max_drawdown,
        "fees": plain(status.fees_today),
        "fees_of_gross": _fees_of_gross(status),
        "exposure": plain(sum((_value(one) or Decimal(0) for one in status.symbols.values()), Decimal(0))),
        "points": curve.points,
        "band": _band(state),
    }


def _fees_of_gross(status: LineStatus) -> float | None:
    """Returns which share of what today made before fees they have eaten; None where it made nothing."""
    gross = Decimal(0) if status.today is None else status.today + status.fees_today
    return round(float(status.fees_today / gross), 4) if gross > 0 else None


def _band(state: PageState) -> str:
    """Returns how the books stand against the band, or why there is none."""
    held = state.curve.held
    if held is None:
        return "No band: no card says what to expect of this strategy at these costs."
    if state.band is not None:
        return state.band.human()
    if held < FEWEST:
        return f"The backtest's band begins with the {FEWEST}th held bar; so far {plural(held, 'bar')}."
    return f"In the band nine in ten of the backtest's ways would stand after {plural(held, 'held bar')}."


def _value(one: SymbolStatus) -> Decimal | None:
    """Returns what the position is worth in the market, whichever its side; None without a price."""
    return None if one.price is None else abs(one.qty) * one.price


def _position(one: SymbolStatus, ages: _Ages, status: LineStatus) -> dict[str, Any]:
    lying = [stop.price for stop in one.stops] or list(one.simulated.values())
    return {
        "symbol": one.sym,
        "size": plain(one.qty),
        "value": _text(_value(one)),
        "entry": _text(one.entry),
        "price": _text(one.price),
        "price_age_s": ages.event(one.price_ns),
        "stop": _text(lying[0] if lying else None),
        "naked": one.sym in status.naked,
        "unrealised": _text(one.unrealised),
        "today": _text(one.today),
    }


def _orders(state: PageState, ages: _Ages) -> Iterator[dict[str, Any]]:
    """Yields those that are UNKNOWN, other open ones, then the newest that have ended."""
    unknown = [row for one in state.status.symbols.values() for row in one.unknown]
    for row in unknown:
        yield _unknown(row, ages)
    doubtful = {row.client_order_id for row in unknown}
    newest = [one for one in reversed(state.orders) if one.order is None or one.order.client_order_id not in doubtful]
    for one in sorted(newest, key=lambda one: one.report is not None):
        if one.order is not None or (one.report is not None and one.report.leg not in UNASKED):
            yield _order(one, ages)


def _unknown(row: OrderRow, ages: _Ages) -> dict[str, Any]:
    return {
        "client_order_id": row.client_order_id,
        "symbol": row.sym,
        "side": "SELL" if row.signed_qty < 0 else "BUY",
        "quantity": plain(abs(row.signed_qty)),
        "price": plain(row.price),
        "status": str(row.state),
        "filled": plain(abs(row.filled_qty)),
        "reason": None,
        "unknown": True,
        "fill": False,
        "ms": row.at_ms,
        "age_s": ages.wall(row.at_ms * NS_PER_MS),
        "trace": row.tr,
    }


def _order(seen: OrderSeen, ages: _Ages) -> dict[str, Any]:
    order, report = seen
    known = order or report
    assert known is not None
    filled = Decimal(0) if report is None else report.last_qty
    qty = filled if order is None else order.signed_qty
    price = None if report is None else report.last_px
    price = order.price if price is None and order is not None else price
    return {
        "client_order_id": known.client_order_id,
        "symbol": known.sym,
        "side": "SELL" if qty < 0 else "BUY",
        "quantity": plain(abs(qty)),
        "price": _text(price),
        "status": "SENT" if report is None else str(report.status),
        "filled": plain(abs(filled)),
        "reason": None if report is None or report.reason is None else str(report.reason),
        "unknown": False,
        "fill": bool(filled),
        "ms": known.ts_event // NS_PER_MS,
        "age_s": ages.event(known.ts_event),
        "trace": known.tr,
    }


def shown_decision(seen: DecisionSeen, rule: Rule) -> dict[str, Any]:
    """Returns a decision as it is shown, in the sentence of `why`. rule: the strategy as it is configured."""
    decision, at_ns, prediction = seen
    return {
        "ms": decision.ts_event // NS_PER_MS,
        "symbol": decision.sym,
        "sentence": decision_line(Decided(decision, at_ns, rule, LOCAL_TIME, prediction)),
        "reason": None if decision.reason is None else str(decision.reason),
        "trace": decision.tr,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
