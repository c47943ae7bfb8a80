"""Fees: in quote, in base, in a third currency, and rebates."""

from decimal import Decimal

import pytest

from shared.orders import VenueFill, fees_of, third_currencies
from shared.orders.fees import paid_in


def fill(number: int, fee: str, currency: str) -> VenueFill:
    return VenueFill(f"{number}", "v", "a", "BTCUSDT", Decimal(1), Decimal(50), Decimal(fee), currency, 0)


FILLS = [fill(1, "0.02", "USDT"), fill(2, "0.001", "BTC"), fill(3, "0.0001", "BNB"), fill(4, "-0.01", "USDT")]


def test_each_currency_goes_its_way_and_a_rebate_is_negative() -> None:
    assert fees_of(FILLS, "USDT", "BTC", {"BNB": Decimal(600)}) == (Decimal("0.001"), Decimal("0.07"))


def test_a_doubled_trade_counts_once() -> None:
    assert fees_of([FILLS[0], FILLS[0]], "USDT") == (0, Decimal("0.02"))


def test_on_a_swap_the_base_currency_is_a_third_one() -> None:
    assert fees_of(FILLS[1:2], "USDT", "", {"BTC": Decimal(50)}) == (0, Decimal("0.05"))
    assert third_currencies(FILLS, "USDT") == {"BTC", "BNB"}
    assert third_currencies([*FILLS, fill(5, "0", "OKB")], "USDT", "BTC") == {"BNB"}


def test_a_currency_without_a_price_is_refused() -> None:
    with pytest.raises(ValueError, match="trade 3 has a fee in BNB, which needs a price in USDT"):
        fees_of(FILLS, "USDT", "BTC")


def test_no_fee_needs_no_price() -> None:
    assert fees_of([fill(1, "0", "")], "USDT") == (0, 0)


def test_a_fee_without_a_currency_is_not_taken_for_base() -> None:
    with pytest.raises(ValueError, match="needs a price"):
        fees_of([fill(1, "0.01", "")], "USDT")


def test_taxes_in_other_coins_count() -> None:
    taxed = fill(6, "0.02", "USDT")._replace(extra_fees=(("BTC", Decimal("0.001")), ("BNB", Decimal("0.0001"))))
    assert third_currencies([taxed], "USDT", "BTC") == {"BNB"}
    assert fees_of([taxed], "USDT", "BTC", {"BNB": Decimal(600)}) == (Decimal("0.001"), Decimal("0.08"))
    assert paid_in("BNB", [taxed, taxed]) == Decimal("0.0001")
