"""A backtest with stops: where they fire in a bar, what they cost, and what comes first; by hand."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.research.backtest import Backtest, VenueRules
from shared.errors import ConfigError
from tests.unit.research.backtest.helpers import DAY_NS, START_NS, MakeSettings, Seen

D = Decimal
STOP = {"stop_bps": 500}
# Long 1 at 100 after the second bar; the third opens at 99, falls to 94 and closes at 97.
FALL = [(90, 90, 90, 90), (90, 100, 90, 100), (99, 101, 94, 97), (97, 98, 97, 98)]


def day(number: int) -> int:
    """The end of the bar of the number-th day."""
    return START_NS + number * DAY_NS


def test_a_stop_fires_within_its_bar_at_its_trigger_and_costs_fee_and_slippage(settings_of: MakeSettings) -> None:
    seen = Seen()
    settings = settings_of(FALL, protect=STOP, fee="0.001", slippage_bps="10", sizing="constant")
    totals = Backtest(settings).run([seen])
    trip = seen.trips[0]
    sold, bought = D(95) * (1 - D(10) / 10_000), D(100) * (1 + D(10) / 10_000)
    assert (trip.entry_price, trip.exit_price, trip.exit_datetime) == (bought, sold, day(3))
    assert trip.fee == D("0.001") * (sold + bought)
    assert (totals.stops, totals.liquidations, totals.fills) == (1, 0, 3)
    assert totals.open_trip is not None
    assert totals.open_trip.ts_event == day(4), "the bar in which it fired enters nothing"
    after = totals.open_trip.signed_qty.copy_abs() * D(98) * D(10) / 10_000
    assert totals.slippage == D(100) * D(10) / 10_000 + D(95) * D(10) / 10_000 + after


def test_a_bar_that_opens_beyond_its_trigger_fires_it_there(settings_of: MakeSettings) -> None:
    seen = Seen()
    rows = [*FALL[:2], (93, 101, 92, 97), (97, 97, 97, 97)]
    totals = Backtest(settings_of(rows, protect=STOP)).run([seen])
    assert (seen.trips[0].exit_price, totals.stops) == (93, 1)


def test_a_take_profit_and_a_bar_that_reaches_both(settings_of: MakeSettings) -> None:
    both = {**STOP, "take_profit_bps": 400}
    for bar, price in (((100, 104, 96, 97), 104), ((100, 104, 95, 97), 95), ((105, 106, 90, 97), 105)):
        seen = Seen()
        Backtest(settings_of([*FALL[:2], bar, (97, 97, 97, 97)], protect=both)).run([seen])
        assert seen.trips[0].exit_price == price, bar


def test_in_a_file_of_prices_alone_each_price_counts(settings_of: MakeSettings) -> None:
    seen = Seen()
    totals = Backtest(settings_of([("90",), ("100",), ("101",), ("94",)], protect=STOP)).run([seen])
    assert totals.stops == 1, "101 has not reached it"
    assert seen.trips[-1].exit_price == 94


def test_what_fills_at_the_open_is_protected_in_that_bar(settings_of: MakeSettings) -> None:
    """The stop hangs on the decision price, 100, and not on the open; its own order waits for no open."""
    seen = Seen()
    totals = Backtest(settings_of(FALL, protect=STOP), VenueRules(fill="next_open")).run([seen])
    (trip,) = seen.trips
    assert (trip.entry_price, trip.datetime, trip.exit_price, trip.exit_datetime) == (99, day(2), 95, day(3))
    assert totals.stops == 1


@pytest.mark.parametrize(
    ("stop_bps", "bar", "exit_price", "liquidations"),
    [
        (500, (99, 101, 80, 97), D(95), 0),  # liquidation lies at 90.9…: the stop comes before it
        (1_500, (99, 101, 80, 97), D(100) * 9 / (10 * D("0.99")), 1),  # and here behind it
        (500, (88, 101, 80, 97), D(88), 0),  # it opened beyond both
    ],
)
def test_what_comes_first_of_stop_and_liquidation(
    settings_of: MakeSettings, stop_bps: int, bar: tuple[int, ...], exit_price: Decimal, liquidations: int
) -> None:
    seen = Seen()
    settings = settings_of([*FALL[:2], bar, (97, 97, 97, 97)], protect={"stop_bps": stop_bps}, leverage=10)
    totals = Backtest(settings, VenueRules(maintenance_margin=D("0.01"))).run([seen])
    assert seen.trips[0].exit_price == exit_price
    assert (totals.liquidations, totals.stops) == (liquidations, 1 - liquidations)


def test_of_a_take_profit_and_a_liquidation_in_one_bar_the_worse_comes_first(settings_of: MakeSettings) -> None:
    seen = Seen()
    settings = settings_of(
        [*FALL[:2], (99, 120, 80, 97), (97, 97, 97, 97)], protect={"take_profit_bps": 900}, leverage=10
    )
    assert Backtest(settings, VenueRules(maintenance_margin=D("0.01"))).run([seen]).liquidations == 1


@pytest.mark.parametrize(
    ("rows", "exit_price"),
    [
        ([*FALL[:2], (99, 120, 88, 97)], D(100) * 9 / (10 * D("0.99"))),
        ([(110, 110, 110, 110), (110, 110, 100, 100), (101, 112, 80, 103)], D(100) * 11 / (10 * D("1.01"))),
    ],
)
def test_a_trailing_stop_that_the_close_fires_saves_nothing_from_a_liquidation_in_its_bar(
    settings_of: MakeSettings, rows: list[tuple[int, ...]], exit_price: Decimal
) -> None:
    """It lies behind the liquidation until the best price moves it, and nobody knows whether that came first."""
    seen = Seen()
    settings = settings_of([*rows, rows[-1]], protect={"trail_bps": 1_500}, leverage=10)
    totals = Backtest(settings, VenueRules(maintenance_margin=D("0.01"))).run([seen])
    assert seen.trips[0].exit_price == exit_price
    assert totals.liquidations >= 1


def test_a_protection_that_cannot_be_is_refused(settings_of: MakeSettings) -> None:
    with pytest.raises(ConfigError, match=r"take_profit_bps is 40, and an entry may be filled 50 bps"):
        settings_of(FALL, protect={"take_profit_bps": 40}, max_slippage_bps="50")


def test_volumes_make_no_difference_to_a_stop(settings_of: MakeSettings, tmp_path: Path) -> None:
    """Its bars need none; a file that has some gives the same."""
    plain, told = Seen(), Seen()
    settings = settings_of(FALL, protect=STOP)
    Backtest(settings).run([plain])
    file = settings.ingestor.files["BTCUSDT"]
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([f"{head},volume", *(f"{row},7.5" for row in rows)]) + "\n")
    Backtest(settings).run([told])
    assert told.trips == plain.trips and told.marks == plain.marks
