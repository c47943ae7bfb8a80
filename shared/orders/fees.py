"""The fees of an order add up trade by trade, in whatever currency the venue took them."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.orders.answers import VenueFill

_ZERO = Decimal(0)


class Fees(NamedTuple):
    """The fees of an order have two parts, positive when paid.

    - in_base: base units, taken out of what was bought.
    - in_quote: quote units, all other fees.
    """

    in_base: Decimal
    in_quote: Decimal


def distinct(fills: Iterable[VenueFill]) -> list[VenueFill]:
    """Returns each trade once, however often the venue has told it."""
    return list({(fill.sym, fill.trade_id): fill for fill in fills}.values())


def fees_text(fees: Iterable[tuple[str, Decimal]]) -> str:
    """Returns fees by currency as the journal keeps them, without those that are 0.

    >>> fees_text([("USDT", Decimal("0.21")), ("BNB", Decimal("0.002")), ("BTC", Decimal(0))])
    '0.21 USDT, 0.002 BNB'
    """
    return ", ".join(f"{amount} {currency}" for currency, amount in fees if amount)


def fees_in(text: str) -> list[tuple[str, Decimal]]:
    """Reads what `fees_text` has written.

    >>> fees_in("0.21 USDT, 0.002 BNB"), fees_in("")
    ([('USDT', Decimal('0.21')), ('BNB', Decimal('0.002'))], [])
    """
    parts = [part.split(" ", 1) for part in re.split(r",\s*", text) if part]
    return [(coin, Decimal(amount)) for amount, coin in parts]


def third_currencies(fills: Iterable[VenueFill], quote: str, base: str = "") -> frozenset[str]:
    """Returns the fee currencies that need a price: those that were paid and are neither quote nor base."""
    return frozenset({currency for fill in fills for currency, fee in fill.fees if fee} - {quote, base})


def paid_in(currency: str, fills: Iterable[VenueFill]) -> Decimal:
    """Returns the fees in one currency, over all trades."""
    return sum((fee for fill in distinct(fills) for coin, fee in fill.fees if coin == currency), _ZERO)


def fees_of(
    fills: Iterable[VenueFill], quote: str, base: str = "", prices: Mapping[str, Decimal] | None = None
) -> Fees:
    """Returns the fees of one order.

    - base: the currency of a spot position; empty on a swap, whose position no fee makes smaller.
    - prices: quote units per unit of a third currency (e.g. BNB); a missing one raises ValueError.

    >>> fill = VenueFill("1", "v", "c", "BTCUSDT", Decimal(1), Decimal(50), Decimal("0.001"), "BTC", 0)
    >>> fees_of([fill, fill._replace(trade_id="2", fee=Decimal("0.01"), fee_currency="BNB")], "USDT", "BTC",
    ...         {"BNB": Decimal(600)})
    Fees(in_base=Decimal('0.001'), in_quote=Decimal('6.00'))
    """
    in_base = in_quote = _ZERO
    for fill in distinct(fills):
        for currency, fee in fill.fees:
            if not fee:
                continue
            if base and currency == base:
                in_base += fee
            elif currency == quote:
                in_quote += fee
            elif prices and currency in prices:
                in_quote += fee * prices[currency]
            else:
                raise ValueError(f"trade {fill.trade_id} has a fee in {currency}, which needs a price in {quote}")
    return Fees(in_base, in_quote)
