"""`tickline run --venue fake`: the try-out, from not armed to a restart."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.journal.rows import OrderRow
from shared.messages.reasons import OrderPhase, Reason
from tests.e2e.account import ask, at_terminal, with_journal
from tests.e2e.command import COMMAND, Tickline, wait_for

RUN = ("run", "--venue", "fake", "--limit", "150", "--param", "threshold=0.0001")  # nearly every tick decides
ARM = ("arm", "--account", "fake", "--max-notional", "2500", "--for", "1h")
SELDOM_S = 0.5  # each look at the journal opens it

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def orders(folder: Path) -> list[OrderRow]:
    """All of the account's, as its journal has them."""
    if not (folder / "journal-fake.db").exists():
        return []
    return with_journal(folder, "fake", lambda journal: journal.orders(open_only=False))


def in_state(folder: Path, state: OrderPhase) -> dict[str, Decimal]:
    return {row.client_order_id: row.filled_qty for row in orders(folder) if row.state is state}


def book(folder: Path) -> Any:
    """The simulator's own, of a run that is up."""
    return ask(tomllib.loads((folder / "fake.toml").read_text())["gateway"]["fake_url"], "book")


def test_refused_armed_filled_and_on_again(tickline: Tickline) -> None:
    folder = tickline.folder
    running = tickline.start(*RUN)
    wait_for(lambda: orders(folder) or running.process.poll() is not None, "orders come", every_s=SELDOM_S)
    assert book(folder)["orders"] == []
    assert {row.reason for row in orders(folder)} <= {Reason.NOT_ARMED, None}
    assert in_state(folder, OrderPhase.FILLED) == {}

    environment = tickline.environment() | {"TICKLINE_CONFIG": str(folder / "fake.toml")}
    armed = at_terminal(folder, environment, *ARM, typed="fake")
    assert armed.code == 0, armed.shown
    wait_for(lambda: len(in_state(folder, OrderPhase.FILLED)) >= 4, "orders are filled", every_s=SELDOM_S)
    running.interrupt(whole_group=True)
    first = running.done()
    assert first.code == 0, first.err
    assert "Traceback" not in first.err
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in first.err.splitlines())
    said = [line[10:] for line in first.err.splitlines()]
    assert said[0].startswith("model simulated_linear (")
    assert said[0].endswith(", threshold=0.0001)")
    (unarmed,) = (line for line in said if line.startswith("not armed: "))
    assert unarmed.startswith("not armed: nothing that adds exposure is sent; in another terminal: ")
    assert f" TICKLINE_CONFIG={folder}/fake.toml " in unarmed
    assert unarmed.endswith("tickline arm --account fake --max-notional 2500 --for 12h")
    assert any(line.startswith("armed until ") for line in said)
    held = {sym: qty for sym, qty in first.summary.get("open", {}).items() if Decimal(qty)}
    flatten = (
        f"(`tickline run --venue fake`), then `TICKLINE_CONFIG={folder}/fake.toml {COMMAND} halt --flatten` closes them"
    )
    told = [line for line in said if line.startswith("open at the exchange")]  # at Ctrl-C, and at the end
    assert all(line.endswith(flatten) for line in told)
    assert all(f"{sym} {Decimal(qty).normalize():f}" in told[-1] for sym, qty in held.items())
    assert first.summary["refusals"]["NOT_ARMED"] >= 1
    assert Decimal(first.summary["fees"]) > 0
    assert "parity: not compared (orders went to a venue)" in first.out.splitlines()
    assert tickline.left() == {}

    before = len(in_state(folder, OrderPhase.FILLED))
    running = tickline.start(*RUN)
    wait_for(
        lambda: len(in_state(folder, OrderPhase.FILLED)) > before, "it goes on, and is still armed", every_s=SELDOM_S
    )
    tickline.service("simulator").kill()
    wait_for(lambda: tickline.left().get("simulator"), "the fake exchange is started again", every_s=SELDOM_S)
    filled = len(in_state(folder, OrderPhase.FILLED))
    wait_for(lambda: len(in_state(folder, OrderPhase.FILLED)) > filled + 2, "its book goes on", every_s=SELDOM_S)
    held = book(folder)
    running.interrupt()
    second = running.done()
    assert second.code == 0, second.err
    assert tickline.left() == {}
    assert second.summary["restarts"] == 1
    assert second.summary["ticks"] > first.summary["ticks"]
    journaled = {row.client_order_id for row in orders(folder) if row.at_ms}
    sent = [order["client_id"] for order in held["orders"]]
    assert before < len(sent) == len(set(sent)), "each was sent once, also over the restart"
    assert set(sent) <= journaled
