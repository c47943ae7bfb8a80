"""The view of a state: what stands out, what is left out, and what a name from an exchange becomes."""

import json
from decimal import Decimal
from typing import Any

import pytest

from services.monitor.page.curve import CurveFigures
from services.monitor.page.tail import DecisionSeen, OrderSeen, StreamRate
from services.monitor.page.view import PageState, shown_decision, silences, view_of
from services.monitor.page.watch import Owner, SeenAlert
from shared.config import Settings, load_settings
from shared.control.arming import Armed
from shared.explain.decisions import Rule
from shared.journal.rows import ExternalRow, LatchRow
from shared.messages import DriftReading, Stream
from shared.messages.monitor import BOOK, DriftState, Measure, RangeReading
from shared.runner.progress import Progress
from shared.status.state import AccountStatus, LineStatus, Word
from tests.unit.console.status.test_lines import BTC, ETH, FILL, NOW_NS, TRADES, UNKNOWN, decision

NOW_MS = NOW_NS // 1_000_000
S = 1_000_000_000
HOSTILE = "<img src=x onerror=alert(1)>"
SETTINGS = load_settings(symbols=("BTCUSDT", "ETHUSDT"))
RULE = Rule("threshold", {"threshold": 0.001})


def state(status: LineStatus = TRADES, settings: Settings = SETTINGS, **more: Any) -> PageState:
    rates = {stream: StreamRate(2.5, NOW_NS - S) for stream in Stream if stream is not Stream.DEAD}
    given: dict[str, Any] = {
        "settings": settings, "status": status, "progress": Progress({}, {Stream.TICKS: 3}), "rates": rates,
        "decisions": (shown_decision(DecisionSeen(decision(), NOW_NS, None), RULE),),
        "orders": (OrderSeen(None, FILL),), "curve": CurveFigures((), 0.01, 0.02),
        "owners": {"gateway": (Owner("a", (0, 1), 2),)}, "alerts": (SeenAlert(5, "gap", "a gap", over=False),),
        "drift": None, "band": None, "acts": {},
    }  # fmt: skip
    return PageState(**{**given, **more})


def test_money_is_text_and_ages_are_of_the_sending() -> None:
    view = view_of(state(), NOW_MS, 7)
    assert (view["revision"], view["as_of_ms"], view["mode"]) == (7, NOW_MS, "testnet")
    btc = view["positions"][0]
    assert (btc["symbol"], btc["size"], btc["entry"], btc["unrealised"]) == ("BTCUSDT", "0.018", "71440.1", "1.0818")
    assert btc["price_age_s"] == 1.0
    assert (btc["value"], view["positions"][1]["value"]) == ("1287.0036", "0")
    assert (view["equity"]["now"], view["equity"]["exposure"]) == ("1996.2818", "1287.0036")
    assert view["arrows"][0] == {"stream": "ticks", "per_second": 2.5, "lag": 3, "age_s": 1.0}
    assert view["ages"] == {"feed_s": 1.0, "bus_s": 0.5, "exchange_s": 2.0}
    json.dumps(view, allow_nan=False)


def test_what_is_not_known_is_no_zero() -> None:
    view = view_of(state(TRADES._replace(symbols={"BTCUSDT": BTC._replace(unrealised=None)})), NOW_MS, 1)
    assert (view["equity"]["now"], view["equity"]["unrealised"], view["positions"][0]["unrealised"]) == (None,) * 3


@pytest.mark.parametrize(("today", "share"), [("8.714", 0.1286), ("-1.286", None), (None, None)])
def test_what_the_fees_have_eaten_of_what_was_made(today: str | None, share: float | None) -> None:
    made = BTC._replace(today=None if today is None else Decimal(today))
    view = view_of(state(TRADES._replace(symbols={"BTCUSDT": made, "ETHUSDT": ETH})), NOW_MS, 1)
    assert (view["equity"]["fees"], view["equity"]["fees_of_gross"]) == ("1.286", share)


def test_the_band_is_told_or_why_there_is_none() -> None:
    reading = RangeReading(
        n=1, sym=BOOK, ts_event=NOW_NS, tr="t", what=Measure.EQUITY, name="", value=0.02, low=-0.1, high=0.2, count=60
    )
    told = [
        view_of(state(curve=CurveFigures((), 0.0, 0.0, held), band=band), NOW_MS, 1)["equity"]["band"]
        for held, band in ((None, None), (7, None), (31, None), (61, reading))
    ]
    assert told[0].startswith("No band: no card")
    assert told[1].endswith("the 30th held bar; so far 7 bars.")
    assert "after 31 held bars" in told[2]
    assert told[3] == reading.human()


def test_two_views_of_one_state_are_equal_whenever_they_are_sent() -> None:
    later = TRADES._replace(now_ns=NOW_NS + 5 * S, event_ns=NOW_NS + 5 * S)
    rates = {stream: StreamRate(0.1, NOW_NS - S) for stream in Stream if stream is not Stream.DEAD}
    assert view_of(state(), None, 0) == view_of(state(later, rates=rates), None, 0)
    assert view_of(state(), NOW_MS, 0) != view_of(state(later), NOW_MS + 5_000, 0)


def test_an_unknown_order_comes_first_and_stands_out() -> None:
    doubtful = TRADES._replace(symbols={"BTCUSDT": BTC, "ETHUSDT": ETH._replace(unknown=(UNKNOWN,))})
    first, second = view_of(state(doubtful), NOW_MS, 1)["orders"]
    assert (first["client_order_id"], first["status"], first["unknown"]) == (UNKNOWN.client_order_id, "UNKNOWN", True)
    assert first["age_s"] == 61.0
    assert (second["status"], second["unknown"], second["fill"], second["trace"]) == ("FILLED", False, True, FILL.tr)


