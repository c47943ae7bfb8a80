import pytest

from services.strategy.order_writer import client_order_id
from shared.exchanges.binance.profile import FUTURES_FACTS
from shared.exchanges.bybit.facts import FACTS as BYBIT
from shared.exchanges.okx.profile import FACTS as OKX
from shared.exchanges.profile import TradingFacts
from shared.exchanges.registry import traded, trading_class
from shared.messages import Leg

FACTS = [(name, facts) for name in traded() for facts in trading_class(name).by_kind.values()]
UNKNOWN_FATE = {
    "binance": {"-1000", "-1001", "-1006", "-1007"},
    "bybit": {"10000", "10016", "10014"},
    "hyperliquid": {"Invalid nonce: duplicate nonce", "Internal error"},
    "okx": {"50001", "50004", "50013", "50026", "51149"},
}


@pytest.mark.parametrize(("exchange", "facts"), FACTS)
def test_our_ids_fit_everywhere(exchange: str, facts: TradingFacts) -> None:
    assert facts.client_id_form.match(client_order_id("live:x", "replay:BTCUSDT:1:1", Leg.OPEN))
    assert not facts.client_id_form.match("a" * 37)
    assert not facts.client_id_form.match("a b")


@pytest.mark.parametrize(("exchange", "facts"), FACTS)
def test_what_says_that_nobody_knows_is_no_refusal(exchange: str, facts: TradingFacts) -> None:
    assert not UNKNOWN_FATE[exchange] & set(facts.refusals)


@pytest.mark.parametrize(("exchange", "facts"), FACTS)
def test_a_known_id_or_an_unknown_order_is_no_refusal_of_an_order(exchange: str, facts: TradingFacts) -> None:
    assert not (facts.duplicate | facts.unknown | facts.unchanged) & set(facts.refusals)
    assert facts.duplicate and facts.unknown


def test_a_requests_validity() -> None:
    assert [(facts.expiry, facts.most_validity_ms) for facts in (FUTURES_FACTS, BYBIT, OKX)] == [
        ("window", 60_000), ("window", 60_000), ("header", 30_000),
    ]  # fmt: skip
