"""The model that the config trades with: its card, its weights against the card, its features, its runtime."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from shared.config import Settings
from shared.doctor.finding import Finding, fault, of_error, ok, warning
from shared.errors import TicklineError
from shared.extras import to_install
from shared.models.card import Card
from shared.models.choose import NO_MODEL, card_at, chosen_model
from shared.models.model_files import file_sha256
from shared.strategies.identity import Identity

CHECK = "model"
RUNTIMES = {"torch": "torch", "onnx": "onnxruntime"}


def model_findings(settings: Settings) -> Iterator[Finding]:
    """Yields what is found of the config's model and strategy, and of the weights beside it; no runtime is loaded."""
    chosen: Path | None = None
    if settings.signal.model == NO_MODEL:
        yield ok(CHECK, "none: a strategy of rules trades")
    else:
        try:
            chosen = chosen_model(settings)
            card = card_at(chosen)
            yield from _of_chosen(chosen, card, settings)
        except TicklineError as error:
            yield of_error(CHECK, error, "see tickline model list")
    try:
        yield ok("strategy", str(Identity.of(settings)))
    except TicklineError as error:
        if chosen is not None or settings.signal.model == NO_MODEL:
            yield of_error("strategy", error)
    yield from _of_others(settings, chosen)


def needed_extra(settings: Settings) -> str:
    """Returns the extra that the chosen model's runtime is in; empty without one, or where none can be chosen."""
    if settings.signal.model == NO_MODEL:
        return ""
    try:
        return card_at(chosen_model(settings)).format
    except TicklineError:
        return ""


def _of_chosen(path: Path, card: Card, settings: Settings) -> Iterator[Finding]:
    yield from _weights(path, card, chosen=True)
    uncovered = [sym for sym in settings.symbols if not card.covers(sym)]
    if uncovered:
        what = f"{path}: made for {', '.join(card.symbols)}, not for {', '.join(uncovered)}"
        yield fault(CHECK, what, "name another in signal.model, or take these out of symbols")
    if card.ticks_in(settings.interval) is None:
        what = f"{path}: made for {card.interval}, which ticks of {settings.interval} do not fill"
        yield fault(CHECK, what, "change interval, or name another in signal.model")
    from shared.features.vector import FeatureVector  # numpy

    width = FeatureVector(card.features, settings.code_folder).width
    if width != card.no_features:
        what = f"{path}: its features give {width} numbers, the card says {card.no_features}"
        yield fault(CHECK, what, "put the feature's file back as it was, or train anew")
    if find_spec(RUNTIMES[card.format]) is None:
        yield fault(CHECK, f"{path}: it needs {RUNTIMES[card.format]}", to_install(card.format))


def _of_others(settings: Settings, chosen: Path | None) -> Iterator[Finding]:
    """Yields the cards beside the chosen one whose weights are other ones: a person may name them next."""
    for folder in settings.signal.folders:
        for path in sorted(folder.glob("*.json")):
            if chosen is not None and path.resolve() == chosen.resolve():
                continue
            try:
                yield from (found for found in _weights(path, card_at(path), chosen=False) if found.remedy)
            except TicklineError as error:
                found = of_error(CHECK, error)
                yield warning(CHECK, found.what, found.remedy)


def _weights(path: Path, card: Card, *, chosen: bool) -> Iterator[Finding]:
    weights = path.with_suffix(card.weights_suffix)
    found = file_sha256(weights)
    if found == card.sha256:
        yield ok(CHECK, f"{weights} is what its card says (sha256 {found[:16]}…)")
        return
    what = f"{weights} has sha256 {found[:16]}…, its card says {card.sha256[:16]}…"
    remedy = "one of the two was altered: restore it, or train anew"
    yield fault(CHECK, what, remedy) if chosen else warning(CHECK, what, remedy)
