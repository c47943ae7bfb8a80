"""The kernel decides, fills and books bar after bar, compiled by numba; behind it `row_kernel` makes rows of the fills.

Each part says which stage of the line it follows. Money is float64, and what is added to the balance is compensated
(Kahan), so that its error does not grow with the number of bars. A comparison whose sides lie so near to one another
that float64 and Decimal may answer differently is *close*: the kernel stops there and says of which kind it was.

It is compiled twice. Where nothing may happen between two closes there are no guards: numba leaves out what is behind
`guards is not None`, and the loop is a third as long.
"""

# mypy: disable-error-code="possibly-undefined"
# (what is set behind `guards is not None` is read behind it)

import math
from typing import Any

import numba

CLOSE = 1e-9  # of the larger side
LOST = 1e-6  # of the larger part: an equity so much smaller is a difference of which too few digits are left
CONSTANT, FLIP = 1, -1  # of Terms: sizing, after
NOTHING, OPENS, CLOSES, NETS, LIQUIDATES, STOPS = -1, 0, 1, 2, 3, 4  # the legs
# What was close, by the number that the kernel returns; `terms.WHY` has them in this order.
DONE, EQUITY, STEP, STOP, LIQUIDATION, LIMIT = 0, 1, 2, 3, 4, 5
LOSS, PROFIT, BY_CLOSE = 1, 2, 3  # which stop a bar fires; the last: a trailing one, by its close alone
MINUTE_NS = 60 * 10**9

_compiled = numba.njit(error_model="numpy")  # nothing here divides by 0, and looking for it costs time


