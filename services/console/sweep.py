"""`tickline sweep`: many strategies tried on a file's past, and the best one scored on the rest."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.console.options import (
    FileSymbol,
    FillFee,
    ModelClass,
    OutputFile,
    PriceFile,
    Seed,
    SlippageBps,
    Timezone,
    decimals,
    floats,
    integers,
    named_values,
    words,
)
from services.console.progress import JobProgress
from services.console.settings import RunOptions, settings_for
from shared.errors import ConfigError
from shared.history import infer_interval, is_trades
from shared.intervals import interval_ns

if TYPE_CHECKING:
    from services.research.sweep import SweepSpec


def sweep(
    data: PriceFile,
    sym: FileSymbol,
    interval: Annotated[
        str | None, typer.Option(help="Bars to trade on, multiples of the file's, e.g. 12h,1d; the file's by default.")
    ] = None,
    timezone: Timezone = None,
    lags: Annotated[str, typer.Option(help="How many log returns a model sees, e.g. 1,3,5.")] = "3",
    sizing: Annotated[str, typer.Option(help="compounding, constant or both.")] = "compounding",
    leverage: Annotated[str, typer.Option(help="E.g. 1,2.")] = "1",
    threshold: Annotated[str, typer.Option(help="Trade where |y_hat| is above it, e.g. 0,0.001; 0: always.")] = "0",
    netting: Annotated[bool, typer.Option("--netting", help="One order a decision instead of two legs.")] = False,
    folds: Annotated[int, typer.Option(help="Of the walk-forward.")] = 4,
    holdout: Annotated[float, typer.Option(help="The file's last share: for the chosen row alone, once.")] = 0.2,
    earlier_trials: Annotated[int, typer.Option(help="Trials on these data before this sweep; they deflate too.")] = 0,
    kind: ModelClass = "LinearModel",
    loss: Annotated[Literal["l1", "huber", "mse"], typer.Option(help="What training minimises.")] = "l1",
    seed: Seed = 0,
    balance: Annotated[str | None, typer.Option(help="Capital, in quote units; each fold begins with it.")] = None,
    fee: FillFee = None,
    slippage_bps: SlippageBps = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many at a time; all cores by default.")] = None,
    backend: Annotated[str, typer.Option(help="joblib's: loky, threading, dask, ray ...")] = "loky",
    backend_option: Annotated[
        list[str] | None, typer.Option(help="An option of it, e.g. scheduler_host=127.0.0.1:8786.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all rows and the hold-out here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write all rows here.")] = None,
) -> None:
    """Try many strategies on a file's past, on all cores; rank them, and score the best one on the rest."""
    wanted = () if interval is None else words("--interval", interval, "12h,1d")
    given: dict[str, object] = {
        "lags": integers("--lags", lags),
        "sizings": words("--sizing", sizing, "compounding,constant"),
        "intervals": wanted,
        "leverages": decimals("--leverage", leverage),
        "thresholds": floats("--threshold", threshold),
        "netting": netting,
        "folds": folds,
        "holdout": holdout,
        "earlier_trials": earlier_trials,
        "fit": {"model": kind, "recipe": {"loss": loss, "seed": seed}},
    }
    options = RunOptions(
        data=[data],
        sym=[sym],
        interval=_base_interval(data, wanted, timezone or ""),
        balance=balance,
        fee=fee,
        slippage_bps=slippage_bps,
        run_id="sweep",
        timezone=timezone,
    )
    settings = settings_for(options)
    from services.research.sweep import Pool  # the models' runtime takes seconds to load
    from services.research.sweep import sweep as run
    from services.research.sweep.results import described, lines, write_csv

    spec = _spec(given)
    pool = Pool(backend, -1 if jobs is None else jobs, named_values("--backend-option", backend_option or ()))
    with ExitStack() as stack:
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--json", json_file), ("--csv", csv_file))
            if path is not None
        }
        with JobProgress() as progress:
            swept = run(settings, spec, pool, progress.report)
        if "--json" in files:
            said = {"settings": described(settings, spec), **swept.model_dump(mode="json")}
            files["--json"].write(json.dumps(said, indent=2) + "\n")
        if "--csv" in files:
            write_csv(swept, files["--csv"])
    for line in lines(swept, top):
        typer.echo(line)


_OPTIONS = {
    "intervals": "interval",
    "sizings": "sizing",
    "leverages": "leverage",
    "thresholds": "threshold",
    "earlier_trials": "earlier-trials",
    "model": "class",
}


def _base_interval(data: Path, wanted: tuple[str, ...], timezone: str) -> str:
    """Returns the file's interval; of trades, which make bars of any length, the shortest that is wanted."""
    if not wanted or not is_trades(data):
        return infer_interval(data, timezone)
    try:
        return min(wanted, key=interval_ns)
    except ValueError as error:
        raise ConfigError(f"--interval: {error}") from error


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
