"""An order's way after the decision in sentences: risk check, exchange, report, with their numbers. Pure.

`order_lines` yields a sentence for each step. A sentence about a reason ends with the number that met a limit: NUMBERS,
the table at the end, has the function that finds it for each reason, and `_noted` is for all others.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.config.gateway import GatewaySettings, Mode
from shared.exchanges.trading.amounts import plain
from shared.explain.decisions import amount, qty
from shared.explain.reasons import LEGS, PHASES, REASONS, STATUSES
from shared.journal.rows import EventRow, FillRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderIntent, OrderPhase, Reason
from shared.wall_time import WallTime

BPS = 10_000
NS_PER_MS = 1_000_000
CUT, REFUSED, ALARM = "CUT", "REFUSED", "ALARM"  # kinds of events that a gateway notes of an order
FAILURES = frozenset({Reason.STOP_FAILED, Reason.STOP_BEYOND})  # no stop has closed the position


class OrderLife(NamedTuple):
    """The journal has this of an order; empty on paper."""

    row: OrderRow | None = None
    events: tuple[EventRow, ...] = ()
    fills: tuple[FillRow, ...] = ()

    def said(self, kind: str) -> str:
        """Returns what was noted of it under a kind, the last word last."""
        return "; ".join(event.text for event in self.events if event.kind == kind)


class Executed(NamedTuple):
    """An executed order has what became of it.

    - report: None while it has none, and for what was not found.
    - order: None for a report that no order led to, and for what was not found.
    - gateway: as configured.
    """

    order: OrderIntent | None
    report: ExecutionReport | None
    gateway: GatewaySettings
    wall: WallTime
    life: OrderLife = OrderLife()


def order_lines(case: Executed) -> Iterator[tuple[str, str]]:
    """Yields the steps of the order's way with a sentence each: `risk`, `exchange`, `report`."""
    if case.order is not None:
        yield "risk", _risk(case, case.order)
    if case.life.row is not None and case.life.row.at_ms:
        yield "exchange", _exchange(case, case.life.row)
    if case.report is not None:
        yield "report", _never_sent(case, case.report) or report_line(case)


def _never_sent(case: Executed, report: ExecutionReport) -> str:
    """Returns the report of an order that the step before has told: it met a limit, and never left."""
    row = case.life.row
    told = case.order is not None and row is not None and not row.at_ms and report.reason is row.reason is not None
    dust = f"; {qty(report.dust)} of dust is left" if report.dust else ""
    return f"{report.status}: {report.reason}, as told{dust}" if told else ""


def _risk(case: Executed, order: OrderIntent) -> str:
    """Returns what the gateway's risk check made of the order."""
    row, own = case.life.row, case.gateway
    if own.mode is Mode.PAPER:
        within = "" if order.limit_price is None else f", at {plain(order.limit_price)} or better"
        whose = "the decision's" if order.stop is None else "the market's"
        how = f"it fills at {whose} price, slippage_bps {own.slippage_bps} worse{within}"
        return f"on paper no limit is asked; {how}"
    if row is None:
        return "the journal does not know it: it was not handed over yet, or is another account's"
    if not row.at_ms and (row.reason is None or row.state is OrderPhase.INTENT):
        return f"{row.state}: {PHASES[row.state]}"
    if not row.at_ms:
        assert row.reason is not None
        met = NUMBERS.get(row.reason, _noted)(case)
        return f"not sent: {row.reason}: {REASONS[row.reason]}: {met}"
    cut = case.life.said(CUT)
    passed = f"cut: {cut}{_meant(cut)}" if cut else ""
    if order.leg is Leg.STOP:
        return "; ".join(filter(None, (_unlimited(case, row), passed)))
    if passed:
        return passed
    most, limits = plain((order.signed_qty.copy_abs() * order.price).quantize(Decimal("0.01"))), own.risk
    bounds = f"max_order_notional {plain(limits.max_order_notional)}, max_position_notional "
    bounds += plain(limits.max_position_notional)
    return f"passed all limits: {most} at the decision's price ({bounds}; what only reduces asks for none)"


def _unlimited(case: Executed, row: OrderRow) -> str:
    """Returns why no limit is asked for an order that nobody decided on."""
    if row.stop_id:
        return "no limit is asked: its stop lay at the exchange, and has fired there"
    noted = case.life.said(ALARM)
    return f"no limit is asked: the gateway closes the position by itself{f': {noted}' if noted else ''}"


def _meant(noted: str) -> str:
    """Returns what the reason in a gateway's note means.

    >>> _meant("only 5 of 9 is sent: ABOVE_MAXIMUM")
    ' (it was cut to the most that the exchange takes in one market order)'
    """
    named = (REASONS[Reason(word)] for word in noted.replace(":", " ").split() if word in Reason.__members__)
    return "".join(f" ({clause})" for clause in named)


def _exchange(case: Executed, row: OrderRow) -> str:
    limit = "" if row.sent_price is None else f" for {plain(row.sent_price)} or better"
    at = case.wall.millisecond(row.at_ms * NS_PER_MS)
    sent = f"sent {qty(row.signed_qty)}{limit} at {at}"
    known = f", the exchange's order {row.venue_order_id}" if row.venue_order_id else ", not shown by the exchange"
    if row.stop_id:
        sent, known = f"its stop was last known to lie there at {at}", f", and became order {row.became}"
    fills = ", ".join(
        f"{qty(fill.signed_qty)} at {plain(fill.price)} (trade {fill.trade_id})" for fill in case.life.fills
    )
    return f"{sent}{known}: {PHASES[row.state]}{f': {fills}' if fills else ''}"


