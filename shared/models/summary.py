"""A summary tells a training in lines for a person."""

from shared.models.card import Card
from shared.models.training import Scores, Training
from shared.plural import plural

_COLUMNS = {
    "l1": "l1 loss",
    "huber": "huber",
    "mse": "mse",
    "r2_zero": "R2 vs 0",
    "hit_rate": "hit rate",
    "ic": "IC",
    "gross": "gross",
    "net_legs": "net, legs",
    "net_netted": "net, netted",
}
_NAME_WIDTH, _WIDTH = 16, 12


def lines(card: Card, holes: int = 0) -> list[str]:
    """Returns lines: what was trained, on what, and the scores beside the baselines."""
    training = card.training
    if training is None:
        return [f"model {card.name}: its card says nothing of its training"]
    kind, features, symbols = card.model or "ONNX", ", ".join(card.features), ", ".join(card.symbols)
    out = [f"model {card.name}: {kind} on {features}, for {symbols} at {card.interval}"]
    said = [
        f"a window of {card.window}" if card.window > 1 else "",
        f"needs {', '.join(card.needs)}" if card.needs else "",
        "standardised by a layer around the class" if card.standardised else "",
    ]
    if any(said):
        out.append(f"input: {'; '.join(filter(None, said))}")
    if training.fit is not None:
        recipe = training.fit.recipe
        out.append(
            f"fit: {recipe.loss} loss, {recipe.optimiser} (lr {recipe.lr:g}), {plural(training.fit.epochs, 'epoch')}, "
            f"seed {recipe.seed}, weights sha256 {card.short_hash}"
        )
    if training.train is not None:
        window = training.train
        out.append(f"training window: {plural(window.samples, 'sample')}, {window.start} to {window.end}")
    if training.test is not None:
        window = training.test
        out.append(f"held out: {plural(window.samples, 'sample')}, {window.start} to {window.end}")
    if holes:
        out.append(
            f"holes: {holes} outcomes came later than {card.interval} after their sample; they count as the others"
        )
    return [*out, "", *_tables(training)]


def _tables(training: Training) -> list[str]:
    inside = {"model": training.scores.in_sample}
    inside |= {name: compared.in_sample for name, compared in training.baselines.items()}
    outside = {"model": training.scores.out_of_sample}
    outside |= {name: compared.out_of_sample for name, compared in training.baselines.items()}
    out = _table("in sample", inside)
    if outside["model"] is not None:
        out += ["", *_table("out of sample", {name: scores for name, scores in outside.items() if scores is not None})]
    if training.walk_forward is not None:
        folds = training.walk_forward.folds
        rows = {f"to {fold.test.end[:10]}": fold.scores for fold in folds}
        out += ["", *_table("walk-forward", rows | {"mean": training.walk_forward.mean})]
    return [
        *out,
        "",
        f"gross: sum of sign(y_hat) x log return; net: less {training.fee:g} for each leg (legs: closed and opened at "
        "every bar; netted: changes only)",
    ]


def _table(title: str, rows: dict[str, Scores]) -> list[str]:
    head = f"{title:<{_NAME_WIDTH}}" + "".join(f"{label:>{_WIDTH}}" for label in _COLUMNS.values())
    body = [
        f"{name.replace('_', ' '):<{_NAME_WIDTH}}" + "".join(_cell(getattr(scores, field)) for field in _COLUMNS)
        for name, scores in rows.items()
    ]
    return [head, *body]


def _cell(value: float | None) -> str:
    text = "-" if value is None else f"{value:.4g}" if value and abs(value) < 1e-3 else f"{value:.6f}"
    return f"{text:>{_WIDTH}}"
