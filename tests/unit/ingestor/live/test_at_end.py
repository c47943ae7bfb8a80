"""What is known at a bar's end beside its trades: the quote before it, unless unheard, and the rate settled before."""

from decimal import Decimal

import pytest

from services.ingestor.live.at_end import AtEnd, Closed
from services.ingestor.live.bar_join import Close, Cut
from shared.exchanges.market_data.events import Clock, Connected, Disconnected, Event, SettledRates, TopOfBook
from shared.history.funding import SettledRate
from shared.intervals import NS_PER_S
from shared.messages import GapCause
from shared.messages.codec import pack, unpack
from shared.messages.market import FundingGroup, QuoteGroup

ONE = Decimal(1)
HOUR = 3_600 * NS_PER_S
MINUTE = 60 * NS_PER_S


def run(at_end: AtEnd, *events: Event | Closed) -> list[Closed]:
    return [out for event in events for out in at_end.on_tick(event) or []]


def quote(ts: int, ask: int) -> TopOfBook:
    return TopOfBook(ts, ONE, Decimal(ask), Decimal(3), Decimal(4))


def group(ask: int) -> QuoteGroup:
    return QuoteGroup(bid=1.0, ask=float(ask), bid_qty=3.0, ask_qty=4.0)


def quoting() -> AtEnd:
    return AtEnd(10, 2, quote=True, funding=False)


def test_a_quote_of_a_time_to_come_supersedes_nothing_and_the_one_before_it_may_be_over() -> None:
    at_end, ahead = quoting(), quote(HOUR, 7)
    assert run(at_end, Clock(5), Connected(), quote(6, 2), ahead, Clock(10), Close(10, ONE), Clock(12)) == [
        Close(10, ONE)
    ]
    assert run(at_end, quote(15, 3), Clock(20), Close(20, ONE), Clock(22)) == [Close(20, ONE, quote=group(3))]
    assert at_end.unquoted == 1


def test_the_last_quote_before_the_end_also_if_it_comes_within_the_grace() -> None:
    at_end = quoting()
    events = [Clock(5), Connected(), quote(7, 2), Clock(10), Close(10, ONE), quote(11, 9), quote(9, 3), Clock(11)]
    assert run(at_end, *events) == []
    assert run(at_end, Clock(12)) == [Close(10, ONE, quote=group(2))], "one behind the end has superseded it"
    again = quoting()
    events = [Clock(5), Connected(), quote(7, 2), Clock(10), Close(10, ONE), quote(9, 3), quote(11, 9), Clock(12)]
    assert run(again, *events) == [Close(10, ONE, quote=group(3))]
    assert run(again, Clock(20), Close(20, ONE), Close(30, ONE), Clock(32)) == [
        Close(20, ONE, quote=group(9)),
        Close(30, ONE, quote=group(9)),
    ]


def test_a_quote_that_may_have_changed_unheard_is_none() -> None:
    at_end = quoting()
    run(at_end, Clock(5), Connected(), quote(7, 2), Clock(8), Disconnected(), Clock(9), Connected())
    assert run(at_end, Close(10, ONE), Clock(12)) == [Close(10, ONE)]
    assert run(at_end, quote(15, 4), Close(20, ONE), Clock(22)) == [Close(20, ONE, quote=group(4))]
    assert at_end.unquoted == 1


def test_what_was_heard_behind_the_last_clock_was_heard_before_the_connection_was_lost() -> None:
    at_end = quoting()
    run(at_end, Clock(5), Connected(), quote(7, 2), Disconnected(), Clock(12))
    assert run(at_end, Close(10, ONE)) == [Close(10, ONE)]


def test_a_quote_without_quantities_is_no_group() -> None:
    at_end = quoting()
    run(at_end, Clock(5), Connected(), TopOfBook(7, ONE, ONE))
    assert run(at_end, Close(10, ONE), Clock(12)) == [Close(10, ONE)]


def test_a_cut_keeps_its_place() -> None:
    cut = Cut(20, GapCause.UNFILLED)
    at_end = quoting()
    assert run(at_end, Clock(10), Close(10, ONE), cut) == []
    assert run(at_end, Clock(12)) == [Close(10, ONE), cut]


def rates(known: int, *told: tuple[int, str]) -> SettledRates:
    return SettledRates(tuple(SettledRate(hour * HOUR, Decimal(rate)) for hour, rate in told), known)


def funded(rate: str, hours: int | None = None) -> FundingGroup:
    return FundingGroup(rate=float(rate), interval_h=hours)


def test_the_rate_that_was_settled_a_minute_before() -> None:
    at_end = AtEnd(MINUTE, 0, quote=False, funding=True)
    end = 16 * HOUR
    assert run(at_end, Clock(end - MINUTE), Close(end, ONE)) == []
    early = rates(end - MINUTE, (0, "0.0001"), (8, "-0.0002"))
    assert run(at_end, early) == [Close(end, ONE, funding=funded("-0.0002", 8))], "16 o'clock's is not known yet"
    at_one = Close(end + MINUTE, ONE)
    assert run(at_end, Clock(end + MINUTE), at_one) == [], "it may have been settled"
    assert run(at_end, rates(end + 1, (16, "0.0003"))) == [at_one._replace(funding=funded("0.0003", 8))]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_rate_is_one_for_the_hours_since_the_settlement_before(stopped: bool) -> None:
    """An exchange may change them, and nobody tells before the first that was heard of."""
    told = rates(13 * HOUR, (0, "0.0001"), (8, "0.0002"), (12, "0.0003"), (13, "0.0004"))
    at_end, hours = AtEnd(MINUTE, 0, quote=False, funding=True), []
    run(at_end, told)
    for hour in (1, 9, 10, 12, 13):
        if stopped:
            saved = unpack(pack(at_end.state()))
            at_end = AtEnd(MINUTE, 0, quote=False, funding=True)
            at_end.restore(saved)
        (closed,) = run(at_end, Clock(hour * HOUR + MINUTE), Close(hour * HOUR + MINUTE, ONE))
        assert isinstance(closed, Close)
        assert closed.funding is not None
        hours.append(closed.funding.interval_h)
    assert hours == [None, 8, 8, 4, 1]


def test_without_word_of_rates_bars_go_out_without_them_until_there_is_one() -> None:
    nine = 9 * HOUR
    at_end = AtEnd(MINUTE, 0, quote=False, funding=True)
    first = [Clock(nine), Close(nine, ONE), Close(nine + MINUTE, ONE), Clock(nine + MINUTE)]
    assert run(at_end, *first) == []
    assert run(at_end, Clock(nine + MINUTE + 1)) == [Close(nine, ONE), Close(nine + MINUTE, ONE)]
    assert run(at_end, Close(nine + 2 * MINUTE, ONE)) == [Close(nine + 2 * MINUTE, ONE)], "at once"
    assert at_end.unfunded == 3
    told = rates(nine + 3 * MINUTE, (0, "0.0001"))
    assert run(at_end, told, Close(nine + 3 * MINUTE, ONE)) == [Close(nine + 3 * MINUTE, ONE, funding=funded("0.0001"))]
