"""`tickline backtest`: the configured strategy over a file, beside its other way of ordering."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from services.research.backtest import Backtest, Observer, Totals, VenueRules
from services.research.backtest.rules import variants
from services.research.metrics import Metrics, Results
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.history.times import text_time, time_text
from shared.models.card import Card
from shared.models.choose import card_at, chosen_model
from shared.strategies.identity import Identity

if TYPE_CHECKING:
    from services.research.report.curve import Curve


class Window(NamedTuple):
    """From when, and until before when, is traded: ns since 1970 UTC; None where the file sets it."""

    start_ns: int | None
    end_ns: int | None


class Outcome(NamedTuple):
    """What one variant came to. curve: for a report."""

    settings: Settings
    totals: Totals
    results: Results
    curve: "Curve | None"


Progress = Callable[[str, int], None]  # the variant, and how many rows of the file it has read


def outcomes(
    settings: Settings,
    rules: VenueRules,
    window: Window,
    watching: Sequence[Observer],
    curves: bool,
    progress: Progress,
) -> dict[str, Outcome]:
    """Run each variant and name it, the configured one first. watching: observers of that one."""
    try:
        found = variants(settings)
    except ValueError as error:
        raise ConfigError(f"config: {error}") from error
    jobs = {name: Backtest(own, rules, *window) for name, own in found.items()}
    done: dict[str, Outcome] = {}
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
        done[name] = Outcome(own, totals, metrics.result(totals), curve)
    return done


def rules_of(**options: object) -> VenueRules:
    """The venue's rules from those options that were given; raises ConfigError."""
    try:
        return VenueRules.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"{option} {options[str(first['loc'][0])]}: {first['msg']}") from error


def time_of(option: str, text: str | None) -> int | None:
    """A time that was given, in ns; raises ConfigError."""
    try:
        return None if text is None else text_time(text).ns
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error


def described(settings: Settings, rules: VenueRules, window: Window) -> dict[str, str]:
    """How a backtest was run, for its JSON file and its report."""
    own, sym = settings.strategy, settings.symbols[0]
    card, identity = _card(settings), Identity.of(settings)
    params = ", ".join(f"{name}={value}" for name, value in own.params.items())
    return {
        "data": str(settings.ingestor.files[sym]),
        "sym": sym,
        "interval": settings.interval,
        "from": "the first row" if window.start_ns is None else time_text(window.start_ns),
        "to": "the last row" if window.end_ns is None else f"before {time_text(window.end_ns)}",
        "model": identity.model_shown,
        "features": card.features,
        "strategy": f"{own.name}({params})",
        "balance": str(own.balance),
        "fee": str(settings.gateway.fee),
        "slippage_bps": str(settings.gateway.slippage_bps),
        "fill": rules.fill,
        "maintenance_margin": "no liquidation" if rules.maintenance_margin is None else str(rules.maintenance_margin),
        "funding": "none" if rules.funding is None else str(rules.funding),
    }


def as_json(settings: Mapping[str, str], done: Mapping[str, Outcome]) -> dict[str, object]:
    """The documented form: money as text with all its digits in `totals`, floats in `metrics`."""
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


def as_html(settings: Mapping[str, str], done: Mapping[str, Outcome]) -> str:
    """The report of outcomes that have their curves."""
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


def _card(settings: Settings) -> Card:
    return card_at(chosen_model(settings))
