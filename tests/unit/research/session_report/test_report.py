"""A session beside its backtest: the same where nothing went wrong, and where something did, by how much and why."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from services.console.output import json_text
from services.research.session_report.booked import booked, opening_equity
from services.research.session_report.compared import BarEnd, PeriodReturn, by_period
from services.research.session_report.config import RecordedConfig
from services.research.session_report.report import BACKTEST, SESSION, SessionReport, reported
from services.research.session_report.session import gathered
from services.research.session_report.shown import as_html, as_json, lines, total_lines, write_fills
from services.research.session_report.total import total_of
from shared.config import Settings
from shared.control.books import book_of
from shared.drift.stage import DriftRules, DriftStage
from shared.drift.twin import Costs
from shared.errors import ConfigError, DataError
from shared.intervals import NS_PER_S
from shared.journal.journal import Journal
from shared.journal.rows import ExecutionRow
from shared.messages import (
    Decision,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    Origin,
    Prediction,
    Reason,
    Stream,
)
from shared.messages.codec import keep
from shared.wall_time import UTC_TIME
from tests.unit.lookup.world import World
from tests.unit.research.session_report.made import (
    COUNT,
    LATER_NS,
    STEP,
    SYM,
    at,
    session_of,
    settings_of,
    told,
    written_ns,
)

SETTINGS = settings_of()


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return told(SETTINGS)


def changed(messages: list[Message], how: Callable[[Message], Message | None]) -> list[Message]:
    return [made for message in messages if (made := how(message)) is not None]


def report_of(
    messages: list[Message],
    folder: Path,
    settings: Settings = SETTINGS,
    since_ns: int | None = None,
    now_ns: int = LATER_NS,
) -> SessionReport:
    config = RecordedConfig(settings, recorded=True, changed=False)
    return reported(config, session_of(settings, messages, folder, since_ns, now_ns=now_ns), UTC_TIME)


def flat(value: object, name: str = "") -> dict[str, float]:
    """All numbers of a result by their place."""
    if isinstance(value, dict):
        return {key: number for part, one in value.items() for key, number in flat(one, f"{name}.{part}").items()}
    return {name: float(value)} if isinstance(value, int | float) else {}


def fills(messages: list[Message]) -> list[ExecutionReport]:
    return [one for one in messages if isinstance(one, ExecutionReport) and one.last_px is not None]


def test_where_nothing_went_wrong_they_are_the_same(messages: list[Message], tmp_path: Path) -> None:
    found = report_of(messages, tmp_path)
    session, backtest = found.results[SESSION], found.results[BACKTEST]
    assert found.own.totals.fees == sum((one.commission for one in fills(messages)), Decimal(0))
    assert flat(session.model_dump()) == pytest.approx(flat(backtest.model_dump()), rel=1e-9, abs=1e-12)
    made = found.decided
    assert (made.bars, made.missed, made.late, made.refused, made.apart) == (COUNT, 0, {}, {}, {})
    assert made.idle["NO_PREDICTION"] == 3
    assert all(day.session == pytest.approx(day.backtest, abs=1e-12) for day in found.days)
    everything = found.costs["all"]
    assert everything.slippage_bps == pytest.approx(everything.assumed_bps) == pytest.approx(2)
    assert everything.fee == pytest.approx(0.0005)


def behind(messages: list[Message], last: int) -> list[Message]:
    """A line of which ticks come on, and whose strategy has decided on none behind `last`; in the order of writing."""
    return [one for one in messages if one.to is Stream.TICKS or int(one.tr.split(":")[-1]) <= last]


@pytest.mark.parametrize("after_s", [0, 34])
def test_the_newest_bar_is_not_missed_while_it_may_be_decided_on(
    messages: list[Message], tmp_path: Path, after_s: int
) -> None:
    found = report_of(left := behind(messages, COUNT - 1), tmp_path, now_ns=written_ns(left) + after_s * NS_PER_S)
    assert (found.decided.bars, found.decided.missed) == (COUNT - 1, 0)
    assert not any("since the last decision" in note for note in found.notes)


@pytest.mark.parametrize(
    ("last", "after_s", "bars", "missed"),
    [(COUNT - 1, 36, COUNT, 1), (COUNT - 3, 0, COUNT - 1, 2), (COUNT - 3, 36, COUNT, 3)],
)
def test_bars_behind_the_last_decision_are_missed_all_the_same(
    messages: list[Message], tmp_path: Path, last: int, after_s: int, bars: int, missed: int
) -> None:
    """The strategy is down: that must be seen, and what the open position made meanwhile, in table and JSON."""
    found = report_of(left := behind(messages, last), tmp_path, now_ns=written_ns(left) + after_s * NS_PER_S)
    assert (found.decided.bars, found.decided.missed) == (bars, missed)
    assert [len(marks) for marks in found.marks.values()] == [bars, bars]
    assert json.loads(json_text(as_json([found], None)))["symbols"][0]["decisions"]["missed"] == missed
    word = "bar has" if missed == 1 else "bars have"
    assert any(note.startswith(f"{missed} {word} come since the last decision") for note in found.notes)


def test_of_a_window_with_an_end_all_bars_count(messages: list[Message], tmp_path: Path) -> None:
    left = behind(messages, COUNT - 3)
    found = session_of(SETTINGS, left, tmp_path, until_ns=at(COUNT), now_ns=written_ns(left))
    assert (len(found.ticks), found.undecided) == (COUNT, 0)


def test_the_total_of_two_symbols_is_their_sum(messages: list[Message], tmp_path: Path) -> None:
    """The second one came later, and is another walk; its report stands beside the same days."""
    later = [one for one in told(SETTINGS, seed=5) if int(one.tr.split(":")[-1]) > 10 or one.to is Stream.TICKS]
    both = [report_of(messages, tmp_path / "a"), report_of(later, tmp_path / "b", since_ns=at(20))]
    total = total_of(both)
    for name in (SESSION, BACKTEST):
        one, own = total.money[name], [report.results[name] for report in both]
        assert one.net == pytest.approx(sum(each.costs.net for each in own))
        assert one.end_equity == pytest.approx(one.start_equity + one.net)
        assert one.returned == pytest.approx(one.net / one.start_equity)
        assert one.fees == sum(each.costs.fees for each in own) and one.fills == sum(each.costs.fills for each in own)
        assert 0 < one.drawdown <= max(each.drawdown.depth or 0 for each in own)
    grown = 1.0
    for day in total.days:
        grown *= 1 + (day.session or 0)
    assert grown == pytest.approx(1 + total.money[SESSION].returned)
    assert total.decided.bars == sum(report.decided.bars for report in both)
    assert total.decided.idle["NO_PREDICTION"] == sum(report.decided.idle.get("NO_PREDICTION", 0) for report in both)
    fees = sum((report.costs["all"].fees for report in both), Decimal(0))
    assert float(total.costs["all"].fees) == pytest.approx(float(fees))
    text = list(total_lines(total))
    assert text[0] == f"all 2: {SYM}, {SYM}" and any("net profit" in line for line in text)
    out = json.loads(json_text(as_json(both, total)))
    assert out["total"]["money"][SESSION]["fills"] == total.money[SESSION].fills
    assert out["total"]["decisions"]["bars"] == total.decided.bars


def test_slippage_is_told_of_entries_and_exits_apart(tmp_path: Path) -> None:
    settings = settings_of(strategy={"balance": "1000"})  # legs, so an order opens or closes
    worse = {Leg.OPEN: Decimal("0.0009"), Leg.CLOSE: Decimal("0.0004")}  # beside the 2 bps that it has

    def slip(message: Message) -> Message:
        if not isinstance(message, ExecutionReport) or message.last_px is None:
            return message
        side = 1 if message.last_qty > 0 else -1
        return message.model_copy(update={"last_px": message.last_px * (1 + side * worse[message.leg])})

    before = told(settings)
    found = report_of(changed(before, slip), tmp_path, settings)
    assert found.costs["entries"].slippage_bps == pytest.approx(11, rel=2e-3)
    assert found.costs["exits"].slippage_bps == pytest.approx(6, rel=2e-3)
    assert found.costs["stops"].fills == 0
    assert found.costs["entries"].assumed_bps == 2
    lost = sum(worse[one.leg] * one.last_qty.copy_abs() * (one.last_px or 0) for one in fills(before))
    ends = [found.results[name].returns.end_equity for name in (BACKTEST, SESSION)]
    assert ends[0] - ends[1] == pytest.approx(float(lost), rel=1e-9)


def test_what_was_missed_late_or_refused_has_its_reason(tmp_path: Path) -> None:
    """The 10th tick has no decision, the 20th was history, the orders of the 30th, two legs, were refused."""
    settings = settings_of(strategy={"balance": "1000"})

    def spoil(message: Message) -> Message | None:
        tick_n = getattr(message, "tick_n", None)
        if isinstance(message, Decision) and tick_n == 20:
            return message.model_copy(update={"orders": (), "reason": Reason.HISTORY})
        if isinstance(message, Decision) and tick_n == 10:
            return None
        if isinstance(message, ExecutionReport) and tick_n in {10, 20, 30}:
            why = Reason.NOT_ARMED if tick_n == 30 else Reason.STALE_TICK
            gone = {"status": OrderStatus.REJECTED, "last_qty": Decimal(0), "last_px": None, "commission": Decimal(0)}
            return message.model_copy(update={**gone, "reason": why})
        return message

    found = report_of(changed(told(settings), spoil), tmp_path, settings)
    made = found.decided
    assert made.missed == 1
    assert made.late == {"STALE_TICK": 4, "HISTORY": 1}
    assert made.refused == {"NOT_ARMED": 2}
    text = "\n".join(lines(found))
    assert "missed: no decision" in text and "late: HISTORY" in text and "not filled: NOT_ARMED" in text


def test_a_position_that_was_missed_stands_apart(tmp_path: Path) -> None:
    """With legs a bar whose orders were refused is flat, and the backtest is not."""
    settings = settings_of(strategy={"balance": "1000"})

    def refuse(message: Message) -> Message:
        if isinstance(message, ExecutionReport) and message.tick_n == 15 and message.leg is Leg.OPEN:
            gone = {"status": OrderStatus.REJECTED, "last_qty": Decimal(0), "last_px": None, "reason": Reason.HALTED}
            return message.model_copy(update=gone)
        return message

    found = report_of(changed(told(settings), refuse), tmp_path, settings)
    assert found.decided.apart["HALTED"] == 1


@given(first=st.integers(4, COUNT - 1))
@hypothesis(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_window_begins_with_the_book_of_then(messages: list[Message], tmp_path: Path, first: int) -> None:
    """However it is cut, it ends with the money with which the whole session ends."""
    whole = booked(SETTINGS, session_of(SETTINGS, messages, tmp_path), [])
    part = session_of(SETTINGS, messages, tmp_path, since_ns=at(first))
    assert part.ticks[0].ts_event == at(first) and len(part.ticks) == COUNT - first + 1
    assert len(part.bars()) == COUNT
    assert part.opening.known
    own = booked(SETTINGS, part, [])
    assert float(own.totals.end_equity) == pytest.approx(float(whole.totals.end_equity), rel=1e-12)
    assert own.totals.start_equity == opening_equity(part)


def test_what_is_kept_nowhere_any_more_is_said(messages: list[Message], tmp_path: Path) -> None:
    lost = [one for one in messages if not (isinstance(one, ExecutionReport) and one.n in {3, 4})]
    found = report_of(lost, tmp_path)
    assert any(note.startswith("2 execution reports of this time are kept nowhere") for note in found.notes)
    gone = next(one.n for one in messages if isinstance(one, ExecutionReport) and one.ts_event > at(40))
    behind = [one for one in messages if not (isinstance(one, ExecutionReport) and one.n == gone)]
    assert session_of(SETTINGS, behind, tmp_path / "behind").lost == 1
    assert not session_of(SETTINGS, behind, tmp_path / "early", until_ns=at(20)).lost
    absent = report_of([one for one in messages if one.tr.split(":")[-1] not in {"31", "32"}], tmp_path / "absent")
    assert any(note.startswith("2 bars of the window never came") for note in absent.notes)
    asked = report_of(messages, tmp_path / "other", since_ns=at(-5))
    assert any(note.startswith("Of before ") for note in asked.notes)


def test_an_entry_price_that_nobody_knows_is_said(messages: list[Message], tmp_path: Path) -> None:
    first = at(30)
    late = [one for one in messages if not isinstance(one, ExecutionReport) or one.ts_event >= first]
    found = report_of(late, tmp_path, since_ns=first)
    assert not found.session.opening.known
    assert "at a price that is not kept any more" in found.notes[0]


def test_an_exit_by_a_wrapper_is_a_stop(messages: list[Message], tmp_path: Path) -> None:
    closed = next(one for one in fills(messages) if one.leg is Leg.NET and one.n > 3)

    def by_tick(message: Message) -> Message:
        if isinstance(message, OrderIntent) and message.client_order_id == closed.client_order_id:
            return message.model_copy(update={"origin": Origin.TICK})
        return message

    spoiled = changed(messages, by_tick)
    wrapped = SETTINGS.model_copy(
        update={
            "strategy": SETTINGS.strategy.model_copy(
                update={"wrappers": ({"name": "trailing_stop", "distance": "0.5"},)}
            )
        }
    )
    own = booked(wrapped, session_of(SETTINGS, spoiled, tmp_path), [])
    assert [one.report.n for one in own.fills if one.kind == "stops"] == [closed.n]
    plain = booked(SETTINGS, session_of(SETTINGS, spoiled, tmp_path), [])
    assert [one for one in plain.fills if one.kind == "stops"] == []


def test_stops_of_a_position_are_stops_and_the_backtest_has_the_same(tmp_path: Path) -> None:
    """Ticks without bars: each price counts in both."""
    protect = {"stop_bps": 60, "take_profit_bps": 150, "after_stop": "flip"}
    settings = settings_of(strategy={"balance": "1000", "params": {"netting": True}, "protect": protect})
    messages = told(settings)
    found = report_of(messages, tmp_path, settings)
    fired = [one for one in messages if isinstance(one, ExecutionReport) and one.leg is Leg.STOP]
    assert [one.report for one in found.own.fills if one.kind == "stops"] == fired
    assert found.costs["stops"].fills == len(fired) > 5
    session, backtest = found.results[SESSION], found.results[BACKTEST]
    assert flat(session.model_dump()) == pytest.approx(flat(backtest.model_dump()), rel=1e-9, abs=1e-12)


def test_funding_is_paid_and_capital_is_no_profit(messages: list[Message], tmp_path: Path) -> None:
    last = max(one.n for one in messages if isinstance(one, ExecutionReport))
    model = fills(messages)[-1]
    nothing = {"tick_n": 0, "order_n": 0, "last_qty": Decimal(0), "last_px": None, "ts_event": at(COUNT) - STEP // 2}
    funding = model.model_copy(update={**nothing, "n": last + 1, "leg": Leg.FUNDING, "commission": Decimal("1.25")})
    more = {"leg": Leg.CAPITAL, "capital": Decimal(5_000), "commission": Decimal(0)}
    capital = model.model_copy(update={**nothing, "n": last + 2, **more})
    without = booked(SETTINGS, session_of(SETTINGS, messages, tmp_path), [])
    own = booked(SETTINGS, session_of(SETTINGS, [*messages, funding, capital], tmp_path / "b"), [])
    assert own.totals.funding == Decimal("1.25")
    assert float(own.totals.end_equity) == pytest.approx(float(without.totals.end_equity) - 1.25, rel=1e-15)


def test_a_balance_has_the_capital_that_came_later(messages: list[Message], tmp_path: Path) -> None:
    """The book was begun with 1,000, whatever it had when the window begins."""
    last = fills(messages)[-1]
    given = {"tick_n": 0, "order_n": 0, "last_qty": Decimal(0), "last_px": None, "commission": Decimal(0)}
    capital = last.model_copy(update={**given, "leg": Leg.CAPITAL, "capital": Decimal(5_000)})
    spoiled = [*(one for one in messages if one is not last), capital, last.model_copy(update={"n": last.n + 1})]
    found = report_of(spoiled, tmp_path, since_ns=at(30))
    whole = booked(SETTINGS, session_of(SETTINGS, messages, tmp_path / "whole"), [])
    assert float(found.own.fills[-1].balance) == pytest.approx(float(whole.fills[-1].balance) + 4_000, rel=1e-12)
    assert float(found.own.totals.end_equity) == pytest.approx(float(whole.totals.end_equity), rel=1e-12)
    assert any(note.startswith("Its capital became 5000, from 1000") for note in found.notes)


def test_days_and_months_are_those_of_the_wall() -> None:
    day = 86_400 * 10**9
    live = [BarEnd(day, 110.0, 1.0), BarEnd(2 * day, 99.0, 1.0), BarEnd(3 * day, 99.0, 0.0)]
    tested = [BarEnd(day, 100.0, 0.0), BarEnd(2 * day, 200.0, 0.0), BarEnd(3 * day, 0.0, 0.0)]
    found = by_period(live, tested, (100.0, 100.0), UTC_TIME.day)
    assert [one.name for one in found] == ["1970-01-01", "1970-01-02", "1970-01-03"]
    assert [round(one.session or 0, 6) for one in found] == [0.1, -0.1, 0.0]
    assert by_period(live, tested, (100.0, 100.0), lambda ns: UTC_TIME.day(ns)[:7]) == [
        PeriodReturn("1970-01", pytest.approx(-0.01), -1.0)
    ]


def test_the_fills_as_csv_and_the_rest_as_json(messages: list[Message], tmp_path: Path) -> None:
    found = report_of(messages, tmp_path)
    file = io.StringIO()
    write_fills([found], file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == len(fills(messages)) == found.results[SESSION].costs.fills
    assert sum(Decimal(row["commission"]) for row in rows) == found.own.totals.fees
    assert {row["kind"] for row in rows} == {"entries", "exits"}
    (out,) = json.loads(json_text(as_json([found], None)))["symbols"]
    assert out[SESSION]["costs"]["fills"] == len(rows)
    assert out["costs"]["all"]["fees"] == f"{found.own.totals.fees:f}"
    assert out["from"].endswith("Z") and len(out["days"]) == len(found.days)
    assert out[SESSION]["verdict"]["conclusion"] == "no edge shown"


def test_the_page_is_the_backtests(messages: list[Message], tmp_path: Path) -> None:
    config = RecordedConfig(SETTINGS, recorded=True, changed=False)
    found = reported(config, session_of(SETTINGS, messages, tmp_path), UTC_TIME, curves=True)
    page = as_html(found)
    for said in ("Session of basic_taker on BTCUSDT", "Costs of trading", "Return by day", "missed: no decision"):
        assert said in page
    assert ">session<" in page and ">backtest<" in page


def test_of_nothing_there_is_no_report(messages: list[Message], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no decision on {SYM} from .* is known"):
        session_of(SETTINGS, messages, tmp_path, since_ns=at(COUNT + 10))
    with pytest.raises(DataError, match="none of their ticks"):
        session_of(SETTINGS, [one for one in messages if one.to is not Stream.TICKS], tmp_path / "b")
    trades = SETTINGS.model_copy(update={"interval": "trade"})
    with pytest.raises(ConfigError, match="ticks are trades"):
        session_of(trades, messages, tmp_path / "c")


async def test_with_a_journal_the_reports_are_its_own(messages: list[Message], tmp_path: Path) -> None:
    """Testnet and live: the bus has no execution any more, the journal has them all."""
    rows = [
        ExecutionRow(book_of(SETTINGS, SYM), one.n, one.client_order_id, keep(one), 1)
        for one in messages
        if isinstance(one, ExecutionReport)
    ]
    world = World(tmp_path, [SYM])
    world.write(*(one for one in messages if not isinstance(one, ExecutionReport)))
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:
        await journal.write(rows, await journal.raise_epoch("gateway"))
        found = await gathered(SETTINGS, world.lookup(), journal, SYM, None, None, UTC_TIME, LATER_NS)
    assert (found.origin, found.lost) == ("journal", 0)
    assert found.reports == [one for one in messages if isinstance(one, ExecutionReport)]


def test_what_the_monitor_said_is_told(messages: list[Message], tmp_path: Path) -> None:
    nothing = report_of(messages, tmp_path)
    assert nothing.evidence is None
    stage = DriftStage([SYM], Costs(0.0005, 2.0, legs=False), None, DriftRules())
    fed = [one for one in messages if isinstance(one, Prediction | Decision)]
    readings = [reading for one in fed for reading in stage.on_tick(one) or []]
    found = report_of([*messages, *readings], tmp_path / "b")
    assert found.evidence is not None
    assert found.evidence.held == len(readings) > 30
    assert found.evidence.state == "no edge shown"
    assert (found.evidence.low, found.evidence.high) == (None, None)  # of so few bars nothing is known
    losing = [one.model_copy(update={"x": -1.0}) for one in readings]
    worse = report_of([*messages, *losing], tmp_path / "c").evidence
    assert worse is not None and worse.low is None and worse.high is not None
    assert any(line.startswith("monitor: no edge shown after ") for line in lines(found))
