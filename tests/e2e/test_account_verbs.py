"""The verbs on an account through the real command, against the simulator, with neither bus nor gateway."""

import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from shared.bus.embedded import EmbeddedBus
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, ExecutionRow, ExternalRow, LatchRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.codec import keep, kept
from shared.messages.reasons import OrderPhase
from tests.e2e.account import Account, fake_exchange, now_ms
from tests.e2e.command import Done, wait_for

ARM = ("arm", "--account", "main", "--max-notional", "500", "--for", "12h")
BOOK = "strategy:BTCUSDT"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fake_exchange() as at:
        yield at


@pytest.fixture
def account(tmp_path: Path, url: str) -> Account:
    made = Account(tmp_path, url)
    held = Decimal(made.position())
    if held:
        made.ask("order", sym="BTCUSDT", qty=str(-held))
    return made


def arming_of(account: Account) -> ArmingRow | None:
    return account.journal(lambda journal: journal.arming())


def sent(order_id: str, qty: str, valid_until_ms: int) -> OrderRow:
    """An order of a gateway that was stopped before the answer."""
    zero = Decimal(0)
    return OrderRow(
        client_order_id=order_id, book=BOOK, sym="BTCUSDT", tick_n=1, tr="t", ts_event=1, leg=Leg.OPEN,
        intended_qty=Decimal(qty), reduce_only=False, price=Decimal(42_000), valid_until_ns=0, after="", content="c",
        order_n=1, state=OrderPhase.SENT, signed_qty=Decimal(qty), at_ms=valid_until_ms - 5_000,
        valid_until_ms=valid_until_ms, venue_order_id="", filled_qty=zero, paid=zero, commission=zero, reason=None,
        epoch=1, updated_ms=valid_until_ms - 5_000,
    )  # fmt: skip


def write(account: Account, *rows: OrderRow | ExecutionRow | ExternalRow | LatchRow) -> int:
    """As a gateway would; its epoch."""

    async def work(journal: Journal) -> int:
        epoch = await journal.raise_epoch("gateway")
        await journal.write(rows, epoch)
        return epoch

    return account.journal(work)


def booked(seq: int, qty: str) -> ExecutionRow:
    report = ExecutionReport(
        n=seq, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"booked{seq:08}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(42_000), commission=Decimal(0), reason=None,
    )  # fmt: skip
    return ExecutionRow(BOOK, seq, report.client_order_id, keep(report), 1)


@pytest.mark.parametrize("verb", [ARM, ("resume", "HALT"), ("resolve", "a" * 32, "--as", "expired"), ("adopt",)])
def test_a_person_is_needed(account: Account, verb: tuple[str, ...]) -> None:
    done = account.process(*verb, given="main\nmain\n", TICKLINE_GATEWAY__MODE="testnet")
    assert done.code == 5
    assert done.err.splitlines() == [
        f"tickline: {verb[0]} needs a person at a terminal: here is none, and nothing was changed"
    ]
    assert not (account.folder / "state").exists()


@pytest.fixture
def untraded(tmp_path: Path) -> Iterator[Account]:
    """At an exchange of its own: what others have traded has cost fees, whichever tests ran before."""
    with fake_exchange() as url:
        yield Account(tmp_path, url)


def test_arming(untraded: Account) -> None:
    account, before_ms = untraded, now_ms()
    made = account.at_terminal(*ARM, typed="main")
    assert made.code == 0
    for line in (
        f"account main: TESTNET at the fake exchange, {account.url}, isolated margin, leverage 1",
        "equity 10000; 1 book of 1000",
        "if everything dies now: nothing is open, nothing is lost; with all open that is armed: at most 500, "
        "by liquidation",
        "limits: order 2000, position 2000, leverage 1, 10 orders a minute, day's loss 10, drawdown 10.00%, "
        "day's funding 5, collar 50 bps",
        "BTCUSDT = BTC/USDT:USDT: position 0, 0 open orders; first order BUY 0.023 at about 42000.1 = 966.0023 USDT, "
        "at 42210.1 at most, would be refused: ARMED_NOTIONAL",
    ):
        assert line in made.shown.splitlines()
    arming = arming_of(account)
    assert arming is not None
    assert arming.max_notional == 500
    assert before_ms + 12 * 3_600_000 <= arming.expires_at_ms <= now_ms() + 12 * 3_600_000
    assert arming.config_hash[:16] in made.shown


