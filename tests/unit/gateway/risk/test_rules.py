"""No variable and no edit of the config lets out what adds exposure: it takes an arming, given for this very config."""

from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.live import live as live_parts
from services.gateway.risk import Pass, Refusal, RiskCheck, RiskRules
from services.gateway.risk.check import exposure
from shared.config import load_settings
from shared.messages import Reason
from shared.runner.spec import Limits
from tests.unit.gateway.risk.open_gates import ARMING, BUY, NOW_NS

LIVE = """
symbols = ["BTCUSDT"]
interval = "12h"
[signal]
model = "btcusdt_12h_linear"
[gateway]
mode = "live"
venue = "ccxt"
account = "main"
exchange = "binance"
markets = {BTCUSDT = "BTC/USDT:USDT"}
[gateway.risk]
max_order_notional = 10_000
max_position_notional = 10_000
daily_loss = 10_000
"""
ORDER = BUY._replace(signed_qty=Decimal(1), ts_event=NOW_NS, limit_price=BUY.price)
PREFIX = "TICKLINE_GATEWAY__"
VARIABLES = {
    "mode": {"MODE": "testnet"},
    "venue": {"VENUE": "fake"},
    "account": {"ACCOUNT": "other"},
    "exchange": {"EXCHANGE": "okx"},
    "market": {"MARKETS": '{"BTCUSDT": "BTC/USDC:USDC"}'},
    "leverage": {"LEVERAGE": "5"},
    "limit": {"RISK__MAX_ORDER_NOTIONAL": "1e9"},
    "collar": {"RISK__COLLAR_BPS": "9999"},
    "age": {"RISK__MAX_TICK_AGE_S": "1e9"},
}


@pytest.fixture(autouse=True)
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tickline.toml").write_text(LIVE)


def rules() -> RiskRules:
    settings = load_settings()
    return RiskRules.of(settings)


def armed_for(config_hash: str) -> object:
    context = ORDER.context._replace(arming=ARMING._replace(config_hash=config_hash))
    return RiskCheck(rules()).on_tick(ORDER._replace(context=context))


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_variables_alone_do_not_arm(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)
    made = RiskCheck(rules()).on_tick(ORDER._replace(context=ORDER.context._replace(arming=None)))
    assert isinstance(made, Refusal)
    assert made.reason is Reason.NOT_ARMED


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_an_arming_ends_with_the_config_it_was_for(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    was = rules().config_hash
    assert isinstance(armed_for(was), Pass)
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)
    made = armed_for(was)
    assert isinstance(made, Refusal)
    assert made.reason is Reason.ARMED_FOR_OTHER_CONFIG


def test_a_file_that_is_edited_is_another_config() -> None:
    was = rules().config_hash
    for old, new in (
        ("live", "testnet"),
        ("10_000", "20_000"),
        ('"main"', '"other"'),
        ("BTC/USDT:USDT", "ETH/USDT:USDT"),
    ):
        Path("tickline.toml").write_text(LIVE.replace(old, new))
        assert isinstance(armed_for(was), Refusal)


def test_an_arming_for_nobody_is_for_no_order() -> None:
    """One of before orders told who decides, and an order of such a strategy process."""
    context = ORDER.context._replace(arming=ARMING._replace(config_hash=rules().config_hash, decided_by=""))
    made = RiskCheck(rules()).on_tick(ORDER._replace(context=context, by=""))
    assert isinstance(made, Refusal)
    assert made.reason is Reason.ARMED_FOR_OTHER_CODE


def test_who_decides_otherwise_may_reduce() -> None:
    """What an edited strategy holds, it may get rid of; of a flip the closing part goes out."""
    arming = ARMING._replace(config_hash=rules().config_hash)
    context = ORDER.context._replace(arming=arming, position=Decimal(-4))
    order = ORDER._replace(context=context, by="fedcba9876543210")
    close = RiskCheck(rules()).on_tick(order._replace(signed_qty=Decimal(4)))
    assert isinstance(close, Pass)
    assert (close.signed_qty, close.cut_by) == (Decimal(4), None)
    flip = RiskCheck(rules()).on_tick(order._replace(signed_qty=Decimal(10)))
    assert isinstance(flip, Pass)
    assert (flip.signed_qty, flip.reduce_only, flip.cut_by) == (Decimal(4), True, Reason.ARMED_FOR_OTHER_CODE)


# What an order adds and reduces, held against every way in which the orders beside it may be filled.

small = st.integers(-6, 6)


@given(qty=small.filter(bool), position=small, in_flight=st.lists(small, max_size=3))
def test_the_reducing_part_is_the_most_that_never_adds(qty: int, position: int, in_flight: list[int]) -> None:
    made = exposure(Decimal(qty), Decimal(position), [Decimal(other) for other in in_flight])
    assert made.reduces + made.adds == qty
    before = {position + sum(filled) for filled in product(*[(0, other) for other in in_flight])}
    sign = 1 if qty > 0 else -1
    most = max(size for size in range(abs(qty) + 1) if all(_shrinks(held, sign * size) for held in before))
    assert made.reduces == sign * most
    against = [other for other in in_flight if other * sign < 0]
    ends = [max((held + qty) * sign for held in before), *([sign * (position + sum(against))] if against else [])]
    assert abs(made.worst) == max(map(abs, ends))


def _shrinks(held: int, qty: int) -> bool:
    """Whether the order brings a position of `held` nearer to zero, at every part of its way."""
    return qty == 0 or (held * qty < 0 and abs(qty) <= abs(held))


def test_the_gateway_needs_neither_the_users_code_nor_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides comes with each order; the gateway's own parts are made without the strategy, its file or a card."""
    Path("tickline.toml").write_text(LIVE.replace("btcusdt_12h_linear", "nowhere") + '[strategy]\nname = "no.py:No"\n')
    settings = load_settings()
    assert (settings.strategy.name, settings.signal.model) == ("no.py:No", "nowhere")
    assert RiskRules.of(settings).config_hash != ""
    assert live_parts(settings, Limits()).spec.instance == "gateway"
