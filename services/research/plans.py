"""The plans of all services of the line, for those who run its stages without its processes."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn

from services.gateway.plan import plan as gateway_plan
from services.ingestor.plan import make_source
from services.ingestor.plan import plan as ingestor_plan
from services.ingestor.replay import ReplaySource
from services.ingestor.source import Source
from services.ingestor.stage import IngestStage
from services.signal.plan import plan as signal_plan
from services.signal.plan import plan_with as signal_plan_with
from services.strategy.plan import plan as strategy_plan
from services.strategy.stage import StrategyStage
from shared.config import Settings
from shared.runner.plan import ServiceSpec
from shared.runner.symbol import Symbol

Book = StrategyStage  # by the name that says what a reader of snapshots wants of it


class LinePlans(NamedTuple):
    """The source, and what each service does, from the config."""

    source: Source
    ingestor: ServiceSpec
    signal: ServiceSpec
    strategy: ServiceSpec
    gateway: ServiceSpec


def line_plans(settings: Settings) -> LinePlans:
    """All plans; loads the model. Raises ConfigError or DataError as the services would."""
    return _line_plans(settings, signal_plan(settings))


def line_plans_with(settings: Settings, module: nn.Module, features: str, model: str) -> LinePlans:
    """As `line_plans`, with a model at hand instead of the config's. features: its spec. model: its name."""
    return _line_plans(settings, signal_plan_with(settings, module, features, model))


def _line_plans(settings: Settings, signal: ServiceSpec) -> LinePlans:
    source = make_source(settings)
    ingestor = ingestor_plan(settings, source.venue)
    return LinePlans(source, ingestor, signal, strategy_plan(settings), gateway_plan(settings))


def check_input(settings: Settings) -> Mapping[str, int] | None:
    """Read the whole input once and load the model, so that what is bad stops the run before it starts.

    Returns symbol -> how many quotes there will be, None for an endless source.
    """
    if settings.ingestor.source == "ccxt":
        signal_plan(settings)
        return None
    source, limit = make_source(settings), settings.ingestor.limit
    rows = source.check() if isinstance(source, ReplaySource) else None  # first: it knows the interval to name
    line_plans(settings)
    if rows is not None:
        return {sym: checked.rows for sym, checked in rows.items()}
    return None if limit is None else dict.fromkeys(settings.symbols, limit)


def book_from(settings: Settings, sym: str, snapshot: bytes) -> StrategyStage:
    """A symbol's book as the strategy service committed it."""
    stage = strategy_plan(settings).make_stage(sym)
    Symbol(sym, stage).restore(snapshot)
    assert isinstance(stage, StrategyStage)
    return stage


def position_from(sym: str, snapshot: bytes) -> int:
    """How many quotes of a symbol the ingestor service has taken and committed."""
    stage = IngestStage("", sym)
    Symbol(sym, stage).restore(snapshot)
    return stage.position
