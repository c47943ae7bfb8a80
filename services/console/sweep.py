"""`tickline sweep`: many strategies tried on a file's past, and the best one scored on the rest."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.console.options import (
    FileSymbol,
    FillFee,
    MaxSlippageBps,
    ModelClass,
    OutputFile,
    PriceFile,
    Seed,
    SlippageBps,
    StrategyName,
    Timezone,
    named_values,
    words,
)
from services.console.progress import JobProgress
from services.console.settings import RunOptions, settings_for
from shared.errors import ConfigError
from shared.history.resampled import own_interval

if TYPE_CHECKING:
    from services.research.sweep import SweepSpec


def sweep(
    data: PriceFile,
    sym: FileSymbol,
    interval: Annotated[
        str | None, typer.Option(help="Bars to trade on, multiples of the file's, e.g. 12h,1d; the file's by default.")
    ] = None,
    timezone: Timezone = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="Values of a parameter: strategy.distance=0.01,0.02, bollinger.n=10,20 (a feature's), "
            "trailing_stop.distance=... (a wrapper's) or model.hidden=16,64."
        ),
    ] = None,
    lags: Annotated[str | None, typer.Option(help="How many log returns a model sees, e.g. 1,3,5.")] = None,
    sizing: Annotated[str | None, typer.Option(help="compounding, constant or both.")] = None,
    leverage: Annotated[str | None, typer.Option(help="E.g. 1,2.")] = None,
    threshold: Annotated[
        str | None, typer.Option(help="Trade where |y_hat| is above it, e.g. 0,0.001; 0: always.")
    ] = None,
    netting: Annotated[bool, typer.Option("--netting", help="One order a decision instead of two legs.")] = False,
    strategy: StrategyName = None,
    param: Annotated[list[str] | None, typer.Option(help="The strategy's parameter in all trials: name=value.")] = None,
    features: Annotated[
        list[str] | None, typer.Option(help="What a model sees, instead of lags; again for several side by side.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="How many bars of features a sequence model sees.")] = 1,
    model: Annotated[
        str | None, typer.Option(help="Train none, but trade this one in all trials, or none for a rule.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Of the walk-forward.")] = 4,
    holdout: Annotated[float, typer.Option(help="The file's last share: for the chosen row alone, once.")] = 0.2,
    earlier_trials: Annotated[int, typer.Option(help="Trials on these data before this sweep; they deflate too.")] = 0,
    purge: Annotated[
        bool, typer.Option("--purge", help="Learn no outcome among the bars that a fold's first features see.")
    ] = False,
    embargo: Annotated[
        float, typer.Option(help="So many bars before each fold are not learned from; below 1 a share of all.")
    ] = 0.0,
    kind: ModelClass = "LinearModel",
    model_param: Annotated[
        list[str] | None, typer.Option(help="A parameter of that class in all trials, e.g. hidden=32.")
    ] = None,
    loss: Annotated[Literal["l1", "huber", "mse"], typer.Option(help="What training minimises.")] = "l1",
    optimiser: Annotated[Literal["lbfgs", "adam"], typer.Option(help="How; both on the full batch.")] = "lbfgs",
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    seed: Seed = 0,
    balance: Annotated[str | None, typer.Option(help="Capital, in quote units; each fold begins with it.")] = None,
    fee: FillFee = None,
    slippage_bps: SlippageBps = None,
    max_slippage_bps: MaxSlippageBps = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Let the exact engine trade all; it takes much longer.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many at a time; all cores by default.")] = None,
    backend: Annotated[str, typer.Option(help="joblib's: loky, threading, dask, ray ...")] = "loky",
    backend_option: Annotated[
        list[str] | None, typer.Option(help="An option of it, e.g. scheduler_host=127.0.0.1:8786.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Keep in this folder what is done; the same sweep goes on from there.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all rows and the hold-out here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write all rows here.")] = None,
    save: Annotated[str | None, typer.Option(help="Make the best row's model one of this name, with its card.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder for --save; the one the line reads.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of that name.")] = False,
) -> None:
    """Try many strategies on a file's past, on all cores; rank them, and score the best one on the rest."""
    wanted = () if interval is None else words("--interval", interval, "12h,1d")
    short = {"lags": lags, "sizing": sizing, "leverage": leverage, "threshold": threshold}
    recipe = {"loss": loss, "optimiser": optimiser, "seed": seed}
    given: dict[str, object] = {
        "intervals": wanted,
        "features": tuple(features or ("log_return_lags(3)",)),
        "window": window,
        "trained": model is None,
        "folds": folds,
        "holdout": holdout,
        "earlier_trials": earlier_trials,
        "purge": purge,
        "embargo": embargo,
        "exact": exact,
        "fit": {
            "model": kind,
            "params": named_values("--model-param", model_param or ()),
            "recipe": recipe if epochs is None else {**recipe, "epochs": epochs},
        },
    }
    if threshold is not None and strategy is None:
        strategy = "threshold"
    options = RunOptions(
        data=[data],
        sym=[sym],
        interval=own_interval(data, wanted, timezone or ""),
        model=model,
        strategy=strategy,
        param=[*(param or ()), *(["netting=true"] if netting else ())],
        balance=balance,
        fee=fee,
        slippage_bps=slippage_bps,
        max_slippage_bps=max_slippage_bps,
        run_id="sweep",
        timezone=timezone,
    )
    settings = settings_for(options)
    from services.research.sweep import Axis, Kept, Pool  # the models' runtime takes seconds to load
    from services.research.sweep import sweep as run
    from services.research.sweep.results import described, lines, write_csv
    from services.research.sweep.winner import config_lines, require_savable, saved

    axes = [Axis.told(f"{name}={text}") for name, text in short.items() if text is not None]
    spec = _spec({**given, "grid": (*axes, *(Axis.told(text) for text in grid or ()))})
    folder = weights or settings.signal.home
    if save is not None:
        require_savable(spec, folder, save, force=force)
    pool = Pool(backend, -1 if jobs is None else jobs, named_values("--backend-option", backend_option or ()))
    with ExitStack() as stack:
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--json", json_file), ("--csv", csv_file))
            if path is not None
        }
        kept = None if resume is None else Kept(resume)
        with JobProgress() as progress:
            swept = run(settings, spec, pool, progress.report, kept)
        if "--json" in files:
            said = {"settings": described(settings, spec), **swept.model_dump(mode="json")}
            files["--json"].write(json.dumps(said, indent=2) + "\n")
        if "--csv" in files:
            write_csv(swept, files["--csv"])
        made = None if save is None else saved(settings, swept, save, folder, force=force)
    for line in lines(swept, top):
        typer.echo(line)
    typer.echo("")
    typer.echo(
        "the best row, as lines of a tickline.toml" + ("" if made is None else f" ({made.with_suffix('.toml')})") + ":"
    )
    for line in config_lines(settings, swept.best, made):
        typer.echo(line)
    if made is not None:
        typer.echo(f"written: {made.with_suffix('.pth')} and {made.name}")
    elif model is None:
        typer.echo("its model is not written: the same command with --save NAME makes it, with its card")


_OPTIONS = {
    "intervals": "interval",
    "earlier_trials": "earlier-trials",
    "model": "class",
}


def _spec(given: dict[str, object]) -> "SweepSpec":
    from pydantic import ValidationError

    from services.research.sweep import SweepSpec

    try:
        return SweepSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = [part for part in map(str, first["loc"]) if part not in ("fit", "recipe")]
        option, why = _OPTIONS.get(where[0], where[0]), first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--{option}: {why}") from error
