"""Reconciliation: each difference by its name, and what is tolerated."""

from collections.abc import ValuesView
from decimal import Decimal

import pytest

from shared.messages import OrderPhase
from shared.orders import (
    DifferenceKind,
    FiringStop,
    FundingPayment,
    OrderState,
    OrderStatusReport,
    OwnOrder,
    OwnView,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueView,
    reconcile,
)
from shared.orders.answers import Forced

SYM = "BTCUSDT"
SETTLE_MS = 100
NOW_MS = 10_000
FLAT = {SYM: Decimal(0)}
HELD_ONE = (VenuePosition(SYM, Decimal(1), None),)


def own(state: str, filled: int = 0, asked: int = 2, venue_order_id: str = "v") -> OwnOrder:
    return OwnOrder(
        SYM,
        OrderState(Decimal(asked), OrderPhase(state), Decimal(filled), Decimal(50 * filled), 1, 2, venue_order_id),
    )


def on_venue(client_order_id: str = "a", venue_order_id: str = "v") -> VenueOrder:
    return VenueOrder(SYM, client_order_id, OrderStatusReport(OrderPhase.NEW, Decimal(0), Decimal(0), venue_order_id))


def trade(client_order_id: str = "a", venue_order_id: str = "v", at_ms: int = 5_000, sym: str = SYM) -> VenueFill:
    return VenueFill("7", venue_order_id, client_order_id, sym, Decimal(1), Decimal(50), Decimal(0), "USDT", at_ms)


def payment(amount: str = "-0.5", at_ms: int = 5_000, sym: str = SYM, payment_id: str = "p") -> FundingPayment:
    return FundingPayment(payment_id, sym, Decimal(amount), at_ms)


def found(shown: VenueView, known: OwnView) -> list[tuple[str, str]]:
    return [(difference.kind.name, difference.key) for difference in reconcile(shown, known, SETTLE_MS).differences]


def shown(**parts: object) -> VenueView:
    return VenueView(at_ms=NOW_MS, since_ms=1_000)._replace(**parts)


def test_an_account_as_the_books_have_it_shows_nothing() -> None:
    known = OwnView({"a": own("FILLED", 1, 1)}, {SYM: Decimal(1)}, [trade()], {"p": payment()}, Decimal(9))
    account = shown(fills=[trade(), trade()], positions=HELD_ONE, funding=[payment()], balance=Decimal("9.0"))
    assert reconcile(account, known, SETTLE_MS) == ([], [])


@pytest.mark.parametrize(
    ("orders", "on_the_venue", "expected"),
    [
        ({}, [on_venue()], [("EXTERNAL_ORDER", "a")]),
        ({}, [on_venue("")], [("EXTERNAL_ORDER", "v")]),
        ({"a": own("INTENT", venue_order_id="")}, [on_venue()], [("EXTERNAL_ORDER", "a")]),
        ({"a": own("NEW")}, [on_venue(), on_venue("a", "w")], [("EXTERNAL_ORDER", "w")]),
        ({"a": own("CANCELED")}, [on_venue()], [("ORDER_STILL_OPEN", "a")]),
        ({"a": own("CANCELED")}, [on_venue("")], [("ORDER_STILL_OPEN", "a")]),
        ({"a": own("NEW")}, [], [("ORDER_NOT_OPEN", "a")]),
        ({"a": own("PARTIALLY_FILLED", 1)}, [], [("ORDER_NOT_OPEN", "a")]),
        ({"a": own("CANCELING")}, [], [("ORDER_NOT_OPEN", "a")]),
        ({"a": own("TRIGGERED")}, [], [("ORDER_NOT_OPEN", "a")]),
        ({"a": own("TRIGGERED")._replace(of_stop=True)}, [], []),
        ({"a": own("CANCELED")._replace(of_stop=True)}, [on_venue()], [("ORDER_STILL_OPEN", "a")]),
        ({"a": own("NEW")}, [on_venue()], []),
        ({"a": own("NEW")}, [on_venue("")], []),
        ({"a": own("SENT", venue_order_id="")}, [on_venue()], []),
        ({"a": own("UNKNOWN", venue_order_id="")}, [], []),
        ({"a": own("FILLED", 2)}, [], []),
    ],
)
def test_open_orders(
    orders: dict[str, OwnOrder], on_the_venue: list[VenueOrder], expected: list[tuple[str, str]]
) -> None:
    assert found(shown(orders=on_the_venue), OwnView(orders, FLAT)) == expected