def test_a_decision_is_told_as_why_tells_it() -> None:
    (told,) = view_of(state(), NOW_MS, 1)["decisions"]
    assert told["sentence"].startswith("no order: NO_CHANGE: ")
    assert told["sentence"].endswith("(threshold(threshold=0.001))")
    assert told["trace"] == decision().tr


def test_what_holds_the_account_and_what_it_may_lose() -> None:
    armed = view_of(state(), NOW_MS, 1)
    assert armed["halted"] is None
    assert armed["arming"] == {"left_s": 3480.0, "max_notional": "2500", "loss_budget": "10", "loss_left": "7.93"}
    account = AccountStatus({"HALT": LatchRow("HALT", "x", "ann", 1)}, None, Armed("", ""), ())
    held = view_of(state(TRADES._replace(standing=account)), NOW_MS, 1)
    assert held["halted"] == "held by HALT: nothing is sent, and it is not armed"
    assert (held["arming"], held["held"]) == (None, None)
    account = account._replace(latches={"REDUCE_ONLY": LatchRow("REDUCE_ONLY", "x", "ann", 1)})
    reducing = view_of(state(TRADES._replace(standing=account)), NOW_MS, 1)
    assert reducing["held"] == "held by REDUCE_ONLY: nothing that adds exposure is sent, and it is not armed"
    assert reducing["halted"] is None, "it sends what reduces"


def test_exchange_against_journal() -> None:
    row = ExternalRow("POSITION", "BTCUSDT", "BTCUSDT", "the exchange holds 2", 1, "")
    account = AccountStatus({}, None, Armed("", ""), (row,))
    told = view_of(state(TRADES._replace(standing=account)), NOW_MS, 1)["reconciliation"]
    assert told["differences"] == [
        {"symbol": "BTCUSDT", "sentence": "difference POSITION/BTCUSDT/BTCUSDT: the exchange holds 2"}
    ]
    assert (told["checked_age_s"], told["why_not"]) == (2.0, None)
    paper = view_of(state(TRADES._replace(mode="paper", standing=None)), NOW_MS, 1)
    assert paper["reconciliation"]["why_not"].startswith("on paper")


def test_a_service_that_owns_nothing_is_told_apart_from_one_that_lacks_its_partitions() -> None:
    line = {one["service"]: one["owners"] for one in view_of(state(owners={"signal": ()}), NOW_MS, 1)["line"]}
    assert (line["signal"], line["recorder"]) == ([], None)


def test_the_edge_is_told_once() -> None:
    reading = DriftReading(
        n=1, sym="*", ts_event=1, tr="t", net=0.0, syms=(), nets=(), x=0.0, decay=0.0, claim=0.0, edge=1.5, held=7,
        warn_bars=0, latch_bars=0, state=DriftState.NO_EDGE,
    )  # fmt: skip
    edge = TRADES._replace(edge="live no edge shown: evidence 1.5 of 20 in 7 held bars")
    before, after = (view_of(state(edge, drift=one), NOW_MS, 1)["drift"] for one in (None, reading))
    assert before == {"state": "not watched yet", "sentence": None, "verdict": edge.edge}
    assert after == {"state": "not watched", "sentence": "the card shows no edge", "verdict": edge.edge}


def test_who_is_silent_or_away_is_told() -> None:
    assert not list(silences(state(), NOW_NS))
    words = (Word("feed fake", NOW_NS - 9 * S), Word("bus", NOW_NS), Word("exchange", NOW_NS - 6 * S))
    away = TRADES._replace(words=words, missing=("signal",), money_from="nothing", notes=("no such file",))
    assert [(one.what, one.age_s) for one in silences(state(away), NOW_NS)] == [
        ("line", None), ("feed", 9.0), ("exchange", 6.0), ("journal", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "ingestor", "silent_s"),
    [
        ("1s", {"ticks_per_s": 5}, 2),
        ("1s", {"ticks_per_s": 0.1}, 20),
        ("1s", {"source": "fake"}, 2),
        ("1m", {"source": "fake"}, 120),
    ],
)
def test_a_feed_that_ticks_seldom_is_silent_when_two_ticks_are_lacking(
    interval: str, ingestor: dict[str, Any], silent_s: int
) -> None:
    settings = load_settings(symbols=SETTINGS.symbols, interval=interval, ingestor=ingestor)
    seen = state(TRADES._replace(words=(Word("feed", NOW_NS),)), settings)
    assert not list(silences(seen, NOW_NS + silent_s * S - 1))
    assert [one.what for one in silences(seen, NOW_NS + silent_s * S)] == ["feed"]


def test_a_hostile_name_stays_a_text() -> None:
    one = BTC._replace(sym=HOSTILE)
    seen = shown_decision(DecisionSeen(decision(sym=HOSTILE[:20], tr=HOSTILE), NOW_NS, None), RULE)
    view = view_of(state(TRADES._replace(symbols={HOSTILE: one}, account=HOSTILE), decisions=(seen,)), NOW_MS, 1)
    assert view["positions"][0]["symbol"] == view["account"] == view["decisions"][0]["trace"] == HOSTILE
    assert Decimal(view["positions"][0]["size"]) == one.qty
