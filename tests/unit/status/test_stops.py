"""A status with stops: what lies at the exchange, what lacks its stop, and what is lost when everything dies."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.console.status.lines import status_lines
from shared.config import Settings, load_settings
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from shared.status.state import SymbolStatus
from shared.status.stops import naked, stops_line, worst_line
from shared.wall_time import UTC_TIME
from tests.unit.console.status.test_lines import BTC, ETH, TRADES

D = Decimal
MARKETS = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT:USDT"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(protect: dict[str, Any], **gateway: Any) -> Settings:
    live = {"mode": "testnet", "venue": "fake", "account": "main", "markets": MARKETS, "slippage_bps": "10", **gateway}
    return load_settings(symbols=tuple(MARKETS), interval="1h", strategy={"protect": protect}, gateway=live)


def lying(sym: str, kind: StopKind, price: str, held: str, phase: StopPhase = StopPhase.WAITING) -> StopLife:
    return StopLife("a1", "b", sym, "e1", kind, 0, D(held), D(price), None, True, phase, 1, 2)


STOP, PROFIT = StopKind.STOP, StopKind.TAKE_PROFIT
LONG = BTC._replace(  # 0.018 from 71440.1, now 71500.2
    stops=(lying("BTCUSDT", STOP, "70000", "0.018"), lying("BTCUSDT", PROFIT, "75000", "0.018", StopPhase.SENT))
)
SHORT = ETH._replace(qty=D("-1"), entry=D(2400))
HELD = {"BTCUSDT": LONG, "ETHUSDT": SHORT}


def test_what_is_lost_at_most_by_stops_and_by_liquidation() -> None:
    found = worst_line(settings({"stop_bps": 250}, leverage=4), HELD, D(1_996))
    by_stop = D("0.018") * (D("71500.2") - 70_000) + D("0.018") * 70_000 * 10 / 10_000
    liquidated = D("0.018") * D("71440.1") / 4 + D("0.018") * D("60.1")
    short = D(2_400) / 4 - D("1.55")
    assert found == (
        f"if everything dies now: at most {by_stop + short:.2f} by stops, {liquidated + short:.2f} by liquidation, of "
        f"1996: BTCUSDT {by_stop:.2f} by its stop at 70000, ETHUSDT has no stop; "
        f"BTCUSDT {liquidated:.2f} by liquidation, ETHUSDT {short:.2f} by liquidation"
    )


def test_a_stop_that_was_not_shown_and_a_take_profit_limit_nothing() -> None:
    unknown = LONG._replace(stops=(lying("BTCUSDT", STOP, "70000", "0.018", StopPhase.UNKNOWN), LONG.stops[1]))
    assert "BTCUSDT has no stop" in worst_line(settings({"stop_bps": 250}), {"BTCUSDT": unknown}, D(1_996))
    assert "by stops" not in worst_line(settings({"take_profit_bps": 250}), {"BTCUSDT": LONG}, D(1_996))


def test_where_nothing_is_held_or_real_nothing_is_said() -> None:
    assert worst_line(settings({}), {"ETHUSDT": ETH}, D(1_000)) == ""
    assert worst_line(load_settings(), HELD, D(1_000)) == ""
    spot = worst_line(settings({}, markets={"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}), {"BTCUSDT": BTC}, D(2_000))
    assert spot == "if everything dies now: at most 1287 of 2000: BTCUSDT 1287 if the coin is worth nothing"


@pytest.mark.parametrize(
    ("protect", "symbols", "found"),
    [
        ({"stop_bps": 250}, [LONG, SHORT], ["ETHUSDT"]),
        ({"stop_bps": 250}, [ETH], []),
        ({}, [SHORT], []),
        ({"stop_bps": 250}, [LONG._replace(stops=LONG.stops[1:])], ["BTCUSDT"]),
    ],
)
def test_a_position_without_its_stop_is_named(
    protect: dict[str, Any], symbols: list[SymbolStatus], found: list[str]
) -> None:
    assert list(naked(settings(protect), symbols)) == found


def test_on_paper_a_person_sees_where_the_simulated_ones_would_fire() -> None:
    held = BTC._replace(simulated={STOP: D("69654.0975"), PROFIT: D("75000.50")})
    assert stops_line({"BTCUSDT": held}) == "stops, simulated bar by bar: BTCUSDT stop 69654.0975, take_profit 75000.5"
    assert held.as_json()["stops"] == [
        {"kind": "stop", "price": D("69654.0975"), "phase": "SIMULATED"},
        {"kind": "take_profit", "price": D("75000.50"), "phase": "SIMULATED"},
    ]
    assert stops_line({"BTCUSDT": held}) in status_lines(TRADES._replace(symbols={"BTCUSDT": held}), UTC_TIME, 160)


def test_a_person_sees_them() -> None:
    assert stops_line(HELD) == "stops at the exchange: BTCUSDT stop 70000, take_profit 75000 (SENT)"
    assert stops_line({"ETHUSDT": SHORT}) == ""
    lines = status_lines(
        TRADES._replace(symbols=HELD, worst="if everything dies now: at most 1", naked=("ETHUSDT",)), UTC_TIME, 160
    )
    assert "if everything dies now: at most 1" in lines
    assert stops_line(HELD) in lines
    assert lines[-1].startswith("ETHUSDT: its position has no stop that the exchange has shown")
