"""`tickline train`: its model runs, its card is told, and what cannot be trained is one line."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from shared.models.card import Card
from shared.models.load_model import load_model
from shared.user_code.loader import use_folder
from tests.e2e.command import Command, Done, Tickline

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long
def test_a_trained_model_trades(tickline: Tickline, bars: Path) -> None:
    (tickline.folder / "tickline.toml").write_text('[signal]\nweights = "models"\n')
    where = ("--data", bars, "--sym", "BTCUSDT", "--interval", "12h")
    done = tickline("train", *where, "--walk-forward", "2", "--json", "card.json")
    assert (done.code, done.err) == (0, "")
    card = json.loads((tickline.folder / "card.json").read_text())
    assert json.loads((tickline.folder / "models/btcusdt_12h_linear_l1.json").read_text()) == card
    assert card["training"]["walk_forward"]["mean"]["samples"] == sum(
        fold["test"]["samples"] for fold in card["training"]["walk_forward"]["folds"]
    )
    for said in (
        "training window: 110 samples",
        "held out: 36 samples",
        "verdict, legs: ",
        "verdict, netted: ",
        "walk-forward",
        "least squares",
        "drift: net Sharpe ",
        "written: ",
    ):
        assert said in done.out

    ran = tickline.in_process("run", *where, "--run-id", "one")
    assert ran.code == 0, ran.err
    orders = ran.summary["orders"]
    assert set(ran.summary["parity"].values()) == {orders}, "compared and identical, of orders and of executions"
    shown = tickline.in_process("tail", "predictions", "--run-id", "one", "--json", "--limit", "1")
    assert json.loads(shown.out)["model"] == Card.model_validate_json(json.dumps(card)).short_hash


@pytest.fixture
def command(command: Command, tmp_path: Path, bars: Path) -> Command:
    """`tickline train` in this process, on the good file unless the options name another."""

    def call(*options: object) -> Done:
        given = {"--data": bars, "--sym": "BTCUSDT", "--weights": tmp_path / "models"}
        defaults = [part for option, value in given.items() if option not in options for part in (option, str(value))]
        return command("train", *defaults, *options)

    return call


def refused(done: Done, code: int, said: str) -> None:
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line
    assert not Path("models").exists()


@pytest.mark.parametrize(
    ("closes", "options", "said"),
    [
        ([100] * 60, (), "bad.csv: the 34 returns to learn from are all the same"),
        ([100, 101, 102], (), "bad.csv: 3 rows give no sample of log_return_lags(3)"),
        ([100, 101, 102, "nan", 103, 104], (), "bad.csv: row 5: "),
        ([*range(100, 160)], ("--interval", "6h"), "pass --interval 12h"),
    ],
)
def test_bad_data_is_exit_code_3(command: Command, closes: list[object], options: tuple[str, ...], said: str) -> None:
    rows = [f"2024-01-{1 + i // 2:02}T{12 * (i % 2):02}:00:00,{close}" for i, close in enumerate(closes)]
    Path("bad.csv").write_text("\n".join(["datetime,price", *rows]) + "\n")
    refused(command("--data", "bad.csv", *options), 3, said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--interval", "3q"), "--interval: interval '3q' is unknown"),
        (("--class", "Oracle"), "--class: model 'Oracle' is unknown; there are: LinearModel, NonLinearModel"),
        (("--param", "hidden"), "--param 'hidden': write name=value"),
        (("--param", "depth=3"), "it takes no_features"),
        (("--features", "nosuch(14)"), "--features: feature 'nosuch' is unknown"),
        (("--features", "log_return_lags(3)", "--lags", "3"), "use one"),
        (("--test-share", "1"), "--test-share: "),
        (("--epochs", "0"), "--epochs: "),
        (("--name", "a/b"), "use letters, digits, _ and -"),
        (("--walk-forward", "500"), "walk-forward of 500 folds over 110 samples"),
        (("--optimiser", "adam", "--loss", "mse", "--lr", "1e9", "--epochs", "3"), "the fit diverged"),
        (("--json", "no/card.json"), "--json no/card.json: cannot be written"),
    ],
)
def test_bad_options_are_exit_code_2(command: Command, options: tuple[str, ...], said: str) -> None:
    refused(command(*options), 2, said)


def test_a_name_that_is_taken_is_found_before_the_training(command: Command) -> None:
    options = ("--name", "mine", "--json", "card.json")
    assert command(*options).code == 0
    before = Path("models/mine.json").read_bytes()
    again = command(*options, "--seed", "1")
    assert again.code == 2
    assert "mine.json exists: pass --force to replace that model, or another --name" in again.err
    assert Path("models/mine.json").read_bytes() == before
    assert command(*options, "--seed", "1", "--force").code == 0
    assert json.loads(Path("card.json").read_text())["training"]["fit"]["recipe"]["seed"] == 1


NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, no_features, hidden=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(no_features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x)
"""
MOMENTUM = """\
from collections import deque

from tickline import Feature


class Momentum(Feature[float]):
    def __init__(self, n):
        self._prices = deque(maxlen=n + 1)

    def on_tick(self, val):
        self._prices.append(val)
        return val / self._prices[0] - 1 if len(self._prices) == self._prices.maxlen else None
"""


