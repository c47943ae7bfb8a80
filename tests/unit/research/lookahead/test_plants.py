"""Five plants in a user's own file, each found, and beside each the right twin, which passes."""

from pathlib import Path

import pytest
import torch

from services.research.backtest import VenueRules
from services.research.lookahead.check import LookaheadCheck, NoLookahead
from services.research.lookahead.guard import Guard
from shared.config import Settings
from shared.errors import LookaheadFound
from shared.models.card import Card
from shared.models.model_files import sha256_of, weights_bytes, write_model
from tests.unit.research.backtest.helpers import SYM, MakeSettings, settings_in
from tests.unit.research.lookahead.test_check import ROWS

SHARED_SECRET = """
from decimal import Decimal
from tickline import BasicTaker, Feature, Order, StatefulStrategy

SEEN = []


class Last(Feature[float]):
    def on_tick(self, val):
        SEEN.append(val)
        return 0.01


class Peeks(StatefulStrategy):
    def on_tick(self, bar):
        known = SEEN[-1]  # by now the features are some bars ahead
        return self.move_to(Decimal(1) if known > bar.close else Decimal(-1))
"""
SHARED_NOTHING = SHARED_SECRET.replace("known = SEEN[-1]", "known, self._last = self._last, bar.close").replace(
    "    def on_tick(self, bar)", "    _last: float = 0.0\n\n    def on_tick(self, bar)"
)

BOOKS_AT_THE_HIGH = """
from decimal import Decimal
from tickline import Group, StatefulStrategy


class TakesProfit(StatefulStrategy):
    needs = frozenset({Group.BAR})
    share: float = 0.002

    def on_prediction(self, prediction):
        return self.move_to(Decimal(1)) if not self.held() else None

    def on_tick(self, bar):
        position = self.account.position(self.sym)
        if position is None or bar.high < float(position.price) * (1 + self.share):
            return None
        self.account.book(self.sym, -position.signed_qty, Decimal(str(bar.high)))
"""
ORDERS_AT_THE_HIGH = BOOKS_AT_THE_HIGH.replace(
    "self.account.book(self.sym, -position.signed_qty, Decimal(str(bar.high)))", "return self.close()"
)

CENTRED = """
import csv
from tickline import Feature


class Smooth(Feature[float]):
    def __init__(self, path):
        with open(path, newline="") as file:
            closes = [float(row["close"]) for row in csv.DictReader(file)]
        self._means = [sum(closes[max(at - 2, 0) : at + 3]) / len(closes[max(at - 2, 0) : at + 3])
                       for at in range(len(closes))]
        self._at = 0

    def on_tick(self, val):
        self._at += 1
        return self._means[self._at - 1] / val - 1
"""
TRAILING = """
from collections import deque
from tickline import Feature


class Smooth(Feature[float]):
    def __init__(self, path):
        self._closes = deque(maxlen=5)

    def on_tick(self, val):
        self._closes.append(val)
        return sum(self._closes) / len(self._closes) / val - 1
"""

WHOLE_SAMPLE = """
import csv
import statistics
from tickline import Feature

with open({path!r}, newline="") as file:
    CLOSES = [float(row["close"]) for row in csv.DictReader(file)]


class Score(Feature[float]):
    def on_tick(self, val):
        return (val - statistics.mean(CLOSES)) / statistics.stdev(CLOSES)
"""
SAMPLE_SO_FAR = """
from tickline import Feature


class Score(Feature[float]):
    def __init__(self):
        self._n, self._mean, self._squares = 0, 0.0, 0.0

    def on_tick(self, val):
        self._n += 1
        apart = val - self._mean
        self._mean += apart / self._n
        self._squares += apart * (val - self._mean)
        return (val - self._mean) / (self._squares / (self._n - 1)) ** 0.5 if self._n > 2 else None
"""

COUNTS = """
from decimal import Decimal
from tickline import StatefulStrategy
{module}

class Alternates(StatefulStrategy):
    {declared}

    def on_prediction(self, prediction):
        {count}
        return self.move_to(Decimal(1 + seen % 7))
"""
IN_A_MODULE = COUNTS.format(module="SEEN = [0]\n", declared="pass", count="SEEN[0] += 1; seen = SEEN[0]")
IN_A_CLASS = COUNTS.format(
    module="class Kept:\n    seen = 0\n", declared="pass", count="Kept.seen += 1; seen = Kept.seen"
)
BY_TIME = COUNTS.format(  # the same again in the same process, but not in a new one
    module="SEEN = {}\n",
    declared="pass",
    count="SEEN[prediction.ts_event] = 1; seen = sum(ts <= prediction.ts_event for ts in SEEN)",
)
IN_A_FILE = COUNTS.format(
    module="from pathlib import Path\n",
    declared="path: str = '../seen.txt'",
    count="kept = Path(self.path); seen = len(kept.read_text()) if kept.exists() else 0; "
    "kept.write_text('x' * (seen + 1))",
)
IN_ITSELF = COUNTS.format(module="", declared="_seen: int = 0", count="self._seen += 1; seen = self._seen")

REMEMBERS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, no_features):
        super().__init__()
        self.linear = nn.Linear(no_features, 1)
        self.before, self.calls = torch.zeros(1), 0

    def forward(self, x):
        y = self.linear(x) + 0.5 * self.before
        self.calls += 1
        if self.calls > 10:  # one that remembers from the first on is refused where it is loaded
            self.before = y
        return y
