"""A measure says in words which number met which limit; each reason of the risk check has its own, in the table below.

It is asked for an order that does not go out whole, never for one that does: nobody waits for it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from services.gateway.risk.marks import marks_in, sent
from shared.control import latches
from shared.exchanges.trading.amounts import plain
from shared.explain.account import latch_line, utc
from shared.messages import Reason
from shared.plural import plural

if TYPE_CHECKING:
    from services.gateway.risk.limits import Subject

Measure: TypeAlias = "Callable[[Subject], str]"
NS_PER_S, MS_PER_S, BPS = 10**9, 1_000, 10_000
_CENT = Decimal("0.01")


def measured(reason: Reason, subject: "Subject") -> str:
    """Returns the number that met the limit, and the limit, as a person reads them."""
    measure = MEASURES.get(reason)
    return "" if measure is None else measure(subject)


def _seconds(span_ns: int) -> str:
    return plain(Decimal(span_ns) / NS_PER_S)


def _money(amount: Decimal) -> str:
    return plain(amount.quantize(_CENT)) if amount.is_finite() else str(amount)


def _latched(subject: "Subject") -> str:
    own = latches.symbol_latch(subject.order.sym)
    found = subject.context.latches
    stopping = [row for name, row in found.items() if name == own or not name.startswith(latches.SYMBOL)]
    return latch_line(stopping[0]) if stopping else ""


def _halted(subject: "Subject") -> str:
    return latch_line(subject.context.latches[latches.HALT])


def _unknown(subject: "Subject") -> str:
    unknown = [order for order in subject.context.in_flight if order.unknown]
    open_ = unknown or [order for order in subject.context.in_flight if order.passing]
    most = ", ".join(plain(order.signed_qty) for order in open_)
    what = "UNKNOWN" if unknown else "on the way"
    return f"{plural(len(open_), 'order')} {what}, of which {most} may yet be filled: the limit is none"


def _symbol(subject: "Subject") -> str:
    return f"{subject.order.sym} is not among {', '.join(sorted(subject.rules.symbols))}"


def _reduce_only(subject: "Subject") -> str:
    return f"it would add {plain(subject.exposure.adds)}, and reduce_only is true: the limit is 0"


def _not_reducing(subject: "Subject") -> str:
    asked, left = plain(subject.order.signed_qty), plain(subject.exposure.reduces)
    held = plain(subject.context.position)
    return f"{asked} was to reduce a position of {held}, of which at most {left} is left beside orders in flight"


def _by_equity(name: str, limit: Callable[["Subject"], str]) -> Measure:
    """Returns the measure of a loss: by the latch that stands, else by the marks."""

    def measure(subject: "Subject") -> str:
        if name in subject.context.latches:
            return latch_line(subject.context.latches[name])
        marks, equity = marks_in(subject.context.limits), subject.context.equity
        if marks is None or equity is None:
            return f"the limit is {limit(subject)}"
        before = marks.day_equity if name == latches.DAILY_LOSS else marks.peak
        when = "when the day began" if name == latches.DAILY_LOSS else "at its highest"
        stands = "reached before, and stands until a person resumes: " if name in marks.latched else ""
        return f"{stands}equity {_money(equity)}, {_money(before)} {when}: the limit is {limit(subject)}"

    return measure


def _daily_loss(subject: "Subject") -> str:
    return plain(subject.limits.daily_loss)


def _drawdown(subject: "Subject") -> str:
    return f"{subject.limits.max_drawdown:%}"


def _no_arming(subject: "Subject") -> str:
    return f"0 is armed, it would add {_added(subject)}"


def _arming_expired(subject: "Subject") -> str:
    arming = subject.context.arming
    assert arming is not None
    return f"armed from {utc(arming.armed_at_ms)} until {utc(arming.expires_at_ms)}, and it was {utc(subject.now_ms)}"


def _other_config(subject: "Subject") -> str:
    arming = subject.context.arming
    assert arming is not None
    return f"armed for config {arming.config_hash[:12]}, this is {subject.rules.config_hash[:12]}"


def _other_code(subject: "Subject") -> str:
    arming = subject.context.arming
    assert arming is not None
    said, this = arming.decided_by[:12] or "no code", subject.order.by[:12] or "one without a hash"
    return f"armed for {said}, this order's is {this}"


def _tick_age(subject: "Subject") -> str:
    age_s = _seconds(subject.context.now_ns - subject.order.ts_event)
    return f"the tick was {age_s} s old, max_tick_age_s is {subject.limits.max_tick_age_s:g}"


def _prediction_age(subject: "Subject") -> str:
    written_ns = subject.context.predicted_ns or subject.order.ts_event
    age_s = _seconds(subject.context.now_ns - written_ns)
    return f"the order was {age_s} s old, max_prediction_age_s is {subject.limits.max_prediction_age_s:g}"


def _quote(subject: "Subject") -> str:
    quote, own = subject.context.quote, subject.limits
    if quote is None or quote.sym != subject.order.sym:
        return f"there was no quote, and one of at most {own.quote_max_age_s:g} s is needed"
    if not 0 < quote.bid <= quote.ask:
        return f"bid {plain(quote.bid)} and ask {plain(quote.ask)} are no two sides"
    if not quote.trading:
        return "the exchange does not trade it now"
    lag_s = 0.0 if quote.book_ms is None else (quote.at_ms - quote.book_ms) / MS_PER_S
    if lag_s > own.book_max_lag_s:
        return f"the book had not changed for {lag_s:.3f} s, book_max_lag_s is {own.book_max_lag_s:g}"
    age_s = (subject.now_ms - quote.at_ms) / MS_PER_S
    return f"the quote was {age_s:.3f} s old, quote_max_age_s is {own.quote_max_age_s:g}"


def _collar(subject: "Subject") -> str:
    quote, price = subject.context.quote, subject.order.price
    assert quote is not None
    buys = subject.order.signed_qty > 0
    met = quote.ask if buys else quote.bid
    apart = abs(met - price) * BPS / price
    side = "ask" if buys else "bid"
    return (
        f"{side} {plain(met)} is {apart:.1f} bps from the decision price {plain(price)}, collar_bps is "
        f"{plain(subject.limits.collar_bps)}"
    )


def _no_limit(subject: "Subject") -> str:
    added = plain(subject.exposure.adds)
    return f"it would add {added} at any price, and max_slippage_bps is set: an older Tickline takes part"


def _added(subject: "Subject") -> str:
    return _money(subject.exposure.adds.copy_abs() * subject.price)


def _order_notional(subject: "Subject") -> str:
    return f"it would add {_added(subject)}, max_order_notional is {plain(subject.limits.max_order_notional)}"


def _position_notional(subject: "Subject") -> str:
    worth = _money(subject.exposure.worst.copy_abs() * subject.price)
    return f"the position would be {worth}, max_position_notional is {plain(subject.limits.max_position_notional)}"


def _armed_notional(subject: "Subject") -> str:
    arming = subject.context.arming
    assert arming is not None
    return f"all positions would be {_money(subject.account_notional)}, armed is {plain(arming.max_notional)}"


def _equity_unknown(subject: "Subject") -> str:
    return f"all positions would be {_money(subject.account_notional)}, and the equity that bounds them is not known"


def _leverage(subject: "Subject") -> str:
    equity = subject.context.equity
    assert equity is not None
    return (
        f"all positions would be {_money(subject.account_notional)} with an equity of {_money(equity)}, max_leverage "
        f"is {plain(subject.limits.max_leverage)}"
    )


def _capital(subject: "Subject") -> str:
    equity = subject.context.equity
    assert equity is not None
    return (
        f"the books have {_money(subject.context.books_balance)}, the account's equity is {_money(equity)}, "
        f"max_capital_share is {plain(subject.limits.max_capital_share)}"
    )


def _rate(subject: "Subject") -> str:
    count = sent(subject.context.limits, subject.now_ms)
    return f"{plural(count, 'order')} went out within 60 s, orders_per_minute is {subject.limits.orders_per_minute}"


def _not_reconciled(subject: "Subject") -> str:
    return "journal and exchange have not agreed since they were last compared: no difference may be left"


def _older_stops(subject: "Subject") -> str:
    return "a stop of the position before is still at the exchange: it is being cancelled"


def _no_stop(subject: "Subject") -> str:
    held = plain(subject.context.position)
    return f"no stop limits the loss of the position of {held} now: one is being placed, or it is being closed"


MEASURES: Mapping[Reason, Measure] = {
    Reason.HALTED: _halted,
    Reason.UNKNOWN_ORDER: _unknown,
    Reason.STOP_CLEARING: _older_stops,
    Reason.NO_STOP: _no_stop,
    Reason.SYMBOL_NOT_ALLOWED: _symbol,
    Reason.REDUCE_ONLY: _reduce_only,
    Reason.NOT_REDUCING: _not_reducing,
    Reason.OTHER_BUS: _latched,
    Reason.SYMBOL_STOPPED: _latched,
    Reason.LATCHED: _latched,
    Reason.DAILY_LOSS: _by_equity(latches.DAILY_LOSS, _daily_loss),
    Reason.DRAWDOWN: _by_equity(latches.DRAWDOWN, _drawdown),
    Reason.DRIFT: _latched,
    Reason.DAILY_FUNDING: _latched,
    Reason.NOT_ARMED: _no_arming,
    Reason.ARMING_EXPIRED: _arming_expired,
    Reason.ARMED_FOR_OTHER_CONFIG: _other_config,
    Reason.ARMED_FOR_OTHER_CODE: _other_code,
    Reason.STALE_TICK: _tick_age,
    Reason.STALE_PREDICTION: _prediction_age,
    Reason.NO_FRESH_QUOTE: _quote,
    Reason.PRICE_COLLAR: _collar,
    Reason.NO_LIMIT_PRICE: _no_limit,
    Reason.ORDER_NOTIONAL: _order_notional,
    Reason.POSITION_NOTIONAL: _position_notional,
    Reason.ARMED_NOTIONAL: _armed_notional,
    Reason.EQUITY_UNKNOWN: _equity_unknown,
    Reason.LEVERAGE: _leverage,
    Reason.CAPITAL_ABOVE_EQUITY: _capital,
    Reason.ORDERS_PER_MINUTE: _rate,
    Reason.NOT_RECONCILED: _not_reconciled,
}
