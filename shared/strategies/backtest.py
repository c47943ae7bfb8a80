"""A Strategy over a price file, as the paper venue would fill it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shared.account import Account, Fill, RoundTrip, RoundTrips
from shared.account.paper_fill import PaperFill
from shared.history import bars

if TYPE_CHECKING:
    from shared.strategies.strategy import Strategy


def round_trips(
    strategy: "Strategy", path: Path, interval: str, costs: PaperFill, timezone: str = ""
) -> Iterator[RoundTrip]:
    """The closed round trips of `strategy` on the file's closes: each order fills at the price it was decided at.

    It starts with empty features, flat, with the account's capital. When the file is at its end, or the iterator is
    closed, the strategy is as it was before.
    """
    saved, y_hat = strategy.state(), strategy.y_hat
    account, sym, trips = strategy.account, strategy.sym, RoundTrips()
    strategy.features.reset()
    account.restore(Account(account.capital).state())
    try:
        for bar in bars(path, interval, timezone=timezone):
            for order in strategy.on_tick(float(bar.close)) or ():
                price, commission = costs.of(order.signed_qty, bar.close)
                account.book(sym, order.signed_qty, price, commission)
                trip = trips.on_fill(
                    Fill(bar.ts_event, sym, strategy.y_hat, order.signed_qty, price, commission, account.balance())
                )
                if trip is not None:
                    yield trip
    finally:
        strategy.restore(saved)
        strategy.y_hat = y_hat
