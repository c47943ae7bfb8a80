"""`tickline backtest`: the configured strategy over a file, beside its other way of ordering."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.console.options import (
    FileInterval,
    FileSymbol,
    FillFee,
    MaxSlippageBps,
    OutputFile,
    SlippageBps,
    StrategyName,
    Timezone,
)
from services.console.progress import JobProgress, RowProgress
from services.console.settings import RunOptions, settings_for
from shared.errors import ConfigError
from shared.history import infer_interval
from shared.history.times import text_time
from shared.plural import plural

if TYPE_CHECKING:
    from services.research.backtest import VenueRules
    from services.research.backtest.variants import TimeRange, VariantResult
    from shared.config import Settings


def backtest(
    data: Annotated[Path, typer.Option(help="CSV or Parquet file: datetime,open,high,low,close or datetime,price.")],
    sym: FileSymbol,
    interval: FileInterval = None,
    timezone: Timezone = None,
    balance: Annotated[str | None, typer.Option(help="Capital, in quote units.")] = None,
    fee: FillFee = None,
    slippage_bps: SlippageBps = None,
    max_slippage_bps: MaxSlippageBps = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Trade bars that end at or after this time (UTC).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Trade bars that end before this time (UTC).")] = None,
    model: Annotated[
        str | None, typer.Option(help="A model's name, or its card's path; the one that fits by default.")
    ] = None,
    strategy: StrategyName = None,
    param: Annotated[list[str] | None, typer.Option(help="A strategy's parameter, e.g. sizing=constant.")] = None,
    leverage: Annotated[str | None, typer.Option(help="The strategy's parameter leverage.")] = None,
    fill: Annotated[Literal["decision", "next_open"], typer.Option(help="Where orders fill.")] = "decision",
    maintenance_margin: Annotated[str | None, typer.Option(help="Liquidate isolated positions at this rate.")] = None,
    funding: Annotated[Path | None, typer.Option(help="CSV or Parquet file of funding rates: datetime,rate.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write settings, totals and metrics here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the closed round trips here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Trade arrays, one variant, with totals and metrics alone.")
    ] = False,
    check_lookahead: Annotated[
        bool, typer.Option("--check-lookahead", help="First change the future: no earlier decision may move.")
    ] = False,
    cuts: Annotated[int, typer.Option(min=1, help="From how many ticks on --check-lookahead changes it.")] = 8,
) -> None:
    """Trade a file of prices with the line's own stages, and measure what came of it."""
    param = [*(param or ()), *([f"leverage={leverage}"] if leverage is not None else ())]
    options = RunOptions(
        data=[data],
        sym=[sym],
        interval=interval or infer_interval(data, timezone or ""),
        model=model,
        strategy=strategy,
        param=param,
        balance=balance,
        fee=fee,
        slippage_bps=slippage_bps,
        max_slippage_bps=max_slippage_bps,
        run_id="backtest",
        timezone=timezone,
    )
    if fast and (csv_file is not None or report is not None):
        raise ConfigError("--fast keeps neither round trips nor a curve: leave out --csv and --report")
    settings = settings_for(options)
    with contextlib.ExitStack() as stack:
        guard = None
        if check_lookahead:
            from services.research.lookahead.guard import Guard

            guard = stack.enter_context(Guard(data))  # before the strategies are imported
        # They load the models' runtime, which takes seconds.
        from services.research.backtest.observer import CsvRows
        from services.research.backtest.variants import TimeRange, as_html, as_json, described, run_variants
        from services.research.metrics import table
        from shared.strategies.identity import Identity

        rules = rules_of(fill=fill, maintenance_margin=maintenance_margin, funding=funding)
        traded = TimeRange(time_of("--from", start), time_of("--to", end))
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--json", json_file), ("--csv", csv_file), ("--report", report))
            if path is not None
        }
        checked = None
        if guard is not None:
            from services.research.lookahead.check import LookaheadCheck

            with JobProgress() as job:
                checked = LookaheadCheck(settings, rules, *traded, guard).run(cuts, job.report)
        rows = [CsvRows(files["--csv"])] if "--csv" in files else []
        how: str | None = None
        done: dict[str, VariantResult] = {}
        if fast:
            how, done = _fast(settings, rules, traded, data)
        if not done:
            with RowProgress(data) as progress:
                done = run_variants(settings, rules, traded, rows, report is not None, progress.report)
        said = described(settings, rules, traded)
        if "--json" in files:
            files["--json"].write(json.dumps(as_json(said, done), indent=2) + "\n")
        if "--report" in files:
            files["--report"].write(as_html(said, done))
    for line in table({name: result.results for name, result in done.items()}):
        typer.echo(line)
    typer.echo(str(Identity.of(settings)))
    if how is not None:
        typer.echo(how)
    if checked is not None:
        typer.echo(checked)


def _fast(
    settings: "Settings", rules: "VenueRules", traded: "TimeRange", data: Path
) -> tuple[str, dict[str, "VariantResult"]]:
    """Returns which engine traded, in a line, and the result; none where only the exact engine trades it."""
    from services.research.fast import OnlyExact
    from services.research.fast.backtest import run_fast

    try:
        with RowProgress(data) as progress:
            found = run_fast(settings, rules, traded, progress.report)
    except OnlyExact as why:
        return f"exact engine: {why}", {}
    said = f"fast engine; both engines did the same over {plural(found.gated, 'bar')}"
    return said, {found.name: found.result}


def rules_of(**options: object) -> "VenueRules":
    """Returns the venue's rules from those options that were given; raises ConfigError."""
    from pydantic import ValidationError

    from services.research.backtest import VenueRules

    try:
        return VenueRules.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"{option} {options[str(first['loc'][0])]}: {first['msg']}") from error


def time_of(option: str, text: str | None) -> int | None:
    """Returns a time that was given, in ns; raises ConfigError."""
    try:
        return None if text is None else text_time(text).ns
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
