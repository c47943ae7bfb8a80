"""Which card `auto` takes."""

import shutil
from pathlib import Path

from shared.models.choose import choose_model

WEIGHTS = Path(__file__).parents[3] / "weights"


def test_an_interval_may_be_written_in_another_way_than_on_the_card(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / "btcusdt_12h_linear.json", tmp_path)
    assert choose_model("auto", tmp_path, ["BTCUSDT"], "720m").stem == "btcusdt_12h_linear"
