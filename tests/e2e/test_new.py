"""What `tickline new` writes trades and trains at once, in a folder that also holds files with others' names."""

from pathlib import Path

from tests.e2e.command import Command
from tests.e2e.conftest import write_bars


def test_each_kind_works_as_it_was_written(command: Command, tmp_path: Path) -> None:
    for name in ("signal", "types", "services"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit\n")
    (tmp_path / "shared").mkdir()
    write_bars(tmp_path / "bars.csv", 120)
    for kind in ("strategy", "feature", "model"):
        done = command("new", kind, f"my_{kind}")
        assert (done.code, done.err) == (0, "")
        assert f"wrote {tmp_path}/my_{kind}.py and {tmp_path}/test_my_{kind}.py; try them:\n" in done.out
    data = ("--data", "bars.csv", "--sym", "BTCUSDT")
    done = command("backtest", *data, "--model", "none", "--strategy", "my_strategy.py:MyStrategy")
    assert (done.code, done.err) == (0, "")
    assert "in the market" in done.out
    done = command(
        "train", *data, "--features", "my_feature.py:MyFeature(5)", "--class", "my_model.py:MyModel", "--name", "mine"
    )
    assert done.code == 0, done.err
    assert (tmp_path / "weights" / "mine.json").exists()
    done = command("backtest", *data, "--model", "mine", "--strategy", "my_strategy.py:MyStrategy")
    assert done.code == 0, done.err
