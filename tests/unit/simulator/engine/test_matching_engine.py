from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.binance.dialect import swap
from services.simulator.engine.events import OPEN, Declined, DeclineReason, FillPlan, Lags, NewOrder, State
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.okx.dialect import spot as okx_spot

SWAP, SPOT = swap(), okx_spot()
CASH = Decimal(1_000_000)
FEE = Decimal("0.0005")


def made(path: Path | None = None, cash: Decimal = CASH) -> MatchingEngine:
    return MatchingEngine((SWAP, SPOT), EnginePrices((SWAP, SPOT)), {"USDT": cash}, FEE, path)


def ask(qty: str, client_id: str = "a", **changes: object) -> NewOrder:
    return NewOrder(SWAP.id, Decimal(qty), client_id)._replace(**changes)  # type: ignore[arg-type]


PLANS = st.builds(FillPlan, st.integers(1, 4), st.integers(0, 50), st.sampled_from([Decimal(1), Decimal("0.5")]))
ORDERS = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.integers(40_000, 44_000), PLANS, st.integers(0, 100)), max_size=30
)


@given(ORDERS)
def test_money_and_position_follow_from_the_fills(orders: list[tuple[int, int, FillPlan, int]]) -> None:
    book, now_ms = made(), 0
    for number, (steps, price, plan, later_ms) in enumerate(orders):
        now_ms += later_ms
        book.prices.set(SWAP.id, Decimal(price))
        book.place(ask(str(steps * SWAP.step * 10), str(number)), now_ms, plan)
    book.advance(now_ms + 1000)
    held = book.wallet.holding(SWAP.id)
    assert held.qty == sum(fill.qty for fill in book.fills)
    # Closing at the entry price realises nothing more: what was paid for is either realised or open.
    worth = held.qty * held.entry - sum(fill.qty * fill.price for fill in book.fills)
    realised = sum(fill.profit for fill in book.fills)
    assert abs(worth - realised) < Decimal("0.000001")
    assert book.wallet.cash["USDT"] == CASH + realised - sum(fill.fee for fill in book.fills)
    for order in book.orders():
        mine = [fill for fill in book.fills if fill.order_id == order.id]
        assert order.state not in OPEN
        assert order.filled == sum(fill.qty for fill in mine)
        assert order.paid == sum(abs(fill.qty) * fill.price for fill in mine)
        assert (order.state is State.FILLED) == (order.filled == order.signed_qty)


@given(ORDERS)
def test_a_restart_forgets_nothing(
    tmp_path_factory: pytest.TempPathFactory, orders: list[tuple[int, int, FillPlan, int]]
) -> None:
    path = tmp_path_factory.mktemp("book") / "state"
    kept, now_ms = made(path), 0
    for number, (steps, _, plan, later_ms) in enumerate(orders):
        now_ms += later_ms
        kept = made(path) if number % 3 == 0 else kept
        limited, lags = (
            ({"limit": Decimal(42_000 + number), "ioc": True}, Lags(1, 2, 3)) if number % 2 else ({}, Lags())
        )
        kept.place(ask(str(steps * SWAP.step * 10), str(number), **limited), now_ms, plan, lags)
    kept.pay("FUNDING_FEE", SWAP.id, "USDT", Decimal("-0.5"), now_ms)
    kept.set("leverage:BTCUSDT", "7")
    again = made(path)
    for book in (kept, again):
        book.advance(now_ms + 1000)
    assert (again.orders(), again.payments) == (kept.orders(), kept.payments)
    assert [fill._replace(id=0) for fill in again.fills] == [fill._replace(id=0) for fill in kept.fills]
    assert (again.wallet.cash, again.leverage(SWAP.id)) == (kept.wallet.cash, 7)


def test_a_line_that_a_kill_has_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "state"
    made(path).place(ask("0.010"), 0)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    again = made(path)
    assert len(again.accepted) == 1
    again.place(ask("0.010", "b"), 1)
    assert [order.client_id for order in made(path).accepted] == ["a", "b"]


def test_an_id_is_refused_only_while_its_order_is_open() -> None:
    book = made()
    book.place(ask("0.010", limit=Decimal(40000)), 0)
    with pytest.raises(Declined) as caught:
        book.place(ask("0.010"), 1)
    assert caught.value.why is DeclineReason.DUPLICATE
    book.cancel(book.accepted[0], 2)
    assert book.place(ask("0.010"), 3).state is State.FILLED
    assert book.place(ask("0.010"), 4).state is State.FILLED


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (ask("0.0105"), DeclineReason.STEP),
        (ask("0.000"), DeclineReason.MIN_QTY),
        (ask("0.001"), DeclineReason.MIN_NOTIONAL),
        (ask("0.010", reduce_only=True), DeclineReason.REDUCE_ONLY),
        (ask("-0.010", reduce_only=True), DeclineReason.REDUCE_ONLY),
        (ask("9"), DeclineReason.MARGIN),
        (NewOrder(SPOT.id, Decimal("-0.1")), DeclineReason.MARGIN),
        (NewOrder(SPOT.id, Decimal("0.3")), DeclineReason.MARGIN),
    ],
)
def test_what_is_declined_leaves_no_trace(wanted: NewOrder, why: DeclineReason) -> None:
    book = made(cash=Decimal(10_000))
    with pytest.raises(Declined) as caught:
        book.place(wanted, 0)
    assert caught.value.why is why
    assert (book.accepted, book.fills) == ([], [])


