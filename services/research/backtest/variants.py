"""A backtest's variants run one after the other; their results are a table, JSON, or a report's page."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from services.research.backtest.engine import Backtest, variants
from services.research.backtest.observer import Observer, Totals
from services.research.backtest.venue import VenueRules
from services.research.metrics import Metrics, Results
from services.research.verdict.held import Sample
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.history.times import MAX_NS, text_time, time_text
from shared.models.card import ModelRefused
from shared.models.choose import chosen_card
from shared.strategies.identity import Identity, called, called_around
from shared.strategies.registry import described as strategy_params

if TYPE_CHECKING:
    from services.research.report.curve import Curve


class TimeRange(NamedTuple):
    """A range says from when, and until before when, is traded: ns since 1970 UTC; None where the file sets it."""

    start_ns: int | None
    end_ns: int | None


class VariantResult(NamedTuple):
    """A result has what one variant, of these settings, traded and measured. curve: for a report."""

    settings: Settings
    totals: Totals
    results: Results
    curve: "Curve | None"


Progress = Callable[[str, int], None]  # the variant, and how many rows of the file it has read


def run_variants(
    settings: Settings,
    rules: VenueRules,
    traded: TimeRange,
    watching: Sequence[Observer],
    curves: bool,
    progress: Progress | None = None,
) -> dict[str, VariantResult]:
    """Runs each variant of the strategy and returns the results by name, the configured one first. Raises ConfigError.

    - watching: observers of that one.
    - curves: whether each result has its curve.
    """
    try:
        found = variants(settings)
    except ValueError as error:
        raise ConfigError(f"config: {error}") from error
    jobs = {name: Backtest(own, rules, *traded) for name, own in found.items()}
    done: dict[str, VariantResult] = {}
    for name, job in jobs.items():
        own = found[name]
        start_equity = float(own.strategy.balance)
        sample, at_open = sample_of(own), rules.fill == "next_open"
        metrics = Metrics(own.interval, start_equity, sample=sample, at_open=at_open)
        curve = new_curve(start_equity) if curves else None
        observers: list[Observer] = [metrics]
        if curve is not None:
            observers.append(curve)
        if not done:
            observers += watching
        totals = job.run(observers, None if progress is None else partial(progress, name))
        done[name] = VariantResult(own, totals, metrics.result(totals), curve)
    return done


def sample_of(settings: Settings) -> Sample:
    """Returns which bars the settings' model has not learned from."""
    try:
        return Sample.of(chosen_card(settings))
    except ModelRefused:
        return Sample(MAX_NS)  # the backtest says what is wrong, or what is worse with its file


def described(settings: Settings, rules: VenueRules, traded: TimeRange) -> dict[str, str]:
    """Returns how a backtest was run, for its JSON file and its report."""
    own, sym = settings.strategy, settings.symbols[0]
    card, identity = chosen_card(settings), Identity.of(settings)
    around = called_around(strategy_params(own))
    return {
        "data": str(settings.ingestor.files[sym]),
        "sym": sym,
        "interval": settings.interval,
        "from": "the first row" if traded.start_ns is None else time_text(traded.start_ns),
        "to": "the last row" if traded.end_ns is None else f"before {time_text(traded.end_ns)}",
        "model": identity.model_shown,
        "features": "none" if card is None else ", ".join(card.features),
        "strategy": " in ".join([called(own.name, own.params), *around]),
        "qty_step": str(own.step_of(sym) or "none"),
        "balance": str(own.balance),
        "fee": str(settings.gateway.fee),
        "slippage_bps": str(settings.gateway.slippage_bps),
        "max_slippage_bps": str(own.max_slippage_bps),
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


def _totals(totals: Totals) -> dict[str, object]:
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
    card = chosen_card(own)
    training = None if card is None else card.training
    fitted = training and training.train
    return html_report(
        title=f"Backtest of {own.strategy.name} on {own.symbols[0]}",
        results={name: one.results for name, one in done.items()},
        curves={name: one.curve for name, one in done.items() if one.curve is not None},
        settings=settings,
        learned_ns=(text_time(fitted.start).ns, text_time(fitted.end).ns) if fitted else None,
    )


def new_curve(start_equity: float) -> "Curve":
    """Returns an observer that a page is drawn of; raises ConfigError where the packages for that are missing."""
    try:
        from services.research.report import Curve
    except ImportError as error:
        raise ConfigError(f"a report cannot be made: {error}: {to_install('research')}") from error
    return Curve(start_equity)
