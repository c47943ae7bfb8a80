"""A session's reports are booked bar by bar, as a backtest's fills are, and watched by the same observers."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from services.research.backtest.observer import Observer, Totals
from services.research.session_report.session import LineSession
from shared.account import Account, Fill, RoundTrips
from shared.account.account import book_report
from shared.config import Settings
from shared.messages import ExecutionReport, Leg, Origin, Reason

ENTRY, EXIT, STOP = "entries", "exits", "stops"
_ZERO = Decimal(0)
BPS = Decimal(10_000)


class SessionFill(NamedTuple):
    """A fill of the session. Money in quote units.

    - kind: entries, exits or stops. An order that turned a position is an exit; a liquidation is a stop.
    - decision_price: at which the strategy decided; None where nobody knows, or nobody decided.
    - slippage: what the fill was worse than that, > 0 paid.
    """

    report: ExecutionReport
    kind: str
    decision_price: Decimal | None
    slippage: Decimal
    balance: Decimal

    @property
    def decided_value(self) -> Decimal | None:
        """Returns the quantity times the price at which the strategy decided."""
        return None if self.decision_price is None else self.report.last_qty.copy_abs() * self.decision_price

    @property
    def value(self) -> Decimal:
        """Returns the quantity times the price."""
        assert self.report.last_px is not None
        return self.report.last_qty.copy_abs() * self.report.last_px


class BookedSession(NamedTuple):
    """A session that was booked: its sums, its fills, and the reports of orders that ended without one."""

    totals: Totals
    fills: list[SessionFill]
    unfilled: list[ExecutionReport]


def opening_equity(session: LineSession) -> Decimal:
    """Returns the money with which the session began, at its first price."""
    opening = session.opening
    held = opening.position.unrealised(session.ticks[0].price) if opening.position else _ZERO
    return opening.balance + held


def booked(settings: Settings, session: LineSession, observers: Sequence[Observer]) -> BookedSession:
    """Books the session and shows it to the observers, a mark for each tick.

    A report is booked at the bar whose tick led to it, as a backtest does it, though it came later; what no tick led
    to, e.g. funding, at the first bar that ends then or later. Capital that a person added or took is not in equity.
    """
    return _Booking(settings, session, observers).run()


class _Booking:
    def __init__(self, settings: Settings, session: LineSession, observers: Sequence[Observer]) -> None:
        self._session, self._observers = session, observers
        opening = session.opening
        self._account = Account(opening.capital)
        self._account.update(opening.balance - opening.capital)
        if opening.position is not None:
            held = opening.position
            self._account.open_position(session.sym, held.signed_qty, held.price)
        self._start = opening_equity(session)
        self._stops = bool(settings.strategy.wrappers)
        self._prices = {tick.n: tick.price for tick in (*session.warming, *session.ticks)}
        self._trips = RoundTrips()
        if opening.position is not None:
            held = opening.position
            first = session.ticks[0].ts_event
            self._trips.on_fill(Fill(first, session.sym, math.nan, held.signed_qty, held.price, _ZERO, opening.balance))
        self._fees = self._funding = self._slippage = self._turnover = _ZERO
        self._fills: list[SessionFill] = []
        self._unfilled: list[ExecutionReport] = []
        self._liquidations = self._stopped = 0

    def run(self) -> BookedSession:
        session = self._session
        ticks, account = session.ticks, self._account
        at_tick = {tick.n: at for at, tick in enumerate(ticks)}
        times = [tick.ts_event for tick in ticks]
        due: dict[int, list[ExecutionReport]] = {}
        for report in session.reports:
            at = at_tick.get(report.tick_n)
            if at is None:
                at = 0 if 0 < report.tick_n < ticks[0].n else min(bisect_left(times, report.ts_event), len(ticks) - 1)
            due.setdefault(at, []).append(report)
        for at, tick in enumerate(ticks):
            prediction = session.predictions.get(tick.n)
            y_hat = math.nan if prediction is None or prediction.y_hat is None else prediction.y_hat
            for report in due.get(at, ()):
                self._book(report, y_hat)
            self._mark(tick.ts_event, tick.price, y_hat)
        last, missed = ticks[-1].price, sum(one.reason is Reason.BEYOND_LIMIT for one in self._unfilled)
        unrealised = account.unrealised(session.sym, last)
        totals = Totals(
            start_equity=self._start, end_equity=self._equity(last), fees=self._fees, funding=self._funding,
            slippage=self._slippage, turnover=self._turnover, bars=len(ticks), fills=len(self._fills),
            missed=missed, expired=len(self._unfilled) - missed, liquidations=self._liquidations,
            first_ts=times[0], last_ts=times[-1], open_trip=self._trips.open(), unrealised=unrealised,
            stops=self._stopped,
        )  # fmt: skip
        return BookedSession(totals, self._fills, self._unfilled)

    def _equity(self, price: Decimal) -> Decimal:
        account = self._account
        return (
            account.balance()
            - (account.capital - self._session.opening.capital)
            + account.unrealised(self._session.sym, price)
        )

    def _book(self, report: ExecutionReport, y_hat: float) -> None:
        held = self._account.held(self._session.sym)
        before = held.signed_qty if held else _ZERO
        book_report(self._account, report)
        if report.leg is Leg.FUNDING:
            self._funding += report.commission
            self._trips.on_cost(report.commission)
            return
        price, qty = report.last_px, report.last_qty
        if report.capital is not None:
            return
        if price is None or not qty:
            self._unfilled.append(report)
            return
        self._liquidations += report.leg is Leg.LIQUIDATION
        self._stopped += report.leg is Leg.STOP
        order = self._session.orders.get(report.client_order_id)
        decided = None if report.leg in (Leg.LIQUIDATION, Leg.STOP) else self._prices.get(report.tick_n)
        if order is not None:
            decided = order.price
        slippage = _ZERO if decided is None else qty * (price - decided)
        kind = self._kind(report, before)
        self._fills.append(SessionFill(report, kind, decided, slippage, self._account.balance()))
        self._fees += report.commission
        self._slippage += slippage
        self._turnover += qty.copy_abs() * price
        fill = Fill(report.ts_event, report.sym, y_hat, qty, price, report.commission, self._account.balance())
        if (trip := self._trips.on_fill(fill)) is not None:
            for observer in self._observers:
                observer.on_trip(trip)

    def _kind(self, report: ExecutionReport, before: Decimal) -> str:
        reduces = bool(before) and before.is_signed() != report.last_qty.is_signed()
        if report.leg in (Leg.LIQUIDATION, Leg.STOP):
            return STOP
        if not reduces:
            return ENTRY
        order = self._session.orders.get(report.client_order_id)
        origin = order.origin if order is not None else self._origin(report)
        return STOP if self._stops and origin is Origin.TICK else EXIT

    def _origin(self, report: ExecutionReport) -> Origin:
        found = self._session.decisions.get(report.tick_n, [])
        made = [one.decision.origin for one in found if report.client_order_id in one.decision.orders]
        return made[0] if made else Origin.PREDICTION

    def _mark(self, ts_event: int, price: Decimal, y_hat: float) -> None:
        equity, held = float(self._equity(price)), self._account.position(self._session.sym)
        value = float(held.signed_qty * price) if held else 0.0
        exposure = value / equity if equity else math.copysign(math.inf, value) if value else 0.0
        paid = float(self._fees + self._slippage + self._funding)
        for observer in self._observers:
            observer.on_mark(ts_event, float(price), equity, exposure, y_hat, paid)
