from decimal import Decimal, localcontext
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.exchanges.trading.amounts import contracts, dust, limit_at, plain, sized, truncated
from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import Reason

QTY = st.decimals(min_value="-1000000", max_value="1000000", allow_nan=False, allow_infinity=False, places=18)
STEP = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent), st.sampled_from([1, 2, 5, 25]), st.integers(-2, 12)
)


def rules(step: str = "0.001", size: str = "1", least: str = "0.001", notional: str = "5") -> MarketRules:
    return MarketRules(
        "swap", "X/USDT:USDT", "X", "USDT", Decimal(step), Decimal(least), Decimal(1000), Decimal(notional),
        Decimal("0.1"), Decimal(size),
    )  # fmt: skip


@given(QTY, STEP)
def test_truncation_is_exact_toward_zero_and_takes_less_than_a_step(qty: Decimal, step: Decimal) -> None:
    fit = truncated(qty, step)
    with localcontext() as wide:
        wide.prec = 60
        assert fit % step == 0
        assert 0 <= abs(qty) - abs(fit) < step
    assert fit * qty >= 0
    assert truncated(fit, step) == fit


@given(QTY, STEP)
def test_it_does_not_depend_on_the_context_that_others_may_have_set(qty: Decimal, step: Decimal) -> None:
    with localcontext() as narrow:
        narrow.prec, narrow.rounding = 3, "ROUND_UP"
        within = truncated(qty, step)
    assert within == truncated(qty, step)


@given(st.integers(1, 10**9), STEP, st.sampled_from(["1", "0.01", "10", "0.001"]))
def test_contracts_and_base_units_are_the_same_quantity(steps: int, step: Decimal, size: str) -> None:
    qty = steps * step * Decimal(size)
    text = contracts(rules(str(step * Decimal(size)), size), -qty)
    assert Decimal(text) * Decimal(size) == qty
    assert "E" not in text and "-" not in text


@pytest.mark.parametrize("qty", ["0", "0.0015", "0.00000000000000000001"])
def test_a_part_of_a_step_is_an_error(qty: str) -> None:
    with pytest.raises(ValueError, match="no multiple"):
        contracts(rules(), Decimal(qty))


@pytest.mark.parametrize(
    ("qty", "reduce_only", "wanted"),
    [
        ("0.0129", False, Decimal("0.012")),
        ("-0.0129", False, Decimal("-0.012")),
        ("0.0009", False, Reason.BELOW_MINIMUM),
        ("0", False, Reason.BELOW_MINIMUM),
        ("0.004", False, Reason.BELOW_MINIMUM),  # worth 4, the venue wants 5
        ("0.004", True, Decimal("0.004")),
        ("1000.001", False, Reason.VENUE_REFUSED),
    ],
)
def test_sized(qty: str, reduce_only: bool, wanted: Decimal | Reason) -> None:
    assert sized(rules(), Decimal(qty), Decimal(1000), reduce_only) == wanted


@given(QTY)
def test_plain_loses_nothing(qty: Decimal) -> None:
    assert Decimal(plain(qty)) == qty
    assert "E" not in plain(qty)


@given(
    st.sampled_from(["spot", "swap"]),
    st.decimals(min_value="-900", max_value="900", allow_nan=False, allow_infinity=False, places=12).filter(bool),
    st.decimals(min_value="0.01", max_value="100000", allow_nan=False, allow_infinity=False, places=2),
    st.sampled_from(["0.001", "0.00001", "0.25", "5"]),
    st.sampled_from(["1", "3"]),
)
def test_a_position_is_sold_in_one_order_to_dust_or_is_dust(
    kind: Literal["spot", "swap"], held: Decimal, price: Decimal, step: str, least: str
) -> None:
    """So no close is refused a second time. least: the market's least quantity, in steps."""
    made = rules(step=step, least=str(Decimal(step) * Decimal(least)))._replace(kind=kind)
    order = sized(made, -held, price, reduce_only=True)
    if isinstance(order, Reason):
        assert (order, dust(made, held, price)) == (Reason.BELOW_MINIMUM, held)
        return
    assert dust(made, held, price) == 0
    rest = held + order
    assert dust(made, rest, price) == rest
    assert abs(rest) < Decimal(step)


PRICE = st.decimals(min_value="0.00000001", max_value="1000000", allow_nan=False, allow_infinity=False, places=12)


TICKS = STEP.map(lambda tick: (tick, None)) | st.tuples(  # digits are told beside decimal places, as on Hyperliquid
    st.integers(-2, 12).map(lambda exponent: Decimal(1).scaleb(-exponent)), st.sampled_from([3, 5])
)


@given(PRICE, TICKS, st.sampled_from([1, -1]))
@example(Decimal("0.000001506501"), (Decimal("1E-10"), 5), -1)
def test_a_limit_is_rounded_by_less_than_a_step_and_never_to_a_worse_price(
    price: Decimal, ticks: tuple[Decimal, int | None], side: int
) -> None:
    tick, digits = ticks
    made = rules()._replace(price_tick=tick, price_digits=digits)
    limit = limit_at(made, price, Decimal(side))
    with localcontext() as wide:
        wide.prec = 60
        assert limit % tick == 0 or tick == 0
        off = (price - limit) * side
        assert off >= 0
        assert off < tick or (digits is not None and off < max(tick, price.scaleb(1 - digits)))
        if digits is not None and limit % 1:
            assert len(limit.normalize().as_tuple().digits) <= digits
    assert limit_at(made, limit, Decimal(side)) == limit or not limit


def test_prices_without_a_known_step_stay_as_they_are() -> None:
    price = Decimal("1.23456789")
    assert limit_at(rules()._replace(price_tick=Decimal(0)), price, Decimal(1)) == price
