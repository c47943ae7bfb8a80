"""The simulated stop: which stop a bar fires, and where; never kinder than the bar's prices allow."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account.simulated_stop import BarPrices, FiredStop, SimulatedStop
from shared.messages import StopKind
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup
from shared.messages.protect import ProtectTerms
from shared.record import read_fields

D = Decimal
STOP, PROFIT, TRAIL = StopKind.STOP, StopKind.TAKE_PROFIT, StopKind.TRAIL


def stop_of(held: str, price: str = "100", **bps: int) -> SimulatedStop:
    made = SimulatedStop(ProtectTerms(**{f"{name}_bps": D(value) for name, value in bps.items()}))
    made.follow(D(held), D(price))
    return made


def bar(*prices: float) -> BarPrices:
    """Of open, high, low, close."""
    return BarPrices(*(D(str(price)) for price in prices))


@pytest.mark.parametrize(
    ("held", "seen", "fired"),
    [
        ("1", (100, 104, 95.1, 96), None),
        ("1", (100, 104, 95, 96), (STOP, "95", "95")),
        ("1", (94, 99, 93, 99), (STOP, "95", "94")),  # it opened beyond: there it fires, and nowhere better
        ("1", (100, 110, 96, 109), (PROFIT, "110", "110")),
        ("1", (112, 113, 111, 111), (PROFIT, "110", "112")),
        ("1", (100, 110, 95, 100), (STOP, "95", "95")),  # both: nobody knows what came first
        ("1", (112, 113, 90, 100), (PROFIT, "110", "112")),  # it opened there, so that came first
        ("-1", (100, 104.9, 96, 104), None),
        ("-1", (100, 105, 96, 104), (STOP, "105", "105")),
        ("-1", (106, 107, 90, 91), (STOP, "105", "106")),
        ("-1", (100, 104, 90, 91), (PROFIT, "90", "90")),
        ("-1", (89, 95, 88, 90), (PROFIT, "90", "89")),
    ],
)
def test_a_bar_by_hand(held: str, seen: tuple[float, ...], fired: tuple[StopKind, str, str] | None) -> None:
    stop = stop_of(held, stop=500, take_profit=1_000)
    expected = None if fired is None else FiredStop(fired[0], D(fired[1]), D(fired[2]))
    assert stop.fires(bar(*seen)) == expected
    assert stop.on_bar(bar(*seen)) == expected


def test_a_trailing_stop_follows_the_bars_before() -> None:
    stop = stop_of("1", trail=1_000)
    assert stop.triggers() == {TRAIL: D(90)}
    assert stop.on_bar(bar(100, 120, 91, 119)) is None, "nobody knows whether the low came before the high"
    assert stop.triggers() == {TRAIL: D(108)}
    assert stop.on_bar(bar(119, 119, 109, 110)) is None
    assert stop.on_bar(bar(110, 112, 107, 111)) == FiredStop(TRAIL, D(108), D(108))
    turned = stop_of("1", trail=1_000)
    by_close = FiredStop(TRAIL, D(108), D(108), by_close=True)
    assert turned.on_bar(bar(100, 120, 100, 107)) == by_close, "the close came last"


def test_of_stop_and_trailing_stop_the_nearer_one_fires() -> None:
    assert stop_of("1", stop=500, trail=400).fires(bar(100, 100, 90, 91)) == FiredStop(TRAIL, D(96), D(96))
    assert stop_of("1", stop=400, trail=500).fires(bar(100, 100, 90, 91)) == FiredStop(STOP, D(96), D(96))
    assert stop_of("-1", stop=500, trail=400).fires(bar(103, 110, 103, 109)) == FiredStop(TRAIL, D(104), D(104))
    assert stop_of("1", stop=500, trail=500).fires(bar(100, 100, 90, 91)) == FiredStop(STOP, D(95), D(95))


def test_a_position_has_the_stop_of_the_order_that_opened_it() -> None:
    stop = stop_of("1", stop=500)
    stop.follow(D(3), D(110))
    assert stop.triggers() == {STOP: D(95)}, "what is added moves nothing"
    stop.follow(D(1), D(120))
    assert stop.triggers() == {STOP: D(95)}
    stop.follow(D(-2), D(120))
    assert stop.triggers() == {STOP: D(126)}, "the other side is another position"
    stop.follow(D(0), D(120))
    assert stop.triggers() == {} and stop.fires(bar(1, 1_000, 1, 1)) is None


def test_a_position_from_before_there_was_a_protection_hangs_on_its_entry_price() -> None:
    stop = SimulatedStop(ProtectTerms(stop_bps=D(500)))
    stop.take_back(None, D(2), D(40))
    assert stop.triggers() == {STOP: D(38)}
    stop.take_back(None, D(0), D(0))
    assert stop.triggers() == {}


def test_a_bar_s_prices_are_the_digits_that_the_exchange_wrote() -> None:
    group = BarGroup(open=0.1, high=0.3, low=0.07, volume=None)
    assert BarPrices.of(D("0.2"), group) == (D("0.1"), D("0.3"), D("0.07"), D("0.2"))
    assert BarPrices.of(D("0.2"), None) == (D("0.2"),) * 4


PRICE = st.decimals("50", "200", places=1)
BARS = st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE).map(lambda p: BarPrices(p[0], max(p), min(p), p[3])), max_size=12)
BPS = st.none() | st.integers(1, 6_000).map(D)
TERMS = st.builds(ProtectTerms, BPS, BPS, BPS)
HELD = st.sampled_from([D(1), D(-1)])


@given(TERMS, HELD, PRICE, BARS)
def test_what_fires_lies_in_its_bar_and_where_it_must(
    terms: ProtectTerms, held: Decimal, price: Decimal, bars: list[BarPrices]
) -> None:
    stop = SimulatedStop(terms)
    stop.follow(held, price)
    for seen in bars:
        before, fired = stop.triggers(), stop.on_bar(seen)
        if fired is None:  # nothing that lay before it was reached
            for kind, trigger in before.items():
                above = (kind is PROFIT) is (held > 0)
                assert seen.high < trigger if above else seen.low > trigger
            continue
        assert seen.low <= fired.price <= seen.high
        worse = held * (fired.price - fired.trigger)
        assert worse == 0 or fired.price == seen.open, "at the trigger, unless the bar opened beyond it"
        assert worse <= 0 or fired.kind is PROFIT
        against = {kind for kind in before if kind is not PROFIT and _touched(before[kind], seen, down=held > 0)}
        assert fired.kind is not PROFIT or not against or fired.price == seen.open, "the stop first"
        return


def _touched(trigger: Decimal, seen: BarPrices, *, down: bool) -> bool:
    return seen.low <= trigger if down else seen.high >= trigger


@given(TERMS, HELD, PRICE, BARS, st.data())
def test_restored_is_never_stopped(
    terms: ProtectTerms, held: Decimal, price: Decimal, bars: list[BarPrices], data: st.DataObject
) -> None:
    stop = SimulatedStop(terms)
    stop.follow(held, price)
    cut = data.draw(st.integers(0, len(bars)))
    for seen in bars[:cut]:
        stop.on_bar(seen)
    saved = stop.lies
    assert saved is not None
    again = SimulatedStop(terms).take_back(read_fields(type(saved), unpack(pack(saved.written())), 5), held, price)
    assert [again.on_bar(seen) for seen in bars[cut:]] == [stop.on_bar(seen) for seen in bars[cut:]]
