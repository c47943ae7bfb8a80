"""What is shown and written of a sweep."""

import csv
import io
import json
from pathlib import Path

import pytest

from services.research.sweep import Pool, Row, SweepSpec, Swept, sweep
from services.research.sweep.summary import described, lines, write_csv
from tests.unit.research.sweep.made import settings_of, written

SPEC = SweepSpec(lags=(1, 2), thresholds=(0.0, 0.001, 9.0), folds=2)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    return sweep(settings_of(written(tmp_path_factory.mktemp("data"))), SPEC, Pool(jobs=1))


def test_lines(swept: Swept) -> None:
    shown = lines(swept, top=5)
    assert shown[0] == "walk-forward: 2 folds, 2024-01-04T09:00:00Z to 2024-01-11T02:00:00Z, 6 trials"
    table = shown[2:8]
    assert len({len(line) for line in table}) == 1
    assert [line.split()[0] for line in table] == ["rank", "1", "2", "3", "4", "5"]
    assert table[-1].split()[6:8] == ["-", "-"]  # a threshold that nothing exceeds
    assert shown[8] == "... and 1 more"
    assert shown[-1].startswith("hold-out, once, trained until 2024-01-11T01:00:00Z: 60 bars to 2024-01-13, total ")
    assert not any(line.startswith("...") for line in lines(swept, top=6))


def test_ruin_is_shown(swept: Swept) -> None:
    ruined = swept.rows[0].model_copy(update={"ruined": True, "sharpe": None})
    assert "ruined" in lines(swept.model_copy(update={"rows": (ruined,)}))[3]


def test_csv_has_all_rows_and_fields(swept: Swept) -> None:
    text = io.StringIO()
    write_csv(swept, text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert len(rows) == 6
    assert set(rows[0]) == set(Row.model_fields)
    assert float(rows[0]["sharpe"]) == swept.rows[0].sharpe
    assert rows[-1]["sharpe"] == ""


def test_how_it_was_run_can_be_written_as_json() -> None:
    said = described(settings_of(Path("bars.csv"), fee="0.001"), SPEC)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert (said["data"], said["sym"], said["fee"], said["lags"]) == ("bars.csv", "BTCUSDT", "0.001", [1, 2])
