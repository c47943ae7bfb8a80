"""A whole training: from a file to a model that the line loads."""

import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from services.research.train import FitSpec, TrainSpec, train
from shared.errors import DataError, UserCodeFailed
from shared.features.feature import Feature
from shared.features.registry import FEATURES
from shared.history import bars
from shared.models.card import Card
from shared.models.dataset import Dataset, dataset
from shared.models.linear_model import LinearModel
from shared.models.load_model import load_model
from shared.models.registry import MODELS
from shared.models.scores import predictions
from shared.models.summary import lines
from shared.models.training import Recipe
from tests.unit.research.train.market import prices_of, reverting_returns, write_prices

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[5] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"
PRICES = prices_of(reverting_returns(403))  # 400 samples of 3 lags


def spec(data: Path, **options: object) -> TrainSpec:
    return TrainSpec.model_validate({"data": data, "sym": "BTCUSDT", "interval": "1h"} | options)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prices(tmp_path_factory.mktemp("data") / "bars.csv", PRICES)


def refused(how: TrainSpec) -> str:
    with pytest.raises(DataError) as caught:
        train(how)
    line = str(caught.value)
    assert line.startswith(f"{how.data}: ")
    assert "\n" not in line
    return line.removeprefix(f"{how.data}: ")


def test_from_a_file_to_a_model(file: Path, tmp_path: Path) -> None:
    trained = train(spec(file, walk_forward=3, name="mine"))
    _, path = trained.save(tmp_path)
    loaded = load_model(path, symbols="BTCUSDT", interval="1h")
    assert loaded.card == trained.card
    assert loaded.module.state_dict()["linear.weight"][0, 0].item() == pytest.approx(-0.4, abs=0.2)
    training = trained.card.training
    assert training is not None
    assert training.data_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert training.train is not None
    assert training.test is not None
    assert (training.train.samples, training.test.samples, trained.holes) == (300, 100, 0)
    assert training.train.start == "2024-01-01T04:00:00Z"  # the end of the fourth bar
    assert training.train.end == training.test.start
    assert training.test.end == "2024-01-17T20:00:00Z"  # the end of the last
    assert training.fit is not None
    assert training.fit.recipe == Recipe()
    assert training.libraries["torch"]
    data = dataset(bars(file, "1h"), "log_return_lags(3)")
    for scores, part in (
        (training.scores.in_sample, slice(0, 300)),
        (training.scores.out_of_sample, slice(300, None)),
    ):
        assert scores is not None
        wanted = np.abs(predictions(loaded.module, data.part(part)) - data.y[part]).mean()
        assert scores.l1 == pytest.approx(wanted, rel=1e-5)
        assert scores.hit_rate is not None
        assert scores.hit_rate > 0.55
    assert [feature.n for feature in training.features] == [300] * 3
    assert training.features[0].mean == pytest.approx(data.x[:300, 0].mean(), rel=1e-4)
    assert training.y_hat.n == 300
    assert training.walk_forward is not None
    assert [(fold.train.samples, fold.test.samples) for fold in training.walk_forward.folds] == [
        (75, 75),
        (150, 75),
        (225, 75),
    ]
    assert training.walk_forward.mean.samples == 225


def test_what_comes_later_changes_nothing_before(file: Path, tmp_path: Path) -> None:
    """Other prices in the held-out part: the same weights, folds and distributions."""
    cut = len(PRICES) - 100
    other = write_prices(tmp_path / "other.csv", PRICES[:cut] + [p * 2 for p in PRICES[cut:]])
    one, two = (train(spec(data, walk_forward=2)) for data in (file, other))
    assert one.weights == two.weights
    before, after = one.card.training, two.card.training
    assert before is not None
    assert after is not None
    assert before.scores.out_of_sample != after.scores.out_of_sample
    same = ("train", "features", "y_hat", "walk_forward", "fit")
    assert all(getattr(before, field) == getattr(after, field) for field in same)
    assert before.scores.in_sample == after.scores.in_sample


@pytest.mark.long
def test_another_process_makes_the_same_bytes(file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from services.research.train import *;"
        "how = TrainSpec(data=Path(sys.argv[1]), sym='BTCUSDT', interval='1h', fit=FitSpec(model='NonLinearModel'));"
        "print(train(how).card.sha256)"
    )
    done = subprocess.run([sys.executable, "-c", code, file], check=True, capture_output=True, text=True)
    here = train(spec(file, fit=FitSpec(model="NonLinearModel")))
    assert done.stdout.strip() == here.card.sha256 == hashlib.sha256(here.weights).hexdigest()


