"""What is lost at most when everything dies."""

from decimal import Decimal

from shared.explain.account import Stake, coins_at_stake, if_everything_dies, swaps_at_stake
from shared.orders import VenueQuote
from shared.orders.answers import VenuePosition

D = Decimal
ARMED = Stake(D(500), "by liquidation")


def long(**changes: Decimal | str | None) -> VenuePosition:
    held = VenuePosition("BTCUSDT", D("0.01"), D(42_000), at_stake=D("140.333"), liquidation=D("28210.50"))
    return held._replace(**changes)  # type: ignore[arg-type]


def test_an_isolated_position_loses_its_margin_and_its_profit() -> None:
    assert if_everything_dies(swaps_at_stake([long()]), D(1_000), ARMED) == (
        "if everything dies now: at most 140.33 of 1000: BTCUSDT 140.33 by liquidation at 28210.5; "
        "with all open that is armed: at most 500, by liquidation"
    )


def test_what_is_not_told_may_be_all_there_is() -> None:
    rows = [long(), long(row="NET CROSS", at_stake=None, liquidation=None)]
    said = if_everything_dies(swaps_at_stake(rows), D(1_000), ARMED)
    assert "at most 1000 of 1000" in said
    assert "BTCUSDT NET CROSS all there is by liquidation at a price that the exchange does not tell" in said


def test_no_more_is_lost_than_there_is() -> None:
    said = if_everything_dies(
        swaps_at_stake([long(at_stake=D(900)), long(at_stake=D(900))]), D(1_000), Stake(D(5_000), "so")
    )
    assert "at most 1000 of 1000" in said and said.endswith("with all open that is armed: at most 1000, so")


def test_a_position_under_water_has_nothing_left_to_lose() -> None:
    (stake,) = swaps_at_stake([long(at_stake=D(-3))])
    assert stake.amount == 0


def test_flat_rows_are_none() -> None:
    assert not list(swaps_at_stake([long(signed_qty=D(0))]))


def test_coins_can_fall_to_nothing() -> None:
    quote = VenueQuote("BTCUSDT", D(100), D(101), 0)
    assert list(coins_at_stake("BTCUSDT", D("0.5"), quote)) == [
        Stake(D("50.0"), "BTCUSDT 50 if the coin is worth nothing")
    ]
    assert not list(coins_at_stake("BTCUSDT", D(0), quote))
    (unasked,) = coins_at_stake("BTCUSDT", D("0.5"), quote._replace(bid=D(0)))
    assert unasked.amount == D("50.5"), "that nobody bids makes no loss small"
