"""`tickline train`: a model from a price file, its weights and its card."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.console.options import (
    FileInterval,
    FileSymbol,
    ModelClass,
    OutputFile,
    PriceFile,
    Seed,
    Timezone,
    named_values,
)
from services.console.progress import JobProgress
from shared.config import Settings, load_settings
from shared.errors import ConfigError, TicklineError
from shared.history.resampled import own_interval
from shared.user_code import blaming

if TYPE_CHECKING:
    from services.research.train import TrainSpec


def train(
    data: PriceFile,
    sym: FileSymbol,
    interval: FileInterval = None,
    timezone: Timezone = None,
    name: Annotated[str, typer.Option(help="The new model's name; made of the options by default.")] = "",
    weights: Annotated[Path | None, typer.Option(help="Folder for its files; the one the line reads.")] = None,
    kind: ModelClass = "LinearModel",
    param: Annotated[list[str] | None, typer.Option(help="A parameter of that class, e.g. hidden=32.")] = None,
    lags: Annotated[int | None, typer.Option(min=1, help="How many log returns it sees; 3 by default.")] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            help="What it sees instead, e.g. bollinger(20, 2.0) or mine.py:Momentum(20); several side by side."
        ),
    ] = None,
    window: Annotated[
        int, typer.Option(min=1, help="How many bars of features a sequence model sees, oldest first.")
    ] = 1,
    loss: Annotated[Literal["l1", "huber", "mse"], typer.Option(help="What is minimised.")] = "l1",
    optimiser: Annotated[Literal["lbfgs", "adam"], typer.Option(help="How; both on the full batch.")] = "lbfgs",
    epochs: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate: 1 for lbfgs, 0.01 for adam by default.")] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without a better validation loss.")] = None,
    seed: Seed = 0,
    test_share: Annotated[float, typer.Option(help="The file's last samples, held out.")] = 0.25,
    until: Annotated[
        str | None, typer.Option(help="Hold out what was not known before this time, instead of a share.")
    ] = None,
    validation_share: Annotated[
        float | None, typer.Option(help="The training window's last samples, for early stop; 0: none.")
    ] = None,
    walk_forward: Annotated[int, typer.Option(help="Folds by time within the training window.")] = 0,
    fee: Annotated[float, typer.Option(help="Fee rate of each leg in the scores.")] = 0.0003,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of that name.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the card to this file too.")] = None,
) -> None:
    """Train a model, yours or one of ours, on a price file, by time: weights and card, with scores beside baselines."""
    settings = load_settings()  # which also say where the user's own files lie
    folder = weights or settings.signal.home
    if lags is not None and features:
        raise ConfigError("--lags and --features were both given: use one")
    own = own_interval(data, [] if interval is None else [interval], timezone or "")
    options = {"epochs": epochs, "lr": lr, "patience": patience, "validation_share": validation_share}
    recipe = {name: value for name, value in options.items() if value is not None}
    given = {
        "data": data,
        "sym": sym,
        "interval": interval or own,
        "own_interval": own,
        "name": name,
        "timezone": timezone or "",
        "features": tuple(features or [f"log_return_lags({3 if lags is None else lags})"]),
        "window": window,
        "fit": {
            "model": kind,
            "params": named_values("--param", param or ()),
            "recipe": {"loss": loss, "optimiser": optimiser, "seed": seed, **recipe},
        },
        "test_share": test_share,
        "until": until,
        "walk_forward": walk_forward,
        "fee": fee,
    }
    with ExitStack() as stack:
        output = None if json_file is None else stack.enter_context(OutputFile("--json", json_file))
        from services.research.train import train as run  # the models' runtime takes seconds to load
        from shared.models.model_files import check_name
        from shared.models.summary import lines

        spec = _spec(given)
        check_name(folder, spec.model_name, force=force)  # found out now, not afterwards
        with JobProgress() as progress:
            trained = run(spec, progress.report)
        _, card = trained.save(folder, force=force)
        said = _referenced(card, spec, settings)
        if output is not None:
            output.write(card.read_text())
    for line in lines(trained.card, trained.holes):
        typer.echo(line)
    for way, verdict in trained.verdicts.items():
        typer.echo(f"verdict, {way}: {verdict}")
    typer.echo(said)
    typer.echo(f"written: {card.with_suffix('.pth')} and {card.name}")


def _referenced(card: Path, spec: "TrainSpec", settings: Settings) -> str:
    """Writes what drift is measured against, by the config's strategy and costs; returns what came of it."""
    from services.research.twin_reference import FileTrial, add_reference

    trial = FileTrial(spec.data, spec.sym, spec.own_interval or spec.interval, spec.interval, spec.timezone)
    try:
        return f"drift: {add_reference(card, settings, trial).text}"
    except TicklineError as error:
        return f"drift: the card has no reference, so no edge is shown: {error}"


def _spec(given: dict[str, object]) -> "TrainSpec":
    from pydantic import ValidationError

    from services.research.train import TrainSpec

    try:
        with blaming(str(given["sym"])):  # the feature is made once, to know its width
            return TrainSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = [str(part) for part in first["loc"] if part not in ("fit", "recipe", "params")]
        named = ".".join(where).replace("_", "-")
        option, why = "class" if named == "model" else named, first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--{option}: {why}") from error