@pytest.mark.parametrize(
    ("key", "value", "good", "needed"),
    [
        ("dual", "true", "false", "one-way position mode is needed"),
        ("margin:BTCUSDT", "CROSSED", "ISOLATED", "isolated margin is needed"),
    ],
)
def test_a_mode_that_a_position_holds_fast_arms_nothing(
    account: Account, key: str, value: str, good: str, needed: str
) -> None:
    account.ask("order", sym="BTCUSDT", qty="0.01")
    account.ask("setting", key=key, value=value)
    try:
        done = account.at_terminal(*ARM, typed="main\n")
        assert done.code == 5
        assert needed in done.shown and "tickline halt --flatten" in done.shown
        assert arming_of(account) is None
    finally:
        account.ask("setting", key=key, value=good)


def test_capital_is_changed_by_its_verb_and_a_config_that_differs_is_not_armed(account: Account) -> None:
    made = account.at_terminal("capital", "--sym", "BTCUSDT", "--add", "250.5", typed="main")
    assert made.code == 0
    text = "BTCUSDT: capital 1000 becomes 1250.5, its balance 1000 becomes 1250.5; nothing is moved at the exchange"
    assert text in made.shown
    assert made.shown.splitlines()[-1] == "BTCUSDT has a capital of 1250.5 now"
    (row,) = account.journal(lambda journal: journal.executions(BOOK))
    report = kept(ExecutionReport, row.report)
    assert isinstance(report, ExecutionReport)
    assert (report.n, report.leg, report.capital) == (1, Leg.CAPITAL, Decimal("1250.5"))
    refused = account.at_terminal(*ARM, typed="main", TICKLINE_STRATEGY__BALANCE="2000")
    assert refused.code == 2
    assert "`tickline capital --sym BTCUSDT --set 2000`" in refused.shown
    assert arming_of(account) is None
    armed = account.at_terminal(*ARM, typed="main", TICKLINE_STRATEGY__BALANCE="1250.5")
    assert "; 1 book of 1250.5" in armed.shown


@pytest.mark.parametrize(("typed", "shown"), [("yes", "yes"), ("^C", "Ctrl-C")])
def test_another_word_than_the_accounts_name_arms_nothing(account: Account, typed: str, shown: str) -> None:
    made = account.at_terminal(*ARM, typed=typed)
    assert made.code == 5
    assert made.shown.splitlines()[-1] == f"tickline: '{shown}' was typed, not the account's name: nothing was changed"
    assert arming_of(account) is None


def test_disarming_fences_a_gateway_that_is_about_to_send(account: Account) -> None:
    account.at_terminal(*ARM, typed="main")
    epoch = write(account)
    done = account.run("disarm")
    assert (done.code, done.out) == (0, "main is disarmed\n")
    assert arming_of(account) is None
    assert account.journal(lambda journal: journal.epoch()).epoch == epoch + 1