@pytest.mark.parametrize(
    ("orders", "fill", "expected"),
    [
        ({}, trade(), [("EXTERNAL_FILL", "BTCUSDT:7")]),
        ({}, trade(""), [("EXTERNAL_FILL", "BTCUSDT:7")]),
        ({"a": own("CANCELED")}, trade(), [("MISSING_FILL", "BTCUSDT:7")]),
        ({"a": own("CANCELED")}, trade(""), [("MISSING_FILL", "BTCUSDT:7")]),
        ({"a": own("EXPIRED", venue_order_id="")}, trade(), [("MISSING_FILL", "BTCUSDT:7")]),
        ({"a": own("UNKNOWN")}, trade(), []),
        ({"a": own("UNKNOWN")}, trade(""), []),
        ({"a": own("UNKNOWN")}, trade("", "w"), [("EXTERNAL_FILL", "BTCUSDT:7")]),
        ({"a": own("SENT", venue_order_id="")}, trade("", "w"), []),  # it may be that order's
        ({"a": own("SENT", venue_order_id="")}, trade("b", "w"), [("EXTERNAL_FILL", "BTCUSDT:7")]),
        ({"a": own("SENT", venue_order_id="")}, trade("", "w", sym="XRPUSDT"), [("EXTERNAL_FILL", "XRPUSDT:7")]),
    ],
)
def test_trades(orders: dict[str, OwnOrder], fill: VenueFill, expected: list[tuple[str, str]]) -> None:
    assert found(shown(fills=[fill]), OwnView(orders, FLAT)) == expected


@pytest.mark.parametrize(
    ("at_ms", "missing"), [(5_000, True), (9_899, True), (9_900, False), (1_000, True), (999, False)]
)
def test_what_the_journal_has_must_be_shown_if_it_is_in_the_window_and_old_enough(at_ms: int, missing: bool) -> None:
    orders = {"a": own("FILLED", 1, 1)}
    known = OwnView(orders, FLAT, [trade(at_ms=at_ms)], {"p": payment(at_ms=at_ms)})
    assert found(shown(), known) == [("FILL_NOT_SHOWN", "BTCUSDT:7"), ("FUNDING_MISSING", "p")][: 2 * missing]


@pytest.mark.parametrize(
    ("orders", "booked", "held", "expected"),
    [
        ({}, 0, 1, "0"),
        ({}, 2, 1, "2"),
        ({"a": own("UNKNOWN")}, 0, 1, None),
        ({"a": own("UNKNOWN")}, 0, 2, None),
        ({"a": own("SENT"), "b": own("NEW", asked=-1)}, 0, -1, None),
        ({"a": own("UNKNOWN")}, 0, 3, "0 to 2"),
        ({"a": own("UNKNOWN", asked=-2)}, 0, 1, "-2 to 0"),
        ({"a": own("INTENT")}, 0, 1, "0"),
        ({"a": own("CANCELED")}, 0, 1, "0"),
    ],
)
def test_positions(orders: dict[str, OwnOrder], booked: int, held: int, expected: str | None) -> None:
    account = shown(orders=[on_venue("b")], positions=[VenuePosition(SYM, Decimal(held), None)])
    differences = reconcile(account, OwnView(orders, {SYM: Decimal(booked)}), SETTLE_MS).differences
    positions = [d for d in differences if d.kind is DifferenceKind.POSITION]
    assert [(d.key, d.expected, d.found) for d in positions] == ([(SYM, expected, f"{held}")] if expected else [])


@pytest.mark.parametrize(("held", "differs"), [(1, False), (0, False), (-1, False), (2, True), (-2, True)])
def test_a_book_that_flips_while_the_venue_is_read_has_held_anything_in_between(held: int, differs: bool) -> None:
    known = OwnView({}, {SYM: Decimal(-1)}, before={SYM: Decimal(1)})
    account = shown(positions=[VenuePosition(SYM, Decimal(held), None)])
    assert found(account, known) == [("POSITION", SYM)][: 1 * differs]


def test_a_position_in_a_symbol_without_a_book_and_one_that_is_gone() -> None:
    assert found(shown(positions=[VenuePosition("XRPUSDT", Decimal(1), None)]), OwnView({}, FLAT)) == [
        ("POSITION", "XRPUSDT")
    ]
    assert found(shown(), OwnView({}, {SYM: Decimal(1)})) == [("POSITION", SYM)]