def test_a_class_and_features_of_the_users_in_a_folder_of_their_own(command: Command) -> None:
    Path("nets.py").write_text(NET)
    Path("mine.py").write_text(MOMENTUM)
    features = ("--features", "mine.py:Momentum(4)", "--features", "log_return_lags(2)")
    options = (*features, "--class", "nets.py:Net", "--param", "hidden=5", "--interval", "1d", "--epochs", "30")
    done = command(*options, "--name", "mine")
    assert (done.code, done.err) == (0, "")
    card = json.loads(Path("models/mine.json").read_text())
    assert (card["model"], card["params"], card["no_features"]) == ("nets.py:Net", {"hidden": 5}, 3)
    assert (card["features"], card["interval"]) == (["mine.py:Momentum(4)", "log_return_lags(2)"], "1d")
    assert (card["standardised"], card["batched"], card["window"]) == (True, False, 1)
    assert len(card["training"]["features"]) == 3
    loaded = load_model("models/mine.json", symbols="BTCUSDT", folder=Path.cwd())
    y_hat = loaded.predict().on_tick(np.zeros(3, np.float32))
    assert y_hat is not None
    assert math.isfinite(y_hat)
    assert "input: standardised by a layer around the class" in done.out
    again = command(*options, "--name", "again")
    assert again.code == 0
    assert Path("models/again.pth").read_bytes() == Path("models/mine.pth").read_bytes()


def test_the_configs_folder_of_code_counts_wherever_the_model_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKLINE_USER_CODE", str(tmp_path / "ideas"))
    Path("ideas").mkdir()
    Path("ideas/nets.py").write_text(NET)
    Path("ideas/mine.py").write_text(MOMENTUM)
    use_folder(None)  # as in a process of its own
    done = command("--features", "mine.py:Momentum(4)", "--class", "nets.py:Net", "--name", "mine", "--epochs", "3")
    assert (done.code, done.err) == (0, "")


def test_code_of_the_users_that_raises_is_one_line_with_its_place(command: Command) -> None:
    Path("nets.py").write_text(NET.replace("return self.net(x)", "return self.nothing(x)"))
    refused(command("--class", "nets.py:Net"), 7, "BTCUSDT: AttributeError: 'Net' object has no attribute 'nothing' (")
    Path("mine.py").write_text(MOMENTUM.replace("return val", "return vall"))
    refused(command("--features", "mine.py:Momentum(4)"), 7, "mine.py:12, in on_tick)")
    refused(command("--features", "mine.py:Other(4)"), 2, "mine.py:Other: there is no Other in it")
    refused(command("--features", "other.py:Momentum(4)"), 2, "there is no file")


def test_a_file_without_what_a_feature_needs_is_refused_by_name(command: Command, tmp_path: Path) -> None:
    Path("mine.py").write_text(MOMENTUM.replace("Feature", "BarFeature"))
    refused(
        command("--features", "mine.py:Momentum(4)"),
        3,
        "bars.csv: mine.py:Momentum(4) needs bar, but the file has the price only",
    )
