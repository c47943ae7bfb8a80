"""`tickline backtest`."""

import contextlib
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.console.job_progress import JobProgress
from services.console.options import TIMEZONE, RunOptions, settings_for
from services.console.output_file import OutputFile
from services.console.row_progress import RowProgress
from services.research.lookahead.guard import Guard
from shared.history import infer_interval


def backtest(
    data: Annotated[Path, typer.Option(help="CSV or Parquet file: datetime,open,high,low,close or datetime,price.")],
    sym: Annotated[str, typer.Option(help="The symbol of the file, e.g. BTCUSDT.")],
    interval: Annotated[
        str | None, typer.Option(help="Time between two bars, e.g. 12h; the file's by default.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help=TIMEZONE)] = None,
    balance: Annotated[str | None, typer.Option(help="Capital, in quote units.")] = None,
    fee: Annotated[str | None, typer.Option(help="Fee rate of each fill's value, e.g. 0.0003.")] = None,
    slippage_bps: Annotated[
        str | None, typer.Option(help="Basis points that each fill is worse than its price.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Trade bars that end at or after this time (UTC).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Trade bars that end before this time (UTC).")] = None,
    model: Annotated[
        str | None, typer.Option(help="A model's name, or its card's path; the one that fits by default.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="The strategy's name, e.g. basic_taker.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="A strategy's parameter, e.g. sizing=constant.")] = None,
    leverage: Annotated[str | None, typer.Option(help="The strategy's parameter leverage.")] = None,
    fill: Annotated[Literal["decision", "next_open"], typer.Option(help="Where orders fill.")] = "decision",
    maintenance_margin: Annotated[str | None, typer.Option(help="Liquidate isolated positions at this rate.")] = None,
    funding: Annotated[Path | None, typer.Option(help="CSV or Parquet file of funding rates: datetime,rate.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write settings, totals and metrics here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the closed round trips here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    check_lookahead: Annotated[
        bool, typer.Option("--check-lookahead", help="First change the future: no earlier decision may move.")
    ] = False,
    cuts: Annotated[int, typer.Option(min=1, help="From how many ticks on --check-lookahead changes it.")] = 8,
) -> None:
    """Trade a file of prices with the line's own stages, and measure what came of it."""
    param = [*(param or ()), *([f"leverage={leverage}"] if leverage is not None else ())]
    options = RunOptions(
        data=[data], sym=[sym], interval=interval or infer_interval(data, timezone or ""), model=model,
        strategy=strategy, param=param, balance=balance, fee=fee, slippage_bps=slippage_bps, run_id="backtest",
        timezone=timezone,
    )  # fmt: skip
    settings = settings_for(options)
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(Guard(data)) if check_lookahead else None  # before the strategies are imported
        # The model's runtime takes seconds to load.
        from services.console.backtest import Window, as_html, as_json, described, outcomes, rules_of, time_of
        from services.research.backtest.rows import CsvRows
        from services.research.metrics import table
        from shared.strategies.identity import Identity

        rules = rules_of(fill=fill, maintenance_margin=maintenance_margin, funding=funding)
        window = Window(time_of("--from", start), time_of("--to", end))
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--json", json_file), ("--csv", csv_file), ("--report", report))
            if path is not None
        }
        checked = None
        if guard is not None:
            from services.research.lookahead.check import LookaheadCheck

            with JobProgress() as job:
                checked = LookaheadCheck(settings, rules, *window, guard).run(cuts, job.report)
        rows = [CsvRows(files["--csv"])] if "--csv" in files else []
        with RowProgress(data) as progress:
            done = outcomes(settings, rules, window, rows, report is not None, progress.report)
        said = described(settings, rules, window)
        if "--json" in files:
            files["--json"].write(json.dumps(as_json(said, done), indent=2) + "\n")
        if "--report" in files:
            files["--report"].write(as_html(said, done))
    for line in table({name: outcome.results for name, outcome in done.items()}):
        typer.echo(line)
    typer.echo(str(Identity.of(settings)))
    if checked is not None:
        typer.echo(checked)
