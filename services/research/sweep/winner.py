"""The winner of a sweep becomes a model with its card, and lines for the config."""

from pathlib import Path

from services.research.sweep.results import Swept
from services.research.sweep.spec import SweepSpec, Trial
from services.research.train import TrainSpec, train
from services.research.twin_reference import FileTrial, add_reference
from shared.config import Settings
from shared.config.toml import toml_lines
from shared.errors import ConfigError
from shared.models.model_files import check_name


def require_savable(spec: SweepSpec, folder: Path, name: str, *, force: bool) -> None:
    """Raises ConfigError, before anything is tried, where the winner could not be saved under this name."""
    if not spec.trained:
        raise ConfigError(
            f"--save {name}: nothing is trained here, so there is no model to save: leave it out, and copy the lines "
            "for the config that a sweep ends with"
        )
    check_name(folder, name, force=force)


def saved(settings: Settings, swept: Swept, name: str, folder: Path, *, force: bool) -> Path:
    """Writes the winner's model, the very one that was scored on the hold-out, and its card; returns the card's path.

    Beside them comes NAME.toml, with `config_lines`. Raises ConfigError where the name is taken.
    """
    best, sym = swept.best, settings.symbols[0]
    assert best.learner is not None
    made = train(
        TrainSpec(
            data=settings.ingestor.files[sym],
            sym=sym,
            interval=best.interval,
            own_interval=settings.interval,
            name=name,
            features=best.learner.features,
            window=best.learner.window,
            fit=best.learner.fit,
            until=swept.holdout.until,
            fee=float(settings.gateway.fee),
            timezone=settings.ingestor.timezone,
        )
    )
    count, chosen = swept.trials, ", ".join(f"{name}={value}" for name, value in best.chosen)
    origin = f"{made.card.origin}; the best of {count} trials of tickline sweep" + (f" ({chosen})" if chosen else "")
    _, card = made._replace(card=made.card.model_copy(update={"origin": origin})).save(folder, force=force)
    lines = config_lines(settings, best, card)
    trial = FileTrial(settings.ingestor.files[sym], sym, settings.interval, best.interval, settings.ingestor.timezone)
    add_reference(card, best.trading.settings(settings), trial)
    card.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return card


def config_lines(settings: Settings, best: Trial, card: Path | None = None) -> list[str]:
    """Returns the lines of a `tickline.toml` that trades the best trial; card: of its model, where it was saved."""
    own = best.trading.settings(settings).strategy
    lines: dict[str, object] = {"interval": best.interval}
    if best.learner is None:
        lines["signal"] = {"model": settings.signal.model}
    elif card is not None:
        home = card.parent.resolve() == settings.signal.home.resolve()
        lines["signal"] = {"model": card.stem if home else str(card)}
    protect = None if own.protect.terms is None else own.protect.deciding()
    around = {"wrappers": own.wrappers or None, "protect": protect}
    lines["strategy"] = {"name": own.name, "params": own.params or None, **around}
    return list(toml_lines(lines))
