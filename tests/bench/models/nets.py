"""The modules that are measured, as a user would write them."""

import torch
from torch import nn


class Linear(nn.Module):
    """One layer."""

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(no_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.linear(x)
        return found


class Hidden(nn.Module):
    """One hidden layer of 64."""

    def __init__(self, no_features: int, hidden_size: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(no_features, hidden_size), nn.ReLU(), nn.Linear(hidden_size, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.net(x)
        return found


class Lstm(nn.Module):
    """An LSTM of 32 over the window, then one layer."""

    def __init__(self, no_features: int, hidden_size: int = 32) -> None:
        super().__init__()
        self.lstm = nn.LSTM(no_features, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.lstm(x)
        found: torch.Tensor = self.out(out[:, -1, :])
        return found
