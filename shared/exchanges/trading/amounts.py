"""Quantities and prices as an exchange takes them: whole steps, rounded to the safe side, exact in Decimal."""

from decimal import ROUND_DOWN, Context, Decimal

from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import Reason

# Wide enough for any quotient here; the ambient context is not ours alone (ccxt writes to it).
_WIDE = Context(prec=60, rounding=ROUND_DOWN)
RISEN = 10  # times: how far a least quantity or value may have risen since it was read


def truncated(qty: Decimal, step: Decimal) -> Decimal:
    """Returns the largest multiple of step that is not farther from zero.

    >>> truncated(Decimal("-0.0129"), Decimal("0.001")), truncated(Decimal("0.0009"), Decimal("0.001"))
    (Decimal('-0.012'), Decimal('0'))
    """
    whole = _WIDE.multiply(_WIDE.divide_int(qty, step), step)
    return whole if whole else Decimal(0)


def limit_at(rules: MarketRules, price: Decimal, signed_qty: Decimal) -> Decimal:
    """Returns a limit price that the market takes, no worse than this one: a buy's rounded down, a sale's up.

    0: a buy below the least price there is, which nobody can send.

    >>> from shared.exchanges.trading.venue import MarketRules
    >>> step = Decimal("0.001")
    >>> rules = MarketRules(
    ...     "swap", "BTC/USDT:USDT", "BTC", "USDT", step, step, None, Decimal(5), Decimal("0.1"), Decimal(1)
    ... )
    >>> limit_at(rules, Decimal("42000.19"), Decimal(1)), limit_at(rules, Decimal("42000.11"), Decimal(-1))
    (Decimal('42000.1'), Decimal('42000.2'))
    >>> limit_at(rules._replace(price_digits=5), Decimal("4200.19"), Decimal(1))
    Decimal('4200.1')
    """
    step = _price_step(rules, price)
    if not step:
        return price
    down = truncated(price, step)
    return down if down == price or signed_qty > 0 else _WIDE.add(down, step)


def _price_step(rules: MarketRules, price: Decimal) -> Decimal:
    """Returns the step of prices about this one; a price without decimal places is taken, however many digits it has.

    P: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/tick-and-lot-size
    """
    if rules.price_digits is None or not price:
        return rules.price_tick
    return max(rules.price_tick, min(Decimal(1).scaleb(price.adjusted() - rules.price_digits + 1), Decimal(1)))


def sized(rules: MarketRules, qty: Decimal, price: Decimal, reduce_only: bool = False) -> Decimal | Reason:
    """Returns the quantity that can be sent, truncated, or why none can; at about this price.

    A swap asks no least value of what only reduces; spot knows no such order, a sale is a sale.
    """
    fit = truncated(qty, rules.step)
    most = most_at_once(rules, price)
    if most is not None and abs(fit) > most:
        return Reason.VENUE_REFUSED
    too_small = not (reduce_only and rules.kind == "swap") and _WIDE.multiply(abs(fit), price) < rules.min_notional
    return Reason.BELOW_MINIMUM if not fit or abs(fit) < rules.min_qty or too_small else fit


def dust(rules: MarketRules, held: Decimal, price: Decimal) -> Decimal:
    """Returns the position, signed, if it is too small to be closed at about this price; else 0.

    >>> from shared.exchanges.trading.venue import MarketRules
    >>> step = Decimal("0.00001")
    >>> rules = MarketRules(
    ...     "spot", "BTC/USDT", "BTC", "USDT", step, step, None, Decimal(5), Decimal("0.01"), Decimal(1)
    ... )
    >>> dust(rules, Decimal("0.00000999"), Decimal(42000)), dust(rules, Decimal("0.00011"), Decimal(42000))
    (Decimal('0.00000999'), Decimal('0.00011'))
    >>> dust(rules, Decimal("0.00012"), Decimal(42000))
    Decimal('0')
    """
    left = bool(held) and sized(rules, -held, price, reduce_only=True) is Reason.BELOW_MINIMUM
    return held if left else Decimal(0)


def may_be_dust(rules: MarketRules, held: Decimal, price: Decimal) -> bool:
    """Says whether an exchange is believed that calls the position too small: its least may be more by now.

    Not without bound: some say the same of what is too large.
    """
    least = max(rules.min_notional, _WIDE.multiply(max(rules.min_qty, rules.step), price))
    return _WIDE.multiply(abs(held), price) <= RISEN * least


def most_at_once(rules: MarketRules, price: Decimal) -> Decimal | None:
    """Returns the largest market order at about this price, in base units and whole steps; None: no bound is known."""
    bounds = [] if rules.most_qty is None else [rules.most_qty]
    if rules.most_notional is not None and price > 0:
        bounds.append(_WIDE.divide(rules.most_notional, price))
    return truncated(min(bounds), rules.step) if bounds else None


def contracts(rules: MarketRules, qty: Decimal) -> str:
    """Returns |qty| base units in the exchange's own contracts, as it is written in the request.

    No exponent and no digit lost: the exchange gets the very number. ValueError for a part of a step.
    """
    if truncated(qty, rules.step) != qty or not qty:
        raise ValueError(f"{qty} is no multiple of {rules.step}")
    return plain(_WIDE.divide(abs(qty), rules.contract_size))


def plain(number: Decimal) -> str:
    """Writes a number without exponent and trailing zeros.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.0100")), plain(Decimal("0E-8"))
    ('1000', '0.01', '0')
    """
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
