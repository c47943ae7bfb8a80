"""The lines of a run without a terminal."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from services.console.run import display
from services.console.run.display import Display, Summary
from services.console.run.status import View
from services.console.run.streams import Ended, percentiles
from services.console.status.lines import status_lines, table
from services.research.parity.orders import OrderParity
from shared.messages import Stream
from shared.runner.progress import Progress
from shared.status.state import LineStatus
from shared.strategies.identity import Identity
from shared.wall_time import UTC_TIME
from tests.unit.console.status.test_lines import BTC, TRADES


def view(ticks: int) -> View:
    written = dict.fromkeys(Stream, 0) | {Stream.TICKS: ticks}
    return View({}, Progress(written, {}), {}, Decimal(100))


def test_the_rate_is_of_the_last_seconds_not_of_the_last_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier run left on the bus does not count; two ticks a second are seen between looks 0.25 s apart."""
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display(UTC_TIME)
    for look in range(41):
        shown.report(view(500 + look // 4 * 2), 0, "")
        now_s += 0.25
    told = [line.rpartition("; ")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["2.0 ticks/s", "2.0 ticks/s"]


def test_a_trouble_stays_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    Display(UTC_TIME).say("ingestor: market data: [red] " + "x" * 300)
    assert capsys.readouterr().err[11:] == "ingestor: market data: [red] " + "x" * 300 + "\n"


def test_every_line_has_a_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display(UTC_TIME)
    shown.say("the bus is back, after 5 s")
    shown.report(view(5), 0, "not armed")
    now_s += 5
    shown.report(view(9), 0, "")
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^\d\d:\d\d:\d\dZ  ", "", line).partition(";")[0] for line in lines] == [
        "the bus is back, after 5 s",
        "not armed",
        "9 ticks, 0 orders, 0 executions",
    ]
    assert all(re.match(r"\d\d:\d\d:\d\dZ  ", line) for line in lines)


def test_what_is_refused_meanwhile_is_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a line of refused orders looks like one that trades; each line has those since the line before."""
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display(UTC_TIME)
    for refused in ({"NOT_ARMED": 4}, {"NOT_ARMED": 7, "DUST": 1}, {"NOT_ARMED": 7, "DUST": 1}):
        now_s += 5
        shown.report(view(5), 0, "", Ended(2, refused))
    lines = capsys.readouterr().err.splitlines()
    assert [line[11:].rpartition("; equity")[0] for line in lines] == [
        "5 ticks, 0 orders, 2 filled; not filled: 4 NOT_ARMED",
        "5 ticks, 0 orders, 2 filled; not filled: 1 DUST, 3 NOT_ARMED",
        "5 ticks, 0 orders, 2 filled",
    ]


# The screen of a terminal.


def screen(monkeypatch: pytest.MonkeyPatch, columns: int, rows: int, status: LineStatus | None) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    return Display(UTC_TIME).screen(view(1_234), 1, Ended(3, {"DUST": 1}), status)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 24), (160, 50)])
def test_the_screen_is_the_status_and_what_went_through_the_line(
    monkeypatch: pytest.MonkeyPatch, columns: int, rows: int
) -> None:
    lines = screen(monkeypatch, columns, rows, TRADES)
    assert all(len(line) <= columns for line in lines)
    assert len(lines) < rows
    assert lines[: len(lines) - 4] == status_lines(TRADES, UTC_TIME, columns)[: len(lines) - 4]
    below = " ".join(lines[-4:])
    assert "1,234 ticks" in below
    assert "restarts 1  Ctrl-C ends" in below
    assert lines[-1] == "orders of this run: 3 filled; not filled: 1 DUST"


def test_what_does_not_fit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    many = TRADES._replace(symbols={f"SYM{i}": BTC._replace(sym=f"SYM{i}") for i in range(40)})
    lines = screen(monkeypatch, 80, 24, many)
    assert len(lines) == 23
    assert sum(bool(re.fullmatch(r"… \d+ more lines: `tickline status`", line)) for line in lines) == 1
    assert "Ctrl-C ends" in lines[-2]


def test_where_it_is_tight_symbols_are_left_out_before_what_to_act_on(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"SYM{i}": BTC._replace(sym=f"SYM{i}") for i in range(8)}
    lines = screen(monkeypatch, 80, 24, TRADES._replace(symbols=many, notes=("latched, and what lifts it",)))
    assert len(lines) == 23
    assert "latched, and what lifts it" in lines
    assert any(line.startswith("last word: feed fake") for line in lines)
    assert any(line.startswith("SYM0") for line in lines)


def test_before_the_first_status_there_is_the_equity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert screen(monkeypatch, 80, 24, None)[0] == "equity 0.00  fees 0.00"


# What a run says at its end.

COUNTS = {
    Stream.TICKS: 692,
    Stream.FEATURES: 689,
    Stream.PREDICTIONS: 689,
    Stream.DECISIONS: 689,
    Stream.ORDERS: 1377,
    Stream.EXECUTIONS: 1377,
}
EQUITY = Decimal("74.96356913824383872516905796")
WAITS = {"p50": 1234.0, "p99": 56_789.0, "p999": 1_000_000.0}
SAME = OrderParity(1377, 1377, EQUITY, None)
WELL = Summary(COUNTS, EQUITY, Decimal("31.850"), WAITS, SAME, restarts=0, finished=True, start_equity=Decimal(100))


def test_the_documented_json() -> None:
    told = json.loads(json.dumps(WELL.as_json()))
    assert told == {
        "ticks": 692,
        "predictions": 689,
        "decisions": 689,
        "orders": 1377,
        "executions": 1377,
        "start_equity": "100",
        "final_equity": "74.96356913824383872516905796",
        "profit": "-25.03643086175616127483094204",
        "fees": "31.850",
        "parity": {"compared": 1377, "identical": 1377, "executions": 0, "executions_identical": 0},
        "latency_us": WAITS,
        "restarts": 0,
        "finished": True,
    }


def test_the_lines_for_a_person() -> None:
    assert WELL.lines() == [
        "done: 692 ticks, 689 predictions, 689 decisions, 1377 orders, 1377 executions",
        "final equity: 74.96, began with 100.00: loss 25.04 after 31.85 of fees",
        "tick to execution: p50 1.2 ms, p99 56.8 ms, p99.9 1000.0 ms",
        "parity: 1377 of 1377 orders identical to the backtest",
    ]


def test_capital_that_a_person_took_is_no_loss_and_what_was_given_no_profit() -> None:
    taken = replace(WELL, final_equity=Decimal("782.07"), start_equity=Decimal(1000), capital_added=Decimal(-250))
    assert taken.lines()[1] == (
        "final equity: 782.07, began with 1000.00, 250.00 of capital taken since: profit 32.07 after 31.85 of fees"
    )
    assert (taken.as_json()["profit"], taken.as_json()["capital_added"]) == ("32.07", "-250")
    given = replace(taken, capital_added=Decimal(100))
    assert "100.00 of capital given since: loss 317.93 after" in given.lines()[1]


def test_an_order_without_an_end_is_no_flat_book() -> None:
    left = replace(WELL, in_flight={"ETHUSDT": 2}, positions={"BTCUSDT": Decimal("0.018")}, flatten="tickline halt")
    assert left.lines()[-1] == (
        "open at the exchange, with nobody trading: BTCUSDT 0.018, what becomes of 2 orders in ETHUSDT: "
        "`tickline halt` closes them"
    )
    assert left.as_json()["in_flight"] == {"ETHUSDT": 2}


def test_the_summary_has_each_symbol_as_the_run_left_it() -> None:
    left = replace(WELL, status=TRADES)
    assert left.lines(160)[3:7] == [
        "today -2.07  unrealised +1.08  fees today 1.29  funding today -0.01",
        *table(TRADES, 160),
    ]
    assert all(len(line) <= 80 for line in left.lines(80)[4:8])
    told = json.loads(json.dumps(left.as_json()))
    assert told["symbols"]["BTCUSDT"]["position"] == "0.018"
    assert (told["today"], told["fees_today"], told["money_from"]) == ("-2.07", "1.286", "journal")


def test_what_went_wrong_is_said() -> None:
    parity = OrderParity(1377, 1376, Decimal(75), "BTCUSDT order n=3: backtest x, line y")
    lines = Summary(COUNTS, EQUITY, Decimal(0), WAITS, parity, restarts=2, finished=True).lines()
    assert lines[3:] == [
        "restarted processes: 2",
        "parity: 1376 of 1377 orders identical to the backtest",
        "parity: the backtest's final equity is 75",
        "parity: first difference: BTCUSDT order n=3: backtest x, line y",
    ]


def test_a_stopped_run_may_have_orders_in_flight() -> None:
    parity = OrderParity(1377, 1377, Decimal(75), None)
    lines = Summary(COUNTS, EQUITY, Decimal(0), WAITS, parity, restarts=0, finished=False).lines()
    assert lines[0].startswith("stopped: ")
    assert lines[-1] == "parity: 1377 of 1377 orders identical to the backtest"


def test_a_run_without_executions() -> None:
    summary = Summary(dict.fromkeys(Stream, 0), Decimal(100), Decimal(0), percentiles([]), None, 0, finished=False)
    assert summary.lines()[2] == "tick to execution: no executions"
    assert summary.lines()[3].startswith("parity: not compared: this bus also holds a run with other settings")
    assert summary.as_json()["latency_us"] == {"p50": None, "p99": None, "p999": None}
    assert summary.as_json()["parity"] is None


def test_percentiles_are_of_the_waits() -> None:
    assert percentiles([float(i) for i in range(1, 1001)]) == {"p50": 500.0, "p99": 990.0, "p999": 999.0}
    assert percentiles([7.4]) == {"p50": 7.0, "p99": 7.0, "p999": 7.0}


def test_a_run_on_live_data_is_not_compared() -> None:
    summary = Summary(COUNTS, EQUITY, Decimal(0), WAITS, None, restarts=0, finished=False, live=True)
    assert summary.lines()[3].startswith("parity: not compared: live data cannot be had once more; `tickline parity`")


def test_orders_that_went_to_a_venue_are_not_compared() -> None:
    sent = replace(WELL, parity=None, ended=Ended(3, {"PRICE_COLLAR": 1, "NOT_ARMED": 4}))
    assert sent.lines()[-2:] == [
        "orders of this run: 3 filled, not filled: 4 NOT_ARMED, 1 PRICE_COLLAR",
        "parity: not compared (orders went to a venue)",
    ]
    assert sent.lines()[0] == "done: 692 ticks, 689 predictions, 689 decisions, 1377 orders", "an execution may be none"
    assert (sent.as_json()["filled"], sent.as_json()["refusals"]) == (3, {"NOT_ARMED": 4, "PRICE_COLLAR": 1})
    assert replace(sent, ended=Ended()).lines()[-2] == "orders of this run: 0 filled, not filled: none"


def test_orders_that_are_not_compared_are_explained() -> None:
    """An earlier run's have left the bus; and those of symbols that only an earlier run had."""
    counts = COUNTS | {Stream.ORDERS: 3944}
    lines = replace(WELL, counts=counts, parity=OrderParity(3624, 3624, EQUITY, None, before=300)).lines()
    assert lines[3:] == [
        "parity: 3624 of 3624 orders identical to the backtest",
        "parity: 300 orders before them are an earlier run's and left the bus: 3924 in all",
        "parity: 20 more orders are of symbols that this run does not have",
    ]


def test_one_is_not_many() -> None:
    parity = OrderParity(1, 1, EQUITY, None, before=1)
    assert replace(WELL, counts=COUNTS | {Stream.ORDERS: 3}, parity=parity).lines()[3:] == [
        "parity: 1 of 1 order identical to the backtest",
        "parity: 1 order before them is an earlier run's and left the bus: 2 in all",
        "parity: 1 more order is of symbols that this run does not have",
    ]


def test_what_stays_open_is_said_with_what_closes_it() -> None:
    held = {"BTCUSDT": Decimal("0.500"), "ETHUSDT": Decimal(-2)}
    told = replace(WELL, parity=None, ended=Ended(), positions=held, flatten="tickline halt --flatten")
    assert told.lines()[-1] == (
        "open at the exchange, with nobody trading: BTCUSDT 0.5, ETHUSDT -2: `tickline halt --flatten` closes them"
    )
    assert told.as_json()["open"] == {"BTCUSDT": "0.500", "ETHUSDT": "-2"}


def test_a_run_whose_code_failed_has_its_summary() -> None:
    told = replace(WELL, parity=None, finished=False, code="A: ValueError: no (mine.py:3, in decide)")
    assert told.lines()[-1] == "parity: not compared (your code failed, see below)"
    assert told.as_json()["failed"] == "A: ValueError: no (mine.py:3, in decide)"


def test_what_traded_is_named_to_a_person_and_in_the_json() -> None:
    traded = replace(WELL, identity=Identity("mine", "0" * 64, "threshold", {"threshold": "0.1"}, hash="1" * 16))
    assert "model mine (1111111111111111), strategy threshold(threshold=0.1)" in traded.lines()
    shown = traded.as_json()
    assert shown["model"] == {"name": "mine", "sha256": "0" * 64, "hash": "1" * 16}
    assert shown["strategy"] == {"name": "threshold", "params": {"threshold": "0.1"}}
