"""The kernel decides, fills and books bar after bar, compiled by numba; it is the fast engine's only loop.

Each part says which stage of the line it follows. Money is float64, and what is added to the balance is compensated
(Kahan), so that its error does not grow with the number of bars. A comparison whose sides lie so near to one another
that float64 and Decimal may answer differently is *close*: the kernel stops there and says of which kind it was.
"""

import math
from typing import Any

import numba

CLOSE = 1e-9  # of the larger side
LOST = 1e-6  # of the larger part: an equity so much smaller is a difference of which too few digits are left
CONSTANT, FLIP = 1, -1  # of Terms: sizing, after
OPENS, CLOSES, NETS, LIQUIDATES, STOPS = 0, 1, 2, 3, 4  # the legs
# What was close, by the number that the kernel returns; `engine.WHY` has them in this order.
DONE, EQUITY, STEP, STOP, LIQUIDATION, LIMIT = 0, 1, 2, 3, 4, 5
LOSS, PROFIT = 1, 2  # which stop a bar fires
_WAITING, _VENUE, _STOPPING, _DECIDING = 0, 1, 2, 3  # the parts of a bar, in their order
MINUTE_NS = 60 * 10**9


@numba.njit()
def _near(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * abs(other)


@numba.njit()
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
        return LOSS, moved, False
    return 0, 0.0, False


@numba.njit()
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
    amount = gain - fee * abs(change) * filled - lost
    total = balance + amount
    return total, (total - balance) - amount, entry


@numba.njit(cache=True)
def trade(bars: Any, y_hat: Any, t: Any, equities: Any, funded: Any, out: Any) -> Any:
    """Trades n bars and returns (what was close, or DONE; how many fills there were, missed orders, and waiting ones).

    - bars, t: the columns of `engine.BarColumns`, the terms of `engine.Terms`. y_hat: of each bar; one that is not
      finite is none.
    - equities: of each bar, after its fills; written. funded: the funding paid up to each bar; written, if it has room.
    - out: the columns of `engine.Fills`, written as far as there is room.

    All are plain tuples: what is compiled is kept by the types of its arguments, and a class that was renamed since
    could not be read back.
    """
    tss, opens, highs, lows, closes, fundings = bars
    out_bar, out_leg, out_steps, out_qty, out_price, out_market = out
    capital, least, fee, buy, sell, leverage, sizing, fraction, threshold, step, netting, splits, waits = t[:13]
    buy_limit, sell_limit, margin, stops, stop, profit, trail, pause = t[13:]
    shares = (stop, profit, trail)
    room, count = len(out_bar), len(y_hat)
    balance, lost, paid = capital, 0.0, 0.0
    most = capital  # that the balance was; with a constant size an error of then does not shrink with the equity
    qty, steps, entry, last = 0.0, 0, 0.0, 0.0
    lies, hangs, best = False, 0.0, 0.0
    side, fired_ts = 0, -1
    orders, leg, after, steps_after = 0, 0, 0.0, 0
    fills = missed = 0
    for at in range(count):
        price, first, high, low = closes[at], opens[at], highs[at], lows[at]
        for part in (_WAITING, _VENUE, _STOPPING, _DECIDING):
            reference = first
            if part == _VENUE:  # as BacktestVenue.on_bar: funding, then liquidation
                if qty == 0:
                    continue
                if fundings[at] != 0:
                    amount = -qty * fundings[at] - lost
                    total = balance + amount
                    if abs(total) <= LOST * abs(balance):
                        return EQUITY, fills, missed, 0
                    lost = (total - balance) - amount
                    balance = total
                    paid += qty * fundings[at]
                if math.isnan(margin):
                    continue
                way = 1.0 if qty > 0 else -1.0
                limit = entry * (leverage - way) / (leverage * (1 - way * margin))
                worst = low if qty > 0 else high
                if _near(worst, limit):
                    return LIQUIDATION, fills, missed, 0
                if way * worst > way * limit:
                    continue
                limit = min(limit, first) if qty > 0 else max(limit, first)
                if lies:
                    kind, stopped, beyond = _fires(first, high, low, price, hangs, best, qty > 0, shares)
                    if kind < 0 or (kind > 0 and not beyond and _near(stopped, limit)):
                        return STOP, fills, missed, 0
                    if kind > 0 and (kind == LOSS or beyond) and way * stopped >= way * limit:
                        continue
                orders, leg, after, steps_after, reference = 1, LIQUIDATES, 0.0, 0, limit
            elif part == _STOPPING:  # as ProtectedStage.on_tick
                if not lies:
                    continue
                kind, reference, beyond = _fires(first, high, low, price, hangs, best, qty > 0, shares)
                if kind < 0:
                    return STOP, fills, missed, 0
                best = max(best, high) if qty > 0 else min(best, low)
                if kind == 0:
                    continue
                orders, leg, after, steps_after = 1, STOPS, 0.0, 0
                side, fired_ts = (1 if qty > 0 else -1) if pause == FLIP else 0, tss[at]
            elif part == _DECIDING:  # as BasicTaker and Threshold; then AfterStop, and `rounding`
                y, reference, last = y_hat[at], price, price
                if not (math.isfinite(y) and abs(y) > threshold):
                    continue
                gain = qty * (price - entry)
                equity = balance + gain
                size = max(abs(balance), abs(gain), most if sizing == CONSTANT else 0.0)
                if abs(equity - least) <= CLOSE * max(size, least) or abs(equity) <= LOST * size:
                    return EQUITY, fills, missed, 0
                after, steps_after, wanted = 0.0, 0, 0
                if equity > least:
                    wanted = 1 if y > 0 else -1
                    after = (capital if sizing == CONSTANT else equity * fraction) * leverage / price
                    if step > 0:
                        found = after / step
                        whole = math.floor(found)
                        if found - whole <= CLOSE * found or whole + 1 - found <= CLOSE * found:
                            return STEP, fills, missed, 0
                        steps_after = int(whole)
                        after = steps_after * step
                    after, steps_after = wanted * after, wanted * steps_after
                elif qty == 0:
                    continue
                if wanted == -side:
                    side = 0
                early = fired_ts >= 0 and (
                    tss[at] <= fired_ts or (pause > 0 and tss[at] < fired_ts + pause * MINUTE_NS)
                )
                if early or (side != 0 and wanted == side):
                    continue
                if not netting or wanted == 0:
                    leg = CLOSES if qty != 0 else OPENS
                    orders = (1 if qty != 0 else 0) + (1 if after != 0 else 0)
                elif steps_after != steps:
                    turns = splits and qty * after < 0
                    leg, orders = (CLOSES, 2) if turns else (NETS, 1)
                if waits:
                    continue
            # What was ordered fills (PaperStage) and is booked; the stops follow (SimulatedStop.follow).
            for number in range(orders):
                to, to_steps = (0.0, 0) if number == 0 and orders == 2 else (after, steps_after)
                buys = to > qty
                filled = reference if leg == LIQUIDATES else reference * (buy if buys else sell)
                adds = qty == 0 or (qty > 0) == buys or abs(to - qty) > abs(qty)
                if part == _WAITING and adds:
                    bound = last * (buy_limit if buys else sell_limit)
                    if _near(filled, bound):
                        return LIMIT, fills, missed, 0
                    if filled > bound if buys else filled < bound:
                        missed += 1
                        continue
                before = balance
                balance, lost, entry = _booked(balance, lost, qty, entry, to, filled, fee)
                if abs(balance) <= LOST * abs(before):
                    return EQUITY, fills, missed, 0
                most = max(most, abs(balance))
                if fills < room:
                    out_bar[fills], out_leg[fills], out_price[fills], out_market[fills] = at, leg, filled, reference
                    out_steps[fills], out_qty[fills] = to_steps - steps, to - qty
                fills += 1
                if stops:
                    if to == 0:
                        lies = False
                    elif not lies or (qty > 0) != (to > 0):
                        lies, hangs, best = True, last, last
                qty, steps, leg = to, to_steps, OPENS
            orders = 0
        gain = qty * (price - entry)
        equity = balance + gain
        if abs(equity) <= LOST * max(abs(balance), abs(gain), most if sizing == CONSTANT else 0.0):
            return EQUITY, fills, missed, 0
        equities[at] = equity
        if len(funded):
            funded[at] = paid
    return DONE, fills, missed, orders
