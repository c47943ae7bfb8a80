"""A backtest of a file by the fast engine: totals and metrics are the exact one's."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.research.backtest import Totals, VenueRules
from services.research.backtest.variants import TimeRange, run_variants
from services.research.fast import EnginesDiffer, OnlyExact, backtest, measured
from services.research.fast.backtest import run_fast
from shared.config import Settings, load_settings
from shared.features.log_return import LogReturn
from shared.features.rolling_std import RollingStd
from tests.unit.research.train.market import prices_of, reverting_returns, write_prices

WHOLE = TimeRange(None, None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = write_prices(tmp_path / "bars.csv", prices_of(reverting_returns(400)))
    made: Settings = load_settings(
        interval="1h",
        symbols=("BTCUSDT",),
        run_id="backtest",
        signal={"model": str(_card(tmp_path))},
        gateway={"fee": "0.0003", "slippage_bps": "2"},
        strategy={"balance": 100},
        ingestor={"source": "replay", "files": {"BTCUSDT": path}},
    )
    return made


def _card(folder: Path, *features: str, data: Path | None = None) -> Path:
    from services.research.train import TrainSpec, train

    data = data or write_prices(folder / "past.csv", prices_of(reverting_returns(300)))
    features = features or ("log_return_lags(2)",)
    made = train(TrainSpec(data=data, sym="BTCUSDT", interval="1h", features=features, test_share=0.0))
    return made.save(folder / "models")[1]


@pytest.mark.parametrize(
    ("features", "planted"),
    [(("log_return_lags(2)", "log_return()"), LogReturn), (("ema(3)", "rolling_std(4)", "rsi(5)"), RollingStd)],
)
def test_the_ends_are_compared_whatever_the_features_remember(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], planted: Any
) -> None:
    monkeypatch.setattr(backtest, "GATED_BARS", 50)
    (tmp_path / "own").mkdir()
    signal = settings.signal.model_copy(update={"model": str(_card(tmp_path / "own", *features))})
    settings = settings.model_copy(update={"signal": signal})
    name, fast, gated, _ = run_fast(settings, VenueRules(), WHOLE)
    assert gated == 100
    exact = run_variants(settings, VenueRules(), WHOLE, (), curves=False)[name]
    _near(fast.results.model_dump(), exact.results.model_dump())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # so that predictions are made anew
    array = planted.array
    monkeypatch.setattr(planted, "array", lambda *given: np.nextafter(array(*given), np.float32(9)))
    with pytest.raises(EnginesDiffer, match="the fast engine predicts"):
        run_fast(settings, VenueRules(), WHOLE)


def _write_bars(path: Path, count: int) -> Path:
    rows = ["datetime,open,high,low,close,volume"]
    for at, price in enumerate(prices_of(reverting_returns(count))):
        time = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=at)
        rows.append(f"{time:%Y-%m-%dT%H:%M:%S},{price},{price + at % 3},{price - at % 2},{price},{at % 7}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_features_of_bars_are_traded_too(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "GATED_BARS", 50)
    features = ("atr(3)", "volume_z(4)", "time_of_day()", "log_return()")
    (tmp_path / "own").mkdir()
    card = _card(tmp_path / "own", *features, data=_write_bars(tmp_path / "known.csv", 300))
    files = {"BTCUSDT": _write_bars(tmp_path / "whole.csv", 400)}
    settings = settings.model_copy(
        update={
            "signal": settings.signal.model_copy(update={"model": str(card)}),
            "ingestor": settings.ingestor.model_copy(update={"files": files}),
        }
    )
    name, fast, gated, _ = run_fast(settings, VenueRules(), WHOLE)
    assert gated == 100
    _near(
        fast.results.model_dump(),
        run_variants(settings, VenueRules(), WHOLE, (), curves=False)[name].results.model_dump(),
    )


@pytest.mark.parametrize(
    ("traded", "strategy", "rules"),
    [
        (WHOLE, {}, {}),
        (TimeRange(1_704_400_000 * 10**9, 1_705_000_000 * 10**9), {}, {}),
        (WHOLE, {"params": {"netting": True}, "qty_step": "0.0013"}, {"funding": True}),
        (WHOLE, {"params": {"leverage": 30}, "protect": {"stop_bps": 150, "trail_bps": 310}}, {"fill": "next_open"}),
        (WHOLE, {"params": {"leverage": 30}}, {"maintenance_margin": "0.01", "funding": True, "fill": "next_open"}),
    ],
)
def test_totals_and_metrics_are_those_of_the_exact_engine(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    traded: TimeRange,
    strategy: dict[str, Any],
    rules: dict[str, Any],
) -> None:
    own = settings.strategy.model_validate({**settings.strategy.model_dump(exclude_unset=True), **strategy})
    settings = settings.model_copy(update={"strategy": own})
    if rules.get("funding"):
        rows = [f"{datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=5 * n):%Y-%m-%dT%H:%M},0.0{n}" for n in range(10)]
        rules["funding"] = tmp_path / "funding.csv"
        rules["funding"].write_text("\n".join(["datetime,rate", *rows]) + "\n")
    venue = VenueRules(**rules)
    name, fast, gated, made = run_fast(settings, venue, traded)
    marks, trips = made.whole()
    exact = run_variants(settings, venue, traded, (), curves=False)[name]
    assert gated == len(marks.ts) == exact.totals.bars
    assert len(trips.side) == exact.results.trades.trades
    for name in Totals._fields:
        here, there = getattr(fast.totals, name), getattr(exact.totals, name)
        if here is None:
            assert there is None
        elif name == "open_trip":
            assert here[:3] == there[:3]
            np.testing.assert_allclose([float(x) for x in here[3:]], [float(x) for x in there[3:]], rtol=1e-12)
        else:
            assert math.isclose(float(here), float(there), rel_tol=1e-12, abs_tol=1e-12), name
    _near(fast.results.model_dump(), exact.results.model_dump())
    monkeypatch.setattr(measured, "CHUNK", 7)  # positions are open from piece to piece
    for whole, parts in zip((marks, trips), made.whole(), strict=True):
        assert [column.tobytes() for column in whole] == [column.tobytes() for column in parts]


def _near(here: object, there: object, name: str = "") -> None:
    if isinstance(there, dict):
        assert isinstance(here, dict) and here.keys() == there.keys()
        for key, value in there.items():
            _near(here[key], value, f"{name}.{key}")
    elif isinstance(there, float):
        assert isinstance(here, float) and math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-12), name
    elif isinstance(there, list | tuple):
        assert isinstance(here, list | tuple) and len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            _near(one, other, name)
    else:
        assert here == there, name


def test_what_only_the_exact_engine_trades_is_handed_back(settings: Settings) -> None:
    netted = settings.strategy.model_copy(update={"params": {"netting": True}})
    with pytest.raises(OnlyExact, match="netting without a qty_step"):
        run_fast(settings.model_copy(update={"strategy": netted}), VenueRules(), WHOLE)
