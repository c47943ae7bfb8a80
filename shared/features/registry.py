"""The registry names the features on which a model can be trained. To add one: its file, and its line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.features.feature import AnyFeature
from shared.features.spec import parsed
from shared.registry import Registry

FEATURES = Registry[Callable[..., AnyFeature[Any, Any]]](
    {
        "log_return": "shared.features.log_return:LogReturn",
        "log_return_lags": "shared.features.log_return_lags:LogReturnLags",
    }
)


def make_feature(spec: str, folder: Path | None = None) -> AnyFeature[Any, Any]:
    """Returns a new feature from its spec; raises ValueError for an unknown name or arguments that do not fit.

    - spec: `name(arguments)` of a shipped feature; `file.py:Class(arguments)` or `package.module:Class(arguments)` of
      another.
    - folder: where such a file or package lies.

    >>> make_feature("log_return_lags(3)").spec
    'log_return_lags(3)'
    """
    call = parsed(spec)
    kind = FEATURES[call.name] if call.name in FEATURES else _from_outside(call.name, folder)
    try:
        feature = kind(*call.args, **call.kwargs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"feature {spec!r:.80} cannot be built: {error}") from error
    if isinstance(feature, AnyFeature):
        feature.made.name = call.name
        return feature
    raise ValueError(f"feature {spec!r:.80} is a {type(feature).__name__}, not a Feature or a BarFeature")


def _from_outside(name: str, folder: Path | None) -> Callable[..., AnyFeature[Any, Any]]:
    if ":" not in name:
        raise ValueError(f"feature {name!r:.60} is unknown; there are: {', '.join(FEATURES)}")
    raise ValueError(f"feature {name!r:.200} cannot be loaded")  # the loader of shared.user_code has its place here
