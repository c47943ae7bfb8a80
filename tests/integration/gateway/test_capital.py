"""A book's capital: changed by a person, booked in sequence everywhere, and never by the config."""

from decimal import Decimal
from typing import Any

import pytest
import structlog

from services.gateway.execution.baseline import BALANCE_BESIDE
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.journal.rows import ExecutionRow
from shared.messages import Leg
from shared.strategies import BasicTaker
from tests.integration.gateway.conftest import SYM, Gateway
from tests.integration.gateway.flattening import stranger
from tests.until import until


def rebuilt(trading: Gateway, balance: str) -> LiveStrategyStage:
    """The strategy's book, out of what stands on the bus."""
    stage = LiveStrategyStage(SYM, BasicTaker(), Decimal(balance), "b", LiveRules(1, 1, "flat"))
    for report in trading.reports():
        stage.on_tick(report)
    return stage


def with_balance(trading: Gateway, balance: int) -> None:
    own = trading.settings
    trading.settings = own.model_copy(
        update={"strategy": own.strategy.model_copy(update={"balance": Decimal(balance)})}
    )


async def test_capital_reaches_every_book_in_sequence_and_is_no_difference(trading: Gateway) -> None:
    """Alive; the strategy's book is the same whichever of the two allowed configs it is rebuilt with."""
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(2)
    await until(lambda: BALANCE_BESIDE in trading.limits(), every_s=0.05)
    with structlog.testing.capture_logs() as logs:
        assert await trading.set_capital(add="400") == 500
        *_, told = await trading.reported(3)
    (why,) = [line["why"] for line in logs if line["event"] == "the session ends"]
    assert why.endswith("acted on the account: what it has changed is read, and the gateway goes on"), (
        "no fault of ours"
    )
    assert (told.leg, told.capital, bool(told.last_qty), bool(told.commission)) == (Leg.CAPITAL, 500, False, False)
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(5)
    first, second = rebuilt(trading, "100"), rebuilt(trading, "500")
    assert repr(first.account) == repr(second.account)
    assert first.account.capital == second.account.capital == 500
    assert first.account.balance() == (await trading.books()).balance_of(SYM)
    await trading.compared(3)
    assert await trading.externals() == []


async def test_a_line_that_is_dead_has_it_when_it_is_back(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await trading.kill()
    await trading.set_capital(to="250")
    await trading.set_capital(add="-50")
    trading.start()
    assert [report.capital for report in await trading.reported(3)] == [None, 250, 200]
    assert (await trading.books()).capital(SYM) == 200
    told = [event.text.partition(", by ")[0] for event in await trading.events() if event.kind == "CAPITAL"]
    assert sorted(told) == ["100 became 250", "250 became 200"]


async def test_a_config_that_differs_from_the_books_is_refused_with_the_verb(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await trading.stop()
    with_balance(trading, 300)
    trading.start()
    assert trading.task is not None
    with pytest.raises(ConfigError, match=r"strategy.balance is 300, but the book of BTCUSDT has a capital of 100.*"
                       r"`tickline capital --sym BTCUSDT --set 300`"):  # fmt: skip
        await trading.task
    await trading.set_capital(to="300")
    await trading.arm()
    trading.start()
    *_, told = await trading.reported(2)
    assert told.capital == 300
    await trading.stop()
    with_balance(trading, 100)  # what it was begun with is right as well
    trading.start()
    await trading.write(trading.intent("-0.010", Leg.CLOSE))
    await trading.reported(3)


@pytest.mark.parametrize(
    ("to", "add", "why"),
    [
        ("1", "1", "say either"), (None, None, "say either"), ("0", None, "must be above 0"),
        (None, "-100", "must be above 0"), ("0.1", None, "has 99.* left of 100: it must keep some"),
    ],
)  # fmt: skip
async def test_what_is_no_capital(trading: Gateway, to: str | None, add: str | None, why: str) -> None:
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(2)
    with pytest.raises(ConfigError, match=why):
        await trading.set_capital(to, add)
    assert len(trading.reports()) == 2


@pytest.mark.parametrize("verb", ["capital", "adopt"])
async def test_a_long_book_is_read_before_the_gateway_is_fenced(
    trading: Gateway, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Else the gateway has taken the account back before the change is written, again and again."""
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"), trading.intent("0.010"))
    await trading.reported(3)
    if verb == "adopt":
        stranger(trading.fake, "0.005")
        await trading.waiting(f"POSITION/{SYM}/{SYM}", f"EXTERNAL_FILL/{SYM}/{SYM}:1000008")
    await trading.stop()
    read: list[int] = []
    raised, executions = Journal.raise_epoch, Journal.executions

    async def raise_epoch(self: Journal, *given: Any, **named: Any) -> int:
        read.clear()
        return await raised(self, *given, **named)

    async def reading(self: Journal, book: str, after_seq: int = 0, limit: int = 1_000) -> list[ExecutionRow]:
        read.append(after_seq)
        return await executions(self, book, after_seq, limit)

    monkeypatch.setattr(Journal, "raise_epoch", raise_epoch)
    monkeypatch.setattr(Journal, "executions", reading)
    await (trading.set_capital(add="5") if verb == "capital" else trading.resolve(f"POSITION/{SYM}/{SYM}"))
    assert read == [3]
    trading.start()
    assert len(await trading.reported(4)) == 4