"""
FORGETS = REMEMBERS.replace("self.before = y\n", "pass\n")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, the present one."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.chdir(own)
    return own


def check(settings: Settings) -> NoLookahead:
    with Guard(settings.ingestor.files[SYM]) as guard:
        return LookaheadCheck(settings, VenueRules(), None, None, guard).run(6)


def with_strategy(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"strategy": settings.strategy.model_copy(update={"name": name})})


def card_of(folder: Path, feature: str, model: str = "LinearModel") -> Path:
    """A card of one feature of the user's."""
    prefix = "linear."
    weights = weights_bytes({f"{prefix}weight": torch.tensor([[1.0]]), f"{prefix}bias": torch.tensor([0.001])})
    card = Card(
        name="mine", model=model, features=(feature,), no_features=1, symbols=(SYM,), interval="1d",
        sha256=sha256_of(weights), origin="a test",
    )  # fmt: skip
    return write_model(folder, card, weights, force=True)[1]


def settings_with(folder: Path, feature: str, model: str = "LinearModel") -> Settings:
    return settings_in(folder.parent, card_of(folder, feature, model), ROWS)


# A future bar.


def test_a_strategy_that_hears_from_the_features_what_comes(folder: Path) -> None:
    for text, name in ((SHARED_NOTHING, "twin"), (SHARED_SECRET, "plant")):
        (folder / f"{name}.py").write_text(text)
        settings = with_strategy(settings_with(folder, f"{name}.py:Last()"), f"{name}.py:Peeks")
        if name == "twin":
            assert check(settings).restarts == 4
        else:
            with pytest.raises(LookaheadFound, match=r"lookahead at tick \d+ .*: it is decided otherwise when"):
                check(settings)


# The same bar's high.


def test_a_strategy_that_books_at_its_bars_high(folder: Path, settings_of: MakeSettings) -> None:
    (folder / "twin.py").write_text(ORDERS_AT_THE_HIGH)
    (folder / "plant.py").write_text(BOOKS_AT_THE_HIGH)
    settings = with_bars(settings_of(ROWS))
    assert check(with_strategy(settings, "twin.py:TakesProfit")).decisions > 40
    with pytest.raises(LookaheadFound, match=r"lookahead at tick \d+ \(2024.*: the book is .*, its executions make"):
        check(with_strategy(settings, "plant.py:TakesProfit"))


# A centred window, and a z-score of the whole sample.


def test_a_centred_window(folder: Path) -> None:
    (folder / "twin.py").write_text(TRAILING)
    (folder / "plant.py").write_text(CENTRED)
    path = folder.parent / "rows.csv"
    assert check(settings_with(folder, f"twin.py:Smooth({str(path)!r})")).cuts == 6
    with pytest.raises(LookaheadFound, match=r"rows\.csv: opened while only copies of it are to be read"):
        check(settings_with(folder, f"plant.py:Smooth({str(path)!r})"))


def test_a_z_score_of_the_whole_sample(folder: Path) -> None:
    path = folder.parent / "rows.csv"
    (folder / "twin.py").write_text(SAMPLE_SO_FAR)
    (folder / "plant.py").write_text(WHOLE_SAMPLE.format(path=str(path)))
    assert check(settings_with(folder, "twin.py:Score()")).cuts == 6
    with pytest.raises(LookaheadFound, match=r"rows\.csv: opened while only copies of it are to be read"):
        check(settings_with(folder, "plant.py:Score()"))


# State kept outside `state()`.


def test_state_in_its_own_attributes_passes(folder: Path, settings_of: MakeSettings) -> None:
    (folder / "twin.py").write_text(IN_ITSELF)
    assert check(with_strategy(settings_of(ROWS), "twin.py:Alternates")).restarts == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (IN_A_MODULE, r"if the line goes back to its snapshot behind tick \d+: .*: what a feature, model or strategy"),
        (IN_A_CLASS, r"if the line goes back to its snapshot behind tick \d+: .*: what a feature, model or strategy"),
        (BY_TIME, r"if the line restarts with its snapshot behind tick \d+: .*: what a feature, model or strategy rem"),
        (IN_A_FILE, r"tick 2 .*seen\.txt was opened to write: what a feature, model or strategy remembers stands in"),
    ],
)
def test_state_that_no_snapshot_has(folder: Path, settings_of: MakeSettings, text: str, said: str) -> None:
    (folder / "plant.py").write_text(text)
    with pytest.raises(LookaheadFound, match=said) as found:
        check(with_strategy(settings_of(ROWS), "plant.py:Alternates"))
    assert "\n" not in str(found.value)


def test_a_model_that_remembers_the_last_sample(folder: Path) -> None:
    (folder / "twin.py").write_text(SAMPLE_SO_FAR)
    (folder / "forgets.py").write_text(FORGETS)
    (folder / "remembers.py").write_text(REMEMBERS)
    assert check(settings_with(folder, "twin.py:Score()", "forgets.py:Net")).restarts == 4
    with pytest.raises(LookaheadFound, match=r"if the line goes back to its snapshot behind tick \d+: "):
        check(settings_with(folder, "twin.py:Score()", "remembers.py:Net"))


def with_bars(settings: Settings) -> Settings:
    """The same rows with a volume, so that a strategy sees highs."""
    path = settings.ingestor.files[SYM]
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{header},volume", *(f"{row},{7 + at % 5}" for at, row in enumerate(rows))]) + "\n")
    return settings
