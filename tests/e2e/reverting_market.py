"""A seeded market in which a move tends to be followed by one back, so that there is something to learn."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEADER = "datetime,open,high,low,close,volume,quote_volume,trades,taker_volume"


def write_market(path: Path, count: int, seed: int = 3) -> Path:
    """Bars of 12 h from 2023 on, with the whole bar group."""
    dice, moved, price, at = random.Random(seed), 0.0, 100.0, datetime(2023, 1, 1, tzinfo=UTC)
    rows = [HEADER]
    for _ in range(count):
        opened, moved = price, -0.3 * moved + dice.gauss(0, 0.015)
        price = round(price * math.exp(moved), 2)
        high, low = max(opened, price) * (1 + dice.random() / 100), min(opened, price) * (1 - dice.random() / 100)
        volume = round(100 * math.exp(dice.gauss(0, 0.3)), 3)
        bought = round(volume * (0.5 + max(-0.4, min(0.4, 10 * moved))), 3)
        rows.append(
            f"{at:%Y-%m-%dT%H:%M:%S},{opened},{high:.2f},{low:.2f},{price},{volume},{volume * price:.2f},"
            f"{dice.randrange(100, 1000)},{bought}"
        )
        at += timedelta(hours=12)
    path.write_text("\n".join(rows) + "\n")
    return path
