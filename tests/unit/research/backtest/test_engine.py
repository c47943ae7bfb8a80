"""Backtest: what is traded, what observers get, and what is refused."""

import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.research.backtest import Backtest, Totals, VenueRules
from services.research.in_process_line import InProcessLine, line_plans
from shared.config import Settings
from shared.errors import ConfigError, DataError, UserCodeFailed
from shared.features.log_return_lags import LogReturnLags
from shared.features.registry import FEATURES
from shared.models.card import ModelRefused
from tests.unit.research.backtest.helpers import DAY_NS, START_NS, SYM, MakeSettings, Row, Seen, settings_in

UP_DOWN = [[str(price)] for price in (100, 110, 99, 99, 120, 90, 95)]


def run(settings: Settings, rules: VenueRules | None = None, **window: int) -> tuple[Totals, Seen]:
    seen = Seen()
    return Backtest(settings, rules or VenueRules(), **window).run([seen]), seen


def test_it_ends_where_the_line_ends(settings_of: MakeSettings) -> None:
    settings = settings_of(UP_DOWN, fee="0.001", slippage_bps="5")
    plans = line_plans(settings)
    line, feed = InProcessLine(plans, SYM), plans.source.open(SYM, 0)
    for quote in feed.take(100):
        line.on_tick(quote)
    totals, seen = run(settings)
    assert (totals.end_equity, totals.fees) == (line.strategy.equity(), line.strategy.fees)
    assert totals.end_equity == totals.start_equity + sum(trip.net_pnl for trip in seen.trips) + totals.unrealised - (
        totals.open_trip.commission if totals.open_trip else 0
    )


def test_by_hand(settings_of: MakeSettings) -> None:
    """Up: long at 110. Down: out at 99 and short there. The same price: no prediction of anything. And so on."""
    totals, seen = run(settings_of(UP_DOWN, fee="0.01", slippage_bps="100", sizing="constant"))
    first = seen.trips[0]
    qty = Decimal(100) / 110
    assert (first.datetime, first.exit_datetime) == (START_NS + 2 * DAY_NS, START_NS + 3 * DAY_NS)
    assert (first.sym, first.dir_signal, first.signed_qty) == (SYM, 1, qty)
    assert (first.entry_price, first.exit_price) == (Decimal("111.1"), Decimal("98.01"))
    assert first.y_hat == pytest.approx(math.log(110 / 100))
    assert first.trade_log_return == pytest.approx(math.log(98.01 / 111.1))
    assert first.gross_pnl == qty * (Decimal("98.01") - Decimal("111.1"))
    assert first.fee == Decimal("0.01") * qty * Decimal("111.1") + Decimal("0.01") * qty * Decimal("98.01")
    assert first.equity == 100 + first.net_pnl
    assert [trip.dir_signal for trip in seen.trips] == [1, -1, 1, -1]
    assert seen.trips[1].exit_datetime == START_NS + 5 * DAY_NS  # on the day before there was nothing to decide
    assert (totals.bars, totals.fills) == (7, 9)
    assert totals.open_trip is not None
    assert totals.open_trip.signed_qty == Decimal(100) / 95
    assert totals.open_trip.price == Decimal("95.95")
    fills = [(trip.signed_qty, price) for trip in seen.trips for price in (trip.entry_price, trip.exit_price)]
    fills.append((totals.open_trip.signed_qty, totals.open_trip.price))
    assert totals.turnover == pytest.approx(sum(abs(q) * p for q, p in fills))
    assert totals.fees == pytest.approx(totals.turnover / 100)
    assert totals.slippage == pytest.approx(totals.turnover / 100, rel=Decimal("0.02"))
    assert totals.unrealised == Decimal(100) / 95 * (95 - Decimal("95.95"))
    assert (totals.first_ts, totals.last_ts) == (START_NS + DAY_NS, START_NS + 7 * DAY_NS)
    assert (totals.funding, totals.expired, totals.liquidations) == (0, 0, 0)


def test_a_mark_for_every_bar(settings_of: MakeSettings) -> None:
    totals, seen = run(settings_of(UP_DOWN, leverage=2, fee="0.001"))
    assert [mark[0] for mark in seen.marks] == [START_NS + i * DAY_NS for i in range(1, 8)]
    assert [mark[1] for mark in seen.marks] == [100, 110, 99, 99, 120, 90, 95]
    assert seen.marks[0][2:4] == (100.0, 0.0)
    assert math.isnan(seen.marks[0][4])
    logs = [math.log(now[1] / before[1]) for before, now in zip(seen.marks, seen.marks[1:], strict=False)]
    assert [mark[4] for mark in seen.marks[1:]] == pytest.approx(logs)
    assert seen.marks[-1][2] == float(totals.end_equity)
    signs = [math.copysign(1, mark[3]) for mark in seen.marks[1:]]
    assert signs == [1, -1, -1, 1, -1, 1]
    for at in (1, 2, 4, 5, 6):  # just ordered: twice the equity before fees
        assert abs(seen.marks[at][3]) == pytest.approx(2, rel=0.01)