def test_halt_and_resume(account: Account) -> None:
    epoch = write(account, LatchRow("DAILY_LOSS", "much", "gateway", 1))
    assert account.run("halt").out == "main is halted: nothing is sent until `tickline resume HALT`\n"
    assert account.journal(lambda journal: journal.epoch()).epoch == epoch + 1
    refused = account.at_terminal(*ARM, typed="main")
    assert refused.code == 5
    assert "main is halted: `tickline resume HALT` comes first" in refused.shown
    assert set(account.journal(lambda journal: journal.latches())) == {"DAILY_LOSS", "HALT"}
    listed = account.run("resume")
    assert listed.code == 0
    assert [line.split(" since ")[0] for line in listed.out.splitlines()] == ["latched: DAILY_LOSS", "latched: HALT"]
    made = account.at_terminal("resume", "HALT", typed="main")
    assert made.code == 0
    assert "latched: HALT since" in made.shown
    assert "stays: DAILY_LOSS since" in made.shown
    assert "HALT of main lifted; still held by DAILY_LOSS" in made.shown
    assert set(account.journal(lambda journal: journal.latches())) == {"DAILY_LOSS"}, "by name, never all at once"
    assert account.run("resume").code == 0
    unknown = account.at_terminal("resume", "DRAWDOWN", typed="main")
    assert unknown.code == 2
    assert "resume DRAWDOWN: not latched; DAILY_LOSS is" in unknown.shown


@pytest.mark.alone
def test_halt_with_cancel_and_flatten(account: Account) -> None:
    account.ask("order", sym="BTCUSDT", qty="0.030")
    account.ask("order", sym="BTCUSDT", qty="0.003", limit="40000", client_id="resting")
    write(account, booked(1, "0.020"))
    began_ms = now_ms()
    done = account.process("halt", "--flatten")
    assert done.code == 0
    halted_ms = account.journal(lambda journal: journal.latches())["HALT"].at_ms
    flat_ms = account.ask("book")["fills"][-1]["at_ms"]
    print(f"halted {halted_ms - began_ms} ms after the command's start, flat {flat_ms - halted_ms} ms later")
    assert flat_ms - halted_ms < max(2_000, 2 * (halted_ms - began_ms))  # what starts slowly loads ccxt slowly too
    assert account.position() == "0.000"
    orders = {order["client_id"]: order for order in account.ask("book")["orders"]}
    assert orders["resting"]["state"] == "CANCELED"
    (row,) = account.journal(lambda journal: journal.orders())
    assert (row.book, row.state, row.signed_qty) == (BOOK, OrderPhase.SENT, Decimal("-0.020")), "ours, by the journal"
    events = account.journal(lambda journal: journal.events(10))
    assert [event.text for event in events if event.kind == "FLATTEN"] == ["closes 0.010 that is not ours"]


@pytest.mark.long
def test_what_was_on_its_way_is_closed_when_it_arrives(account: Account) -> None:
    write(account, sent("e" * 32, "0.010", now_ms() + 15_000))  # a busy machine takes seconds to start the halt
    done: list[Done] = []
    before = account.ask("asked", path="openOrders")["count"]
    halting = threading.Thread(target=lambda: done.append(account.process("halt", "--flatten")))
    halting.start()
    wait_for(lambda: account.ask("asked", path="openOrders")["count"] > before, "the halt looks")
    account.ask("order", sym="BTCUSDT", qty="0.010", client_id="e" * 32)
    halting.join()
    assert done[0].code == 0
    assert account.position() == "0.000"
    rows = account.journal(lambda journal: journal.orders())
    assert [row.signed_qty for row in rows] == [Decimal("0.010"), Decimal("-0.010")]


