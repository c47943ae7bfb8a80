"""`tickline model`: add a file of weights as a model, list, show and check what there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from services.console.options import (
    FileInterval,
    FillFee,
    MaxSlippageBps,
    SlippageBps,
    StrategyName,
    Timezone,
    instant,
    named_values,
)
from services.console.settings import RunOptions, settings_for
from shared.config import load_settings
from shared.errors import ConfigError
from shared.history import infer_interval
from shared.models.card import Card, ModelRefused
from shared.models.choose import card_at, choose_model
from shared.models.summary import lines
from shared.wall_time import UTC_TIME

WEIGHTS = (".pth", ".pt", ".onnx")

model = typer.Typer(no_args_is_help=True, help="Add a file of weights as a model; list, show and check models.")

Name = Annotated[str, typer.Argument(help="A model's name, or the path of its card.")]


@model.callback()
def group() -> None:
    """Add a file of weights as a model; list, show and check models."""


@model.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .pth with a state_dict, or an .onnx with all its data in it.")],
    name: Annotated[str, typer.Option(help="The model's name; the file's by default.")] = "",
    kind: Annotated[
        str | None, typer.Option("--class", help="Of a .pth: LinearModel, file.py:Class, package.module:Class.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="Of the class, e.g. hidden=32.")] = None,
    features: Annotated[
        list[str] | None, typer.Option(help="A feature, e.g. 'log_return_lags(3)'; several in the input's order.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="How many feature vectors the model is shown.")] = 1,
    sym: Annotated[list[str] | None, typer.Option(help="A symbol that it is for, * for any.")] = None,
    interval: Annotated[str | None, typer.Option(help="Time from tick to tick; that of --data by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="Prices that the card describes the model on.")] = None,
    timezone: Timezone = None,
    test_share: Annotated[float, typer.Option(help="The file's last samples, which it was not fitted to.")] = 0.0,
    fee: Annotated[float, typer.Option(help="Fee rate of each leg in the scores.")] = 0.0003,
    origin: Annotated[str, typer.Option(help="Where it comes from, for a person.")] = "",
    weights: Annotated[Path | None, typer.Option(help="Folder for its files; the one the line reads.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of that name.")] = False,
) -> None:
    """Write a card for a file of weights, and put both where the line finds them."""
    if file.suffix not in WEIGHTS:
        raise ConfigError(f"model add {file}: a model is a .pth with a state_dict, or an .onnx: export one of them")
    missing = [] if kind or file.suffix == ".onnx" else ["--class"]
    missing += [option for option, given in {"--features": features, "--sym": sym}.items() if not given]
    missing += [] if interval or data else ["--interval (or --data)"]
    if missing:
        raise ConfigError(f"model add {file}: give {', '.join(missing)}")
    settings = load_settings()  # which also say where the user's own files lie
    from shared.models.add_model import add_model  # the models' runtime takes seconds to load
    from shared.models.saving import Saving

    saving = Saving(
        name=name or file.stem, features=features or [], symbols=sym or [], interval=interval, window=window, data=data,
        timezone=timezone or "", test_share=test_share, fee=fee, origin=origin or f"tickline model add {file.name}",
        out=weights or settings.signal.home, force=force,
    )  # fmt: skip
    params = named_values("--param", param or ())
    loaded = add_model(file, saving, model=kind, params=params)
    for line in lines(loaded.card):
        typer.echo(line)
    typer.echo(f"written: {saving.out / loaded.card.name}{loaded.card.weights_suffix} and {loaded.card.name}.json")


@model.command("list")
def list_models() -> None:
    """List the models that the line finds by name."""
    rows: list[tuple[str, ...]] = [("name", "model", "features", "for", "interval", "predictions carry")]
    for path in _cards():
        try:
            rows.append(_row(card_at(path)))
        except ModelRefused as refused:
            rows.append((path.stem, str(refused), "", "", "", ""))
    widths = [max(len(row[column]) for row in rows if row[-1]) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells if row[-1] else row).rstrip())
    if len(rows) == 1:
        folders = " or ".join(str(folder) for folder in load_settings().signal.folders)
        typer.echo(f"none in {folders}: train one, or add one with `tickline model add FILE`")


@model.command()
def show(name: Name) -> None:
    """Show what a model's card says of it."""
    path = choose_model(name, load_settings().signal.folders, (), "")
    card = card_at(path)
    for label, value in _fields(card, path):
        typer.echo(f"{label + ':':<12}{value}")
    for line in lines(card):
        typer.echo(line)


