"""`tickline halt` beside a gateway that is alive: it is fenced, lets the halt work, and settles what that has sent."""

import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.halt import stop as halting
from services.console.run.processes import as_environment
from services.gateway.account import halt as halt_module
from services.gateway.account import waiting
from services.simulator.engine.events import NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import serving
from shared.config import load_settings
from shared.control import latches
from shared.control.accounts import AccountToStop
from shared.control.latches import closes
from shared.errors import VenueError
from shared.journal.journal import Journal
from shared.journal.rows import EpochRow
from shared.messages import Leg, OrderStatus, Reason
from shared.messages.reasons import OrderPhase
from tests.integration.gateway.conftest import SYM, Gateway
from tests.until import until

COMMAND = Path(sys.executable).with_name("tickline")


async def halt(trading: Gateway, *options: str) -> str:
    """The command as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
    done = await asyncio.to_thread(
        subprocess.run, [str(COMMAND), "halt", *options], env=clean | dict(as_environment(trading.settings)),
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def held(trading: Gateway) -> Decimal:
    return trading.fake.engine.wallet.holding(SYM).qty


@pytest.mark.parametrize("options", [(), ("--flatten",)])
async def test_a_halt_stops_a_gateway_that_is_alive(trading: Gateway, options: tuple[str, ...]) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    shown = await halt(trading, *options)
    assert shown.startswith("main is halted")
    sent = len(trading.fake.engine.orders())
    assert sent == (2 if options else 1)
    await trading.write(trading.intent("0.010"), trading.intent("-0.010", Leg.CLOSE))
    reports = await trading.reported(len(options) + 3)
    refused = [report.reason for report in reports if report.status is not OrderStatus.FILLED]
    assert refused == [Reason.HALTED, Reason.HALTED], "whether the halt's own order is settled before or after them"
    assert len(trading.fake.engine.orders()) == sent, "nothing after the halt"
    if options:
        assert held(trading) == 0
        closed = next(report for report in reports[1:] if report.status is OrderStatus.FILLED)
        assert (closed.leg, closed.last_qty) == (Leg.CLOSE, Decimal("-0.010")), "the halt's order, in the same book"
        assert closed.commission > 0
    else:
        assert held(trading) == Decimal("0.010")


async def test_all_of_a_halt_is_settled_in_the_journal(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await halt(trading, "--flatten")
    await trading.reported(2)

    async def settled() -> bool:
        async with trading._opened() as journal:
            return [row.state for row in await journal.orders(open_only=False)] == [OrderPhase.FILLED] * 2

    await until(settled)
    assert held(trading) == 0


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, **own: object) -> None:
    settings = load_settings(
        symbols=(SYM,), interval="12h", state_dir=folder,
        gateway={"mode": "testnet", "venue": "fake", "fake_url": url, "account": "main",
                 "markets": {SYM: "BTC/USDT:USDT"}, **own},
    )  # fmt: skip
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)


async def test_a_silent_venue_is_asked_until_it_answers_and_each_ten_seconds_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the night that it counts. The latch stands from the first line on."""
    monkeypatch.setattr(waiting, "SAY_EVERY_S", 0.2)
    shown = ""

    def said(what: str) -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return what in shown

    async with serving("binance") as fake:
        configured(tmp_path, monkeypatch, fake.url, timeout_s=0.3, request_validity_ms=500, grace_ms=100)
        fake.engine.place(NewOrder(SYM, Decimal("0.050")), fake.state.now_ms())
        silence = Fault(FaultMode.HOLD, after=True, times=10_000)
        fake.server.faults.append(silence)
        task = asyncio.create_task(halting(cancel=True, flatten=True))
        await until(lambda: said("it goes on trying; Ctrl-C ends it, and main stays halted in any case"))
        assert shown.startswith("main is halted: nothing is sent until `tickline resume HALT`")
        fake.server.faults.remove(silence)
        silence.release.set()
        async with asyncio.timeout(100):
            await task
        assert fake.engine.wallet.holding(SYM).qty == 0


async def test_within_ends_it_and_says_that_it_is_halted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "SAY_EVERY_S", 0.2)
    configured(tmp_path, monkeypatch, "http://127.0.0.1:1", timeout_s=0.2)
    with pytest.raises(VenueError, match=r"main stays halted: not all that was asked for is done: run it again$"):
        await halting(cancel=True, flatten=True, within_s=1.0)
    assert "it goes on trying; it ends after 1 s, and main stays halted" in capsys.readouterr().out


BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')  # as `tickline halt &` in a script


@pytest.mark.parametrize(
    ("number", "before"), [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGTERM, BACKGROUND)],
    ids=["INT", "TERM", "TERM in the background"],
)  # fmt: skip
async def test_whoever_ends_it_while_the_venue_is_silent_is_told_what_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, before: tuple[str, ...]
) -> None:
    asked = asyncio.Event()

    async def silent(asks: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        asked.set()
        await asks.read()
        answers.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    configured(tmp_path, monkeypatch, url)
    ends = await asyncio.create_subprocess_exec(
        *before, str(COMMAND), "halt", "--cancel", stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(500):
        await asked.wait()
        ends.send_signal(number)
        _, shown = await ends.communicate()
    server.close()
    await server.wait_closed()
    assert ends.returncode == 130
    assert "stopped: main stays halted: not all that was asked for is done" in shown.decode()


@pytest.mark.parametrize("flatten", [True, False])
async def test_the_journal_says_whether_a_halt_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flatten: bool
) -> None:
    """A flatten gives way to another one only."""
    told = list[bool]()

    async def leave(stopped: AccountToStop, epoch: int, *_: object, **__: object) -> None:
        holder = await stopped.journal.epoch()
        assert holder.epoch == epoch
        told.append(closes(holder))

    configured(tmp_path, monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setattr(halt_module, "leave", leave)
    await halting(cancel=not flatten, flatten=flatten)
    assert told == [flatten]


async def test_a_gateway_takes_nothing_from_a_halt_that_begins_while_it_looks(
    trading: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at who is at work and its own epoch: it would place stops beside a halt that cancels."""
    await until(lambda: trading.engine is not None and trading.engine.account is not None)
    await trading.stop()
    present, began, looks = Journal.epoch, list[int](), list[int]()

    async def then_halted(journal: Journal) -> EpochRow:
        holder = await present(journal)
        if not began:
            async with trading._opened() as other:
                began.append(await latches.halt(other, "ann", 1, at_work=True))
        looks.append(holder.epoch)
        return holder

    monkeypatch.setattr(Journal, "epoch", then_halted)
    trading.start()
    await until(lambda: len(looks) > 2)
    async with trading._opened() as journal:
        assert (await present(journal)).epoch == began[0]
