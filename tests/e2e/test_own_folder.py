"""A folder outside the repository with all that is a user's own, beside files of bad names: from model to fills.

Its code is that of the documentation and of the examples, so what a user copies is what is shown to work.
"""

import re
import shlex
import shutil
from collections.abc import Callable
from functools import partial

import pytest

from shared.journal.rows import OrderRow
from shared.messages import Leg
from shared.messages.reasons import OrderPhase
from tests.e2e.account import at_terminal, with_journal
from tests.e2e.command import Done, Tickline, run_script, wait_for
from tests.e2e.reverting_market import write_market
from tests.e2e.test_bring_your_own import FILES
from tests.e2e.test_examples import FILES as EXAMPLES

ADD = 'model add net.pth --class net.py:Net --features "log_return_lags(3)"'
DATA = "--data bars.csv --sym BTCUSDT"
RUN_AT_SIMULATOR = (
    "run --venue fake --sym BTCUSDT --model fast --strategy trailing_stop.py:Trailing "
    "--param distance=0.0005 --param out=1 --limit 2000"
)
PROTECTED = "[strategy.protect]\nstop_bps = 10\n"  # a tick moves the price by 15 bps (a standard deviation)
ARM = ("arm", "--account", "fake", "--max-notional", "2500", "--for", "1h")
SELDOM_S = 0.5  # each look at the journal opens it

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def own(tickline: Tickline) -> Tickline:
    """The folder, with the weights of a network of the user's own."""
    folder = tickline.folder
    (folder / "types.py").write_text("raise SystemExit('types.py of the working folder was imported')\n")
    (folder / "shared").mkdir()
    (folder / "shared/__init__.py").write_text("raise SystemExit('shared/ of the working folder was imported')\n")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    for example in EXAMPLES:
        shutil.copy(example, folder)
    write_market(folder / "bars.csv", 240)
    run_script(folder, ["train.py"])
    return tickline


def typed(tickline: Tickline, command: str) -> Done:
    words = shlex.split(command)
    done = (tickline if words[0] == "run" else tickline.in_process)(*words)
    assert done.code == 0, (command, done)
    return done


def test_each_model_and_strategy_trades_in_the_line_as_in_the_backtest(own: Tickline) -> None:
    run_script(own.folder, ["lstm_onnx.py", "bars.csv"])
    typed(own, f"{ADD} {DATA}")
    typed(own, f'train {DATA} --name second --features "momentum.py:Momentum(5)" --features "bollinger(20, 2.0)"')
    listed = typed(own, "model list").out
    assert [name for name in ("net", "lstm", "second") if re.search(rf"^{name} ", listed, re.MULTILINE)] == [
        "net",
        "lstm",
        "second",
    ]
    for options in (
        "--model net --strategy trailing_stop.py:Trailing --param distance=0.02",
        "--model lstm --strategy mine.py:Mine",
        "--model second --strategy trailing_stop.py:Trailing",
        "--model none --strategy bollinger_breakout.py:Breakout --param deviations=1.5",
    ):
        done = typed(own, f"run {DATA} --interval 12h {options}")
        compared = re.search(r"parity: (\d+) of (\d+) orders identical to the backtest", done.out)
        assert compared is not None, (options, done)
        assert compared[1] == compared[2]
        assert int(compared[1]) >= 10, options


def test_its_own_strategy_trades_at_the_simulator_once_it_is_armed_whoever_dies(own: Tickline) -> None:
    typed(
        own, 'model add net.pth --class net.py:Net --features "log_return_lags(3)" --sym "*" --interval 1s --name fast'
    )
    folder = own.folder
    (folder / "tickline.toml").write_text(PROTECTED)
    environment = own.environment() | {"TICKLINE_CONFIG": str(folder / "fake.toml")}
    running = own.start(*shlex.split(RUN_AT_SIMULATOR))

    def orders() -> list[OrderRow]:
        if not (folder / "journal-fake.db").exists():
            return []
        return with_journal(folder, "fake", lambda journal: journal.orders(open_only=False))

    def filled() -> list[OrderRow]:
        return [row for row in orders() if row.state is OrderPhase.FILLED]

    def when(what: str, holds: Callable[[], object]) -> None:
        def look() -> object:
            assert running.process.poll() is None, running.done()
            return holds()

        wait_for(look, what, every_s=SELDOM_S)

    when("orders come", orders)
    assert filled() == []
    armed = at_terminal(folder, environment, *ARM, typed="fake")
    assert armed.code == 0, armed.shown
    when("orders are filled", lambda: len(filled()) >= 6)
    for service in ("signal", "strategy", "gateway", "ingestor"):
        own.service(service).kill()
        before = len(filled())
        more = partial(lambda count: len(filled()) > count + 1, before)
        when(f"it trades on without a new arming, after {service} died", more)
    when("a stop at the exchange has closed a position", lambda: any(row.leg is Leg.STOP for row in filled()))
    assert len({row.by for row in filled() if row.leg is not Leg.STOP}) == 1
    assert f"decided by {filled()[0].by}" in armed.shown
    running.interrupt(whole_group=True)
    done = running.done()
    assert done.code == 0, done
    assert done.summary["restarts"] == 4
