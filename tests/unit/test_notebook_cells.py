"""The notebook's cells, run one after the other with the names of `tickline`; and what each of them shows."""

import doctest
import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tickline

ROOT = Path(__file__).parents[2]
CELLS = dict(
    re.findall(r"^In \[(\d+)\].*\n((?:.+\n)+)", (ROOT / "tests/fixtures/notebook.txt").read_text(), flags=re.MULTILINE)
)
NAMES = "DequeWindow NumpyWindow TensorWindow Last LogReturn LogReturnLags LinearModel Account BasicTakerStrat"


def test_every_cell_shows_what_it_shows_in_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "weights/btcusdt_12h_linear.pth", tmp_path / "model_weights.pth")
    monkeypatch.chdir(tmp_path)
    session: dict[str, Any] = {name: getattr(tickline, name) for name in NAMES.split()}
    session |= {"np": np, "torch": torch, "Decimal": Decimal}
    said: list[str] = []
    for number, text in CELLS.items():
        cell = doctest.DocTestParser().get_doctest(text, session, f"In [{number}]", None, None)
        results = doctest.DocTestRunner(verbose=False).run(cell, out=said.append, clear_globs=False)
        session = cell.globs
        assert results.attempted > 0, number
    assert said == []
    assert len(CELLS) == 38
