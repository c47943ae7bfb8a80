"""A verb's answer: JSON or lines, its times, and a reader that leaves."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from services.console.output import for_screen, json_text, wall_time
from shared.messages import Reason, Tensor


class Pair(NamedTuple):
    one: Decimal
    other: float | None


def test_json_has_money_as_text_and_what_is_no_number_as_null() -> None:
    value = {
        Reason.DUST: Pair(Decimal("1E+2"), float("nan")),
        "many": [Decimal("0.10"), Path("a"), Reason.DUST],
        "tensor": Tensor.of(np.array([0.5])),
        "set": (True, None, 3, 0.25),
    }
    assert json.loads(json_text(value)) == {
        "DUST": {"one": "100", "other": None},
        "many": ["0.10", "a", "DUST"],
        "tensor": [0.5],
        "set": [True, None, 3, 0.25],
    }
    assert "\n" not in json_text(value, indent=None)


def test_what_has_no_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        json_text({"x": object()})


def test_utc_is_what_utc_asks_for() -> None:
    assert wall_time(True).utc
    assert not wall_time(False).utc


def test_a_reader_may_leave() -> None:
    code = "from services.console.output import show; show(str(i) for i in range(200_000))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_terminal_gets_lines_folded_at_words_and_a_pipe_whole_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["head", "  12:00:00.000  decision    no order: " + "word " * 9 + "fake-id", ""]
    assert list(for_screen(said, 28)) == said
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    shown = list(for_screen(said, 28))
    assert shown[0] == "head" and shown[-1] == ""
    assert shown[1].startswith("  12:00:00.000  decision    no order: word")
    assert all(line.startswith(" " * 28 + "word") or line == " " * 28 + "fake-id" for line in shown[2:-1])
    assert max(map(len, shown)) <= 60