def test_the_balance_is_compared_when_nothing_is_in_flight() -> None:
    known = OwnView({}, FLAT, balance=Decimal(10))
    account = shown(balance=Decimal("9.5"), funding=[payment("-0.5")])
    assert found(account, known) == []  # the payment is about to be booked
    assert found(account._replace(funding=()), known) == [("BALANCE", "balance")]
    assert not reconcile(account._replace(funding=()), known, SETTLE_MS, tolerance=Decimal("0.5")).differences
    assert found(account._replace(funding=()), known._replace(orders={"a": own("UNKNOWN")})) == []


def test_a_funding_payment_is_booked_once_oldest_first() -> None:
    late, early = payment(payment_id="q", at_ms=6_000), payment(payment_id="r", at_ms=4_000)
    account = shown(funding=[late, payment(), early, late])
    assert reconcile(account, OwnView({}, FLAT, funding={"p": payment()}), SETTLE_MS) == ([], [early, late])


def test_funding_that_was_booked_with_the_wrong_sign_is_set_right_once() -> None:
    booked = {"p": payment("0.5")}  # as Bybit's were: paid, and booked as received
    account = shown(funding=[payment("-0.5")])
    right = payment("-1.0")._replace(payment_id="p:sign")
    assert reconcile(account, OwnView({}, FLAT, funding=booked), SETTLE_MS) == ([], [right])
    assert reconcile(account, OwnView({}, FLAT, funding={**booked, "p:sign": right}), SETTLE_MS) == ([], [])


def test_funding_that_no_book_can_take_and_funding_with_another_amount() -> None:
    account = shown(funding=[payment(sym="XRPUSDT")])
    assert found(account, OwnView({}, FLAT)) == [("EXTERNAL_FUNDING", "p")]
    assert not reconcile(account, OwnView({}, FLAT), SETTLE_MS).bookings
    known = OwnView({}, FLAT, funding={"p": payment("-0.4")})
    assert found(shown(funding=[payment()]), known) == [("FUNDING_MISSING", "p")]


def test_what_a_person_took_note_of_is_not_shown_again_but_an_amount_is() -> None:
    adopted = {(DifferenceKind.EXTERNAL_FILL, "BTCUSDT:7"), (DifferenceKind.POSITION, SYM)}
    account = shown(fills=[trade()], positions=HELD_ONE)
    assert found(account, OwnView({}, FLAT, adopted=adopted)) == [("POSITION", SYM)]


def test_an_order_that_waits_is_nobodys_of_ours_whatever_its_ids() -> None:
    known = OwnView({"a": own("NEW")}, FLAT)
    waiting = on_venue()._replace(waits=True)
    account = shown(orders=[on_venue(), waiting])
    assert found(account, known) == [("EXTERNAL_ORDER", "a")]
    (difference,) = reconcile(account, known, SETTLE_MS).differences
    assert difference.text == "BTCUSDT: the venue has order a, which waits for a price; it was not sent here"


def test_a_position_beside_the_one_that_is_traded_is_a_difference_that_cannot_be_adopted() -> None:
    """Their sum may be what the books hold, and is nothing that one could close."""
    rows = [VenuePosition(SYM, Decimal(1), None, "LONG"), VenuePosition(SYM, Decimal(-1), None, "SHORT")]
    known = OwnView({}, FLAT, adopted=frozenset({(DifferenceKind.POSITION_ROWS, SYM)}))
    assert found(shown(positions=rows), known) == [("POSITION_ROWS", SYM)]
    beside = [*HELD_ONE, VenuePosition(SYM, Decimal(-2), None, "NET CROSS")]
    assert found(shown(positions=beside), OwnView({}, {SYM: Decimal(1)})) == [("POSITION_ROWS", SYM)]
    (difference,) = reconcile(shown(positions=beside), OwnView({}, {SYM: Decimal(1)}), SETTLE_MS).differences
    assert difference.text.startswith("BTCUSDT: the venue holds 1 in the one traded here, -2 in NET CROSS: close what")


@pytest.mark.parametrize("mine", [Decimal(1), Decimal("0.5")])
def test_what_a_person_has_called_no_books_is_no_difference_and_the_rest_is(mine: Decimal) -> None:
    known = OwnView({}, FLAT, mine={SYM: mine})
    made = reconcile(shown(positions=HELD_ONE), known, SETTLE_MS).differences
    if mine == 1:
        assert made == []
        return
    (difference,) = made
    assert (difference.kind, difference.found) == (DifferenceKind.POSITION, "0.5")
    assert difference.text == "BTCUSDT: the venue holds 1.0, the books 0 and 0.5, which a person has called no book's"