@model.command()
def check(
    name: Name,
    data: Annotated[Path | None, typer.Option(help="The prices that its card describes it on.")] = None,
    timezone: Timezone = None,
) -> None:
    """Load a model as the line does, ask it 1,000 samples, and compare what its card says."""
    from shared.models.check_model import check_model

    path = choose_model(name, load_settings().signal.folders, (), "")
    for line in check_model(path, data=data, timezone=timezone or ""):
        typer.echo(line)


@model.command()
def reference(
    name: Name,
    data: Annotated[list[Path], typer.Option(help="Prices that the model did not learn from; one file a symbol.")],
    sym: Annotated[list[str], typer.Option(help="The symbol of each file, in their order.")],
    interval: FileInterval = None,
    timezone: Timezone = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Only bars that end from then on (UTC); by default, from where it learned."),
    ] = None,
    strategy: StrategyName = None,
    param: Annotated[list[str] | None, typer.Option(help="A strategy's parameter, e.g. netting=true.")] = None,
    fee: FillFee = None,
    slippage_bps: SlippageBps = None,
    max_slippage_bps: MaxSlippageBps = None,
    funding: Annotated[Path | None, typer.Option(help="CSV or Parquet file of funding rates: datetime,rate.")] = None,
) -> None:
    """Write into a model's card what drift is measured against, for this strategy and these costs."""
    path = choose_model(name, load_settings().signal.folders, (), "")
    options = RunOptions(
        data=data, sym=sym, interval=interval or infer_interval(data[0], timezone or ""), timezone=timezone,
        model=str(path), strategy=strategy, param=param, fee=fee, slippage_bps=slippage_bps,
        max_slippage_bps=max_slippage_bps, run_id="reference",
    )  # fmt: skip
    settings = settings_for(options)
    card, since = card_at(path), None if start is None else instant("--from", start, UTC_TIME)
    from services.research.twin_reference import learned_until, reference_of, with_reference  # takes seconds to load
    from shared.models.model_files import write_card

    found = reference_of(settings, learned_until(card) if since is None else since, funding=funding)
    write_card(path, with_reference(card, found))
    typer.echo(f"drift of {card.name} with {found.strategy}: {found.text}")
    typer.echo(f"written: {path}")


def _cards() -> Iterator[Path]:
    """Yields the cards that a name leads to: of two of one name the one in the first folder."""
    seen: set[str] = set()
    for folder in load_settings().signal.folders:
        for path in sorted(folder.glob("*.json")):
            if path.stem not in seen:
                seen.add(path.stem)
                yield path


def _row(card: Card) -> tuple[str, ...]:
    features = ", ".join(card.features) + (f" x {card.window}" if card.window > 1 else "")
    return (card.name, card.model or "ONNX", features, ", ".join(card.symbols), card.interval, _hash(card))


def _hash(card: Card) -> str:
    from shared.models.code import predicting_hash

    try:
        return predicting_hash(card)[:16]
    except (ModelRefused, ConfigError) as error:
        return f"? ({error})"


def _fields(card: Card, path: Path) -> Iterator[tuple[str, str]]:
    params = "".join(f", {name}={value}" for name, value in card.params.items())
    yield "model", f"{card.name} ({path})"
    yield "class", f"{card.model}{params}{', standardised' if card.standardised else ''}" if card.model else "ONNX"
    yield "features", ", ".join(card.features) + (f", a window of {card.window}" if card.window > 1 else "")
    yield "needs", ", ".join(card.needs) or "prices alone"
    yield "for", f"{', '.join(card.symbols)} at {card.interval}"
    yield "sha256", card.sha256
    yield "hash", _hash(card)
    yield "origin", card.origin
    yield "runtime", card.runtime.text if card.runtime is not None else "not told"
    for each in card.references:
        yield "drift", f"{each.strategy}, fee {each.fee:g}, slippage {each.slippage_bps:g} bps: {each.text}"
    if not card.references:
        yield "drift", "no reference, so no edge is shown: `tickline model reference` makes one"
