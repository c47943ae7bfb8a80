"""What an order with a price needs, and at which prices it is taken."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.binance.dialect import swap
from services.simulator.bybit.dialect import spot
from services.simulator.engine.admission import Band, BuyingPower, admitted
from services.simulator.engine.events import Declined, DeclineReason, NewOrder

SWAP, SPOT, MARK = swap(), spot(), Decimal(42_000)


def buying_power(cash: str, held: str = "0", leverage: int = 10) -> BuyingPower:
    money = {"USDT": Decimal(cash), "BTC": Decimal(1)}
    return BuyingPower(Decimal(held), money.__getitem__, money.__getitem__, Decimal(leverage), Decimal("0.0005"))


def ask(qty: str, limit: str | None, sym: str = SWAP.id, **changes: object) -> NewOrder:
    priced = None if limit is None else Decimal(limit)
    return NewOrder(sym, Decimal(qty), limit=priced, ioc=True)._replace(**changes)  # type: ignore[arg-type]


def declined(new: NewOrder, cash: str, held: str = "0", *, on_spot: bool = False) -> DeclineReason | None:
    try:
        admitted(SPOT if on_spot else SWAP, new, buying_power(cash, held), MARK, MARK)
    except Declined as refused:
        return refused.why
    return None


@pytest.mark.parametrize(
    ("qty", "limit", "needed"),
    [
        ("1", None, "4221"),  # margin of a tenth, and the fee
        ("1", "42000", "4221"),
        ("1", "42100", "4331.05"),  # 4210 of margin, 100 that it loses at once, 21.05 of fee
        ("1", "41000", "4120.5"),
        ("-1", "41900", "4320.95"),  # reckoned at the mark, and 100 that it loses at once
        ("-1", "42100", "4231.05"),
    ],
)
def test_of_a_swap_margin_and_what_it_loses_at_once_count_at_the_limit(qty: str, limit: str, needed: str) -> None:
    assert declined(ask(qty, limit), needed) is None
    assert declined(ask(qty, limit), str(Decimal(needed) - Decimal("0.01"))) is DeclineReason.MARGIN


def test_what_only_reduces_needs_no_money() -> None:
    assert declined(ask("-1", "41900", reduce_only=True), "0", held="1") is None
    assert declined(ask("-1", "41900", reduce_only=True), "0") is DeclineReason.REDUCE_ONLY


def test_of_spot_a_buy_needs_its_limit_and_a_sale_the_coins() -> None:
    assert declined(ask("0.1", "42100", SPOT.id), "4210", on_spot=True) is None
    assert declined(ask("0.1", "42100", SPOT.id), "4209.99", on_spot=True) is DeclineReason.MARGIN
    assert declined(ask("-1", "41900", SPOT.id), "0", on_spot=True) is None
    assert declined(ask("-1.1", "41900", SPOT.id), "0", on_spot=True) is DeclineReason.MARGIN


@pytest.mark.parametrize("limit", ["0", "-42000", "42000.05"])
def test_a_limit_is_whole_ticks_above_nothing(limit: str) -> None:
    assert declined(ask("1", limit), "100000") is DeclineReason.PRICE_STEP


PRICES = st.decimals("0.1", "100000", places=1, allow_nan=False, allow_infinity=False)


@given(PRICES, PRICES, st.sampled_from([1, -1]))
def test_within_the_band_is_taken_and_what_is_moved_there_too(mark: Decimal, limit: Decimal, side: int) -> None:
    band = Band(SWAP, mark)
    beyond = limit > band.highest if side > 0 else limit < band.lowest
    moved = band.moved(limit, side)
    assert (moved != limit) == beyond
    band.check(moved, side)
    if beyond:
        with pytest.raises(Declined) as refused:
            band.check(limit, side)
        assert refused.value.bound == moved
    assert band.highest <= mark * SWAP.price_up and band.lowest >= mark * SWAP.price_down


def test_the_text_has_the_bound() -> None:
    table = {DeclineReason.PRICE_TOO_HIGH: (-4016, "Limit price can't be higher than {}.")}
    refused = Declined(DeclineReason.PRICE_TOO_HIGH, Decimal("44100.0"))
    assert refused.told(table) == (-4016, "Limit price can't be higher than 44100.0.")
