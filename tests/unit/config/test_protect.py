"""A protection that cannot be, or cannot help, is refused at the start, in one line with the remedy."""

from decimal import Decimal
from typing import Any

import pytest

from shared.config import Settings, load_settings
from shared.config.fingerprint import config_hash
from shared.errors import ConfigError
from shared.messages.protect import ProtectTerms
from shared.strategies.identity import decided_by_config

LIVE = {"mode": "testnet", "venue": "fake", "account": "main", "markets": {"A": "BTC/USDT:USDT"}}


def loaded(protect: dict[str, Any], strategy: dict[str, Any] | None = None, **gateway: Any) -> Settings:
    return load_settings(
        symbols=("A",), interval="12h", strategy={**(strategy or {}), "protect": protect},
        gateway={**LIVE, **gateway} if gateway else {},
    )  # fmt: skip


def test_nothing_is_protected_unless_a_distance_is_given() -> None:
    assert load_settings().strategy.protect.terms is None
    found = loaded({"stop_bps": "250", "trail_bps": 300.5, "after_stop": "30"}).strategy.protect
    assert found.terms == ProtectTerms(stop_bps=Decimal(250), trail_bps=Decimal("300.5"))
    assert found.after_stop == 30


@pytest.mark.parametrize(
    ("protect", "said"),
    [
        ({"stop_bps": 0}, "strategy.protect.stop_bps: it is a number of basis points, above 0 and below 10000"),
        ({"trail_bps": 10_000}, "strategy.protect.trail_bps: it is a number of basis points"),
        ({"take_profit_bps": "far"}, "strategy.protect.take_profit_bps: it is a number of basis points"),
        ({"naked_s": 3}, "strategy.protect: naked_s is set, but no distance: give stop_bps, take_profit_bps or trail_"),
        ({"after_stop": "flip"}, "strategy.protect: after_stop is set, but no distance"),
        ({"stop_bps": 1, "after_stop": "never"}, 'strategy.protect.after_stop: it is "next_bar", "flip", or a whole'),
        ({"stop_bps": 1, "after_stop": 0}, 'strategy.protect.after_stop: it is "next_bar"'),
        ({"stop_bps": 1, "after_stop": True}, 'strategy.protect.after_stop: it is "next_bar"'),
        ({"stop_bps": 1, "after_stop": 2.5}, 'strategy.protect.after_stop: it is "next_bar"'),
        ({"stop_bps": 1, "naked_s": 0}, "strategy.protect.naked_s"),
        (
            {"stop_bps": 1, "spot": "cancel_first"},
            "strategy.protect: spot = cancel_first is not built: no stop",
        ),
        ({"stop_bp": 1}, "strategy.protect.stop_bp: there is no such key"),
    ],
)
def test_what_is_no_protection_is_refused(protect: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(protect)
    assert str(refused.value).startswith(f"config: {said}")
    assert "\n" not in str(refused.value)


def test_a_take_profit_within_the_entry_s_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"take_profit_bps is 50, and an entry may be filled 50 bps from the price"):
        loaded({"take_profit_bps": 50})
    assert loaded({"take_profit_bps": 51}) and loaded({"stop_bps": 50})
    assert loaded({"take_profit_bps": 50}, {"max_slippage_bps": "none"})


def test_a_stop_beyond_the_liquidation_is_refused_where_orders_are_real() -> None:
    near = {"stop_bps": 900}
    assert loaded(near, leverage=9) and loaded(near)
    with pytest.raises(ConfigError, match=r"stop_bps is 900, and at gateway.leverage 10 the exchange liquidates withi"):
        loaded(near, leverage=10)
    assert loaded({**near, "margin_bps": 99}, leverage=10)
    with pytest.raises(ConfigError, match=r"trail_bps is 900, and at gateway.leverage 20 .* make it less than 400"):
        loaded({"trail_bps": 900}, leverage=20)


@pytest.mark.parametrize(
    "change",
    [{"stop_bps": 251}, {"take_profit_bps": 900}, {"trail_bps": 400}, {"after_stop": "flip"}, {"margin_bps": 99},
     {"naked_s": 6}, {"trigger_s": 11}],
)  # fmt: skip
def test_an_arming_is_for_one_protection(change: dict[str, Any]) -> None:
    plain = {"stop_bps": 250}
    assert config_hash(loaded(plain)) != config_hash(loaded({**plain, **change}))
    assert config_hash(loaded(plain)) == config_hash(loaded({"stop_bps": "250.0"}))


def test_who_decides_is_another_with_another_protection() -> None:
    def decides(protect: dict[str, Any]) -> str:
        return decided_by_config(load_settings(strategy={"protect": protect}))

    told = [decides(each) for each in ({}, {"stop_bps": 250}, {"stop_bps": 251}, {"stop_bps": 250, "after_stop": 5})]
    assert len(set(told)) == 4
    assert decides({"stop_bps": 250, "naked_s": 9}) == told[1]
