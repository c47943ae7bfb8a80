"""The strategy once more, from the notebook's formulas alone: nothing of shared or services."""

import csv
import math
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

# The notebook's model as printed in its last cells; lags newest first.
WEIGHTS = (-0.10395038, -0.06726477, 0.02827305)
BIAS = 0.00067121
LAST_DIGIT = Decimal("1e-12")  # of the position: a smaller change is a division's last digit, and no order


class Outcome(NamedTuple):
    """What the line should end with."""

    predictions: int
    orders: int
    equity: Decimal
    fees: Decimal


def prices_of(path: Path) -> list[Decimal]:
    with path.open(newline="") as file:
        return [Decimal(row.get("close") or row["price"]) for row in csv.DictReader(file)]


def recomputed(
    prices: list[Decimal], *, balance: str, fee: str, netting: bool = False, threshold: float = 0.0
) -> Outcome:
    """Goes with all equity in the direction of the prediction; every leg filled at the tick's price.

    A turn of the position is two orders, with netting too: what closes has no limit, and what opens has one.
    """
    cash, rate = Decimal(balance), Decimal(fee)
    held = entry = fees = Decimal(0)
    orders = predictions = 0
    price = prices[0]
    for i in range(3, len(prices)):
        price = prices[i]
        predictions += 1
        lags = [math.log(float(prices[i - k] / prices[i - k - 1])) for k in range(3)]
        y_hat = sum(w * x for w, x in zip(WEIGHTS, lags, strict=True)) + BIAS
        if abs(y_hat) <= threshold:
            continue
        equity = cash + held * (price - entry)
        target = equity / price if y_hat > 0 else -equity / price
        stays = not held or (netting and held * target > 0)
        legs = [target - held] if stays else [-held, target]
        if netting and abs(legs[0]) < abs(held) * LAST_DIGIT:
            continue
        for leg in legs:
            orders += 1
            cost = rate * abs(leg) * price
            closed = min(abs(leg), abs(held)) if held * leg < 0 else Decimal(0)
            cash += (closed if held > 0 else -closed) * (price - entry) - cost
            fees += cost
            before, held = held, held + leg
            if before * held <= 0:
                entry = price
            elif abs(held) > abs(before):
                entry = (entry * before + price * leg) / held
    return Outcome(predictions, orders, cash + held * (price - entry), fees)
