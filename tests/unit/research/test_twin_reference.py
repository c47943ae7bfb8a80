"""A card's reference is what the twin earned out of sample, and it leads to a stage with a floor or without one."""

from pathlib import Path

import numpy as np
import pytest

from services.research.shipped_weights import NOTEBOOK_BIAS, NOTEBOOK_WEIGHTS
from services.research.twin_reference import FileTrial, learned_until, reference_of, with_reference
from shared.config import Settings
from shared.drift.reference import FEWEST, hac_error, measured
from shared.drift.stage import DriftRules, DriftStage
from shared.errors import ConfigError
from shared.models.choose import card_at
from shared.models.model_files import write_card
from shared.strategies.drift import reference_in

CARD = Path("weights/btcusdt_12h_linear.json")
BARS, START = 300, 100
FEE = 0.0003


@pytest.fixture
def closes() -> np.ndarray:
    return np.round(100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, BARS))), 4)


@pytest.fixture
def trial(closes: np.ndarray, tmp_path: Path) -> FileTrial:
    path = tmp_path / "prices.csv"
    starts = np.datetime64("2025-01-01T00:00") + np.arange(BARS) * np.timedelta64(12, "h")
    path.write_text(
        "\n".join(["datetime,price", *(f"{start}:00,{close}" for start, close in zip(starts, closes, strict=True))])
        + "\n"
    )
    return FileTrial(path, "BTCUSDT", "12h", "12h")


def line(**params: object) -> Settings:
    return Settings(strategy={"params": params})  # type: ignore[arg-type]


def start_ns(n: int = START) -> int:
    """The end of bar n."""
    return int((np.datetime64("2025-01-01T00:00", "ns") + np.timedelta64(12 * (n + 1), "h")).astype(np.int64))


@pytest.mark.parametrize("netting", [False, True])
def test_it_is_the_return_of_the_prediction_before_less_costs(
    closes: np.ndarray, trial: FileTrial, netting: bool
) -> None:
    settings = trial.settings(line(netting=netting), CARD)
    found = reference_of(settings, start_ns())
    returns = np.diff(np.log(closes))
    lags = np.lib.stride_tricks.sliding_window_view(returns, 3)[:, ::-1]  # newest first; that of bar n is lags[n - 3]
    side = np.sign(lags[START - 3 :] @ np.array(NOTEBOOK_WEIGHTS) + NOTEBOOK_BIAS)
    turnover = np.abs(np.diff(side, prepend=0.0))[:-1] if netting else np.array([1.0, *[2.0] * (len(side) - 2)])
    nets = side[:-1] * (closes[START + 1 :] / closes[START:-1] - 1) - turnover * FEE
    assert (found.held, found.bars, found.legs) == (BARS - START - 1, BARS - START, not netting)
    assert found.mean_net == pytest.approx(nets.mean(), rel=1e-4)
    assert found.sd_net == pytest.approx(nets.std(ddof=1), rel=1e-4)
    assert found.sharpe == pytest.approx(nets.mean() / nets.std(ddof=1) * 730**0.5, rel=0.01)


def test_a_file_of_funding_rates_is_paid(trial: FileTrial, tmp_path: Path) -> None:
    rates = tmp_path / "funding.csv"
    rates.write_text("datetime,rate\n2025-01-02T00:00:00,0.0001\n")
    settings = trial.settings(line(), CARD)
    plain, funded = reference_of(settings, start_ns()), reference_of(settings, start_ns(), funding=rates)
    assert plain.mean_net != funded.mean_net
    assert abs(plain.mean_net - funded.mean_net) <= 1.5 * 0.0001
    assert (plain.funded, funded.funded) == (False, True)
    assert funded.text.count("net of funding") == 1
    assert "funding" not in plain.text


