"""`tickline backtest`: the configured strategy over a file, beside its other way of ordering."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from services.console.options import FileInterval, FileSymbol, FillFee, OutputFile, SlippageBps, StrategyName, Timezone
from services.console.progress import JobProgress, RowProgress
from services.console.settings import RunOptions, settings_for
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.history import infer_interval
from shared.history.times import text_time, time_text

if TYPE_CHECKING:
    from services.research.backtest import Observer, Totals, VenueRules
    from services.research.metrics import Results
    from services.research.report.curve import Curve
    from shared.models.card import Card


def backtest(
    data: Annotated[Path, typer.Option(help="CSV or Parquet file: datetime,open,high,low,close or datetime,price.")],
    sym: FileSymbol,
    interval: FileInterval = None,
    timezone: Timezone = None,
    balance: Annotated[str | None, typer.Option(help="Capital, in quote units.")] = None,
    fee: FillFee = None,
    slippage_bps: SlippageBps = None,
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
        run_id="backtest",
        timezone=timezone,
    )
    settings = settings_for(options)
    with contextlib.ExitStack() as stack:
        guard = None
        if check_lookahead:
            from services.research.lookahead.guard import Guard

            guard = stack.enter_context(Guard(data))  # before the strategies are imported
        from services.research.backtest.observer import CsvRows
        from services.research.metrics import table
        from shared.strategies.registry import Identity

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
    if checked is not None:
        typer.echo(checked)


class TimeRange(NamedTuple):
    """A range says from when, and until before when, is traded: ns since 1970 UTC; None where the file sets it."""

    start_ns: int | None
    end_ns: int | None


class VariantResult(NamedTuple):
    """A result has what one variant, of these settings, traded and measured. curve: for a report."""

    settings: Settings
    totals: "Totals"
    results: "Results"
    curve: "Curve | None"


Progress = Callable[[str, int], None]  # the variant, and how many rows of the file it has read


def run_variants(
    settings: Settings,
    rules: "VenueRules",
    traded: TimeRange,
    watching: "Sequence[Observer]",
    curves: bool,
    progress: Progress,
) -> dict[str, VariantResult]:
    """Runs each variant of the strategy and returns the results by name, the configured one first.

    watching: observers of that one. curves: whether each result has its curve. Raises ConfigError.
    """
    from services.research.backtest import Backtest  # it loads the models' runtime, which takes seconds
    from services.research.backtest.engine import variants
    from services.research.metrics import Metrics

    try:
        found = variants(settings)
    except ValueError as error:
        raise ConfigError(f"config: {error}") from error
    jobs = {name: Backtest(own, rules, *traded) for name, own in found.items()}
    done: dict[str, VariantResult] = {}
    for name, job in jobs.items():
        own = found[name]
        start_equity = float(own.strategy.balance)
        metrics, curve = Metrics(own.interval, start_equity), _curve(start_equity) if curves else None
        observers: list[Observer] = [metrics]
        if curve is not None:
            observers.append(curve)
        if not done:
            observers += watching
        totals = job.run(observers, partial(progress, name))
        done[name] = VariantResult(own, totals, metrics.result(totals), curve)
    return done


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


def described(settings: Settings, rules: "VenueRules", traded: TimeRange) -> dict[str, str]:
    """Returns how a backtest was run, for its JSON file and its report."""
    from shared.strategies.registry import Identity

    own, sym = settings.strategy, settings.symbols[0]
    card, identity = _card(settings), Identity.of(settings)
    params = ", ".join(f"{name}={value}" for name, value in own.params.items())
    return {
        "data": str(settings.ingestor.files[sym]),
        "sym": sym,
        "interval": settings.interval,
        "from": "the first row" if traded.start_ns is None else time_text(traded.start_ns),
        "to": "the last row" if traded.end_ns is None else f"before {time_text(traded.end_ns)}",
        "model": identity.model_shown,
        "features": ", ".join(card.features),
        "strategy": f"{own.name}({params})",
        "balance": str(own.balance),
        "fee": str(settings.gateway.fee),
        "slippage_bps": str(settings.gateway.slippage_bps),
        "fill": rules.fill,
        "maintenance_margin": "no liquidation" if rules.maintenance_margin is None else str(rules.maintenance_margin),
        "funding": "none" if rules.funding is None else str(rules.funding),
    }


def as_json(settings: Mapping[str, str], done: Mapping[str, VariantResult]) -> dict[str, object]:
    """Returns the documented form: money as text with all its digits in `totals`, floats in `metrics`."""
    return {
        "settings": dict(settings),
        "variants": {
            name: {"totals": _totals(one.totals), "metrics": one.results.model_dump(mode="json")}
            for name, one in done.items()
        },
    }


def _totals(totals: "Totals") -> dict[str, object]:
    fields = {name: value if isinstance(value, int) else str(value) for name, value in totals._asdict().items()}
    trip = totals.open_trip
    open_trip = trip and {
        "datetime": time_text(trip.ts_event),
        "sym": trip.sym,
        "y_hat": trip.y_hat,
        "signed_qty": str(trip.signed_qty),
        "entry_price": str(trip.price),
        "fee": str(trip.commission),
    }
    times = {"first_ts": time_text(totals.first_ts), "last_ts": time_text(totals.last_ts)}
    return {**fields, **times, "open_trip": open_trip}


def as_html(settings: Mapping[str, str], done: Mapping[str, VariantResult]) -> str:
    """Returns the report of results that have their curves."""
    from services.research.report import html_report

    own = next(iter(done.values())).settings
    training = _card(own).training
    fitted = training and training.train
    return html_report(
        title=f"Backtest of {own.strategy.name} on {own.symbols[0]}",
        results={name: one.results for name, one in done.items()},
        curves={name: one.curve for name, one in done.items() if one.curve is not None},
        settings=settings,
        learned_ns=(text_time(fitted.start).ns, text_time(fitted.end).ns) if fitted else None,
    )


def _curve(start_equity: float) -> "Curve":
    try:
        from services.research.report import Curve
    except ImportError as error:
        raise ConfigError(f"--report: {error}: {to_install('research')}") from error
    return Curve(start_equity)


def _card(settings: Settings) -> "Card":
    from shared.models.choose import card_at, chosen_model

    return card_at(chosen_model(settings))
