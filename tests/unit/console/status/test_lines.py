"""A status as a person sees it, at 80 and at 160 columns, and as JSON."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.output import json_text
from services.console.status.lines import DIGITS, columns, cut, number, status_lines
from shared.control.arming import Armed
from shared.journal.rows import ArmingRow, ExternalRow, LatchRow, OrderRow
from shared.messages import Decision, ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.reasons import OrderPhase
from shared.status.exchange import AtExchange
from shared.status.state import AccountStatus, LineStatus, SymbolStatus, Word
from shared.strategies.identity import Identity
from shared.wall_time import UTC_TIME

D = Decimal
S = 1_000_000_000
NOW_NS = 1_763_985_600 * S  # 2025-11-24 12:00:00 UTC
ARMED = Armed("config", "code")
ARMING = ArmingRow(D(2_500), 1, (NOW_NS + 3_480 * S) // 1_000_000, "config", "ada", "code")
IDENTITY = Identity("simulated_linear", "ab" * 32, "threshold", {"threshold": 0.001}, "c0de", "1f" * 8)


def decision(reason: Reason | None = Reason.NO_CHANGE, **over: Any) -> Decision:
    fields: dict[str, Any] = {
        "n": 9, "sym": "BTCUSDT", "ts_event": NOW_NS - 3 * S, "tr": "fake:BTCUSDT:1:9", "tick_n": 9, "prediction_n": 9,
        "booked_n": 4, "y_hat": 0.0002, "balance": D(1000), "signed_qty": D("0.018"), "orders": (), "reason": reason,
        "target": D("0.018"),
    }  # fmt: skip
    return Decision(**{**fields, **over})


FILL = ExecutionReport(
    n=4, sym="BTCUSDT", ts_event=NOW_NS - 125 * S, tr="fake:BTCUSDT:1:7", tick_n=7, order_n=4,
    client_order_id="ab" * 16, leg=Leg.OPEN, status=OrderStatus.FILLED, last_qty=D("0.018"), last_px=D("71440.1"),
    commission=D("0.643"), reason=None,
)  # fmt: skip
BTC = SymbolStatus(
    "BTCUSDT", D("71500.2"), NOW_NS - S, D("0.018"), D("71440.1"), D("1.0818"), D("-3.5"), D("-2.07"), D("1.286"),
    D("-0.012"), D("995.2"), decision(), FILL,
)  # fmt: skip
ETH = SymbolStatus("ETHUSDT", D("2401.55"), NOW_NS - S, today=D(0), balance=D(1000))
UNKNOWN = OrderRow(
    "cd" * 16, "strategy:ETHUSDT", "ETHUSDT", 1, "t", 1, Leg.OPEN, D(1), False, D(2400), 0, "", "", 1,
    OrderPhase.UNKNOWN, D(1), NOW_NS // 1_000_000 - 61_000, 0, "", D(0), D(0), D(0), None, 1, 1,
)  # fmt: skip
TRADES = LineStatus(
    now_ns=NOW_NS,
    event_ns=NOW_NS,
    mode="testnet",
    account="fake",
    venue="the simulator",
    line="up",
    missing=(),
    symbols={"BTCUSDT": BTC, "ETHUSDT": ETH},
    words=(Word("feed fake", NOW_NS - S), Word("bus", NOW_NS - S // 2), Word("exchange", NOW_NS - 2 * S)),
    identity=IDENTITY,
    standing=AccountStatus({}, ARMING, ARMED, ()),
    money_from="journal",
    as_of_ns=NOW_NS,
    sources=("decisions from the bus, since 2025-11-24 11:00:00 UTC",),
)


def test_at_160_columns_each_symbol_is_one_line() -> None:
    assert status_lines(TRADES, UTC_TIME, 160) == [
        "testnet, account fake at the simulator  line up  2025-11-24 12:00:00 UTC",
        "armed for 58 min yet, until 2025-11-24 12:58:00 UTC, positions of at most 2500",
        "model simulated_linear (1f1f1f1f1f1f1f1f), strategy threshold(threshold=0.001)",
        "equity 1996.28  today -2.07  unrealised +1.08  fees today 1.29  funding today -0.01",
        "",
        "symbol     price    age  position    entry  unrealised  today  fees  funding  last decision        last fill",
        "BTCUSDT  71500.2  1.0 s     0.018  71440.1       +1.08  -2.07  1.29    -0.01  NO_CHANGE 3.0 s ago"
        "  BUY 0.018 at 71440.1 2 min ago",
        "ETHUSDT  2401.55  1.0 s      flat        -           -      0     0        0",
        "",
        "last word: feed fake 1.0 s ago, bus 0.5 s ago, exchange 2.0 s ago",
        "money from the journal; decisions from the bus, since 2025-11-24 11:00:00 UTC",
    ]


def test_at_80_columns_what_was_last_has_a_line_of_its_own() -> None:
    lines = status_lines(TRADES, UTC_TIME, 80)
    assert lines[3:5] == [
        "equity 1996.28  today -2.07  unrealised +1.08  fees today 1.29  funding today",
        "  -0.01",
    ]
    assert lines[6:10] == [
        "symbol     price    age  position    entry  unrealised  today",
        "BTCUSDT  71500.2  1.0 s     0.018  71440.1       +1.08  -2.07",
        "  NO_CHANGE 3.0 s ago  BUY 0.018 at 71440.1 2 min ago  fees 1.29  funding -0.01",
        "ETHUSDT  2401.55  1.0 s      flat        -           -      0",
    ]
    assert all(len(line) <= 80 for line in lines)


def test_at_80_columns_no_figure_is_cut_where_a_line_more_can_hold_it() -> None:
    ids = ("ab" * 16, "cd" * 16)
    other = {"last_qty": D("-0.99225779"), "last_px": D("100.26"), "client_order_id": ids[1]}
    fill = FILL.model_copy(update=other)
    one = BTC._replace(decision=decision(None, orders=ids), fill=fill, report=fill, funding_today=D("-1234.5"))
    lines = status_lines(TRADES._replace(symbols={"BTCUSDT": one}), UTC_TIME, 80)
    assert lines[8:10] == [
        "  2 orders: FILLED, 3.0 s ago  SELL 0.99225779 at 100.26 2 min ago  fees 1.29",
        "  funding -1234.5",
    ]


def test_a_person_sees_what_to_act_on_whole_also_at_80_columns() -> None:
    latch = LatchRow("DAILY_LOSS", "equity 900 is 100 below the day's 1000", "gateway", NOW_NS // 1_000_000)
    difference = ExternalRow("POSITION", "ETHUSDT", "", "the exchange holds 1, the books 0", NOW_NS // 1_000_000, "")
    held = AccountStatus({"DAILY_LOSS": latch}, None, ARMED, (difference,))
    eth = ETH._replace(unknown=(UNKNOWN,), exchange=AtExchange(D(1), 2, D(2400)))
    lines = status_lines(
        TRADES._replace(
            standing=held, symbols={"BTCUSDT": BTC, "ETHUSDT": eth}, line="partly", missing=("signal",), notes=("odd",)
        ),
        UTC_TIME,
        80,
    )
    assert lines[0] == "testnet, account fake at the simulator  line partly (not at work: signal)"
    assert lines[2:4] == [
        "held by DAILY_LOSS: nothing that adds exposure is sent, and it is not armed",
        "model simulated_linear (1f1f1f1f1f1f1f1f), strategy threshold(threshold=0.001)",
    ]
    assert "at the exchange, asked just now: ETHUSDT 1; 2 open orders" in lines
    assert lines[-5:] == [
        "latched: DAILY_LOSS since 2025-11-24 12:00:00 UTC by gateway: equity 900 is 100 below the day's 1000: "
        "`tickline resume DAILY_LOSS`",
        "ETHUSDT: the exchange holds 1, the books 0: something was filled there that the line has not booked: start "
        "it, then `tickline resolve`",
        f"UNKNOWN order {'cd' * 16}: UNKNOWN 1 ETHUSDT sent 2025-11-24 11:58:59 UTC",
        "difference POSITION/ETHUSDT/ since 2025-11-24 12:00:00 UTC: the exchange holds 1, the books 0",
        "odd",
    ]


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (None, "no answer yet"),
        (FILL, "no answer yet"),  # it is of an order before
        (FILL.model_copy(update={"client_order_id": "2" * 32}), "FILLED"),
        (FILL.model_copy(update={"client_order_id": "1" * 32}), "one to come"),
        (
            FILL.model_copy(
                update={
                    "client_order_id": "2" * 32, "status": OrderStatus.REJECTED, "reason": Reason.NOT_ARMED,
                    "last_qty": D(0), "last_px": None,
                }
            ),
            "REJECTED NOT_ARMED",
        ),
    ],
)  # fmt: skip
def test_a_decision_says_what_became_of_its_orders(report: ExecutionReport | None, outcome: str) -> None:
    one = BTC._replace(decision=decision(None, orders=("1" * 32, "2" * 32)), report=report)
    assert one.outcome == outcome
    lines = status_lines(TRADES._replace(symbols={"BTCUSDT": one}), UTC_TIME, 160)
    assert f"2 orders: {outcome}, 3.0 s ago" in lines[6]
    assert BTC.outcome == ""


def test_an_account_that_is_held_is_not_called_armed() -> None:
    halt = LatchRow("HALT", "halt by ada", "ada", NOW_NS // 1_000_000)
    lines = status_lines(TRADES._replace(standing=AccountStatus({"HALT": halt}, ARMING, ARMED, ())), UTC_TIME, 160)
    assert lines[1] == (
        "held by HALT: nothing is sent; the arming, until 2025-11-24 12:58:00 UTC, counts when that is lifted"
    )


def test_savings_beside_a_book_of_coins_are_no_difference() -> None:
    more, less = AtExchange(D(5), 0, D(1), spot=True), AtExchange(D("0.01"), 0, D(1), spot=True)
    assert not BTC._replace(exchange=more).apart
    assert BTC._replace(exchange=less).apart
    assert BTC._replace(exchange=more._replace(spot=False)).apart


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (
            AccountStatus({}, ARMING._replace(decided_by="other"), ARMED, ()),
            "armed for another strategy, model or code",
        ),
        (AccountStatus({}, ARMING._replace(expires_at_ms=1), ARMED, ()), "armed no more, since 1970-01-01 00:00:00"),
        (AccountStatus({}, None, ARMED, (), arm="tickline arm --account fake"), "tickline arm --account fake"),
    ],
)
def test_an_arming_that_does_not_hold_is_none(own: AccountStatus, line: str) -> None:
    lines = status_lines(TRADES._replace(standing=own), UTC_TIME, 80)
    assert lines[1] == "not armed"
    assert line in lines[-1]


def test_with_the_line_dead_it_is_said_whether_the_exchange_was_asked() -> None:
    dead = TRADES._replace(line="down", not_asked="config: no keys")
    assert "as of 2025-11-24 12:00:00 UTC, exchange not asked: config: no keys" in status_lines(dead, UTC_TIME, 160)
    asked = dead._replace(not_asked="no answer within 8 s", asked=True)
    assert "as of 2025-11-24 12:00:00 UTC, exchange asked in vain: no answer within 8 s" in (
        status_lines(asked, UTC_TIME, 160)
    )
    told = asked.as_json()
    assert (told["exchange_not_asked"], told["exchange_no_answer"]) == (None, "no answer within 8 s")


def test_ticks_of_another_time_are_aged_by_their_own_clock() -> None:
    past_ns = NOW_NS - 400 * 86_400 * S
    btc = BTC._replace(price_ns=past_ns - S, decision=decision(ts_event=past_ns - S), fill=None)
    paper = TRADES._replace(mode="paper", standing=None, event_ns=past_ns, symbols={"BTCUSDT": btc})
    lines = status_lines(paper, UTC_TIME, 160)
    assert lines[0].startswith("paper  line up")
    assert lines[1] == "ticks of 2024-10-20 12:00:00 UTC: today is that day"
    assert "NO_CHANGE 1.0 s ago" in lines[6]


def test_the_documented_json() -> None:
    told = json.loads(json_text(TRADES.as_json()))
    assert told["symbols"]["BTCUSDT"] == {
        "price": "71500.2",
        "price_at": "2025-11-24T11:59:59Z",
        "position": "0.018",
        "entry": "71440.1",
        "unrealised": "1.0818",
        "realised": "-3.5",
        "today": "-2.07",
        "fees_today": "1.286",
        "funding_today": "-0.012",
        "equity": "996.2818",
        "decision": {
            "at": "2025-11-24T11:59:57Z", "orders": 0, "reason": "NO_CHANGE", "outcome": None, "y_hat": 0.0002,
            "target": "0.018", "tr": "fake:BTCUSDT:1:9",
        },
        "fill": {
            "at": "2025-11-24T11:57:55Z", "qty": "0.018", "price": "71440.1", "fee": "0.643",
            "tr": "fake:BTCUSDT:1:7", "client_order_id": "ab" * 16,
        },
        "unknown": [],
        "differences": [],
        "exchange": None,
        "stops": [],
    }  # fmt: skip
    assert (told["if_everything_dies"], told["naked"]) == (None, [])
    assert (told["armed_s"], told["armed_until"], told["armed_notional"]) == (3480, "2025-11-24T12:58:00Z", "2500")
    assert (told["equity"], told["today"], told["fees_today"], told["funding_today"]) == (
        "1996.2818", "-2.07", "1.286", "-0.012",
    )  # fmt: skip
    assert told["words"][2] == {"who": "exchange", "at": "2025-11-24T11:59:58Z"}
    assert told["exchange_not_asked"] is None
    assert told["model"]["name"] == "simulated_linear"


def test_what_is_not_known_is_no_zero() -> None:
    status = TRADES._replace(symbols={"BTCUSDT": BTC, "ETHUSDT": ETH._replace(today=None)})
    assert status.today is None
    assert "today not known" in status_lines(status, UTC_TIME, 160)[3]
    held = ETH._replace(qty=D(1), unrealised=None)
    status = TRADES._replace(symbols={"BTCUSDT": BTC, "ETHUSDT": held})
    lines = status_lines(status, UTC_TIME, 160)
    assert lines[3].startswith("equity not known  today -2.07  unrealised not known")
    assert lines[7].split()[4:7] == ["1", "-", "-"]
    told = status.as_json()
    assert (told["equity"], told["unrealised"], told["symbols"]["ETHUSDT"]["unrealised"]) == (None, None, None)
    assert told["symbols"]["ETHUSDT"]["equity"] is None


MONEY = st.decimals(-(10**9), 10**9, places=12)


def symbols(count: int, amounts: list[Decimal]) -> Mapping[str, SymbolStatus]:
    return {
        f"SYMBOL{i}": BTC._replace(sym=f"SYMBOL{i}", qty=amounts[0], entry=abs(amounts[1]) + 1, unrealised=amounts[2])
        for i in range(count)
    }


@given(st.integers(1, 9), st.lists(MONEY, min_size=3, max_size=3), st.sampled_from([80, 100, 160, 200]))
def test_no_figure_makes_a_line_too_long(count: int, amounts: list[Decimal], width: int) -> None:
    lines = status_lines(TRADES._replace(symbols=symbols(count, amounts)), UTC_TIME, width)
    assert all(len(line) <= width for line in lines)
    assert sum(line.startswith("SYMBOL") for line in lines) == count


@given(st.decimals(-(10**12), 10**12, places=20))
def test_a_number_keeps_its_first_digits(value: Decimal) -> None:
    shown = number(value)
    assert "E" not in shown
    assert abs(D(shown) - value) <= abs(value) * D(10) ** (1 - DIGITS) or not value


def test_columns_and_cuts() -> None:
    assert columns([("a", "bb"), ("ccc", "d")], left={0}) == ["a    bb", "ccc   d"]
    assert cut("x" * 80, 80) == "x" * 80
