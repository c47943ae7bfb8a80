"""What a fake venue holds of one market; made from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

TICK = Decimal("0.10")
STEP = Decimal("0.001")


class FakeBar(NamedTuple):
    """Of `at_ms` until before `at_ms` + interval."""

    at_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class FakeTrade(NamedTuple):
    """One (aggregate) trade."""

    id: int
    at_ms: int
    price: Decimal
    amount: Decimal
    side: str


class FakeRate(NamedTuple):
    """One funding rate."""

    at_ms: int
    rate: Decimal


@dataclass
class FakeMarket:
    """Each in order of time. bars: by interval, e.g. 12h."""

    bars: dict[str, list[FakeBar]] = field(default_factory=dict)
    trades: list[FakeTrade] = field(default_factory=list)
    rates: list[FakeRate] = field(default_factory=list)


def bars(start_ms: int, interval_ms: int, count: int, seed: int = 1) -> list[FakeBar]:
    """A walk of prices with the digits of a venue: 42000.10, never 42000.1."""
    dice, made, price = random.Random(seed), [], Decimal("42000.00")
    for at_ms in range(start_ms, start_ms + count * interval_ms, interval_ms):
        close = price + TICK * dice.randint(-3000, 3000)
        high, low = max(price, close) + TICK * dice.randint(0, 500), min(price, close) - TICK * dice.randint(0, 500)
        made.append(FakeBar(at_ms, price, high, low, close, STEP * dice.randint(0, 10**9)))
        price = close
    return made


def trades(start_ms: int, apart_ms: Sequence[int], first_id: int = 1_000, seed: int = 1) -> list[FakeTrade]:
    """One trade, and one more after each of these times; 0 is a trade in the same millisecond."""
    dice, at_ms = random.Random(seed), start_ms
    made = []
    for number, apart in enumerate((0, *apart_ms), first_id):
        at_ms += apart
        price = Decimal("42000.00") + TICK * dice.randint(-1000, 1000)
        made.append(FakeTrade(number, at_ms, price, STEP * dice.randint(1, 10**6), dice.choice(("buy", "sell"))))
    return made


def rates(start_ms: int, interval_ms: int, count: int, seed: int = 1) -> list[FakeRate]:
    """Eight digits, positive and negative."""
    dice = random.Random(seed)
    return [
        FakeRate(start_ms + number * interval_ms, Decimal(dice.randint(-(10**5), 10**5)).scaleb(-8))
        for number in range(count)
    ]
