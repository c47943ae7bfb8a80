"""`tickline backtest`: its table and files, and what is refused in one line."""

import csv
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from shared.features.registry import FEATURES
from shared.strategies.registry import STRATEGIES
from tests import lookahead_examples as planted
from tests.e2e.command import Command, Done, Tickline, over
from tests.e2e.recomputed import prices_of, recomputed

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"
WHERE = ("--sym", "BTCUSDT", "--interval", "12h", "--balance", "100", "--fee", "0.0003")
HEAD = "datetime,open,high,low,close\n"


@pytest.mark.long
@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
@pytest.mark.timeout(600)
def test_the_notebooks_file(tickline: Tickline) -> None:
    files = ("--csv", "rows.csv", "--json", "out.json", "--report", "report.html")
    done = tickline("backtest", "--data", REAL, *WHERE, *files)
    assert (done.code, done.err) == (0, "")
    with (tickline.folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 688
    last = [float(row["trade_log_return"]) for row in rows[-173:]]
    assert (sum(value > 0 for value in last), round(sum(last), 5)) == (97, 0.23906)
    assert all(
        Decimal(row["gross_pnl"])
        == Decimal(row["signed_qty"]) * (Decimal(row["exit_price"]) - Decimal(row["entry_price"]))
        for row in rows
    )
    out = json.loads((tickline.folder / "out.json").read_text())
    prices = prices_of(REAL)
    for name, netting in (("legs", False), ("netted", True)):
        totals = out["variants"][name]["totals"]
        again = recomputed(prices, balance="100", fee="0.0003", netting=netting)
        assert abs(Decimal(totals["end_equity"]) / again.equity - 1) < Decimal("1e-20")
        assert netting or totals["fills"] == again.orders
        assert out["variants"][name]["metrics"]["returns"]["end_equity"] == pytest.approx(float(again.equity))
    assert Decimal(rows[-1]["equity"]) > Decimal(out["variants"]["legs"]["totals"]["end_equity"]), "the open trip's fee"
    assert out["settings"]["model"].startswith("btcusdt_12h_linear (")
    assert "legs" in done.out.splitlines()[0]
    assert "netted" in done.out.splitlines()[0]
    assert any(line.split() == ["number", "688", "262"] for line in done.out.splitlines())
    assert "365 days" in done.out
    traded = "basic_taker(leverage=1, netting=False, sizing=compounding, fraction=1)"
    assert done.out.splitlines()[-1] == f"model {out['settings']['model']}, strategy {traded}"
    assert "<html" in (tickline.folder / "report.html").read_text()[:200]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--param", "netting=true"), {"variants": ["netted", "legs"], "strategy": "basic_taker(netting=True)"}),
        (
            ("--strategy", "threshold", "--param", "threshold=0.001", "--leverage", "3"),
            {"strategy": "threshold(threshold=0.001, leverage=3)"},
        ),
        (
            ("--fill", "next_open", "--slippage-bps", "5", "--maintenance-margin", "0.01"),
            {"fill": "next_open", "slippage_bps": "5", "maintenance_margin": "0.01"},
        ),
        (
            ("--from", "1990-01-20", "--to", "1990-03-01T12:00Z"),
            {"from": "1990-01-20T00:00:00Z", "to": "before 1990-03-01T12:00:00Z", "bars": 81},
        ),
    ],
)  # fmt: skip
def test_options_are_followed(
    command: Command, bars: Path, options: tuple[str, ...], expected: dict[str, object]
) -> None:
    done = command("backtest", "--data", bars, *WHERE, *options, "--json", "out.json", "--csv", "rows.csv")
    assert (done.code, done.err) == (0, "")
    out = json.loads(Path("out.json").read_text())
    first = next(iter(out["variants"].values()))
    said = {**out["settings"], "variants": list(out["variants"]), "bars": first["totals"]["bars"]}
    assert {name: said[name] for name in expected} == expected
    with Path("rows.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == first["metrics"]["trades"]["trades"] > 0


def test_another_strategy_by_one_option(command: Command, bars: Path) -> None:
    strategy = ("--strategy", "threshold", "--param", "threshold=0.001")
    done = command("backtest", "--data", bars, *WHERE, *strategy, "--json", "out.json")
    assert (done.code, done.err) == (0, "")
    variant = json.loads(Path("out.json").read_text())["variants"]["legs"]
    totals, prices = variant["totals"], prices_of(bars)
    plain, wanted = (recomputed(prices, balance="100", fee="0.0003", threshold=above) for above in (0.0, 0.001))
    assert totals["fills"] == wanted.orders < plain.orders
    assert abs(Decimal(totals["end_equity"]) / wanted.equity - 1) < Decimal("1e-20")


def test_the_interval_is_the_files_own_where_none_is_given(command: Command, bars: Path) -> None:
    done = command("backtest", "--data", bars, "--sym", "BTCUSDT")
    assert done.code == 0
    assert "150 of 12h" in done.out


@pytest.fixture
def too_clever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What knows too much, registered as a line in the registries would."""
    monkeypatch.setitem(FEATURES, "normalised", "tests.lookahead_examples:Normalised")
    for name, kind in planted.STRATEGIES.items():
        monkeypatch.setitem(STRATEGIES, name, kind)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((),
         "no lookahead: 149 decisions identical, with the bars behind 8 cuts "),
        (("--fill", "next_open", "--cuts", "3", "--from", "1990-01-20", "--to", "1990-03-01"),
         "no lookahead: 80 decisions identical, with the bars behind 3 cuts "),
    ],
)  # fmt: skip
def test_no_lookahead(command: Command, bars: Path, options: tuple[str, ...], said: str) -> None:
    plain = command("backtest", "--data", bars, *WHERE, *options)
    done = command("backtest", "--data", bars, *WHERE, "--check-lookahead", *options)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{plain.out}{said}mirrored, scaled and removed; 4 restarts too\n"


@pytest.mark.usefixtures("too_clever")
def test_a_lookahead_is_found(command: Command, bars: Path) -> None:
    card = planted.normalised_card(Path(), bars, "12h")
    for options, said in (
        (
            ("--strategy", "peeks", "--param", f"prices={bars}"),
            "lookahead at tick 4 (1990-01-03T00:00:00Z) of BTCUSDT: ",
        ),
        (("--model", card.resolve()), "opened while only copies of it are to be read"),
    ):
        arguments = ("backtest", "--data", bars, *WHERE, *options, "--csv", "rows.csv")
        refused(command(*arguments, "--check-lookahead"), 6, said)
        assert command(*arguments).code == 0, "without the check it is a backtest like any other"
        Path("rows.csv").unlink()


def refused(done: Done, code: int, said: str) -> None:
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line
    assert not list(Path().glob("*rows*")), "no half a file is left"


def rows_of(prices: list[str]) -> str:
    return HEAD + "".join(
        f"2024-01-{1 + i // 2:02d}T{12 * (i % 2):02d}:00,{p},{p},{p},{p}\n" for i, p in enumerate(prices)
    )


RISING = [str(price) for price in range(10, 20)]


@pytest.mark.parametrize(
    ("prices", "options", "said"),
    [
        (["5"] * 20, (), "bars.csv: all 20 prices are the same"),
        (["5", "6", "7"], (), "bars.csv: 3 rows are too few"),
        ([*RISING, "NaN", "21"], (), "bars.csv: row 12: open 'NaN' is not finite"),
        (RISING, ("--interval", "1d"), "interval 1d, but rows 2 and 3 are 12h apart: pass --interval 12h"),
        (RISING, ("--interval", "1h"), "interval 1h, but no two rows are less than 12h apart"),
        (RISING, ("--from", "2025-01-01"), "10 rows, none in the time to be traded"),
        (RISING, ("--funding", "none.csv"), "none.csv: there is no such file"),
        (RISING, ("--check-lookahead", "--data", "none.csv"), "none.csv: there is no such file"),
        ([*RISING, "NaN", "21"], ("--check-lookahead",), "bars.csv: row 12: open 'NaN' is not finite"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used(command: Command, prices: list[str], options: tuple[str, ...], said: str) -> None:
    Path("bars.csv").write_text(rows_of(prices))
    refused(command("backtest", *over(("--data", "bars.csv", *WHERE, "--csv", "rows.csv"), options)), 3, said)


@pytest.mark.parametrize("verb", ["backtest", "run"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sym", "ETHUSDT"), "no model in"),
        (("--sym", "ETHUSDT", "--model", "btcusdt_12h_linear"), "is for BTCUSDT, not for ETHUSDT"),
        (("--model", "nothing"), "there is no model 'nothing' in "),
        (("--model", "altered.json"), "one of the two was altered"),
    ],
)
def test_a_model_that_is_refused_ends_every_verb_alike(
    command: Command, verb: str, options: tuple[str, ...], said: str
) -> None:
    Path("bars.csv").write_text(rows_of(RISING))
    weights = Path(__file__).parents[2] / "weights"
    Path("altered.json").write_bytes((weights / "btcusdt_12h_linear.json").read_bytes())
    Path("altered.pth").write_bytes((weights / "simulated_linear.pth").read_bytes())
    refused(command(verb, *over(("--data", "bars.csv", *WHERE), options)), 5, said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "tomorrow"), "--from: time 'tomorrow' is unreadable"),
        (("--from", "1990-02-01", "--to", "1990-01-01"), "is empty"),
        (("--csv", "none/rows.csv"), "--csv none/rows.csv: cannot be written: No such file or directory"),
        (("--maintenance-margin", "2"), "--maintenance-margin 2: Input should be less than 1"),
        (("--maintenance-margin", "0.5", "--leverage", "2"), "with leverage 2 it must be below 1/2"),
        (("--strategy", "basic"), "strategy 'basic' is unknown"),
        (("--param", "fraction=0.5"), "fraction 0.5 has no effect with sizing compounding"),
        (("--leverage", "0"), "parameter 'leverage': Input should be greater than 0"),
        (("--balance", "-5"), "strategy.balance"),
        (("--slippage-bps", "x"), "gateway.slippage_bps"),
    ],
)
def test_options_that_make_no_sense(command: Command, bars: Path, options: tuple[str, ...], said: str) -> None:
    refused(command("backtest", *over(("--data", bars, *WHERE, "--csv", "rows.csv"), options)), 2, said)
