"""Money and positions of the simulator's one account, from its fills and payments. Pure."""

from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from services.simulator.engine.events import EngineFill, Payment
from services.simulator.engine.listing import Listing

ZERO = Decimal(0)
CENT = Decimal("0.00000001")


class HeldPosition(NamedTuple):
    """A swap's position is this from a time on: a signed quantity in base units, and its average entry price."""

    at_ms: int
    qty: Decimal
    entry: Decimal


class Wallet:
    """Keeps cash by currency, and the positions of swaps beside it. Of spot the base currency is the position.

    A leg names one of a swap's positions:
    "": the one of one-way mode
    LONG, SHORT: those of a hedge
    CROSS: the one at cross margin beside the isolated one, as OKX has them
    """

    def __init__(self, cash: dict[str, Decimal]) -> None:
        self.cash: defaultdict[str, Decimal] = defaultdict(Decimal, cash)
        self._holdings: dict[tuple[str, str], list[HeldPosition]] = {}

    def legs(self, sym: str) -> list[str]:
        """Returns the legs that were ever held."""
        return [leg for held, leg in self._holdings if held == sym]

    def net(self, sym: str) -> Decimal:
        """Returns the quantity of all legs together."""
        return sum((self.holding(sym, leg=leg).qty for leg in self.legs(sym)), ZERO)

    def holding(self, sym: str, at_ms: int | None = None, leg: str = "") -> HeldPosition:
        """Returns the position of a swap, now or as it was at a time."""
        for held in reversed(self._holdings.get((sym, leg), [])):
            if at_ms is None or held.at_ms <= at_ms:
                return held
        return HeldPosition(0, ZERO, ZERO)

    def profit(self, sym: str, qty: Decimal, price: Decimal, leg: str = "") -> Decimal:
        """Returns what this trade of a swap would realise, in the quote currency."""
        held = self.holding(sym, leg=leg)
        if held.qty * qty >= 0:
            return ZERO
        closed = min(abs(qty), abs(held.qty)) * (1 if held.qty > 0 else -1)
        return (closed * (price - held.entry)).quantize(CENT, ROUND_HALF_EVEN)

    def apply(self, listing: Listing, fill: EngineFill) -> None:
        """Takes a fill in."""
        self.cash[fill.fee_currency] -= fill.fee + fill.extra
        if listing.kind == "spot":
            self.cash[listing.base] += fill.qty
            self.cash[listing.quote] -= fill.qty * fill.price
            return
        self.cash[listing.quote] += fill.profit
        held = self.holding(listing.id, leg=fill.leg)
        qty = held.qty + fill.qty
        if held.qty * fill.qty >= 0:
            entry = (held.qty * held.entry + fill.qty * fill.price) / qty
        else:
            entry = held.entry if qty * held.qty > 0 else (fill.price if qty else ZERO)
        self._holdings.setdefault((listing.id, fill.leg), []).append(HeldPosition(fill.at_ms, qty, entry))

    def pay(self, payment: Payment) -> None:
        """Takes a payment in."""
        self.cash[payment.currency] += payment.amount
