"""A line finds its model by name, by its card's path, or, when the config says `auto`, by the one card that fits.

This module needs no torch.
"""

from collections.abc import Sequence
from pathlib import Path

from shared.config import Mode, Settings
from shared.errors import ConfigError
from shared.models.card import MODEL_FILES, Card, ModelRefused, card_of

AUTO = "auto"
NO_MODEL = "none"  # rule strategies trade without one


def chosen_model(settings: Settings) -> Path:
    """Returns the path of the card that the config names or implies.

    Raises ModelRefused, and ConfigError where real orders would follow a guess.
    """
    own = settings.signal
    if own.model == NO_MODEL:
        raise ModelRefused("signal.model is none: there is no card")
    real = settings.gateway.mode is not Mode.PAPER and settings.ingestor.source != "replay"
    wanted = settings.symbols, settings.interval
    if own.model == AUTO and real:
        fitting = ", ".join(path.stem for folder in own.folders for path, _ in _fitting(folder, *wanted))
        raise ConfigError(
            f"config: signal.model is auto, and real orders (gateway.mode {settings.gateway.mode}) follow no guess: "
            f'name the model in [signal], e.g. model = "NAME"; {f"there are: {fitting}" if fitting else "none fits"}'
        )
    return choose_model(own.model, own.folders, *wanted)


def chosen_card(settings: Settings) -> Card | None:
    """Returns the card that the config names or implies, None for `none`; raises as `chosen_model` does."""
    return None if settings.signal.model == NO_MODEL else card_at(chosen_model(settings))


def choose_model(model: str, folders: Sequence[Path], symbols: Sequence[str], interval: str) -> Path:
    """Returns the path of a model's card; raises ModelRefused.

    - model: a path of its card or weights, a name, or `auto`. `auto` means the only card that fits in the first folder
      with any that does; a card that names the symbols goes before one for any symbol.
    - folders: where to search for a name, in order.
    - symbols, interval: what the model is for.

    >>> choose_model("auto", [Path("weights")], ["BTCUSDT"], "12h").name
    'btcusdt_12h_linear.json'
    >>> choose_model("models/mine", [Path("weights")], ["BTCUSDT"], "12h")
    PosixPath('models/mine.json')
    """
    if model != AUTO:
        return _named(model, folders)
    for folder in folders:
        fitting = _fitting(folder, symbols, interval)
        named = [path for path, card in fitting if set(symbols) <= set(card.symbols)]
        found = named or [path for path, _ in fitting]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.stem for path in found)
            raise ModelRefused(
                f"several models in {folder} are for {_wanted(symbols, interval)}: name one in signal.model ({names})"
            )
    raise ModelRefused(
        f"no model in {_shown(folders)} is for {_wanted(symbols, interval)}: train one, or name one in signal.model"
    )


def card_at(path: Path) -> Card:
    """Returns the card in a file; raises ModelRefused."""
    try:
        return card_of(path, path.read_bytes())
    except OSError as error:
        raise ModelRefused(f"card {path} cannot be read: {error.strerror}") from error


def _named(model: str, folders: Sequence[Path]) -> Path:
    path = Path(model)
    if path.suffix in MODEL_FILES:
        return path.with_suffix(".json")
    if len(path.parts) > 1:
        return Path(f"{model}.json")
    for folder in folders:
        if (folder / f"{model}.json").is_file():
            return folder / f"{model}.json"
    known = ", ".join(path.stem for folder in folders for path in sorted(folder.glob("*.json")))
    raise ModelRefused(
        f"there is no model {model!r:.100} in {_shown(folders)} (there are: {known or 'none'}): give one of these, or "
        "the path of a card"
    )


def _fitting(folder: Path, symbols: Sequence[str], interval: str) -> list[tuple[Path, Card]]:
    cards = ((path, card_at(path)) for path in sorted(folder.glob("*.json")))
    return [
        (path, card) for path, card in cards if card.ticks_every(interval) and all(card.covers(sym) for sym in symbols)
    ]


def _wanted(symbols: Sequence[str], interval: str) -> str:
    return f"{', '.join(symbols)} at {interval}"


def _shown(folders: Sequence[Path]) -> str:
    return " or ".join(map(str, folders))
