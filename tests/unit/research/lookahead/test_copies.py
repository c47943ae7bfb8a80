"""Bars written and read again are the same."""

from pathlib import Path

import pytest

from services.research.lookahead.cuts import write_bars
from shared.history import bars
from shared.intervals import interval_ns


@pytest.mark.parametrize(
    "text",
    [
        "datetime,open,high,low,close\n2024-10-29T00:00:00,2.50,5,1,4\n2024-10-29T12:00:00,4,4,4,4.00\n",
        "datetime,price\n1730160000001,0.000000012\n1730203200001,2\n",
    ],
)
def test_they_are_the_same(tmp_path: Path, text: str) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text(text)
    assert write_bars(two, bars(one, "12h"), interval_ns("12h")) == 2
    was, found = list(bars(one, "12h")), list(bars(two, "12h"))
    assert [str(bar) for bar in found] == [str(bar) for bar in was]
    assert [bar.open is bar.close for bar in found] == [bar.open is bar.close for bar in was]
