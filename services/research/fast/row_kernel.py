"""The second kernel books the fills of a run again: what is held and was paid at each bar, and the round trips.

It has a file of its own, as the other one is long enough, and what is compiled of it is kept by itself.
"""

from typing import Any

import numba

OPENS, NETS = 0, 2  # the legs, as of `kernel`


@numba.njit(error_model="numpy", cache=True)
def rows(
    fills: Any, ts: Any, opened: Any, funded: Any, terms: Any, begin: int, state: Any, held: Any, paid: Any, trips: Any
) -> Any:
    """Books the fills of some bars, and returns (the state behind them, how many round trips ended, sums of fills).

    - fills, ts, opened, funded: of all bars, as of `engine.book`. terms: fee, step, and whether orders wait.
    - begin: the first of the bars. state: of the bars before, as of `engine.Booked`.
    - held, paid: of each bar, base units and all costs so far; written.
    - trips: the columns of `Trips`; written, but for log_return, whose exponential it is.

    The sums are those of fees, slippage and turnover. A fill that turns a position closes it and opens the other side.
    """
    bars, legs, in_steps, sizes, prices, markets = fills
    entry_times, exit_times, sides, growths, qtys, entries, gains, costs = trips
    fee, step, waits = terms
    at, steps, first, first_ts, qty, entered, entry, left, leaving, fees, funded_first, spent = state
    ended, all_fees, all_slippage, turnover = 0, 0.0, 0.0, 0.0
    for place in range(len(held)):
        bar = begin + place
        while at < len(bars) and bars[at] == bar:
            # Orders that waited fill at the open: before the bar's funding.
            early = waits != 0 and legs[at] <= NETS
            now, fell_due = opened[bar] if early else ts[bar], funded[bar]
            if early:
                fell_due = funded[bar - 1] if bar > 0 else 0.0
            price, size = prices[at], abs(sizes[at])
            cost, slippage = fee * (size * price), size * abs(price - markets[at])
            spent += cost + slippage
            all_fees += cost
            all_slippage += slippage
            turnover += size * price
            steps += in_steps[at]
            after = steps * step if step > 0 else (sizes[at] if legs[at] == OPENS else 0.0)
            turns = qty * after < 0
            if turns or abs(after) < abs(qty):
                out = qty if turns else qty - after
                leaving = price if left == 0 else (left * leaving + out * price) / (left + out)
                left += out
                fees += cost * (abs(qty) / size) if turns else cost
                if turns or after == 0:
                    long = entered > 0
                    entry_times[ended], exit_times[ended], sides[ended] = first_ts, now, 1 if long else -1
                    growths[ended] = leaving / entry if long else entry / leaving
                    qtys[ended], entries[ended], gains[ended] = entered, entry, entered * (leaving - entry)
                    costs[ended] = fees + fell_due - funded_first
                    ended += 1
                    qty = 0.0
            if abs(after) > abs(qty):
                into = after - qty
                if qty == 0:
                    first, first_ts, funded_first = at, now, fell_due
                    entered, entry, left, fees = 0.0, price, 0.0, 0.0
                else:
                    entry = (entered * entry + into * price) / (entered + into)
                entered += into
                fees += cost * (abs(after) / size) if turns else cost
            qty = after
            at += 1
        held[place], paid[place] = qty, spent + funded[bar]
    state = (at, steps, first, first_ts, qty, entered, entry, left, leaving, fees, funded_first, spent)
    return state, ended, (all_fees, all_slippage, turnover)