def test_nothing_held_out(file: Path) -> None:
    training = train(spec(file, test_share=0.0)).card.training
    assert training is not None
    assert training.train is not None
    assert training.train.samples == 400
    assert training.test is None
    assert training.scores.out_of_sample is None


def test_progress_and_lines(file: Path) -> None:
    said: list[tuple[str, int, int]] = []
    trained = train(spec(file, walk_forward=1), lambda *told: said.append(told))
    assert {what for what, _, _ in said} == {"fold 1 of 1", "fit", "scores"}
    shown = lines(trained.card, holes=2)
    assert shown[0] == "model btcusdt_1h_linear_l1: LinearModel on log_return_lags(3), for BTCUSDT at 1h"
    assert "holes: 2 outcomes came later than 1h" in " ".join(shown)
    for title in ("in sample", "out of sample", "walk-forward"):
        at = next(number for number, line in enumerate(shown) if line.startswith(title))
        assert len({len(line) for line in shown[at : at + 2]}) == 1
    assert [line.split("  ")[0] for line in shown if line.startswith("least squares")] == ["least squares"] * 2
    bare = trained.card.model_copy(update={"training": None})
    assert lines(bare) == ["model btcusdt_1h_linear_l1: its card says nothing of its training"]


@pytest.mark.parametrize(
    ("sym", "model", "name"),
    [("BTC/USDT:USDT", "LinearModel", "btc_usdt_usdt_1h_linear_l1"), ("X", "NonLinearModel", "x_1h_non_linear_l1")],
)
def test_a_name_is_made(sym: str, model: str, name: str) -> None:
    assert spec(Path("f"), sym=sym, fit=FitSpec(model=model)).model_name == name


def test_files_that_cannot_be_trained_on(tmp_path: Path) -> None:
    def written(prices: list[Decimal], hours: int = 1) -> Path:
        return write_prices(tmp_path / "bad.csv", prices, hours)

    assert "returns to learn from are all the same" in refused(spec(written([Decimal(100)] * 60)))
    assert refused(spec(written(PRICES[:3]))).startswith("3 rows give no sample of log_return_lags(3)")
    assert "samples to fit 3 features" in refused(spec(written(PRICES[:8])))
    assert refused(spec(written([*PRICES[:30], Decimal("nan"), *PRICES[30:60]]))).startswith("row 32: ")
    assert "pass --interval 2h" in refused(spec(written(PRICES, hours=2)))
    assert refused(spec(written(PRICES[:80]), walk_forward=15)).startswith("fold 1 of 15: ")
    assert "no such file" in refused(spec(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"interval": "3q"}, "interval '3q' is unknown"),
        ({"features": "macd(14)"}, "feature 'macd' is unknown"),
        ({"features": "log_return_lags(2000)"}, "a card holds 1000 at most"),
        ({"test_share": 0.95}, "less than or equal to 0.9"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(")):
        spec(Path("f"), **options)


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_real_file_beats_the_notebooks_weights_where_both_were_trained(seed: int) -> None:
    recipe = Recipe(seed=seed)
    trained = train(spec(REAL, interval="12h", fit=FitSpec(recipe=recipe)))
    notebook = load_model("weights/btcusdt_12h_linear.json")
    data: Dataset = dataset(bars(REAL, "12h"), "log_return_lags(3)").part(slice(0, 516))
    ours, theirs = (np.abs(predictions(m, data) - data.y).mean() for m in (trained.module, notebook.module))
    assert ours <= theirs
    assert theirs == pytest.approx(0.01259, abs=5e-6)
    card: Card = trained.card
    assert card.training is not None
    assert card.training.scores.in_sample.l1 == pytest.approx(ours, rel=1e-5)


class Failing(LinearModel):
    """An author's, with a mistake."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("close")


class FailingFeature(Feature[float]):
    """Of an author, who took a number for another."""

    def __init__(self, no_lags: int) -> None:
        self.width = no_lags

    def on_tick(self, val: float) -> None:
        raise ValueError("no price")


def test_a_model_that_raises_is_its_authors(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "Failing", Failing)
    with pytest.raises(UserCodeFailed, match=r"^BTCUSDT: KeyError: 'close' \(.*test_job.py:\d+, in forward\)$"):
        train(spec(file, fit=FitSpec(model="Failing")))


def test_a_feature_that_raises_is_its_authors_and_no_fault_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEATURES, "log_return_lags", FailingFeature)
    with pytest.raises(UserCodeFailed, match=r"^BTCUSDT: ValueError: no price \(.*test_job.py:\d+, in on_tick\)$"):
        train(spec(file))