def test_rows_before_the_start_only_warm_the_features(settings_of: MakeSettings) -> None:
    settings = settings_of(UP_DOWN, fee="0.001")
    _, whole = run(settings)
    totals, part = run(settings, start_ns=START_NS + 4 * DAY_NS, end_ns=START_NS + 7 * DAY_NS)
    assert (totals.bars, totals.first_ts, totals.last_ts) == (3, START_NS + 4 * DAY_NS, START_NS + 6 * DAY_NS)
    assert [mark[4] for mark in part.marks] == [mark[4] for mark in whole.marks[3:6]]
    assert part.marks[0][2:4] == (100.0, 0.0)  # the price did not move: nothing to decide
    assert part.trips[0].datetime == START_NS + 5 * DAY_NS
    assert part.trips[0].signed_qty == Decimal(100) / 120


@given(st.lists(st.decimals("1", 1000, places=1), min_size=3, max_size=20), st.booleans())
def test_a_venue_of_the_papers_rules_fills_as_the_paper_venue_does(
    tmp_path_factory: pytest.TempPathFactory, momentum: Path, prices: list[Decimal], netting: bool
) -> None:
    folder = tmp_path_factory.mktemp("funding")
    (folder / "none.csv").write_text("datetime,rate\n")
    assume(len(set(prices)) > 1)
    rows = [[str(price)] for price in prices]
    limit = "3" if netting else "none"
    settings = settings_in(
        folder, momentum, rows, fee="0.001", slippage_bps="3", max_slippage_bps=limit, netting=netting
    )
    paper, by_paper = run(settings)
    venue, by_venue = run(settings, VenueRules(funding=folder / "none.csv"))
    assert paper == venue
    assert by_paper.trips == by_venue.trips
    assert repr(by_paper.marks) == repr(by_venue.marks)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["5"]] * 9, r"all 9 prices are the same"),
        ([[1, 9, 1, 5], [4, 9, 1, 5], [2, 9, 1, 5]], r"all 3 prices are the same"),
        ([["5"]], r"1 row is too few"),
        ([["5"], ["6"], ["nan"], ["7"]], r"row 4: price 'nan' is not finite"),
    ],
)
def test_data_without_sense_is_one_line(settings_of: MakeSettings, rows: list[Row], words: str) -> None:
    with pytest.raises(DataError, match=rf"rows\.csv: {words}"):
        run(settings_of(rows))


def test_a_time_without_rows_is_one_line(settings_of: MakeSettings) -> None:
    with pytest.raises(DataError, match="7 rows, none in the time"):
        run(settings_of(UP_DOWN), start_ns=START_NS + 99 * DAY_NS)
    with pytest.raises(ConfigError, match=r"from 2024-01-02.* to 2024-01-02.* is empty"):
        run(settings_of(UP_DOWN), start_ns=START_NS + DAY_NS, end_ns=START_NS + DAY_NS)


def test_a_model_or_an_interval_that_does_not_fit_is_refused(settings_of: MakeSettings) -> None:
    settings = settings_of(UP_DOWN)
    files = settings.ingestor.model_copy(update={"files": {"ETH": settings.ingestor.files[SYM]}})
    with pytest.raises(ModelRefused, match="model momentum is for BTCUSDT, not for ETH"):
        run(settings.model_copy(update={"symbols": ("ETH",), "ingestor": files}))
    with pytest.raises(DataError, match="interval 12h, but no two rows are less than 1d apart"):
        run(settings.model_copy(update={"interval": "12h"}))
    with pytest.raises(DataError, match="interval 7d, but rows 2 and 3 are 1d apart"):
        run(settings.model_copy(update={"interval": "7d"}))
    simulated = settings.ingestor.model_copy(update={"source": "simulated"})
    with pytest.raises(ConfigError, match="--data FILE --sym BTCUSDT"):
        run(settings.model_copy(update={"ingestor": simulated}))


def test_progress_is_told_at_the_end(settings_of: MakeSettings) -> None:
    told: list[int] = []
    Backtest(settings_of([[str(1 + i % 7)] for i in range(1500)])).run(progress=told.append)
    assert told == [1024, 1500]


class Unbuilt(LogReturnLags):
    """An author's feature that cannot even be made."""

    def __init__(self, lags: int) -> None:
        raise KeyError("lags")


def test_code_that_fails_before_the_first_row_is_its_authors_too(
    settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEATURES, "log_return_lags", Unbuilt)
    with pytest.raises(UserCodeFailed, match=r"^BTCUSDT: KeyError: 'lags' \(.*test_engine.py:\d+, in __init__\)$"):
        Backtest(settings_of([[100], [101], [102]])).run()
