"""What both engines trade: a seeded series in a CSV file, and a model whose prediction is never 0."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.config import Settings, load_settings

SYM, INTERVAL, INTERVAL_S = "BENCH", "1m", 60
FIRST_START_S = 946_684_800  # 2000-01-01
SEED = 7
CASH = 10_000
FEE = 1e-7  # low, so that no book runs out of money and every tick decides
BLOCK = 100_000
HEADER = "datetime,open,high,low,close\n"
WEIGHTS, BIAS = (-0.25, 0.5, 0.125), 2.0**-14  # exact in float32
MODEL, NO_LAGS = "bench", len(WEIGHTS)


class Market(NamedTuple):
    """A file of `bars` bars, and the folder of the model."""

    file: Path
    bars: int
    folder: Path

    def settings(self, netting: bool) -> Settings:
        """Of our engine."""
        found: Settings = load_settings(
            interval=INTERVAL, symbols=(SYM,), run_id="bench", signal={"model": MODEL, "weights": self.folder},
            ingestor={"source": "replay", "files": {SYM: self.file}},
            strategy={"balance": CASH, "params": {"netting": netting}}, gateway={"fee": f"{FEE:.7f}"},
        )  # fmt: skip
        return found


def make_market(folder: Path, bars: int) -> Market:
    """Write file and model; memory does not grow with `bars`."""
    file = folder / f"{bars}.csv"
    rng, log_price = np.random.default_rng(SEED), 0.0
    with file.open("w") as out:
        out.write(HEADER)
        for first in range(0, bars, BLOCK):
            rows, log_price = _rows(rng, log_price, first, min(BLOCK, bars - first))
            out.write(rows)
    _write_model(folder)
    return Market(file, bars, folder)


def _rows(rng: Any, log_price: float, first: int, count: int) -> tuple[str, float]:
    """The log price reverts to that of 70,000, so that any number of bars keeps its digits."""
    path = [log_price]
    for shock in (0.0005 * rng.standard_normal(count)).tolist():
        path.append(0.9999 * path[-1] + shock)
    prices = np.round(70_000 * np.exp(path), 1)
    opens, closes = prices[:-1], prices[1:]
    wicks = np.round(rng.exponential(10.0, (2, count)), 1)
    highs, lows = np.maximum(opens, closes) + wicks[0], np.minimum(opens, closes) - wicks[1]
    starts = FIRST_START_S + INTERVAL_S * np.arange(first, first + count)
    times = np.datetime_as_string(starts.astype("datetime64[s]"))
    rows = zip(times, opens, highs, lows, closes, strict=True)
    return "".join(f"{at},{o:.1f},{h:.1f},{lo:.1f},{c:.1f}\n" for at, o, h, lo, c in rows), path[-1]


def _write_model(folder: Path) -> None:
    import torch

    from shared.models.card import Card
    from shared.models.model_files import sha256_of, weights_bytes, write_model

    weights = weights_bytes({"linear.weight": torch.tensor([WEIGHTS]), "linear.bias": torch.tensor([BIAS])})
    card = Card(
        name=MODEL, model="LinearModel", features=(f"log_return_lags({NO_LAGS})",), no_features=NO_LAGS, symbols=(SYM,),
        interval=INTERVAL, sha256=sha256_of(weights), origin="the bench",
    )  # fmt: skip
    write_model(folder, card, weights, force=True)
