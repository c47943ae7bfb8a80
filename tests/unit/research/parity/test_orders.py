"""The comparison finds what it is there to find."""

from decimal import Decimal

import pytest

from services.research.in_process_line import InProcessLine, line_plans
from services.research.parity.orders import OrderKey, OrderParity, compare
from shared.config import Settings, load_settings
from shared.errors import UserCodeFailed
from shared.messages import OrderIntent
from shared.strategies import BasicTaker

SYMBOLS = ("SIM-A", "SIM-B")
TICKS = 30
SETTINGS: Settings = load_settings(symbols=SYMBOLS)

Orders = dict[str, dict[int, OrderKey]]


@pytest.fixture
def orders() -> Orders:
    """What the line writes when all is well."""
    plans = line_plans(
        SETTINGS.model_copy(update={"ingestor": SETTINGS.ingestor.model_copy(update={"ticks_per_s": 0.0})})
    )
    return {
        sym: {
            message.n: OrderKey.of(message)
            for line in [InProcessLine(plans, sym)]
            for quote in plans.source.open(sym, 0).take(TICKS)
            for message in line.on_tick(quote)
            if isinstance(message, OrderIntent)
        }
        for sym in SYMBOLS
    }


def compared(orders: Orders, settings: Settings = SETTINGS, ticks: int = TICKS) -> OrderParity:
    return compare(settings, dict.fromkeys(SYMBOLS, ticks), orders)


def total(orders: Orders) -> int:
    return sum(map(len, orders.values()))


def test_the_same_is_the_same_at_any_pace_or_limit(orders: Orders) -> None:
    for own in ({}, {"ticks_per_s": 0.001}, {"limit": 3}):
        ingestor = SETTINGS.ingestor.model_copy(update=own)
        parity = compared(orders, SETTINGS.model_copy(update={"ingestor": ingestor}))
        assert parity[:2] == (total(orders), total(orders))
        assert parity.first_difference is None
        assert 190 < parity.final_equity < 210


@pytest.mark.parametrize(
    "planted",
    [
        {"signed_qty": Decimal("1.000000000000000000000000001")},
        {"price": Decimal("99.99")},
        {"tick_n": 1},
        {"leg": "net"},
    ],
)
def test_one_order_that_differs(orders: Orders, planted: dict[str, object]) -> None:
    orders["SIM-B"][7] = orders["SIM-B"][7]._replace(**planted)  # type: ignore[arg-type]
    parity = compared(orders)
    assert parity[:2] == (total(orders), total(orders) - 1)
    assert parity.first_difference is not None
    assert parity.first_difference.startswith("SIM-B order n=7: ")


def test_the_last_digit_counts(orders: Orders) -> None:
    right = orders["SIM-A"][5]
    digits = right.signed_qty.as_tuple()
    last = digits.digits[-1]
    other = digits._replace(digits=(*digits.digits[:-1], last - 1 if last else 1))
    orders["SIM-A"][5] = right._replace(signed_qty=Decimal(other))
    assert compared(orders).identical == total(orders) - 1


def test_a_missing_order(orders: Orders) -> None:
    before = total(orders)
    del orders["SIM-A"][7]
    parity = compared(orders)
    assert parity[:2] == (before, before - 1)
    assert parity.first_difference is not None
    assert "SIM-A order n=7" in parity.first_difference
    assert "line none" in parity.first_difference


def test_the_last_orders_missing(orders: Orders) -> None:
    before = total(orders)
    del orders["SIM-A"][max(orders["SIM-A"])]
    assert compared(orders)[:2] == (before, before - 1)


def test_an_order_too_many(orders: Orders) -> None:
    last = max(orders["SIM-A"])
    orders["SIM-A"][last + 1] = orders["SIM-A"][last]
    parity = compared(orders)
    assert parity[:2] == (total(orders), total(orders) - 1)
    assert parity.first_difference == "SIM-A: the line wrote 1 order that the backtest does not have"


def test_orders_of_ticks_beyond_the_last_decided_are_too_many(orders: Orders) -> None:
    parity = compared(orders, ticks=TICKS - 1)
    assert parity.compared == total(orders)
    assert parity.compared - parity.identical == 4  # two symbols, two legs each


def test_a_run_that_went_on_is_compared_from_its_first_known_order(orders: Orders) -> None:
    for known in orders.values():
        for n in range(1, 11):
            del known[n]
    assert compared(orders)[:2] == (total(orders), total(orders))


def test_no_orders_at_all(orders: Orders) -> None:
    parity = compared({})
    assert parity[:2] == (total(orders), 0)
    assert compare(SETTINGS, {}, {}) == OrderParity(0, 0, 2 * SETTINGS.strategy.balance, None)


def test_orders_that_left_the_bus_are_counted_not_compared(orders: Orders) -> None:
    """A run goes on from an earlier one, whose orders are no more; of one symbol not a single one."""
    written = {sym: max(known) for sym, known in orders.items()}
    left = {"SIM-A": {n: order for n, order in orders["SIM-A"].items() if n > 10}, "SIM-B": {}}
    parity = compare(SETTINGS, dict.fromkeys(SYMBOLS, TICKS), left, written)
    assert parity[:2] == (len(left["SIM-A"]), len(left["SIM-A"]))
    assert (parity.before, parity.first_difference) == (10 + written["SIM-B"], None)
    assert parity.compared + parity.before == total(orders)
    none_of_it = compare(SETTINGS, dict.fromkeys(SYMBOLS, TICKS), left, {**written, "SIM-B": written["SIM-B"] - 1})
    assert none_of_it.first_difference is not None, "the line did not write its last one"


def test_a_strategy_that_raises_is_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(*_: object) -> None:
        raise KeyError("close")

    monkeypatch.setattr(BasicTaker, "decide", decide)
    with pytest.raises(UserCodeFailed, match=r"^SIM-A: KeyError: 'close' \(.*test_orders.py:\d+, in decide\)$"):
        compared({})