@pytest.mark.parametrize("forced", Forced)
def test_what_the_venue_does_by_itself_is_called_so(forced: Forced) -> None:
    account = shown(
        orders=[on_venue("autoclose-1")._replace(forced=forced)],
        fills=[trade("autoclose-2", "w")._replace(forced=forced)],
    )
    texts = [one.text for one in reconcile(account, OwnView({}, FLAT), SETTLE_MS).differences]
    assert texts == [
        f"BTCUSDT: the venue has order autoclose-1 open, 0 filled; it is the venue's own: {forced}",
        f"BTCUSDT: trade 7 of 1 at 50 is the venue's own: {forced} (order autoclose-2)",
    ]
    plain = shown(orders=[on_venue("x")], fills=[trade("y", "w")])
    texts = [one.text for one in reconcile(plain, OwnView({}, FLAT), SETTLE_MS).differences]
    assert [text.endswith("not sent here") for text in texts] == [True, True]


def test_a_stop_that_waits_is_no_order_and_moves_no_position() -> None:
    """Books 1, a stop of -1, venue 0: that is a difference, whatever may be triggered."""
    known = OwnView({}, {SYM: Decimal(1)}, stops=frozenset({"mine", "v9"}), firing={SYM: [FiringStop(5_000)]})
    both = [on_venue("mine", "v8")._replace(waits=True), on_venue("", "v9")._replace(waits=True)]
    assert found(shown(orders=both, positions=HELD_ONE), known) == []
    assert found(shown(orders=[on_venue("", "v7")._replace(waits=True)], positions=HELD_ONE), known) == [
        ("EXTERNAL_ORDER", "v7")
    ]
    assert found(shown(positions=[]), known) == [("POSITION", SYM)]


def test_one_that_was_triggered_may_have_closed_it() -> None:
    """The exchange has said so, and not yet which order came of it."""
    firing = {SYM: [FiringStop(5_000, Decimal(-1))]}
    known = OwnView({}, {SYM: Decimal(1)}, firing=firing)
    assert found(shown(positions=[]), known) == []
    assert found(shown(positions=HELD_ONE), known) == []
    assert found(shown(positions=[VenuePosition(SYM, Decimal(-1), None)]), known) == [("POSITION", SYM)]


@pytest.mark.parametrize(("at_ms", "shows"), [(4_999, True), (5_000, False)])
def test_a_trade_since_a_stop_was_last_seen_waiting_may_be_its_orders(at_ms: int, shows: bool) -> None:
    known = OwnView({}, {SYM: Decimal(1)}, firing={SYM: [FiringStop(5_000)]})
    account = shown(fills=[trade("", "v9", at_ms)], positions=HELD_ONE)
    assert found(account, known) == [("EXTERNAL_FILL", f"{SYM}:7")] * shows
    forced = shown(fills=[trade("", "v9", at_ms)._replace(forced=Forced.LIQUIDATION)], positions=HELD_ONE)
    assert found(forced, known) == [("EXTERNAL_FILL", f"{SYM}:7")], "the exchange's own order is no stop's"


def test_the_order_of_a_stop_is_known_by_its_second_id_whatever_it_is_called() -> None:
    fired = {"stop1": OwnOrder(SYM, OrderState(Decimal(1), OrderPhase.TRIGGERED, became="o7"))}
    known = OwnView(fired, {SYM: Decimal(0)})
    assert found(shown(orders=[on_venue("its own name", "o7")], positions=HELD_ONE), known) == []
    assert found(shown(orders=[on_venue("", "o7")], fills=[trade("its own name", "o7")]), known) == []


class CountedOrders(dict[str, OwnOrder]):
    """Orders that count how often somebody goes through all of them."""

    passes = 0

    def values(self) -> ValuesView[OwnOrder]:
        self.passes += 1
        return super().values()


def test_the_orders_are_gone_through_as_often_for_many_symbols_as_for_one() -> None:
    passes = []
    for count in (1, 200):
        syms = [f"C{number}USDT" for number in range(count)]
        orders = CountedOrders({sym: own("SENT", venue_order_id="")._replace(sym=sym) for sym in syms})
        positions = [VenuePosition(sym, Decimal(number % 3), None) for number, sym in enumerate(syms)]
        assert found(shown(positions=positions), OwnView(orders, dict.fromkeys(syms, Decimal(0)))) == []
        passes.append(orders.passes)
    assert passes[0] == passes[1]