@_compiled
def _near(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * abs(other)


@_compiled
def _fires(
    first: float, high: float, low: float, close: float, hangs: float, best: float, long: bool, shares: Any
) -> Any:
    """Returns which stop a bar fires (-1: close), the price, and whether it opened there; as SimulatedStop.fires.

    shares: the distances of stop, take profit and trail.
    """
    at_stop, at_profit, at_trail = shares
    side = 1.0 if long else -1.0
    against, along = (low, high) if long else (high, low)
    stop, trail, profit = hangs * (1 - side * at_stop), best * (1 - side * at_trail), hangs * (1 + side * at_profit)
    loss = trail if math.isnan(stop) or side * trail > side * stop else stop
    if _near(first, loss) or _near(first, profit):
        return -1, 0.0, False
    if side * first <= side * loss:
        return LOSS, first, True
    if side * first >= side * profit:
        return PROFIT, first, True
    if _near(against, loss):
        return -1, 0.0, False
    if side * against <= side * loss:
        return LOSS, loss, False
    if _near(along, profit):
        return -1, 0.0, False
    if side * along >= side * profit:
        return PROFIT, profit, False
    moved = (max(best, high) if long else min(best, low)) * (1 - side * at_trail)
    if _near(close, moved):
        return -1, 0.0, False
    if side * close <= side * moved:
        return BY_CLOSE, moved, False
    return 0, 0.0, False


@_compiled
def _touched(
    first: float, high: float, low: float, close: float, limit: float, hangs: float, best: float, long: bool,
    shares: Any,
) -> Any:  # fmt: skip
    """Returns which leg ends a position within a bar, at which price, and what was close.

    As BacktestVenue.on_bar and ProtectedStage.on_tick: a liquidation comes first, unless the bar fires a stop on its
    way there. limit: the price of liquidation, infinite for none. shares: as of `_fires`; all NaN for no stop.
    """
    side = 1.0 if long else -1.0
    at_stop, at_profit, at_trail = shares
    kind, stopped, beyond = 0, 0.0, False
    if not (math.isnan(at_stop) and math.isnan(at_profit) and math.isnan(at_trail)):
        kind, stopped, beyond = _fires(first, high, low, close, hangs, best, long, shares)
    if math.isfinite(limit):
        worst = low if long else high
        if _near(worst, limit):
            return NOTHING, 0.0, LIQUIDATION
        if side * worst <= side * limit:
            limit = min(limit, first) if long else max(limit, first)
            if kind < 0 or (kind > 0 and not beyond and _near(stopped, limit)):
                return NOTHING, 0.0, STOP
            if not (kind > 0 and (kind == LOSS or beyond) and side * stopped >= side * limit):
                return LIQUIDATES, limit, DONE
    if kind < 0:
        return NOTHING, 0.0, STOP
    return (STOPS, stopped, DONE) if kind > 0 else (NOTHING, 0.0, DONE)


@_compiled
def _added(balance: float, lost: float, amount: float) -> Any:
    """Returns the balance and what its sums have lost, after an amount."""
    amount -= lost
    total = balance + amount
    return total, (total - balance) - amount


@_compiled
def _booked(balance: float, lost: float, qty: float, entry: float, after: float, filled: float, fee: float) -> Any:
    """Returns balance, what its sums have lost, and the entry price, after a fill at `filled`; as Account.book."""
    change, gain = after - qty, 0.0
    if qty == 0:
        entry = filled
    elif (qty > 0) == (change > 0):
        entry = (qty * entry + change * filled) / after
    elif after == 0 or (after > 0) == (change > 0):
        gain, entry = qty * (filled - entry), filled
    else:
        gain = -change * (filled - entry)
    total, lost = _added(balance, lost, gain - fee * abs(change) * filled)
    return total, lost, entry


@numba.njit(error_model="numpy", cache=True)
def trade(closes: Any, y_hat: Any, terms: Any, guards: Any, equities: Any, funded: Any, out: Any) -> Any:
    """Trades n bars and returns (what was close, or DONE; how many fills there were, missed orders, and waiting ones).

    - closes, y_hat: of each bar; a y_hat that is not finite is none.
    - terms: those of `terms.Terms` until `splits`, as floats.
    - guards: None, or the other columns of `engine.BarColumns` (ts alone, then the prices and funding) and its terms.
    - equities: of each bar, after its fills; written. funded: the funding paid up to each bar; written, if it has room.
    - out: the columns of `engine.Fills`, written as far as there is room.

    All are plain tuples: what is compiled is kept by the types of its arguments, and a class that was renamed since
    could not be read back.
    """
    capital, least, fee, buy, sell, leverage, sizing, fraction, threshold, step, netting, splits = terms
    constant = sizing == CONSTANT
    share = leverage if constant else leverage * fraction
    bars, legs, in_steps, sizes, prices, markets = out
    room, count = len(bars), len(y_hat)
    balance, lost, qty, entry, steps = capital, 0.0, 0.0, 0.0, 0
    most = capital if constant else 0.0  # that the balance was: an error of then does not shrink with the equity
    why, fills, missed, waiting = DONE, 0, 0, 0
    if guards is not None:
        tss, (opens, highs, lows, fundings), own = guards
        waits, buy_limit, sell_limit, margin, _, at_stop, at_profit, at_trail, pause = own
        shares = (at_stop, at_profit, at_trail)
        # A distance that is not there is infinitely far; so is a liquidation.
        far_stop = math.inf if math.isnan(at_stop) else at_stop
        far_profit = math.inf if math.isnan(at_profit) else at_profit
        far_trail = math.inf if math.isnan(at_trail) else at_trail
        long_limit, short_limit = -math.inf, math.inf  # of the entry price
        if not math.isnan(margin):
            long_limit = (leverage - 1) / (leverage * (1 - margin))
            short_limit = (leverage + 1) / (leverage * (1 + margin))
        paid, hangs, best = 0.0, 0.0, 0.0
        side, fired_ts = 0.0, -1
    for at in range(count):
        price = closes[at]
        if guards is not None and qty != 0:
            high, low, way = highs[at], lows[at], math.copysign(1.0, qty)
            if fundings[at] != 0:  # as BacktestVenue.on_bar: funding, then liquidation
                before = balance
                balance, lost = _added(balance, lost, -qty * fundings[at])
                if abs(balance) <= LOST * abs(before):
                    why = EQUITY
                    break
                paid += qty * fundings[at]
            # Seen from its side every position is a long one, whose losses lie below. What is far is not looked at.
            against, along = min(way * low, way * high), max(way * low, way * high)
            top = max(way * best, along)
            limit = entry * (long_limit if qty > 0 else short_limit)
            lowest = max(way * limit, max(way * hangs - hangs * far_stop, top - abs(top) * far_trail))
            far = 2 * CLOSE * high
            leg = NOTHING
            if not (against - far > lowest and along + far < way * hangs + hangs * far_profit):
                leg, reference, why = _touched(opens[at], high, low, price, limit, hangs, best, qty > 0, shares)
                if why != DONE:
                    break
            best = way * top
            if leg != NOTHING:
                if leg == STOPS:
                    side, fired_ts = way if pause == FLIP else 0.0, tss[at]
                filled = reference if leg == LIQUIDATES else reference * (buy if qty < 0 else sell)
                before = balance
                balance, lost = _added(balance, lost, qty * (filled - entry) - fee * abs(qty) * filled)
                if abs(balance) <= LOST * abs(before):
                    why = EQUITY
                    break
                most = max(most, abs(balance)) if constant else 0.0
                if fills < room:
                    bars[fills], legs[fills], in_steps[fills] = at, leg, -steps
                    sizes[fills], prices[fills], markets[fills] = -qty, filled, reference
                fills += 1
                qty, steps = 0.0, 0
        # As BasicTaker and Threshold; then AfterStop, and `rounding`.
        y = y_hat[at]
        closing, opening, leg = False, False, OPENS
        after, steps_after = 0.0, 0
        gain = qty * (price - entry)
        equity = balance + gain
        size = max(abs(balance), abs(gain), most)
        if abs(y) > threshold and abs(y) < math.inf:
            if abs(equity - least) <= CLOSE * max(size, least) or abs(equity) <= LOST * size:
                why = EQUITY
                break
            wanted = 0.0
            if equity > least:
                wanted = math.copysign(1.0, y)
                after = (capital if constant else equity) * share / price
                if step > 0:
                    found = after / step
                    whole = math.floor(found)
                    if min(found - whole, whole + 1 - found) <= CLOSE * found:
                        why = STEP
                        break
                    steps_after = int(wanted * whole)
                    after = whole * step
                after *= wanted
            allowed = True
            if guards is not None and fired_ts >= 0:
                if wanted == -side:
                    side = 0.0
                early = tss[at] <= fired_ts or (pause > 0 and tss[at] < fired_ts + int(pause) * MINUTE_NS)
                allowed = not (early or (side != 0 and wanted == side))
            if allowed and (netting == 0 or wanted == 0):
                closing, opening = qty != 0, after != 0
            elif allowed and steps_after != steps:
                closing, opening = splits != 0 and qty * after < 0, True
                leg = OPENS if closing else NETS
        placed, reference = at, price
        if guards is not None and waits != 0:
            # Orders fill at the next open, behind this bar's mark; the last bar's wait for ever.
            if abs(equity) <= LOST * size:
                why = EQUITY
                break
            equities[at] = equity
            if len(funded):
                funded[at] = paid
            placed = at + 1
            if placed == count:
                waiting = int(closing) + int(opening)
                break
            reference = opens[placed]
        # What was ordered fills (PaperStage) and is booked; the stops follow (SimulatedStop.follow).
        if closing:
            filled = reference * (buy if qty < 0 else sell)
            before = balance
            balance, lost = _added(balance, lost, qty * (filled - entry) - fee * abs(qty) * filled)
            if abs(balance) <= LOST * abs(before):
                why = EQUITY
                break
            most = max(most, abs(balance)) if constant else 0.0
            if fills < room:
                bars[fills], legs[fills], in_steps[fills] = placed, CLOSES, -steps
                sizes[fills], prices[fills], markets[fills] = -qty, filled, reference
            fills += 1
            qty, steps = 0.0, 0
        if opening:
            buys = after > qty
            filled = reference * (buy if buys else sell)
            fits = True
            adds = qty == 0 or (qty > 0) == buys or abs(after - qty) > abs(qty)
            if guards is not None and waits != 0 and adds:
                bound = price * (buy_limit if buys else sell_limit)
                if _near(filled, bound):
                    why = LIMIT
                    break
                fits = not (filled > bound if buys else filled < bound)  # there may be none
                missed += 0 if fits else 1
            if fits:
                before = balance
                if guards is not None and (qty == 0 or (qty > 0) != (after > 0)):
                    hangs, best = price, price
                balance, lost, entry = _booked(balance, lost, qty, entry, after, filled, fee)
                if abs(balance) <= LOST * abs(before):
                    why = EQUITY
                    break
                most = max(most, abs(balance)) if constant else 0.0
                if fills < room:
                    bars[fills], legs[fills], in_steps[fills] = placed, leg, steps_after - steps
                    sizes[fills], prices[fills], markets[fills] = after - qty, filled, reference
                fills += 1
                qty, steps = after, steps_after
        if guards is None or waits == 0:
            gain = qty * (price - entry)
            equity = balance + gain
            if abs(equity) <= LOST * max(abs(balance), abs(gain), most):
                why = EQUITY
                break
            equities[at] = equity
            if guards is not None and len(funded):
                funded[at] = paid
    return why, fills, missed, waiting
