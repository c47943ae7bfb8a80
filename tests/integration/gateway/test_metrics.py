"""What a gateway tells Prometheus of an account: read while the thing itself is so."""

from pathlib import Path

from services.gateway.metrics import live_metrics
from services.simulator.engine.faults import Fault, FaultMode
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.integration.gateway.test_adopt import by_hand, flat_once
from tests.integration.gateway.test_stops import BINANCE, protected
from tests.until import until


def told(trading: Gateway, name: str) -> dict[tuple[str, ...], float]:
    """Returns the values of a metric, by its labels' values."""
    assert trading.engine is not None
    (found,) = (one for one in live_metrics(trading.engine).gauges if one.name == name)
    return dict(found.of(()))


async def test_an_order_whose_fate_is_not_known(tmp_path: Path) -> None:
    async with gateway(tmp_path, grace_ms=25_000) as trading:
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST"))
        await trading.write(trading.intent("0.010"))
        await until(lambda: told(trading, "unknown_orders") == {(SYM,): 1})


async def test_what_an_account_is_worth_and_how_long_it_may_trade(trading: Gateway) -> None:
    await trading.agreed()
    await until(lambda: told(trading, "account_equity_quote") != {})
    assert told(trading, "account_equity_quote")[()] > 0
    assert 0 < told(trading, "armed_seconds")[()] <= 3_600
    assert told(trading, "exchange_heard_timestamp_seconds")[()] > 1.7e9
    zero = ("unknown_orders", "differences", "naked_seconds", "latches")
    assert {name: sum(told(trading, name).values()) for name in zero} == dict.fromkeys(zero, 0)
    assert told(trading, "reconciled") == {(): True}
    await trading.disarm()
    await until(lambda: told(trading, "armed_seconds") == {(): 0})


async def test_a_trade_by_hand_is_two_differences(trading: Gateway) -> None:
    """The trade, and the position that it left."""
    await flat_once(trading)
    by_hand(trading, "-0.004")
    await until(lambda: told(trading, "differences") == {(): 2})
    assert told(trading, "reconciled") == {(): False}


async def test_a_position_that_has_no_stop_yet(tmp_path: Path) -> None:
    """Its request is answered by nobody."""
    async with protected(tmp_path, BINANCE) as trading:
        trading.fake.server.faults.append(Fault(FaultMode.HOLD, "algoOrder", method="POST"))
        await trading.write(trading.intent("0.010"))
        await until(lambda: told(trading, "naked_seconds").get((SYM,), 0) > 0)


async def test_without_the_account_nothing_of_it_is_told(trading: Gateway) -> None:
    await trading.session()
    await trading.stop()
    assert told(trading, "armed_seconds") == {}
