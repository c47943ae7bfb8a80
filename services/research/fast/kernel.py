"""The kernel decides, fills and books bar after bar, compiled by numba; it is the fast engine's only loop.

Money is float64, and what is added to the balance is compensated (Kahan), so that its error does not grow with the
number of bars. A comparison whose sides lie so near to one another that float64 and Decimal may answer differently is
*close*: the kernel stops there and says of which kind it was.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-9  # of the larger side
LOST = 1e-6  # of the larger part: an equity so much smaller is a difference of which too few digits are left
COMPOUNDING, CONSTANT, FRACTION = 0, 1, 2
OPENS, CLOSES = 0, 1
# What was close, by the number that the kernel returns; `engine.WHY` has them in this order.
DONE, EQUITY, STEP = 0, 1, 2


@numba.njit(cache=True)  # type: ignore[untyped-decorator]  # it ships no types for this
def trade(
    close: NDArray[np.float64],
    y_hat: NDArray[np.float64],
    capital: float,
    least: float,
    fee: float,
    buy: float,
    sell: float,
    leverage: float,
    sizing: int,
    fraction: float,
    threshold: float,
    step: float,
    equities: NDArray[np.float64],
    fill_bar: NDArray[np.int64],
    fill_leg: NDArray[np.int8],
    fill_steps: NDArray[np.int64],
    fill_qty: NDArray[np.float64],
    fill_price: NDArray[np.float64],
) -> Any:
    """Trades n bars and returns (what was close, or DONE; how many fills there were).

    - close, y_hat: of each bar; a y_hat that is not finite is none.
    - capital: at the start, quote units. least: an equity that is not above it trades no more.
    - fee: a share of a fill's value. buy, sell: what a fill's price is of the market's.
    - threshold: only |y_hat| above it is traded. step: of quantities; 0 for none.
    - equities: of each bar, after its fills; written. fill_...: each fill's bar, leg, quantity and price, written as
      far as there is room; the quantity is in whole steps and, signed, in base units.
    """
    room = len(fill_bar)
    balance, lost = capital, 0.0  # lost: what the last sums could not hold
    qty, steps, entry = 0.0, 0, 0.0
    fills = 0
    for at in range(len(close)):
        price, y = close[at], y_hat[at]
        if math.isfinite(y) and abs(y) > threshold:
            gain = qty * (price - entry)
            equity = balance + gain
            size = max(abs(balance), abs(gain))
            if abs(equity - least) <= CLOSE * max(size, least) or abs(equity) <= LOST * size:
                return EQUITY, fills
            target, wanted = 0.0, 0
            if equity > least:
                money = capital if sizing == CONSTANT else equity * fraction
                target = money * leverage / price
                if step > 0:
                    found = target / step
                    whole = math.floor(found)
                    if found - whole <= CLOSE * found or whole + 1 - found <= CLOSE * found:
                        return STEP, fills
                    wanted = int(whole)
                    target = wanted * step
                if y < 0:
                    target, wanted = -target, -wanted
            if qty != 0:
                filled = price * (sell if qty > 0 else buy)
                change = qty * (filled - entry) - fee * abs(qty) * filled - lost
                total = balance + change
                lost = (total - balance) - change
                balance = total
                if fills < room:
                    fill_bar[fills], fill_leg[fills], fill_price[fills] = at, CLOSES, filled
                    fill_steps[fills], fill_qty[fills] = -steps, -qty
                fills += 1
                qty, steps = 0.0, 0
            if target != 0:
                filled = price * (buy if target > 0 else sell)
                change = -fee * abs(target) * filled - lost
                total = balance + change
                lost = (total - balance) - change
                balance = total
                if fills < room:
                    fill_bar[fills], fill_leg[fills], fill_price[fills] = at, OPENS, filled
                    fill_steps[fills], fill_qty[fills] = wanted, target
                fills += 1
                qty, steps, entry = target, wanted, filled
        gain = qty * (price - entry)
        equity = balance + gain
        if abs(equity) <= LOST * max(abs(balance), abs(gain)):
            return EQUITY, fills
        equities[at] = equity
    return DONE, fills