def test_symbols_of_one_course_pool_to_that_course(trial: FileTrial, tmp_path: Path) -> None:
    card = card_at(CARD).model_copy(update={"symbols": ("*",)})
    write_card(tmp_path / "any.json", card)
    (tmp_path / "any.pth").write_bytes(CARD.with_suffix(".pth").read_bytes())
    settings = trial.settings(line(), tmp_path / "any.json")
    both = settings.model_copy(
        update={
            "symbols": ("BTCUSDT", "OTHER"),
            "ingestor": settings.ingestor.model_copy(update={"files": {"BTCUSDT": trial.data, "OTHER": trial.data}}),
        }
    )
    one, pooled = reference_of(settings, start_ns()), reference_of(both, start_ns())
    assert pooled.symbols == ("BTCUSDT", "OTHER")
    assert (pooled.held, pooled.mean_net, pooled.lower) == (one.held, one.mean_net, one.lower)
    with pytest.raises(ConfigError, match="--funding is of one symbol"):
        reference_of(both, start_ns(), funding=trial.data)


def test_the_shipped_model_never_showed_an_edge() -> None:
    settings = Settings(symbols=("BTCUSDT",), interval="12h", signal={"model": str(CARD)})  # type: ignore[arg-type]
    card = card_at(CARD)
    reference = reference_in(card, settings)
    assert reference is not None
    assert reference.start == "2025-07-16T00:00:00Z"
    assert 2.0 < reference.sharpe < 2.1
    assert not reference.shows_edge
    stage = DriftStage(settings.symbols, reference.costs, reference, DriftRules())
    assert (stage.reference, stage.least_mean, stage.latch_bars) == (reference, None, 0)
    assert "no edge shown" in reference.text
    assert reference.text in Path("docs/drift.md").read_text()


def test_another_strategy_or_fee_has_no_reference_and_another_size_has() -> None:
    card = card_at(CARD)
    own = {"symbols": ("BTCUSDT",), "interval": "12h", "signal": {"model": str(CARD)}}
    for other in (
        {"strategy": {"params": {"netting": True}}},
        {"strategy": {"name": "threshold", "params": {"threshold": 0.001}}},
        {"strategy": {"wrappers": [{"name": "trailing_stop", "distance": 0.02}]}},
        {"gateway": {"fee": "0.0004"}},
        {"gateway": {"slippage_bps": "1"}},
    ):
        assert reference_in(card, Settings(**own | other)) is None, other  # type: ignore[arg-type]
    for same in (
        {"strategy": {"params": {"leverage": 3}}},
        {"strategy": {"qty_step": "0.001"}},
        {"strategy": {"max_slippage_bps": 20, "reduce": "ioc"}},
    ):
        assert reference_in(card, Settings(**own | same)) is not None, same  # type: ignore[arg-type]


def test_a_reference_takes_the_place_of_its_like(trial: FileTrial) -> None:
    card, netted = card_at(CARD), trial.settings(line(netting=True), CARD)
    one, later = reference_of(netted, start_ns()), reference_of(netted, start_ns(START + 50))
    twice = with_reference(with_reference(card, one), later)
    assert twice.references == (*card.references, later)
    assert twice.short_hash == card.short_hash


def test_a_card_that_does_not_say_what_it_learned_from_has_none() -> None:
    card = card_at(Path("weights/simulated_linear.json"))
    with pytest.raises(ConfigError, match="does not say what it learned from"):
        learned_until(card)


def test_a_mean_of_few_bars_is_no_floor(trial: FileTrial) -> None:
    few = reference_of(trial.settings(line(), CARD), start_ns(BARS - FEWEST)).model_copy(update={"lower": 0.1})
    assert few.held == FEWEST - 1
    assert not few.shows_edge
    assert few.model_copy(update={"held": FEWEST}).shows_edge


def test_dependent_bars_make_the_mean_less_certain() -> None:
    noise = np.random.default_rng(3).normal(size=50_000)
    series = np.zeros(50_000)
    for n in range(1, len(series)):
        series[n] = 0.5 * series[n - 1] + noise[n]
    assert hac_error(series) == pytest.approx(2 / len(series) ** 0.5, rel=0.05)


@pytest.mark.parametrize("nets", [[], [0.01], [0.01] * 50])
def test_bars_that_never_differ_have_no_floor(nets: list[float]) -> None:
    assert (measured(nets).lower, measured(nets).held) == (0.0, len(nets))