def report_line(case: Executed) -> str:
    """Returns how the order ended, or what was booked without one, with the number and the limit that it met."""
    report = case.report
    assert report is not None
    if report.leg is Leg.CAPITAL and report.capital is not None:
        return f"capital is {amount(report.capital)}: {LEGS[report.leg]}"
    if report.leg is Leg.FUNDING:
        paid = "received" if report.commission < 0 else "paid"
        return f"funding {amount(abs(report.commission))} {paid}: {LEGS[report.leg]}"
    filled = "" if report.last_px is None else f"{_filled(case, report)}, "
    dust = f"; {qty(report.dust)} of dust is left" if report.dust else ""
    if report.leg is Leg.LIQUIDATION:
        return f"{filled}{LEGS[report.leg]}{dust}"
    if report.leg is Leg.STOP and report.reason not in (None, *FAILURES):
        filled = f"{filled}{LEGS[report.leg]}: "
    if report.reason is None:
        return f"{report.status}: {filled or f'{STATUSES[report.status]}, '}{LEGS[report.leg]}{dust}"
    met = NUMBERS.get(report.reason, _noted)(case)
    ended = f"{report.status}: {filled}" if filled else f"{report.status}: {STATUSES[report.status]}: "
    return f"{ended}{report.reason}: {REASONS[report.reason]}: {met}{dust}"


def _filled(case: Executed, report: ExecutionReport) -> str:
    """Returns quantity, price and cost of a fill, beside what was assumed."""
    price = report.last_px
    assert price is not None
    worth = report.last_qty.copy_abs() * price
    said = f"{qty(report.last_qty)} at {amount(price)}"
    if case.order is not None:
        side = 1 if report.last_qty > 0 else -1
        slip = side * (price - case.order.price) * BPS / case.order.price + 0  # no negative zero
        assumed, whose = case.gateway.slippage_bps, _whose(case.order)
        said += f", {slip:+.2f} bps against {whose} {plain(case.order.price)} (slippage_bps {assumed})"
    fee = report.commission * BPS / worth if worth else Decimal(0)
    return f"{said}, fee {amount(report.commission)} = {fee:.2f} bps (fee {case.gateway.fee * BPS:.2f} bps)"


def _whose(order: OrderIntent) -> str:
    """Returns what an order's price is: of one that stands behind a stop at the exchange, that stop's."""
    if order.leg is not Leg.STOP:
        return "the decision's price"
    return "its stop's price" if order.stop is None else "the market's price"


def _noted(case: Executed) -> str:
    """Returns what the gateway noted; else the order's own numbers."""
    if noted := case.life.said(REFUSED):
        return noted
    if case.order is None:
        return "of an order that was not found"
    return f"{qty(case.order.signed_qty)} at {plain(case.order.price)}"


def _validity(case: Executed) -> str:
    until = case.order.valid_until if case.order is not None else 0
    return f"valid until {case.wall.millisecond(until)}" if until else _noted(case)


def _close(case: Executed) -> str:
    return f"it came after order {case.order.after}" if case.order is not None else _noted(case)


def _short(case: Executed) -> str:
    report, order = case.report, case.order
    asked = "" if order is None else f" of {qty(order.signed_qty)}"
    return f"{qty(Decimal(0) if report is None else report.last_qty)}{asked} was filled"


def _missed(case: Executed) -> str:
    limit = None if case.order is None else case.order.limit_price
    return _short(case) if limit is None else f"{_short(case)} at {plain(limit)} or better"


def _fired(case: Executed) -> str:
    order, report = case.order, case.report
    if order is None:
        return "nobody decided it"
    at = plain(order.trigger_price or order.price)
    if order.trigger_price is None and report is not None and report.reason is Reason.TRAILED_OUT:
        return f"it trailed behind the best price since {at}"  # at which one, only the exchange knows
    return f"its trigger is {at}"


def _dust(case: Executed) -> str:
    report = case.report
    return case.life.said(REFUSED) or ("nothing more can be sold" if report is None else f"{qty(report.dust)} is held")


def _validity_of_request(case: Executed) -> str:
    row = case.life.row
    if row is None or not row.at_ms:
        return _noted(case)
    return f"request_validity_ms is {row.valid_until_ms - row.at_ms}; {_noted(case)}"


def _absent(case: Executed) -> str:
    row = case.life.row
    if row is None or not row.at_ms:
        return _noted(case)
    until = case.wall.millisecond(row.valid_until_ms * NS_PER_MS)
    return f"it could arrive until {until}, and for grace_ms {case.gateway.grace_ms} after that nobody saw it"


NUMBERS: Mapping[Reason, Callable[[Executed], str]] = {
    Reason.PAST_VALID_UNTIL: _validity,
    Reason.CLOSE_NOT_FILLED: _close,
    Reason.BEYOND_LIMIT: _missed,
    Reason.STOPPED_OUT: _fired,
    Reason.PROFIT_TAKEN: _fired,
    Reason.TRAILED_OUT: _fired,
    Reason.STOP_FAILED: _short,
    Reason.STOP_BEYOND: _fired,
    Reason.ENDED_BY_VENUE: _short,
    Reason.RESOLVED: _short,
    Reason.END_OF_DATA: _short,
    Reason.DUST: _dust,
    Reason.REQUEST_EXPIRED: _validity_of_request,
    Reason.NOT_ON_VENUE: _absent,
}
