"""Bars with groups: what a model was trained on is what the backtest shows it, to the bit, holes and all."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch

from services.research.backtest import Backtest
from shared.config import Settings, load_settings
from shared.errors import ConfigError
from shared.features.vector import FeatureVector
from shared.history.resampled import bars_of
from shared.messages import Features, Message, Prediction
from shared.models.card import Card
from shared.models.dataset import Dataset, dataset
from shared.models.load_model import load_model
from shared.models.model_files import sha256_of, weights_bytes, write_model
from shared.models.scores import predictions
from tests.unit.research.backtest.helpers import START_NS, SYM, Row, Seen, write_rows
from tests.unit.research.train.market import prices_of, reverting_returns

SPECS = ("volume_z(5)", "log_return_lags(2)", "atr(3)")
CLOSES = prices_of(reverting_returns(200))
HOLES = (60, 61, 120)  # rows without a volume


class Last(torch.nn.Module):
    """A weighted sum of the newest vector of a window, or of the only one."""

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(no_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x if x.ndim == 1 else x.mean(dim=0))
        return y


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.models.registry import MODELS

    monkeypatch.setitem(MODELS, "Last", Last)


def rows(volumes: bool = True) -> list[Row]:
    found: list[Row] = []
    for at, close in enumerate(CLOSES):
        opened = CLOSES[at - 1] if at else close
        high, low = max(opened, close) * Decimal("1.01"), min(opened, close) * Decimal("0.99")
        found.append(
            (str(opened), str(high), str(low), str(close), *(["" if at in HOLES else str(5 + at % 11)] * volumes))
        )
    return found


def settings_for(folder: Path, interval: str, window: int, volumes: bool = True) -> Settings:
    width = FeatureVector(SPECS).width
    torch.manual_seed(1)
    weights = weights_bytes(Last(width).state_dict())
    card = Card(
        name="mine", model="Last", features=SPECS, no_features=width, needs=("bar",), symbols=(SYM,), window=window,
        interval=interval, sha256=sha256_of(weights), origin="a test",
    )  # fmt: skip
    path = write_rows(folder / "rows.csv", rows(volumes))
    text = path.read_text()
    path.write_text(text.replace("close\n", "close,volume\n", 1) if volumes else text)
    settings: Settings = load_settings(
        interval="1d",
        symbols=(SYM,),
        run_id="backtest",
        signal={"model": str(write_model(folder, card, weights)[1])},
        ingestor={"source": "replay", "files": {SYM: path}},
        strategy={"balance": Decimal(100)},
    )
    return settings


@pytest.mark.parametrize(("interval", "window"), [("1d", 1), ("1d", 4), ("2d", 1), ("2d", 3)])
def test_a_backtest_shows_what_training_has_shown(tmp_path: Path, interval: str, window: int) -> None:
    settings = settings_for(tmp_path, interval, window)
    path = settings.ingestor.files[SYM]
    seen: list[Message] = []
    marks = Seen()
    totals = Backtest(settings).run([marks], tap=seen.append)
    y_hat = {each.ts_event: each.y_hat for each in seen if isinstance(each, Prediction) and each.y_hat is not None}
    newest = {each.ts_event: each.values.numpy() for each in seen if isinstance(each, Features)}
    data: Dataset = dataset(bars_of(path, "1d", interval, groups={"bar"}), SPECS, window=window, sym=SYM)
    assert len(data) > 40
    assert len(newest) - 1 <= len(data) <= len(newest)  # nothing follows a last one
    assert {ts: newest[ts].tobytes() for ts in data.ts.tolist()} == {
        ts: row.tobytes() for ts, row in zip(data.ts.tolist(), data.newest, strict=True)
    }
    loaded = load_model(settings.signal.model)
    assert [y_hat[ts] for ts in data.ts.tolist()] == predictions(loaded.predict(), data).tolist()
    assert totals.bars == len(CLOSES) == len([each for each in seen if isinstance(each, Prediction)])
    assert totals.fills > 20
    assert sum(not np.isnan(mark[4]) for mark in marks.marks) == len(y_hat)
    hole = START_NS + (HOLES[0] + 1) * 86_400 * 10**9
    assert not any(hole <= ts <= hole + 86_400 * 10**9 for ts in y_hat)


def test_a_file_without_them_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model mine needs bar, but .*rows\.csv gives the price only"):
        Backtest(settings_for(tmp_path, "1d", 1, volumes=False)).run()
