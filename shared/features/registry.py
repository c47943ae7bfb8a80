"""The registry names the features on which a model can be trained. To add one: its file, and its line here."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.registry import Registry

if TYPE_CHECKING:
    import torch

    from shared.features.feature import Feature

FEATURES = Registry[Callable[..., "Feature[torch.Tensor]"]](
    {
        "log_return_lags": "shared.features.log_return_lags:LogReturnLags",
    }
)

MAX_ARGUMENT = 10_000
_SPEC = re.compile(r"([a-z][a-z0-9_]*)\(([0-9]+(?:, ?[0-9]+)*)?\)")


def make_feature(spec: str) -> "Feature[torch.Tensor]":
    """Returns a new feature from its spec; raises ValueError for an unknown name or arguments that do not fit.

    >>> make_feature("log_return_lags(3)").spec
    'log_return_lags(3)'
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"feature {spec!r:.80} is not written as name(numbers), e.g. log_return_lags(3)")
    name, arguments = match[1], [int(word) for word in (match[2] or "").split(",") if word]
    if name not in FEATURES:
        raise ValueError(f"feature {name!r:.60} is unknown; there are: {', '.join(FEATURES)}")
    if any(argument > MAX_ARGUMENT for argument in arguments):
        raise ValueError(f"feature {spec!r:.80} asks for more than {MAX_ARGUMENT}")
    try:
        return FEATURES[name](*arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"feature {spec!r:.80} cannot be built: {error}") from error
