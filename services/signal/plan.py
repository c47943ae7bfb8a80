"""The signal service: ticks in, features and predictions out."""

from torch import nn

from services.signal.stage import SignalStage
from shared.config import Settings
from shared.errors import ConfigError
from shared.features import make_feature
from shared.messages import Stream
from shared.models.card import ModelRefused
from shared.models.choose import chosen_model
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.runner.plan import Input, Output, ServiceSpec


def plan(settings: Settings) -> ServiceSpec:
    """Load the model, once for all symbols; a ConfigError when it may not be used."""
    try:
        path = chosen_model(settings)
        module, card = load_model(path, symbols=settings.symbols, interval=settings.interval)
    except ModelRefused as refused:
        raise ConfigError(str(refused)) from refused
    return plan_with(settings, module, card.features, card.short_hash)


def plan_with(settings: Settings, module: nn.Module, features: str, model: str) -> ServiceSpec:
    """As `plan`, with a model at hand. features: its spec. model: its name in every Prediction."""
    predict = Predict(module)
    return ServiceSpec(
        instance=settings.signal.instance,
        make_stage=lambda sym: SignalStage(make_feature(features), predict, model),
        inputs=(Input(Stream.TICKS, settings.ingestor.instance),),
        outputs=(
            Output(Stream.FEATURES),
            Output(Stream.PREDICTIONS, (settings.strategy.instance,), settings.bus.bound),
        ),
    )
