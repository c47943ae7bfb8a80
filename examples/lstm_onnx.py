"""An LSTM over windows of features, as ONNX: the line runs it by onnxruntime, without torch and without this file.

Run it:

    python lstm_onnx.py bars.csv
    tickline backtest --data bars.csv --sym BTCUSDT --model lstm
    tickline run --data bars.csv --sym BTCUSDT --interval 12h --model lstm
"""

import sys

import torch
from torch import nn

from tickline import bars, dataset, save_model

FEATURES = ["log_return()", "z_score(20)", "volume_z(48)"]
WINDOW, INTERVAL = 16, "12h"


class Lstm(nn.Module):
    """It reads the last WINDOW feature vectors, oldest first, and gives the next log return."""

    scale: torch.Tensor

    def __init__(self, no_features: int, hidden: int = 16) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(no_features))
        self.lstm = nn.LSTM(no_features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Takes (batch, WINDOW, no_features); returns (batch, 1)."""
        seen, _ = self.lstm(x / self.scale)
        out: torch.Tensor = self.head(seen[:, -1]) / 100
        return out


def train(path: str) -> Lstm:
    """Fits it on the first three quarters of a file."""
    data = dataset(bars(path, INTERVAL), FEATURES, window=WINDOW)
    first = slice(0, len(data) * 3 // 4)
    x, y = torch.tensor(data.x[first]), torch.tensor(data.y[first]).float()
    torch.manual_seed(0)
    model = Lstm(len(FEATURES))
    model.scale = x.std(dim=(0, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(100 * model(x).squeeze(-1), 100 * y)
        loss.backward()
        optimiser.step()
    return model


if __name__ == "__main__":
    file = sys.argv[1]
    save_model(train(file), "lstm", features=FEATURES, window=WINDOW, symbols=["BTCUSDT"], interval=INTERVAL, data=file)
