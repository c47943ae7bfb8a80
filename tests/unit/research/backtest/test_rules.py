"""VenueRules that only a backtest knows: the next open, liquidation, funding; by hand."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.research.backtest import Backtest, VenueRules
from shared.errors import ConfigError, DataError
from tests.unit.research.backtest.helpers import DAY_NS, START_NS, MakeSettings, Seen

MARGIN = VenueRules(maintenance_margin=Decimal("0.01"))
FLAT = Decimal("1e-20")


def day(number: int) -> int:
    """The end of the bar of the number-th day."""
    return START_NS + number * DAY_NS


def test_orders_fill_at_the_next_open(settings_of: MakeSettings) -> None:
    bars = [(90, 90, 90, 90), (90, 110, 90, 100), (102, 110, 80, 81), (80, 99, 70, 90)]
    seen = Seen()
    settings = settings_of(bars, fee="0.001", slippage_bps="100", sizing="constant")
    totals = Backtest(settings, VenueRules(fill="next_open")).run([seen])
    (trip,) = seen.trips
    assert (trip.datetime, trip.exit_datetime) == (day(2), day(3))  # opens of the third and the fourth day
    assert (trip.signed_qty, trip.entry_price, trip.exit_price) == (1, Decimal("103.02"), Decimal("79.2"))
    assert trip.y_hat == seen.marks[1][4] > 0
    assert seen.marks[1][3] == 0.0, "sent, not filled"
    assert totals.open_trip is not None
    assert (totals.open_trip.y_hat, totals.open_trip.price) == (seen.marks[2][4], Decimal("79.2"))
    assert totals.slippage == Decimal("1.02") + Decimal("0.8") + Decimal(100) / 81 * Decimal("0.8")
    assert (totals.fills, totals.expired) == (3, 2), "the last decision found no bar"


@pytest.mark.parametrize(("most", "fills", "missed"), [("50", 5, 0), ("49.9", 2, 2)])
def test_beyond_its_limit_an_order_misses_at_the_next_open_and_the_strategy_decides_anew(
    settings_of: MakeSettings, most: str, fills: int, missed: int
) -> None:
    """Long at 100, and 100.5 opens; short at 80, and 80 opens; long at 99, and 99.495 opens. The last finds no bar."""
    bars = [(90, 90, 90, 90), (90, 110, 90, 100), ("100.5", 110, 80, 80), (80, 99, 70, 99), ("99.495", 99.5, 90, 90)]
    seen = Seen()
    settings = settings_of(bars, max_slippage_bps=most, sizing="constant")
    totals = Backtest(settings, VenueRules(fill="next_open")).run([seen])
    assert (totals.fills, totals.missed) == (fills, missed), "what closes is filled at any price"
    assert (seen.marks[2][3] == 0.0) == bool(missed), "flat where nothing was had"
    assert [trip.dir_signal for trip in seen.trips] == ([1, -1] if not missed else [-1])


@pytest.mark.parametrize(("reduce", "trips"), [("market", 1), ("ioc", 0)])
def test_a_close_misses_only_where_it_is_bound_and_then_nothing_opens(
    settings_of: MakeSettings, reduce: str, trips: int
) -> None:
    """It was long at 100; at 80 it wants to be short, and 70 opens."""
    bars = [(90, 90, 90, 90), (90, 110, 90, 100), (100, 110, 80, 80), (70, 99, 70, 70)]
    seen = Seen()
    settings = settings_of(bars, max_slippage_bps="50", reduce=reduce, sizing="constant")
    totals = Backtest(settings, VenueRules(fill="next_open")).run([seen])
    assert (len(seen.trips), totals.missed) == (trips, 1), "the short, or the close before it"
    assert (totals.open_trip is None) == (reduce == "market")


def test_a_price_alone_fills_at_the_next_price(settings_of: MakeSettings) -> None:
    seen = Seen()
    settings = settings_of([("90",), ("100",), ("102",), ("81",)], sizing="constant")
    totals = Backtest(settings, VenueRules(fill="next_open")).run([seen])
    assert [(trip.datetime, trip.entry_price, trip.exit_price) for trip in seen.trips] == [(day(3), 102, 81)]
    assert totals.open_trip is not None
    assert (totals.open_trip.ts_event, totals.open_trip.price, totals.expired) == (day(4), 81, 2)


def test_a_long_and_a_short_are_liquidated_and_trading_goes_on(settings_of: MakeSettings) -> None:
    bars = [
        (90, 90, 90, 90),
        (90, 100, 90, 100),  # long 10 at 100, liquidated at 90.909…
        (100, 101, 91, 96),  # not reached; short at 96, liquidated at 104.55…
        (98, 105, 97, 99),  # reached; long at 99, liquidated at 90
        (80, 85, 79, 84),  # opened below it
    ]
    seen = Seen()
    totals = Backtest(settings_of(bars, fee="0.001", leverage=10), MARGIN).run([seen])
    first, short, long = seen.trips
    assert (first.entry_price, first.exit_price, first.exit_datetime) == (100, 96, day(3))
    assert short.exit_price == Decimal(96) * 11 / (10 * Decimal("1.01"))
    assert short.exit_datetime == day(4)
    rate = Decimal("0.001") * abs(short.signed_qty)
    assert short.fee == rate * 96 + rate * short.exit_price
    assert short.equity == first.equity + short.net_pnl > 0
    assert (long.datetime, long.entry_price, long.exit_price) == (day(4), 99, 80)
    assert abs(long.signed_qty - 10 * short.equity / 99) < FLAT
    assert long.equity < 0
    assert (totals.liquidations, totals.fills, totals.open_trip) == (2, 6, None)
    assert totals.end_equity == long.equity
    assert seen.marks[-1][2:4] == (float(long.equity), 0.0), "without equity nothing is opened"


def test_a_position_that_filled_at_the_open_is_liquidated_within_its_bar(settings_of: MakeSettings) -> None:
    bars = [(90, 90, 90, 90), (90, 100, 90, 100), (100, 101, 90, 100), (100, 100, 100, 100)]
    seen = Seen()
    rules = MARGIN.model_copy(update={"fill": "next_open"})
    totals = Backtest(settings_of(bars, leverage=10), rules).run([seen])
    (trip,) = seen.trips
    assert (trip.datetime, trip.exit_datetime) == (day(2), day(3))
    assert trip.exit_price == Decimal(100) * 9 / (10 * Decimal("0.99"))
    assert totals.liquidations == 1


def test_without_leverage_a_long_is_never_liquidated(settings_of: MakeSettings) -> None:
    bars = [(90, 90, 90, 90), (90, 100, 90, 100), (100, 101, "0.01", 101), (101, 101, 101, 101)]
    assert Backtest(settings_of(bars), MARGIN).run().liquidations == 0


def test_funding_is_paid_by_longs_on_their_value(settings_of: MakeSettings, tmp_path: Path) -> None:
    bars = [(90, 90, 90, 90), (90, 100, 90, 100), (100, 120, 99, 110), (111, 111, 90, 99), (99, 99, 99, 99)]
    funding = tmp_path / "funding.csv"
    funding.write_text(
        "datetime,rate\n"
        "2024-01-02T12:00,0.5\n"  # flat still
        "2024-01-03T00:00,0.5\n"  # at the end of the second day; the order of that moment fills after it
        "2024-01-03T08:00,0.01\n"  # long 1, at the open, 100
        "2024-01-04T00:00,0.02\n"  # at the close, 110
        "2024-01-04T16:00,-0.01\n"  # at the close, 99; received
        "2024-01-05T00:00:00.000000001,0.1\n"  # short now, at the open, 99: received
    )
    seen = Seen()
    totals = Backtest(settings_of(bars, sizing="constant"), VenueRules(funding=funding)).run([seen])
    long_1, long_2 = seen.trips
    assert long_1.fee == Decimal("1.0") + Decimal("2.2")
    assert (long_1.gross_pnl, long_1.equity) == (10, 100 + 10 - Decimal("3.2"))
    qty = Decimal(100) / 110
    assert long_2.fee == qty * 99 * Decimal("-0.01")
    received = Decimal(100) / 99 * 99 * Decimal("0.1")
    assert totals.funding == pytest.approx(Decimal("3.2") - qty * Decimal("0.99") - received)
    assert totals.fees == 0
    assert totals.open_trip is not None
    assert totals.open_trip.commission == pytest.approx(-received)
    assert totals.end_equity == pytest.approx(long_2.equity + received)


def test_rules_that_cannot_be_kept(settings_of: MakeSettings, tmp_path: Path) -> None:
    bars = [("90",), ("100",), ("90",)]
    with pytest.raises(ConfigError, match=r"maintenance margin 0.01: with leverage 100 it must be below 1/100"):
        Backtest(settings_of(bars, leverage=100), MARGIN).run()
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        Backtest(settings_of(bars), VenueRules(funding=tmp_path / "none.csv")).run()