@pytest.mark.parametrize("listens", [False, True])
def test_a_venue_that_does_not_answer_is_halted_all_the_same(account: Account, listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = Account(account.folder, f"http://127.0.0.1:{silent.getsockname()[1] if listens else 1}")
        done = dead.run("halt", "--flatten", "--within", "1")
    assert done.code == 4
    assert done.out.startswith("main is halted")
    assert done.err.endswith("not all that was asked for is done: run it again\n")
    assert "HALT" in account.journal(lambda journal: journal.latches())


def test_resolving_an_order(account: Account) -> None:
    order_id = "f" * 32
    write(account, sent(order_id, "0.010", now_ms() - 60_000))
    assert account.run("resolve").out.startswith(f"order {order_id}: SENT 0.010 BTCUSDT sent ")
    made = account.at_terminal(
        "resolve", order_id, "--as", "canceled", "--qty", "0.004", "--price", "42000", typed="main"
    )
    assert made.code == 0
    assert "will be CANCELED: 0.004 of 0.010 BTCUSDT at 42000" in made.shown
    (execution,) = account.journal(lambda journal: journal.executions(BOOK))
    report = kept(ExecutionReport, execution.report)
    assert isinstance(report, ExecutionReport)
    assert (report.status, report.last_qty, report.reason) == (OrderStatus.CANCELED, Decimal("0.004"), Reason.RESOLVED)
    again = account.at_terminal("resolve", order_id, "--as", "filled", "--price", "1", typed="main")
    assert again.code == 2
    assert "there is nothing to resolve" in again.shown


def test_an_order_that_may_still_arrive_is_not_resolved(account: Account) -> None:
    write(account, sent("f" * 32, "0.010", now_ms() + 60_000))
    made = account.at_terminal("resolve", "f" * 32, "--as", "expired", typed="main")
    assert made.code == 5
    assert "may still reach the venue" in made.shown


def test_adopting_a_difference(account: Account) -> None:
    write(account, booked(1, "0.010"))
    write(account, ExternalRow("POSITION", "BTCUSDT", "BTCUSDT", "the venue holds 0, the books 0.010", 1, ""))
    assert "difference POSITION/BTCUSDT/BTCUSDT since" in account.run("resolve").out
    said = ("resolve", "POSITION/BTCUSDT/BTCUSDT", "--as", "external")
    refused = account.at_terminal(*said, typed="main")
    assert refused.code == 2
    assert "say what the venue holds more (+) or less (-)" in refused.shown
    made = account.at_terminal(*said, "--qty", "-0.010", "--price", "42000", typed="main")
    assert made.code == 0
    assert account.journal(lambda journal: journal.externals(adopted=False)) == []
    _, execution = account.journal(lambda journal: journal.executions(BOOK))
    report = kept(ExecutionReport, execution.report)
    assert isinstance(report, ExecutionReport)
    assert (report.leg, report.last_qty, report.last_px) == (Leg.LIQUIDATION, Decimal("-0.010"), Decimal(42_000))


def test_adopting_a_bus(account: Account) -> None:
    write(account, LatchRow("OTHER_BUS", "another bus", "gateway", 1), LatchRow("DAILY_LOSS", "much", "gateway", 1))
    with EmbeddedBus(account.folder / ".tickline" / "bus"):
        pass  # one that has run
    made = account.at_terminal("adopt", typed="main")
    assert made.code == 0
    assert "the journal of main belongs to bus none; here is bus " in made.shown
    bus_id = account.journal(lambda journal: journal.bus_id())
    assert bus_id is not None
    assert "another account trades in this bus's namespace" in made.shown  # whose books it would replace
    assert made.shown.splitlines()[-1] == f"main's journal belongs to bus {bus_id[:12]} now"
    assert set(account.journal(lambda journal: journal.latches())) == {"DAILY_LOSS"}


def test_help_is_the_gateways(account: Account) -> None:
    done = account.run("halt", "--help")
    assert done.code == 0
    assert "--flatten" in done.out


def test_what_stops_works_with_a_broken_config(account: Account) -> None:
    account.at_terminal(*ARM, typed="main")
    (account.folder / "tickline.toml").write_text("[strategy\nbalance = much\n[gateway]\naccount = main\n")
    lost = account.run("disarm")
    assert (lost.code, lost.out) == (2, "")
    assert "it does not tell the account: add --account NAME" in lost.err
    done = account.run("disarm", "--account", "main")
    assert (done.code, done.out) == (0, "main is disarmed\n")
    assert [line.split(": line")[0] for line in done.err.splitlines()[1:]] == ["not read: tickline.toml"] * 3
    assert arming_of(account) is None
    halted = account.run("halt", "--account", "main")
    assert (halted.code, halted.out) == (0, "main is halted: nothing is sent until `tickline resume HALT`\n")
    refused = account.run("arm", *ARM[1:])
    assert refused.code == 2, "what gives a right does not"
