"""`tickline status` of a replay that is over, on a bus that rests."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.command import Tickline


@pytest.mark.long
def test_a_replay_that_is_over_has_the_figures_of_its_summary(tickline: Tickline, bars: Path) -> None:
    done = tickline.in_process("run", "--data", bars, "--sym", "BTCUSDT", "--interval", "12h")
    assert done.code == 0, done.err
    shown = tickline.in_process("status", "--json", "--run-id", "last")
    assert shown.code == 0, shown.err
    told = json.loads(shown.out)
    assert (told["line"], told["money_from"], told["exchange_not_asked"]) == ("down", "bus", None)
    assert abs(Decimal(told["equity"]) - Decimal(done.summary["final_equity"])) < Decimal("1e-15")
    one, before = told["symbols"]["BTCUSDT"], done.summary["symbols"]["BTCUSDT"]
    for name in ("position", "entry", "today", "fees_today", "fill", "decision"):
        assert one[name] == before[name]
    assert one["fill"]["tr"].startswith("replay:BTCUSDT:")

    own = tickline.in_process("status")  # the config's own line, which never ran
    assert own.out.splitlines()[-1].endswith("`tickline status --run-id last` shows the last replay")
    wrong = tickline.in_process("status", "--run-id", "no-such")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
