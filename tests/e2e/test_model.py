"""`tickline model`: add, list, show, check; what is missing or wrong is one line, and nothing is asked twice."""

import re
import shlex
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.models.choose import card_at
from shared.models.linear_model import LinearModel
from shared.models.load_model import load_model
from shared.models.non_linear_model import NonLinearModel
from shared.user_code.loader import use_folder
from tests.e2e.command import Command, Done


@pytest.fixture
def command(command: Command, tmp_path: Path) -> Command:
    """`tickline model …` in this process and a folder of its own."""
    (tmp_path / "tickline.toml").write_text('[signal]\nweights = "models"\n')
    return partial(command, "model")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 200)))
    rows = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00,{close:.4f}" for n, close in enumerate(closes)]
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    return path


def refused(done: Done, code: int, said: str) -> None:
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1


LAGS = ("--features", "log_return_lags(3)", "--sym", "BTCUSDT")


def test_one_call_adds_a_model_and_the_others_know_it(command: Command, prices: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(NonLinearModel(3, hidden=5).state_dict(), tmp_path / "mine.pth")
    options = ("--class", "NonLinearModel", "--param", "hidden=5", *LAGS, "--data", prices)
    done = command("add", "mine.pth", *options)
    assert (done.code, done.err) == (0, "")
    assert "least squares" in done.out
    assert done.out.endswith("written: models/mine.pth and mine.json\n")
    loaded = load_model("models/mine.json", symbols="BTCUSDT", interval="1h")

    listed = command("list").out.splitlines()
    assert listed[0].split() == ["name", "model", "features", "for", "interval", "predictions", "carry"]
    (line,) = [line for line in listed if line.startswith("mine ")]
    assert line.split() == ["mine", "NonLinearModel", "log_return_lags(3)", "BTCUSDT", "1h", loaded.hash]

    shown = command("show", "mine").out
    for said in ("class:      NonLinearModel, hidden=5", f"hash:       {loaded.hash}", "runtime:    numpy", "hit rate"):
        assert said in shown

    checked = command("check", "mine", "--data", prices)
    assert (checked.code, checked.err) == (0, "")
    assert "distributions: of 196 samples, as the card says" in checked.out

    refused(command("add", "mine.pth", *options), 2, "models/mine.json exists: pass --force")
    assert command("add", "mine.pth", *options, "--force").code == 0


def test_the_configs_folder_of_code_counts_wherever_the_model_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKLINE_USER_CODE", str(tmp_path / "ideas"))
    (tmp_path / "ideas").mkdir()
    (tmp_path / "ideas/net.py").write_text("from tickline import LinearModel\nclass Net(LinearModel): ...\n")
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    use_folder(None)  # as in a process of its own
    done = command("add", "mine.pth", "--class", "net.py:Net", *LAGS, "--interval", "1h", "--weights", "there")
    assert (done.code, done.err) == (0, "")


def test_all_that_is_missing_is_told_at_once(command: Command, tmp_path: Path) -> None:
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    missing = "model add mine.pth: give --class, --features, --sym, --interval (or --data)"
    refused(command("add", "mine.pth"), 2, missing)
    refused(command("add", "mine.onnx", *LAGS), 2, "model add mine.onnx: give --interval (or --data)")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--class", "LinearModel", "--features", "log_return_lags(4)"), 5, "linear.weight is torch.float32 (1, 3)"),
        (("--class", "net.py:Net"), 5, "net.py"),
        (("--class", "LinearModel", "--param", "depth=3"), 5, "depth"),
        (("--class", "LinearModel", "--param", "depth"), 2, "write name=value"),
        (("--class", "LinearModel", "--name", "a b"), 2, "use letters, digits"),
        (("--class", "LinearModel", "--data", "none.csv"), 3, "none.csv"),
    ],
)
def test_what_is_wrong_is_one_line(
    command: Command, tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    given = LAGS if "--features" not in options else LAGS[2:]
    refused(command("add", "mine.pth", *given, "--interval", "1h", *options), code, said)
    assert not (tmp_path / "models").exists()


def test_a_check_refuses_what_was_altered(command: Command, tmp_path: Path) -> None:
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    assert command("add", "mine.pth", "--class", "LinearModel", *LAGS, "--interval", "1h").code == 0
    assert "distributions: the card has none" in command("check", "mine").out
    torch.save(LinearModel(3).state_dict(), tmp_path / "models/mine.pth")
    refused(command("check", "mine"), 5, "one of the two was altered")
    refused(command("check", "theirs"), 5, "there is no model 'theirs'")
    (tmp_path / "models/mine.json").write_text("{}")
    assert command("add", "mine.pth", "--name", "other", "--class", "LinearModel", *LAGS, "--interval", "1h").code == 0
    _, broken, fine = command("list").out.splitlines()
    assert broken == "mine  card models/mine.json, name: Field required"
    assert fine.startswith("other ")  # a card that cannot be read hides no other one


def test_a_reference_is_written_for_another_strategy_and_fee(command: Command, prices: Path, tmp_path: Path) -> None:
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    where = ("--data", prices, "--sym", "BTCUSDT")
    command("add", "mine.pth", "--class", "LinearModel", *LAGS, "--data", prices, "--test-share", "0.5")
    plain = card_at(tmp_path / "models/mine.json")
    for options, said in (((), "netting=False"), (("--param", "netting=true", "--fee", "0.001"), "netting=True")):
        done = command("reference", "mine", *where, *options)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("drift of mine with basic_taker(") and said in done.out
        assert done.out.endswith("written: models/mine.json\n")
    shown = command("show", "mine").out
    assert [line.split(": ")[1].strip() for line in shown.splitlines() if line.startswith("drift:")] == [
        "basic_taker(leverage=1, netting=False, sizing=compounding, fraction=1), fee 0.0003, slippage 0 bps",
        "basic_taker(leverage=1, netting=True, sizing=compounding, fraction=1), fee 0.001, slippage 0 bps",
    ]
    card = card_at(tmp_path / "models/mine.json")
    assert plain.training is not None and plain.training.test is not None
    assert [(each.legs, each.fee) for each in card.references] == [(True, 0.0003), (False, 0.001)]
    assert [each.start for each in card.references] == [plain.training.train.end] * 2  # type: ignore[union-attr]
    assert card.model_copy(update={"references": ()}) == plain
    again = command("reference", "mine", *where, "--from", "2024-01-05")
    assert again.code == 0
    assert [each.start for each in card_at(tmp_path / "models/mine.json").references] == [
        plain.training.train.end, "2024-01-05T00:00:00Z",
    ]  # fmt: skip


def test_a_reference_needs_what_the_model_did_not_learn_from(command: Command, prices: Path, tmp_path: Path) -> None:
    torch.save(LinearModel(3).state_dict(), tmp_path / "mine.pth")
    command("add", "mine.pth", "--class", "LinearModel", *LAGS, "--interval", "1h")
    done = command("reference", "mine", "--data", prices, "--sym", "BTCUSDT")
    refused(done, 2, "model mine: its card does not say what it learned from: train it, or say --from")


def test_the_command_of_docs_drift_runs(command: Command, tmp_path: Path) -> None:
    """On a copy of the shipped model, and bars from after what its card was made of."""
    page = Path(__file__).parents[2] / "docs" / "drift.md"
    (line,) = re.findall(r"^tickline model (reference .*)$", page.read_text(), flags=re.MULTILINE)
    (tmp_path / "models").mkdir()
    for suffix in (".json", ".pth"):
        shutil.copy(Path(__file__).parents[2] / "weights" / f"btcusdt_12h_linear{suffix}", tmp_path / "models")
    starts = np.datetime64("2025-07-10T00:00") + np.arange(60) * np.timedelta64(12, "h")
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, 60)))
    rows = [f"{start}:00,{close:.4f}" for start, close in zip(starts, closes, strict=True)]
    (tmp_path / "BTCUSDT_12h_ohlc.csv").write_text("\n".join(["datetime,price", *rows]) + "\n")
    done = command(*shlex.split(line))
    assert (done.code, done.err) == (0, "")
    assert len(card_at(tmp_path / "models/btcusdt_12h_linear.json").references) == 2
