"""What a flatten sends for one symbol, and as whose. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from services.gateway.venues.amounts import sized
from services.gateway.venues.venue import MarketRules
from shared.messages import Reason

_ZERO = Decimal(0)


class Held(NamedTuple):
    """A symbol as it stands: what the venue shows, what the book has booked, what of its orders may still be filled."""

    position: Decimal
    booked: Decimal
    unsettled: tuple[Decimal, ...] = ()


def own_part(held: Held) -> Decimal:
    """How much of the venue's position is the book's, as far as the venue's position allows; the rest is not ours.

    >>> own_part(Held(Decimal(5), Decimal(3))), own_part(Held(Decimal(5), Decimal(3), (Decimal(4),)))
    (Decimal('3'), Decimal('5'))
    >>> own_part(Held(Decimal(5), Decimal(-1)))
    Decimal('0')
    """
    lowest = held.booked + sum((qty for qty in held.unsettled if qty < 0), _ZERO)
    highest = held.booked + sum((qty for qty in held.unsettled if qty > 0), _ZERO)
    own = min(max(held.position, lowest), highest)
    return min(max(own, min(held.position, _ZERO)), max(held.position, _ZERO))


class Part(NamedTuple):
    """An order of a flatten. own: of the symbol's book; else of what is not ours."""

    signed_qty: Decimal
    own: bool


def parts(held: Held, rules: MarketRules, price: Decimal) -> list[Part]:
    """The orders that close the position, or as much of it as the venue takes; none when it is flat or dust.

    Of a swap all is closed, ours or not: the venue knows one position only. On spot what is not ours is somebody's
    savings, and stays.
    """
    own = own_part(held)
    wanted = [Part(-own, own=True)]
    if rules.kind == "swap":
        wanted.append(Part(own - held.position, own=False))
    fits = [Part(qty, part.own) for part in wanted if (qty := _fit(part.signed_qty, rules, price)) is not None]
    if fits or rules.kind == "spot":
        return fits
    whole = _fit(-held.position, rules, price)  # two crumbs may be a piece
    return [] if whole is None else [Part(whole, own=True)]


def _fit(qty: Decimal, rules: MarketRules, price: Decimal) -> Decimal | None:
    if rules.most_qty is not None and qty.copy_abs() > rules.most_qty:
        qty = rules.most_qty.copy_sign(qty)
    fit = sized(rules, qty, price, reduce_only=rules.kind == "swap")
    return None if isinstance(fit, Reason) else fit


def last_valid_ms(valid_until_ms: Iterable[int]) -> int:
    """When no request that is on its way can arrive any more; 0 if there is none."""
    return max(valid_until_ms, default=0)
