"""Strategies and a feature that look ahead, and some that only look as if they did."""

import csv
import hashlib
import json
import math
import random
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import torch

from shared.account import Account, Order
from shared.features.feature import Feature
from shared.messages.reasons import Reason
from shared.strategies import BasicTaker, Decider
from shared.strategies.decider import AnyPrediction, BarePrediction
from shared.tick import State


class Reads(BasicTaker):
    """A strategy that looks its price up in the file `prices`, where each stands once."""

    prices: str

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        prices = closes(Path(self.prices))
        return self.knowing(prediction, account, prices, prices.index(float(prediction.price)))

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        raise NotImplementedError

    def trades(self, prediction: AnyPrediction, account: Account, price: float) -> list[Order] | Reason:
        """Trades as if `price` were known to come."""
        y_hat = math.log(price / float(prediction.price))
        return BasicTaker.decide(self, BarePrediction(prediction.sym, y_hat, prediction.price), account)


class Peeks(Reads):
    """A strategy that knows the next price."""

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        return self.trades(prediction, account, prices[min(at + 1, len(prices) - 1)])


class PeeksFar(Reads):
    """A strategy that knows how high the price will ever go."""

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        return self.trades(prediction, account, max(prices[at:]))


class AwaitsMoves(Reads):
    """A strategy that knows how far away the next price is, not where."""

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        move = math.log(prices[min(at + 1, len(prices) - 1)] / prices[at])
        return BasicTaker.decide(self, prediction, account) if abs(move) > 0.25 else Reason.NO_CHANGE


class KnowsTheEnd(Reads):
    """A strategy that trades nothing where no price follows."""

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        return Reason.NO_CHANGE if at == len(prices) - 1 else BasicTaker.decide(self, prediction, account)


class Recalls(Reads):
    """A strategy that reads the file, but uses the past."""

    def knowing(
        self, prediction: AnyPrediction, account: Account, prices: list[float], at: int
    ) -> list[Order] | Reason:
        return self.trades(prediction, account, prices[at - 1])


class Moody(BasicTaker):
    """A strategy that is not the same twice."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        return BasicTaker(leverage=Decimal(random.randrange(1, 10**9))).decide(prediction, account)


STRATEGIES: dict[str, type[Decider]] = {
    "peeks": Peeks,
    "peeks_far": PeeksFar,
    "awaits_moves": AwaitsMoves,
    "knows_the_end": KnowsTheEnd,
    "recalls": Recalls,
    "moody": Moody,
}


class Normalised(Feature[torch.Tensor]):
    """A feature that divides the price by the whole file's mean, which it reads when it is made."""

    path: ClassVar[Path]

    def __init__(self) -> None:
        prices = closes(self.path)
        self._mean = sum(prices) / len(prices)

    @property
    def spec(self) -> str:
        return "normalised()"

    def on_tick(self, val: float) -> torch.Tensor | None:
        return torch.tensor([val / self._mean - 1])

    def reset(self) -> None:
        """There is nothing."""

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """There is nothing."""


def closes(path: Path) -> list[float]:
    with path.open(newline="") as file:
        return [float(row["price"] if "price" in row else row["close"]) for row in csv.DictReader(file)]


def normalised_card(folder: Path, path: Path, interval: str) -> Path:
    """Writes the card of a model of Normalised, which reads `path`; returns the card's path."""
    Normalised.path = path
    weights = folder / "normalised.pth"
    torch.save({"linear.weight": torch.tensor([[1.0]]), "linear.bias": torch.tensor([0.0])}, weights)
    card = folder / "normalised.json"
    found = {
        "name": "normalised", "model": "LinearModel", "features": "normalised()", "no_features": 1,
        "symbols": ["BTCUSDT"], "interval": interval, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "origin": "a test",
    }  # fmt: skip
    card.write_text(json.dumps(found))
    return card
