"""Which model a line uses, when the config says `auto`: the one card that fits. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from shared.models.card import Card, ModelRefused

AUTO = "auto"


def choose_model(model: str, weights: Path, symbols: Sequence[str], interval: str) -> Path:
    """The card of the model `model`; for `auto` the only one in `weights` for these symbols and this interval.

    A card that names the symbols goes before one for any symbol. Raises ModelRefused.

    >>> choose_model("auto", Path("weights"), ["BTCUSDT"], "12h").name
    'btcusdt_12h_linear.json'
    """
    if model != AUTO:
        path = Path(model)
        return path if path.suffix or len(path.parts) > 1 else weights / f"{model}.json"
    fitting = [
        (path, card)
        for path in sorted(weights.glob("*.json"))
        if (card := card_at(path)).ticks_every(interval) and all(card.covers(sym) for sym in symbols)
    ]
    named = [(path, card) for path, card in fitting if set(symbols) <= set(card.symbols)]
    found = [path for path, _ in named or fitting]
    if len(found) == 1:
        return found[0]
    wanted = f"{', '.join(symbols)} at {interval}"
    if not found:
        raise ModelRefused(f"no model in {weights} is for {wanted}: train one, or name one in signal.model")
    names = ", ".join(path.stem for path in found)
    raise ModelRefused(f"several models in {weights} are for {wanted}: name one in signal.model ({names})")


def card_at(path: Path) -> Card:
    """The card in a file; raises ModelRefused."""
    try:
        return Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelRefused(f"card {path} cannot be read: {' '.join(str(error).split())[:200]}") from error
