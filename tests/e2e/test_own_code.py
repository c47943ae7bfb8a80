"""A strategy of a user's folder at the simulator: once edited, it adds nothing until it is armed again."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from shared.journal.rows import OrderRow
from shared.messages.reasons import OrderPhase, Reason
from tests.e2e.account import at_terminal, with_journal
from tests.e2e.command import Tickline, wait_for

RUN = ("run", "--venue", "fake", "--sym", "BTCUSDT", "--strategy", "mine.py:Mine", "--limit", "600")
ARM = ("arm", "--account", "fake", "--max-notional", "2500", "--for", "1h")
MINE = """\
from tickline import Decider
import helper

class Mine(Decider):
    def decide(self, prediction, account):
        return helper.orders(prediction, account)
"""
HELPER = """\
def orders(prediction, account):
    from late import SIZE
    from tickline import Order
    close = account.close_position(prediction.sym)
    return [close] if close else [Order(prediction.sym, SIZE)]
"""
LATE = "from decimal import Decimal\nSIZE = Decimal('0.01')\n"
SELDOM_S = 0.5  # each look at the journal opens it

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def orders(folder: Path) -> list[OrderRow]:
    if not (folder / "journal-fake.db").exists():
        return []
    return with_journal(folder, "fake", lambda journal: journal.orders(open_only=False))


def deciders(folder: Path, holds: Callable[[OrderRow], bool]) -> set[str]:
    return {row.by for row in orders(folder) if holds(row)}


def refused(row: OrderRow) -> bool:
    return row.reason is Reason.ARMED_FOR_OTHER_CODE


def added(row: OrderRow) -> bool:
    return row.state is OrderPhase.FILLED and not row.reduce_only


def test_edited_code_is_refused_until_it_is_armed_again(tickline: Tickline) -> None:
    folder = tickline.folder
    for name, text in {"mine": MINE, "helper": HELPER, "late": LATE}.items():
        (folder / f"{name}.py").write_text(text)
    environment = tickline.environment() | {"TICKLINE_CONFIG": str(folder / "fake.toml")}

    def arm() -> str:
        made = at_terminal(folder, environment, *ARM, typed="fake")
        assert made.code == 0, made.shown
        return made.shown

    def when(what: str, holds: Callable[[], object]) -> None:
        def look() -> object:
            code = running.process.poll()
            assert code is None, running.done()
            return holds()

        wait_for(look, what, every_s=SELDOM_S)

    def restart_the_strategy() -> None:
        before = tickline.service("strategy")
        before.kill()
        when("the strategy runs again", lambda: tickline.service("strategy") != before)

    running = tickline.start(*RUN)
    when("orders come", lambda: orders(folder))
    shown = arm()
    when("orders are filled", lambda: deciders(folder, added))
    (first,) = deciders(folder, added)
    assert f"decided by {first}" in shown
    assert "code and data of your own: helper.py, late.py, mine.py" in shown

    # A helper that is imported only within a call is edited, and the strategy's process begins anew.
    (folder / "late.py").write_text(LATE.replace("0.01", "0.02"))
    restart_the_strategy()
    when("what adds is refused", lambda: sum(map(refused, orders(folder))) >= 2)
    assert deciders(folder, added) == {first}
    (second,) = deciders(folder, refused)
    assert second != first
    assert {row.reduce_only for row in orders(folder) if refused(row)} == {False}
    closes = [row for row in orders(folder) if row.reduce_only and row.by == second]
    # One of a tick from before the process was there may come too late.
    assert OrderPhase.FILLED in {row.state for row in closes}
    assert {row.reason for row in closes} <= {None, Reason.PAST_VALID_UNTIL}

    # What was armed decides again, so its arming counts again: it is for the code, not for a process.
    (folder / "late.py").write_text(LATE)
    restart_the_strategy()
    count = sum(map(added, orders(folder)))
    when("it trades on", lambda: sum(map(added, orders(folder))) > count)
    assert deciders(folder, added) == {first}

    # The strategy itself is edited between two runs: the screen says it, and a person arms what they have now.
    running.interrupt(whole_group=True)
    assert running.done().code == 0
    (folder / "mine.py").write_text(MINE.replace("class Mine(Decider):", "class Mine(Decider):\n    size: int = 1"))
    running = tickline.start(*RUN)
    before = sum(map(refused, orders(folder)))
    when("what adds is refused", lambda: sum(map(refused, orders(folder))) > before)
    assert deciders(folder, added) == {first}
    arm()
    when("it trades again", lambda: deciders(folder, added) > {first})
    running.interrupt(whole_group=True)
    done = running.done()
    assert done.code == 0
    assert done.summary["refusals"]["ARMED_FOR_OTHER_CODE"] >= 1
    assert any("armed for another strategy, model or code of theirs: nothing that adds" in line for line in
               done.err.splitlines())  # fmt: skip
    assert Decimal(done.summary["fees"]) > 0
    third = deciders(folder, added) - {first}
    assert len(third) == 1
    assert third.isdisjoint({second})
