"""The winner as a model: the very one that was scored on the hold-out."""

import tomllib
from pathlib import Path

import pytest

from services.research.sweep import Axis, Pool, SweepSpec, Swept, sweep
from services.research.sweep import job as sweep_job
from services.research.sweep.winner import config_lines, require_savable, saved
from services.research.train import Fitted
from services.research.verdict.held import Sample
from shared.config import Settings
from shared.errors import ConfigError
from shared.history.times import text_time
from shared.models.load_model import load_model
from shared.models.model_files import sha256_of, weights_bytes
from tests.unit.research.sweep.made import settings_of, written

SPEC = SweepSpec(intervals=("1h", "2h"), grid=(Axis.told("lags=1,2"), Axis.told("threshold=0,0.002")), folds=2)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(written(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def held_out(settings: Settings) -> tuple[Swept, str]:
    """A sweep, and the hash of the weights that traded its hold-out."""
    hashes = []

    def learn(task: sweep_job.Task) -> Fitted | None:
        made = found(task)
        assert made is not None
        hashes.append(sha256_of(weights_bytes(made.module.state_dict())))
        return made

    with pytest.MonkeyPatch.context() as patch:
        found = sweep_job.learn
        patch.setattr(sweep_job, "learn", learn)  # folds have a `learn` of their own
        swept = sweep(settings, SPEC, Pool("sequential"))
    (sha256,) = hashes
    return swept, sha256


def test_the_saved_model_is_the_one_that_traded_the_hold_out(
    settings: Settings, held_out: tuple[Swept, str], tmp_path: Path
) -> None:
    swept, sha256 = held_out
    path = saved(settings, swept, "best", tmp_path, force=False)
    card = load_model(path, symbols="BTCUSDT", interval=swept.rows[0].interval).card
    assert card.sha256 == sha256
    assert card.features == (f"log_return_lags({swept.rows[0].values['lags']})",)
    assert card.origin.startswith(
        "tickline train on bars.csv: l1 loss, lbfgs, seed 0; the best of 8 trials of tickline"
    )
    assert card.training is not None
    assert card.training.train is not None
    assert card.training.train.end == swept.holdout.trained_until  # so a verdict is on the hold-out alone
    assert Sample.of(card).fitted_until == text_time(swept.holdout.trained_until).ns
    found = tomllib.loads((tmp_path / "best.toml").read_text())
    assert found == {
        "interval": swept.rows[0].interval,
        "signal": {"model": str(path)},
        "strategy": {"name": "threshold", "params": {"threshold": swept.rows[0].values["threshold"]}},
    }
    with pytest.raises(ConfigError, match="exists: pass --force"):
        saved(settings, swept, "best", tmp_path, force=False)


def test_what_could_not_be_saved_is_refused_before_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--save mine: nothing is trained here, so there is no model to save"):
        require_savable(SPEC.model_copy(update={"trained": False}), tmp_path, "mine", force=False)
    with pytest.raises(ConfigError, match="name 'a/b': use letters"):
        require_savable(SPEC, tmp_path, "a/b", force=False)
    (tmp_path / "mine.json").write_text("")
    with pytest.raises(ConfigError, match="exists: pass --force"):
        require_savable(SPEC, tmp_path, "mine", force=False)
    require_savable(SPEC, tmp_path, "mine", force=True)


def test_lines_of_a_config_without_a_model_and_within_a_wrapper(
    settings: Settings, held_out: tuple[Swept, str]
) -> None:
    best = held_out[0].best._replace(learner=None)
    wrapper = {"name": "trailing_stop", "distance": 0.01}
    own = settings.strategy.model_copy(update={"wrappers": (wrapper,)})
    found = tomllib.loads("\n".join(config_lines(settings.model_copy(update={"strategy": own}), best)))
    assert found["signal"] == {"model": settings.signal.model}
    assert found["strategy"]["wrappers"] == [wrapper]
    assert "signal" not in tomllib.loads("\n".join(config_lines(settings, held_out[0].best)))


def test_a_model_that_is_there_is_traded_in_all_trials_and_not_made(settings: Settings, tmp_path: Path) -> None:
    path = saved(settings, sweep(settings, SPEC, Pool("sequential")), "best", tmp_path, force=False)
    interval = load_model(path).card.interval
    fixed = settings.model_copy(update={"signal": settings.signal.model_copy(update={"model": str(path)})})
    spec = SweepSpec(trained=False, intervals=(interval,), grid=(Axis.told("threshold=0,0.002"),), folds=2)
    found = sweep(fixed, spec, Pool(jobs=2))
    assert len(found.rows) == 2
    assert found.best.learner is None
    assert tomllib.loads("\n".join(config_lines(fixed, found.best)))["signal"] == {"model": str(path)}
    assert found.model_dump() == sweep(fixed, spec, Pool("sequential")).model_dump()
