"""What is not installed is said in one line, with what to type; what is not needed is not loaded beside."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from services.console.resolve import waiting
from services.console.terminal import on_account
from services.gateway.main import build
from shared.config import load_settings
from shared.errors import ConfigError
from shared.extras import without
from shared.runner.service import limits_of

RECORDING = Path(__file__).parents[1] / "fixtures/recording/5"
SAYS = r"orders at a venue need alembic: pip install 'tickline\[ccxt,journal\]'"


@pytest.fixture(autouse=True)
def without_alembic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)


def test_the_gateway_says_it() -> None:
    settings = load_settings(
        symbols=("A",), gateway={"mode": "testnet", "venue": "fake", "account": "a", "markets": {"A": "A/USDT"}}
    )
    with pytest.raises(ConfigError, match=SAYS):
        build(settings, limits_of(settings))


def test_paper_needs_none() -> None:
    settings = load_settings()
    assert build(settings, limits_of(settings)).store is None


def test_the_verbs_say_it() -> None:
    with pytest.raises(ConfigError, match=SAYS):
        on_account(waiting)


def test_pyarrow_brings_no_pandas_and_still_makes_a_frame_for_who_wants_one() -> None:
    code = (
        "import sys\n"
        "from shared.extras import load_arrow\n"
        "load_arrow()\n"
        "import pyarrow as pa\n"
        "from pyarrow import compute\n"
        "table = pa.table({'n': [1, 2]})\n"
        "assert compute.equal(table.column('n'), 2).to_pylist() == [False, True]\n"
        "print('pandas' in sys.modules, table.to_pandas()['n'].sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False 3\n", done.stderr


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def test_who_reads_a_recording_and_loads_pandas_later_has_his_series_taken_for_such() -> None:
    """Without pandas pyarrow takes a Series for a list, whose NaN is a value: in a notebook nobody would see it."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shared.messages import Stream\n"
        "from shared.recording.part import read_rows\n"
        f"rows = list(read_rows(Path({str(RECORDING)!r}), Stream.TICKS, 'ingestor', ['SIM-A']))\n"
        "print(len(rows) > 0, 'pandas' in sys.modules)\n"
        "import pandas as pd\n"
        "import pyarrow as pa\n"
        "print(pa.array(pd.Series([1.0, float('nan')])).null_count)\n"
    )
    assert printed(code).split() == ["True", "False", "1"]


def test_a_notebook_has_structlog_as_it_is() -> None:
    """What our own processes leave out of it, they leave out of it alone."""
    code = "import sys, tickline, services.research.notebook\nprint('shared.runner.logs' in sys.modules)\n"
    assert printed(code).split() == ["False"]


def test_what_is_left_out_is_there_again_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError, match="colorsys is left out"):
        importlib.import_module("colorsys")
    found = importlib.import_module("colorsys")
    with without("colorsys"):
        assert importlib.import_module("colorsys") is found, "what is loaded already stays"
