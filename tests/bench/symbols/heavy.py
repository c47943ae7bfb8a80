"""A model that takes its time, as a user would write one: two milliseconds of a core for each prediction."""

import time
from pathlib import Path

import torch
from torch import nn

HEAVY_S = 0.002


class Heavy(nn.Module):
    """One layer, after as much work as a large network would do."""

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(no_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        until_s = time.thread_time() + HEAVY_S
        while time.thread_time() < until_s:
            pass
        found: torch.Tensor = self.linear(x)
        return found


def saved(folder: Path) -> str:
    """Saves the model for all symbols; returns its card's path."""
    from shared.models.save_model import save_model

    torch.manual_seed(7)
    (folder / "heavy.py").write_text(Path(__file__).read_text())  # a line finds a class beside its config
    save_model(
        Heavy(3), "heavy", features=["log_return_lags(3)"], symbols="*", interval="1s", weights=folder, folder=folder,
        format="torch", model="heavy.py:Heavy", params={"no_features": 3},
    )  # fmt: skip
    return str(folder / "heavy.json")
