"""An order that passes every gate, and how each gate is closed by itself."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from services.gateway.risk import Context, InFlight, ProposedOrder, RiskCheck, RiskRules, Verdict
from services.gateway.risk.marks import DAY_NS, Marks, one_more
from shared.config import Mode
from shared.config.risk import RiskSettings
from shared.control.latches import DAILY_FUNDING, DAILY_LOSS, DRAWDOWN, DRIFT, HALT, OTHER_BUS, symbol_latch
from shared.journal.rows import ArmingRow, LatchRow
from shared.messages import Reason
from shared.orders import VenueQuote

SYM = "BTCUSDT"
BY = "0123456789abcdef"
NOW_MS = 1_763_985_600_000
NOW_NS = NOW_MS * 1_000_000
PRICE = Decimal(100)
LIMITS = RiskSettings(
    max_order_notional=Decimal(10_000), max_position_notional=Decimal(20_000), max_leverage=Decimal(2),
    orders_per_minute=3, daily_loss=Decimal(500), max_drawdown=Decimal("0.2"),
)  # fmt: skip
RULES = RiskRules(Mode.LIVE, LIMITS, frozenset({SYM}), "hash")
ARMING = ArmingRow(Decimal(20_000), NOW_MS - 1_000, NOW_MS + 1_000, "hash", "ada", BY)
OPEN = Context(
    now_ns=NOW_NS, predicted_ns=NOW_NS, equity=Decimal(10_000), books_balance=Decimal(9_000), arming=ARMING,
    quote=VenueQuote(SYM, Decimal("99.9"), Decimal("100.1"), NOW_MS), reconciled=True,
)  # fmt: skip
BUY = ProposedOrder(SYM, Decimal(10), PRICE, reduce_only=False, ts_event=NOW_NS, context=OPEN, by=BY)

Change = Callable[[ProposedOrder, RiskRules], tuple[ProposedOrder, RiskRules]]


class Gate(NamedTuple):
    """One closed gate. check: its name in the table."""

    check: str
    reason: Reason
    change: Change


def verdict(asked: ProposedOrder, rules: RiskRules = RULES) -> Verdict:
    return RiskCheck(rules).on_tick(asked)


def in_context(**changes: Any) -> Change:
    """These fields of the context; mappings and orders in flight are added to what is there."""

    def change(asked: ProposedOrder, rules: RiskRules) -> tuple[ProposedOrder, RiskRules]:
        made = dict(changes)
        for name, value in changes.items():
            if isinstance(value, dict):
                made[name] = {**getattr(asked.context, name), **value}
            elif name == "in_flight":
                made[name] = asked.context.in_flight + value
        return asked._replace(context=asked.context._replace(**made)), rules

    return change


def in_order(**changes: Any) -> Change:
    return lambda asked, rules: (asked._replace(**changes), rules)


def in_limits(**changes: Any) -> Change:
    return lambda asked, rules: (asked, rules._replace(limits=rules.limits.model_copy(update=changes)))


def latch(name: str) -> Change:
    return in_context(latches={name: LatchRow(name, "said", "ada", NOW_MS)})


def _marks(**changes: Any) -> Change:
    even = {"day_equity": Decimal(10_000), "peak": Decimal(10_000), "last": Decimal(10_000)}
    row = Marks(day=NOW_NS // DAY_NS, **(even | changes)).row()
    return in_context(limits={row.name: row.value})


def _three_sent(seconds_ago: int) -> Change:
    limits: dict[str, bytes] = {}
    for _ in range(3):
        row = one_more(limits, NOW_MS - seconds_ago * 1_000)
        limits[row.name] = row.value
    return in_context(limits=limits)


def _quote(
    bid: str, ask: str, at_ms: int = NOW_MS, sym: str = SYM, book_ms: int | None = None, trading: bool = True
) -> Change:
    return in_context(quote=VenueQuote(sym, Decimal(bid), Decimal(ask), at_ms, book_ms, trading))


def _bare(asked: ProposedOrder, rules: RiskRules) -> tuple[ProposedOrder, RiskRules]:
    """Without a stop it holds what the order joins, unless it holds something anyway."""
    held = asked.context.position or asked.signed_qty
    return asked._replace(context=asked.context._replace(exposed=True, position=held)), rules


GATES = [
    Gate("halt", Reason.HALTED, latch(HALT)),
    Gate("unknown order", Reason.UNKNOWN_ORDER, in_context(in_flight=(InFlight(Decimal(0), unknown=True),))),
    Gate("older stops", Reason.STOP_CLEARING, in_context(clearing=True)),
    Gate("no stop", Reason.NO_STOP, _bare),
    Gate("symbols", Reason.SYMBOL_NOT_ALLOWED, lambda a, r: (a, r._replace(symbols=frozenset({"ETHUSDT"})))),
    Gate("reduce_only", Reason.REDUCE_ONLY, in_limits(reduce_only=True)),
    Gate("meant to reduce", Reason.NOT_REDUCING, in_order(reduce_only=True)),
    Gate("blocked", Reason.NO_EQUITY, in_context(blocked=(Reason.NO_EQUITY,))),
    Gate("latches", Reason.DAILY_LOSS, latch(DAILY_LOSS)),
    Gate("latches", Reason.DRAWDOWN, latch(DRAWDOWN)),
    Gate("latches", Reason.DAILY_FUNDING, latch(DAILY_FUNDING)),
    Gate("latches", Reason.DRIFT, latch(DRIFT)),
    Gate("latches", Reason.OTHER_BUS, latch(OTHER_BUS)),
    Gate("latches", Reason.SYMBOL_STOPPED, latch(symbol_latch(SYM))),
    Gate("latches", Reason.LATCHED, latch("what a later version sets")),
    Gate("daily_loss", Reason.DAILY_LOSS, _marks(latched=(DAILY_LOSS,))),
    Gate("max_drawdown", Reason.DRAWDOWN, _marks(latched=(DRAWDOWN,))),
    Gate("armed", Reason.NOT_ARMED, in_context(arming=None)),
    Gate("armed", Reason.ARMING_EXPIRED, in_context(arming=ARMING._replace(expires_at_ms=NOW_MS))),
    Gate("armed", Reason.ARMING_EXPIRED, in_context(arming=ARMING._replace(armed_at_ms=NOW_MS + 60_001))),
    Gate("armed", Reason.ARMED_FOR_OTHER_CONFIG, in_context(arming=ARMING._replace(config_hash="other"))),
    Gate("armed", Reason.ARMED_FOR_OTHER_CODE, in_order(by="fedcba9876543210")),
    Gate("armed", Reason.ARMED_FOR_OTHER_CODE, in_order(by="")),
    Gate("max_slippage_bps", Reason.NO_LIMIT_PRICE, lambda a, r: (a, r._replace(bound=True))),
    Gate("max_tick_age_s", Reason.STALE_TICK, in_order(ts_event=NOW_NS - 60 * 10**9 - 1)),
    Gate("max_tick_age_s", Reason.STALE_TICK, in_order(ts_event=NOW_NS + 60 * 10**9 + 1)),
    Gate("max_prediction_age_s", Reason.STALE_PREDICTION, in_context(predicted_ns=NOW_NS - 30 * 10**9 - 1)),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, in_context(quote=None)),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("99.9", "100.1", NOW_MS - 5_001)),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("99.9", "100.1", sym="ETHUSDT")),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("100.1", "99.9")),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("99.9", "100.1", book_ms=NOW_MS - 120_001)),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("99.9", "100.1", trading=False)),
    Gate("fresh quote", Reason.NO_FRESH_QUOTE, _quote("0", "100.1")),
    Gate("collar_bps", Reason.PRICE_COLLAR, _quote("100.4", "100.51")),
    Gate("collar_bps", Reason.PRICE_COLLAR, _quote("99.4", "99.49")),
    Gate("max_order_notional", Reason.ORDER_NOTIONAL, in_limits(max_order_notional=Decimal(1_000))),
    Gate("max_position_notional", Reason.POSITION_NOTIONAL, in_limits(max_position_notional=Decimal(1_000))),
    Gate("armed notional", Reason.ARMED_NOTIONAL, in_context(arming=ARMING._replace(max_notional=Decimal(1_000)))),
    Gate("max_leverage", Reason.LEVERAGE, in_limits(max_leverage=Decimal("0.1"))),
    Gate("max_leverage", Reason.LEVERAGE, in_context(equity=Decimal(-1), books_balance=Decimal(-2))),
    Gate("max_leverage", Reason.EQUITY_UNKNOWN, in_context(equity=None)),
    Gate("max_capital_share", Reason.CAPITAL_ABOVE_EQUITY, in_context(books_balance=Decimal(10_001))),
    Gate("orders_per_minute", Reason.ORDERS_PER_MINUTE, _three_sent(60)),
    Gate("orders_per_minute", Reason.ORDERS_PER_MINUTE, _three_sent(-5)),
    Gate("loss seen once", Reason.DAILY_LOSS, _marks(day_equity=Decimal(10_500))),
    Gate("loss seen once", Reason.DRAWDOWN, _marks(peak=Decimal(12_500))),
    Gate("reconciled", Reason.NOT_RECONCILED, in_context(reconciled=False)),
]
# These are open or closed with the order's side, size and flag.
WITH_THE_ORDER = {
    "no stop", "meant to reduce", "collar_bps", "max_order_notional", "max_position_notional", "armed notional",
    "max_leverage",
}  # fmt: skip
JUST_OPEN: list[Change] = [
    lambda asked, rules: (asked._replace(limit_price=Decimal("100.1")), rules._replace(bound=True)),
    latch(symbol_latch("ETHUSDT")),
    in_context(arming=ARMING._replace(expires_at_ms=NOW_MS + 1)),
    in_context(arming=ARMING._replace(armed_at_ms=NOW_MS + 60_000)),
    in_context(arming=ARMING._replace(max_notional=Decimal("1001"))),
    in_order(ts_event=NOW_NS - 60 * 10**9),
    in_context(predicted_ns=NOW_NS - 30 * 10**9),
    in_context(predicted_ns=0),
    _quote("99.9", "100.1", NOW_MS - 5_000),
    _quote("99.9", "100.1", book_ms=NOW_MS - 120_000),  # a quiet market
    _quote("99.9", "100.1", NOW_MS - 5_000, book_ms=NOW_MS - 125_000),
    _quote("99", "100.5"),  # what a buyer meets is the ask
    in_limits(max_order_notional=Decimal("1001")),
    in_limits(max_position_notional=Decimal("1001")),
    in_limits(max_leverage=Decimal("0.1001")),
    in_context(books_balance=Decimal(10_000)),
    _marks(day_equity=Decimal("10499.99")),
    _marks(peak=Decimal("12499.99")),
    _three_sent(61),
    in_context(in_flight=(InFlight(Decimal(1)),)),
]
