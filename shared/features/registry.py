"""The registry names the features on which a model can be trained. To add one: its file, and its line here."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.features.spec import parsed
from shared.registry import Registry
from shared.user_code import blaming, load_named

if TYPE_CHECKING:
    from shared.features.feature import AnyFeature

FEATURES: Registry[Callable[..., "AnyFeature[Any, Any]"]] = Registry(
    {
        "atr": "shared.features.atr:Atr",
        "bollinger": "shared.features.bollinger:Bollinger",
        "ema": "shared.features.ema:Ema",
        "funding": "shared.features.funding:Funding",
        "log_return": "shared.features.log_return:LogReturn",
        "log_return_lags": "shared.features.log_return_lags:LogReturnLags",
        "realised_volatility": "shared.features.realised_volatility:RealisedVolatility",
        "rolling_mean": "shared.features.rolling_mean:RollingMean",
        "rolling_std": "shared.features.rolling_std:RollingStd",
        "rsi": "shared.features.rsi:Rsi",
        "spread": "shared.features.spread:Spread",
        "taker_imbalance": "shared.features.taker_imbalance:TakerImbalance",
        "time_of_day": "shared.features.time_of_day:TimeOfDay",
        "time_of_week": "shared.features.time_of_week:TimeOfWeek",
        "volume_z": "shared.features.volume_z:VolumeZ",
        "z_score": "shared.features.z_score:ZScore",
    }
)

MAX_ARGUMENT = 100_000  # of ours; a window of that many numbers is saved at every commit
GROUP = "tickline.features"  # of the entry points by which packages offer theirs


def make_feature(spec: str, folder: Path | None = None) -> "AnyFeature[Any, Any]":
    """Returns a new feature from its spec.

    - spec: `name(arguments)` of a shipped feature, or of one that a package offers; of another
      `file.py:Class(arguments)` or `package.module:Class(arguments)`.
    - folder: where such a file or package lies; None is the folder of the configuration.
    - Raises ValueError for an unknown name or arguments that do not fit, ConfigError where there is no such file or
      class, UserCodeFailed where its code raises.

    >>> make_feature("log_return_lags(3)").spec
    'log_return_lags(3)'
    """
    from shared.features.feature import AnyFeature  # numpy, which a name's hash does not need

    call = parsed(spec)
    found = load_named(call.name, FEATURES, GROUP, folder)
    if found is None:
        raise ValueError(f"feature {call.name!r:.60} is unknown; there are: {', '.join(FEATURES)}")
    numbers = [each for each in (*call.args, *call.kwargs.values()) if isinstance(each, int | float)]
    if not found.hash and any(abs(number) > MAX_ARGUMENT for number in numbers):
        raise ValueError(f"feature {spec!r:.80} asks for more than {MAX_ARGUMENT}")
    kind = found.object
    try:
        with blaming(f"feature {spec:.80}") if found.hash else nullcontext():
            feature = kind(*call.args, **call.kwargs)
            if found.hash and isinstance(feature, AnyFeature):
                feature.state()  # what cannot be saved is refused now, not at the first commit
    except (TypeError, ValueError) as error:
        raise ValueError(f"feature {spec!r:.80} cannot be built: {error}") from error
    if not isinstance(feature, AnyFeature):
        raise ValueError(f"feature {spec!r:.80} makes a {type(feature).__name__}, not a Feature or a BarFeature")
    feature.made_of.name = call.name
    return feature