def test_reduce_only_takes_no_more_than_there_is() -> None:
    book = made()
    book.place(ask("0.010"), 0)
    order = book.place(ask("-0.030", "b", reduce_only=True), 1)
    assert (order.state, order.filled, book.wallet.holding(SWAP.id).qty) == (State.EXPIRED, Decimal("-0.010"), 0)


def test_an_older_state_can_be_seen() -> None:
    book = made()
    order = book.place(ask("0.010"), 100, FillPlan(2, 50))
    book.advance(1000)
    seen = [(book.by_client("a", at_ms), book.wallet.holding(SWAP.id, at_ms).qty) for at_ms in (99, 100, 149, 150)]
    assert [(None if order is None else order.filled, qty) for order, qty in seen] == [
        (None, 0), (Decimal("0.005"), Decimal("0.005")), (Decimal("0.005"), Decimal("0.005")),
        (Decimal("0.010"), Decimal("0.010")),
    ]  # fmt: skip
    assert order.state is State.PARTIALLY_FILLED


@given(st.integers(1, 40), st.sampled_from([1, -1]), st.integers(-6, 6), PLANS)
def test_an_ioc_takes_what_is_within_its_limit_and_is_over(steps: int, side: int, ticks: int, plan: FillPlan) -> None:
    """ticks: of the limit, from the best price towards a worse one."""
    book, qty = made(), side * steps * SWAP.step * 10
    bid, best_ask = book.prices.quote(SWAP.id, 0)
    limit = (best_ask if side > 0 else bid) + side * ticks * SWAP.tick
    order = book.place(ask(str(qty), limit=limit, ioc=True), 7, plan)
    assert (order.updated_ms, order.state in OPEN, book.open_orders()) == (7, False, [])
    assert all(side * fill.price <= side * limit and fill.at_ms == 7 for fill in book.fills)
    assert order.filled == sum(fill.qty for fill in book.fills) == book.wallet.holding(SWAP.id).qty
    assert order.paid == sum(abs(fill.qty) * fill.price for fill in book.fills)
    there = plan._replace(apart_ms=0).of(qty, SWAP.step, 7)[: max(ticks + 1, 0)]  # each part is a tick worse
    assert order.filled == sum(part.qty for part in there)
    assert order.state is (State.FILLED if order.filled == qty else State.EXPIRED)


def test_reads_see_late_what_is_late_and_the_engine_does_not() -> None:
    book = made()
    made_of = book.place(ask("0.010", limit=Decimal(43000), ioc=True), 100, FillPlan(), Lags(20, 50, 80))
    assert made_of.state is State.FILLED
    seen = [book.by_client("a", at_ms) for at_ms in (119, 120, 149, 150)]
    assert [order and order.state for order in seen] == [None, State.NEW, State.NEW, State.FILLED]
    assert [[o.id for o in book.open_orders(None, at_ms)] == [made_of.id] for at_ms in (119, 120, 149, 150)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [fill.seen_ms for fill in book.fills] == [180]
    assert book.by_client("a") == made_of and book.open_orders() == []


def test_a_spot_buy_pays_its_fee_in_coins() -> None:
    book = made()
    book.place(NewOrder(SPOT.id, Decimal("0.1")), 0)
    book.place(NewOrder(SPOT.id, Decimal("-0.05")), 1)
    bought, sold = book.fills
    assert (bought.fee, bought.fee_currency) == (Decimal("0.1") * FEE, "BTC")
    assert (sold.fee, sold.fee_currency) == (Decimal("0.05") * sold.price * FEE, "USDT")
    assert book.wallet.cash["BTC"] == Decimal("0.05") - bought.fee


def test_the_walk_is_the_seeds() -> None:
    def walked(seed: int) -> list[Decimal]:
        prices = EnginePrices((SWAP,), seed, every_ms=10)
        return [prices.quote(SWAP.id, now_ms).mid for now_ms in (0, 10, 35, 100)]

    assert walked(1) == walked(1) != walked(2)
    standing = EnginePrices((SWAP,))
    assert standing.quote(SWAP.id, 0) == standing.quote(SWAP.id, 10**9)
