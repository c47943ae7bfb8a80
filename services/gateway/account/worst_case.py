"""What is lost at most when line, host and network die and nobody acts any more. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.exchanges.trading.amounts import plain
from shared.orders import VenueQuote
from shared.orders.answers import VenuePosition

CENT = Decimal("0.01")
_ZERO = Decimal(0)


class Stake(NamedTuple):
    """amount: quote units; None: all that there is. how: it is lost, for a person."""

    amount: Decimal | None
    how: str


def swaps_at_stake(rows: Sequence[VenuePosition]) -> Iterator[Stake]:
    """An isolated position takes its margin and its profit with it, and no more; the venue ends it at its price."""
    for row in rows:
        if not row.signed_qty:
            continue
        at = "a price that the exchange does not tell" if row.liquidation is None else plain(row.liquidation)
        name = " ".join(filter(None, (row.sym, row.row)))
        amount = None if row.at_stake is None else max(row.at_stake, _ZERO)
        what = "all there is" if amount is None else money(amount)
        yield Stake(amount, f"{name} {what} by liquidation at {at}")


def coins_at_stake(sym: str, qty: Decimal, quote: VenueQuote) -> Iterator[Stake]:
    """Nothing liquidates a coin: it can fall to nothing."""
    if qty > 0:
        yield Stake(qty * quote.bid, f"{sym} {money(qty * quote.bid)} if the coin is worth nothing")


def if_everything_dies(stakes: Iterable[Stake], equity: Decimal, armed: Stake) -> str:
    """One line. armed: what may come to it under the arming.

    >>> if_everything_dies([], Decimal(1_000), Stake(Decimal(500), "by liquidation"))
    'if everything dies now: nothing is open, nothing is lost; with all open that is armed: at most 500, by liquidation'
    """
    there, found = max(equity, _ZERO), list(stakes)
    lost = min(sum((there if stake.amount is None else stake.amount for stake in found), _ZERO), there)
    now = "nothing is open, nothing is lost"
    if found:
        now = f"at most {money(lost)} of {money(there)}: {', '.join(stake.how for stake in found)}"
    most = there if armed.amount is None else min(armed.amount, there)
    return f"if everything dies now: {now}; with all open that is armed: at most {money(most)}, {armed.how}"


def money(amount: Decimal) -> str:
    """To the cent."""
    return plain(amount.quantize(CENT))
