"""`tickline sweep`: its table and files, and what is refused in one line."""

import csv
import json
import tomllib
from pathlib import Path

import pytest

from tests.e2e.command import Command, Tickline
from tests.e2e.conftest import write_bars
from tests.unit.research.sweep.test_own_code import STRATEGY

pytestmark = pytest.mark.timeout(600)
WHERE = ("--sym", "BTCUSDT", "--balance", "100", "--fee", "0.0003")


@pytest.mark.long
def test_a_sweep_on_two_processes(tickline: Tickline) -> None:
    data = write_bars(tickline.folder / "bars.csv", 400)
    grid = ("--interval", "12h,1d", "--lags", "1,2", "--sizing", "compounding,constant", "--leverage", "1,2")
    options = (*grid, "--threshold", "0,0.001", "--folds", "3", "--holdout", "0.25", "--jobs", "2", "--top", "4")
    done = tickline("sweep", "--data", data, *WHERE, *options, "--json", "out.json", "--csv", "rows.csv")
    assert (done.code, done.err) == (0, "")
    out = json.loads((tickline.folder / "out.json").read_text())
    assert (out["trials"], len(out["rows"]), len(out["folds"])) == (32, 32, 3)
    assert out["settings"]["grid"][-1] == {"name": "threshold", "values": [0, 0.001]}
    assert out["rows"][0]["values"].keys() == {"lags", "sizing", "leverage", "threshold"}
    sharpes = [row["sharpe"] for row in out["rows"]]
    assert sharpes == sorted(sharpes, reverse=True)
    assert 0 <= out["rows"][0]["deflated_sharpe"] <= 1
    assert out["holdout"]["results"]["period"]["interval"] == out["rows"][0]["interval"]
    with (tickline.folder / "rows.csv").open(newline="") as file:
        assert [float(row["sharpe"]) for row in csv.DictReader(file)] == sharpes
    shown = done.out.splitlines()
    assert [line.split()[0] for line in shown[2:7]] == ["rank", "1", "2", "3", "4"]
    assert shown[7] == "... and 28 more"
    (at,) = (number for number, line in enumerate(shown) if line.startswith("hold-out, once, trained until "))
    best = shown.index("the best row, as lines of a tickline.toml:")
    assert best > at
    config = tomllib.loads("\n".join(shown[best + 1 : -1]))
    assert config["strategy"]["name"] == "threshold"
    assert config["strategy"]["params"].items() <= out["rows"][0]["values"].items()
    assert shown[-1].endswith("the same command with --save NAME makes it, with its card")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--lags", "1,x"), 2, "--lags=x: log_return_lags(3): "),
        (("--grid", "strategy.leverage"), 2, "--grid 'strategy.leverage': write name=a,b,c"),
        (("--grid", "ema.n=3"), 2, "--grid ema.n: there are strategy, log_return_lags, model"),
        (("--model", "none", "--save", "mine"), 2, "--save mine: nothing is trained here"),
        (("--lags", "3,3"), 2, "--lags: 3 stands twice"),
        (("--leverage", "0"), 2, "leverage=0: strategy basic_taker, parameter 'leverage'"),
        (("--sizing", "half"), 2, "sizing=half: strategy basic_taker, parameter 'sizing'"),
        (("--holdout", "1"), 2, "--holdout: "),
        (("--earlier-trials", "-1"), 2, "--earlier-trials: "),
        (("--embargo", "1.5"), 2, "--embargo: 1.5 is neither a number of bars nor a share below 1"),
        (("--resume", "/dev/null"), 2, "--resume /dev/null: cannot be written: File exists"),
        (("--class", "Oracle"), 2, "--class: model 'Oracle' is unknown"),
        (("--fee", "1"), 2, "gateway.fee"),
        (("--folds", "99"), 2, "use fewer folds"),
        (("--backend", "nosuch"), 2, "--backend nosuch: Invalid backend"),
        (("--backend-option", "address"), 2, "--backend-option 'address': write name=value"),
        (("--json", "no/out.json"), 2, "--json no/out.json: cannot be written"),
        (("--interval", "18h"), 3, "bars.csv: its bars are 12h long"),
        (("--lags", "100"), 3, "fold 1 of 4: 0 samples"),
    ],
)
def test_what_is_refused_is_one_line(
    command: Command, bars: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    done = command("sweep", "--data", bars, "--sym", "BTCUSDT", "--jobs", "1", *options)
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line


def test_the_winner_of_a_strategy_of_the_users_trades_by_the_lines_that_are_written(
    command: Command, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "patient.py").write_text(STRATEGY)
    grid = ("--grid", "strategy.ticks=1,2", "--grid", "rolling_mean.n=2,4")
    options = ("--features", "rolling_mean(3)", "--strategy", "patient.py:Patient", *grid, "--folds", "2")
    save = ("--save", "best", "--weights", "models", "--backend", "sequential")
    done = command("sweep", "--data", bars, "--sym", "BTCUSDT", *options, *save)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[-1] == "written: models/best.pth and best.json"
    config = tomllib.loads((tmp_path / "models/best.toml").read_text())
    assert config["strategy"]["name"] == "patient.py:Patient"
    assert config["strategy"]["params"]["ticks"] in (1, 2)
    (tmp_path / "tickline.toml").write_text((tmp_path / "models/best.toml").read_text())
    monkeypatch.setenv("TICKLINE_CONFIG", str(tmp_path / "tickline.toml"))
    traded = command("backtest", "--data", bars, "--sym", "BTCUSDT")
    assert (traded.code, traded.err) == (0, "")
    assert f"strategy patient.py:Patient(ticks={config['strategy']['params']['ticks']})" in traded.out
