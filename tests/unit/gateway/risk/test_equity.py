"""The one definition of equity."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.risk.equity import equity, fresh
from shared.orders import VenueQuote
from shared.orders.answers import VenueBalance

D = Decimal
SYM = "BTCUSDT"
QUOTES = {SYM: VenueQuote(SYM, D(99), D(101), 1_000)}
amounts = st.decimals(min_value=0, max_value=10**4, places=8)  # products of 28 digits at most, as Decimal has them


def test_swaps_have_it_in_their_cash() -> None:
    assert equity(VenueBalance(D("900.5")), {SYM: D(-3)}, {}) == D("900.5")


def test_coins_count_at_the_bid_as_far_as_the_books_hold_them() -> None:
    balance = VenueBalance(D(500), {SYM: D(5), "ETHUSDT": D(70)})
    assert equity(balance, {SYM: D(2), "ETHUSDT": D(0)}, QUOTES) == 500 + 2 * 99


def test_no_more_counts_than_the_exchange_shows() -> None:
    assert equity(VenueBalance(D(500), {SYM: D(1)}), {SYM: D(2)}, QUOTES) == 599


def test_a_coin_without_a_price_makes_it_unknown_and_only_if_it_counts() -> None:
    balance = VenueBalance(D(500), {"ETHUSDT": D(1)})
    assert equity(balance, {"ETHUSDT": D(1)}, QUOTES) is None
    assert equity(balance, {"ETHUSDT": D(1)}, {"ETHUSDT": VenueQuote("ETHUSDT", D(0), D(1), 0)}) is None
    assert equity(balance, {}, QUOTES) == 500


def test_a_quote_that_is_too_old_or_of_the_future_is_none() -> None:
    assert fresh(QUOTES, 6_000, 5.0) == fresh(QUOTES, -4_000, 5.0) == QUOTES
    assert fresh(QUOTES, 6_001, 5.0) == fresh(QUOTES, -4_001, 5.0) == {}


@given(cash=amounts, coins=amounts, foreign=amounts, qty=amounts, price=amounts, fee=amounts)
def test_a_buy_costs_its_spread_and_its_fee_and_nothing_else(
    cash: Decimal, coins: Decimal, foreign: Decimal, qty: Decimal, price: Decimal, fee: Decimal
) -> None:
    before = equity(VenueBalance(cash, {SYM: coins + foreign}), {SYM: coins}, QUOTES)
    after = equity(VenueBalance(cash - qty * price - fee, {SYM: coins + foreign + qty}), {SYM: coins + qty}, QUOTES)
    assert before is not None and after is not None
    assert after - before == qty * (99 - price) - fee
