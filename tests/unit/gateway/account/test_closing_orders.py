"""What a flatten sends: all of a swap's position, ours and the rest apart; on spot only what is ours."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.account.closing_orders import (
    MOST_PIECES,
    ClosingOrder,
    PositionSeen,
    closing_orders,
    closing_orders_of_row,
    own_part,
    pieces,
)
from shared.exchanges.trading.venue import MarketRules

D = Decimal
SWAP = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", D("0.001"), D("0.001"), D(10), D(100), D("0.1"), D(1))
SPOT = SWAP._replace(kind="spot", market="BTC/USDT")
PRICE = D(42_000)
qty = st.integers(-20, 20).map(lambda n: D(n).scaleb(-3))


def sent(position: str, booked: str, *unsettled: str, rules: MarketRules = SWAP) -> list[ClosingOrder]:
    return closing_orders(PositionSeen(D(position), D(booked), tuple(map(D, unsettled))), rules, PRICE)


@pytest.mark.parametrize(
    ("position", "booked", "unsettled", "wanted"),
    [
        ("0", "0", (), []),
        ("0", "0.5", (), []),
        ("0.5", "0.5", (), [("-0.5", True)]),
        ("-0.5", "-0.5", (), [("0.5", True)]),
        ("0.5", "0.2", (), [("-0.2", True), ("-0.3", False)]),
        ("0.5", "-0.2", (), [("-0.5", False)]),
        ("0.5", "0", ("0.5",), [("-0.5", True)]),  # it was filled, and the answer got lost
        ("0.5", "0", ("0.2",), [("-0.2", True), ("-0.3", False)]),
        ("0.2", "0.5", ("-0.5",), [("-0.2", True)]),
        ("0.0005", "0.0005", (), []),  # dust
        ("0.001", "0.0005", (), [("-0.001", True)]),  # two crumbs
        ("25", "25", (), [("-10", True), ("-10", True), ("-5", True)]),  # more than the venue takes at once
        ("-20.001", "-8", (), [("8", True), ("10", False), ("2.001", False)]),
    ],
)
def test_a_swap(position: str, booked: str, unsettled: tuple[str, ...], wanted: list[tuple[str, bool]]) -> None:
    assert sent(position, booked, *unsettled) == [ClosingOrder(D(size), "book" if own else "") for size, own in wanted]


@pytest.mark.parametrize(
    ("position", "booked", "wanted"),
    [("1.5", "0.5", [("-0.5", True)]), ("1.5", "0", []), ("0.002", "0.002", []), ("0.3", "0.5", [("-0.3", True)])],
)
def test_spot_leaves_savings_alone(position: str, booked: str, wanted: list[tuple[str, bool]]) -> None:
    assert sent(position, booked, rules=SPOT) == [ClosingOrder(D(size), "book" if own else "") for size, own in wanted]


@pytest.mark.parametrize(
    ("position", "booked", "mine", "unsettled", "own"),
    [
        ("2", "0", "2", ("0.5",), "0"),  # a buy of which nobody knows was not filled: all are a person's
        ("2.5", "0", "2", ("0.5",), "0.5"),  # it was, and no more than it is ours
        ("2.5", "0.5", "2", ("-0.5",), "0.5"),
        ("2", "0.5", "2", ("-0.5",), "0"),  # a sale was filled
        ("1", "0.5", "2", (), "0.5"),  # a person has sold of theirs: what the book has booked is its own
    ],
)
def test_what_a_person_has_called_theirs_is_not_ours(
    position: str, booked: str, mine: str, unsettled: tuple[str, ...], own: str
) -> None:
    assert own_part(PositionSeen(D(position), D(booked), tuple(map(D, unsettled)), D(mine))) == D(own)


@given(position=qty, booked=qty, unsettled=st.lists(qty, max_size=3))
def test_all_of_a_swap_and_no_more(position: D, booked: D, unsettled: list[D]) -> None:
    held = PositionSeen(position, booked, tuple(unsettled))
    assert sum((part.signed_qty for part in closing_orders(held, SWAP, PRICE)), D(0)) == -position


@given(wanted=st.integers(-200, 200), most=st.integers(2, 30), least=st.integers(1, 15))
def test_pieces_are_each_an_order_and_together_the_whole(wanted: int, most: int, least: int) -> None:
    rules = SWAP._replace(step=D(1), min_qty=D(least), most_qty=D(most))
    made = pieces(D(wanted), rules, PRICE)
    assert all(least <= abs(piece) <= most and piece * wanted > 0 for piece in made)
    left = abs(wanted) - abs(sum(made, D(0)))
    assert left >= 0
    if len(made) < MOST_PIECES and (abs(wanted) <= most or most >= 2 * least):
        assert left == 0 or left == abs(wanted) < least


def test_a_row_is_closed_by_itself() -> None:
    assert closing_orders_of_row("SHORT", D(-12), SWAP, PRICE) == [
        ClosingOrder(D(10), "", "SHORT"),
        ClosingOrder(D(2), "", "SHORT"),
    ]


@given(position=qty, booked=qty, unsettled=st.lists(qty, max_size=3))
def test_what_is_ours_is_part_of_the_position(position: D, booked: D, unsettled: list[D]) -> None:
    held = PositionSeen(position, booked, tuple(unsettled))
    assert abs(own_part(held)) <= abs(position)
    assert own_part(held) * position >= 0
